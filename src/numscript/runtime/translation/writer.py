"""The writer of a translated function: its lines, its blocks, and the stack turned into locals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from numscript.bytecode.opcodes import Op
from numscript.runtime.translation.entries import (
    Entry,
    Expr,
    Money,
    Untranslatable,
    constant_entry,
    literal,
)

if TYPE_CHECKING:
    from numscript.bytecode.program import Program

_MAX_LOOPS = 16
_MAX_INDENT = 80
_OUTERMOST = 2
LOCALS = {
    "b": "{}",  # balances
    "m": "{}",  # metadata that was read
    "done": "-1",  # the last read of balances
    "f": "[]",  # funds
    "j": "[]",  # journal
    "out": "[]",  # postings
    "tx": "{}",
    "am": "{}",
    "printed": "[]",
}


class CannotHold(Exception):  # noqa: N818 - it only ends an attempt
    """A balance may be read under a key that was not foreseen: it must be kept in the dict."""


class _Block(NamedTuple):
    """An open `if` or `while True`, and the label that closes it."""

    label: int
    loop: bool
    otherwise: str


class Writer:
    """One function under construction; the layers above add a method for each instruction."""

    def __init__(self, program: Program, *, holds: bool) -> None:
        self.program = program
        self.holds = holds
        self.held: dict[str, str] | None = None
        self.lines: list[str] = []
        self.indent = _OUTERMOST
        self.only_posting: tuple[int, str] | None = None
        self.stack: list[Entry] = []
        self.slots: dict[int, Entry] = {}
        self.blocks: list[_Block] = []
        self.dead = False
        self.span_base = 0
        self.reading = False
        self.asset = literal("")
        self.single: tuple[Expr, Expr] | None = None
        self.is_single = False
        self.sends_once = False
        self.last_use = -1
        self.only_destination: Expr | None = None
        self.joins = False
        self.tries = 0
        self.reads: list[str] = []
        self.metadata_read: set[str] = set()
        self.certain: set[str] | None = None
        self.names = 0
        self.used: set[str] = set()
        self.probed: set[str] = set()
        self.last_read: dict[object, int] = {}
        self.last_known_read = -1
        self.last_dynamic_read = -1
        self.at_label: dict[int, list[Entry]] = {}
        self.instructions: tuple[tuple[int, int, int], ...] = ()
        self.loop_labels: set[int] = set()
        self.skip = 1
        self.handlers: dict[int, Callable[[int, int, int], None]] = {
            int(op): getattr(self, f"do_{op.name.lower()}")
            for op in Op
            if hasattr(self, f"do_{op.name.lower()}")
        }
        for slot, constant in enumerate(program.constants):
            self.slots[slot] = constant_entry(constant.value)

    # --- text ---

    def emit(self, line: str) -> None:
        """Add a line."""
        if not self.dead:
            self.lines.append("    " * self.indent + line)

    def use(self, name: str) -> str:
        """One of the function's own locals; it is set up only where it is used."""
        self.used.add(name)
        if name == "out":
            self.only_posting = None
        return name

    def mark(self, at: int) -> None:
        """Note where the run is, for the place of an error."""
        self.emit(f"p = {self.span_base + at}")

    def fail(self, at: int, kind: str, condition: str = "") -> None:
        """Raise an error, perhaps only under a condition."""
        where = f"p = {self.span_base + at}"
        if condition:
            self.emit(f"if {condition}:")
            self.emit(f"    {where}")
            self.emit(f"    raise Failure({kind})")
            return
        self.emit(where)
        self.emit(f"raise Failure({kind})")
        self.dead = True

    def post(self, fields: tuple[str, ...], indent: str) -> None:
        """Add a posting."""
        code = f"new(Posting, ({', '.join(fields)}))"
        first = "out" not in self.used
        self.emit(f"{indent}{self.use('out')}.append({code})")
        if first and not indent and self.indent == _OUTERMOST and not self.dead:
            self.only_posting = len(self.lines) - 1, code

    def postings(self) -> str:
        """Code for the tuple of postings, at the end."""
        if "out" not in self.used:
            return "()"
        if self.only_posting is None:
            return "tuple(out)"
        self.used.remove("out")
        at, code = self.only_posting
        self.lines[at] = "    " * _OUTERMOST + f"posting = {code}"
        return "(posting,)"

    # --- blocks ---

    def open_loop(self, label: int) -> None:
        """Open a block that jumps to a label leave by `break`."""
        loops = sum(block.loop for block in self.blocks)
        if loops >= _MAX_LOOPS or self.indent >= _MAX_INDENT:
            raise Untranslatable
        self.settle(strict=False)
        self.emit("while True:")
        self.blocks.append(_Block(label, loop=True, otherwise=""))
        self.indent += 1

    def open_if(self, label: int, condition: str, otherwise: str = "") -> None:
        """Open a block that is skipped to its label unless a condition holds."""
        if self.indent >= _MAX_INDENT:
            raise Untranslatable
        self.emit(f"if {condition}:")
        self.blocks.append(_Block(label, loop=False, otherwise=otherwise))
        self.indent += 1

    def close_blocks(self, at: int) -> None:
        """Close the blocks that end here; a way that comes from a label goes on alive."""
        while self.blocks and self.blocks[-1].label == at:
            block = self.blocks.pop()
            self.settle()
            if block.loop:
                self.emit("break")
            elif self.lines[-1].endswith(":"):
                self.lines.append("    " * self.indent + "pass")
            self.indent -= 1
            jumped = self.at_label.pop(at, None)
            if jumped is not None:
                self.stack = list(jumped)
                self.dead = False
            if block.otherwise:
                self.emit("else:")
                self.emit(f"    {block.otherwise}")

    def follows(self, at: int, op: Op) -> bool:
        """Whether an instruction comes next, and is come to in no other way."""
        follower = at + 1
        if follower >= len(self.instructions) or follower in self.at_label:
            return False
        return self.instructions[follower][0] == op and not any(
            block.label == follower for block in self.blocks
        )

    def settle(self, *, strict: bool = True) -> None:
        """Put every number on the stack into the local of its place.

        Strictly there may be nothing else: a monetary or allotment cannot be where ways meet.
        """
        for place, entry in enumerate(self.stack):
            name = f"s{place}"
            if isinstance(entry, Expr):
                if entry.code != name:
                    self.emit(f"{name} = {entry.code}")
                    self.stack[place] = Expr(name)
            elif strict and not self.dead:
                raise Untranslatable

    def leave(self, label: int, condition: str = "", first: str = "") -> None:
        """Jump to a label, perhaps only under a condition. The stack is settled by then."""
        self.at_label.setdefault(label, list(self.stack))
        if condition:
            self.emit(f"if {condition}:")
            if first:
                self.emit(f"    {first}")
            self.emit("    break")
            return
        self.emit("break")
        self.dead = True

    # --- the stack ---

    def push(self, entry: Entry) -> None:
        """Put an entry on the stack."""
        self.stack.append(entry)

    def push_code(self, code: str) -> Expr:
        """Put what code computes on the stack, in the local of its place."""
        name = f"s{len(self.stack)}"
        if code != name:
            self.emit(f"{name} = {code}")
        entry = Expr(name)
        self.stack.append(entry)
        return entry

    def pop(self) -> Expr:
        """The top of the stack, a plain value."""
        entry = self.stack.pop()
        assert isinstance(entry, Expr)
        return entry

    def pop_money(self) -> Money:
        """The top of the stack, a monetary."""
        entry = self.stack.pop()
        assert isinstance(entry, Money)
        return entry

    def new_name(self, letter: str) -> str:
        """A local that nothing else uses."""
        self.names += 1
        return f"{letter}_{self.names}"

    def arithmetic(self, sign: str) -> None:
        """Add or subtract the two at the top."""
        right, left = self.pop(), self.pop()
        if isinstance(left.value, int) and isinstance(right.value, int):
            worth = left.value + right.value if sign == "+" else left.value - right.value
            self.push(literal(worth))
        elif right.value == 0:
            self.push(left)
        else:
            self.push_code(f"{left.code} {sign} {right.code}")

    def in_asset(self, at: int, money: Money, asset: Expr) -> Expr:
        """The amount of a monetary that must be of an asset."""
        found = money.asset
        kind = f"errors.AssetMismatch(expected={asset.code}, got={found.code})"
        if not (found.known and asset.known):
            if found.code != asset.code:
                self.fail(at, kind, f"{found.code} != {asset.code}")
        elif found.value != asset.value:
            self.fail(at, kind)
        return money.amount

    def not_negative(self, amount: Expr) -> Expr:
        """An amount, or zero where it is below."""
        if isinstance(amount.value, int):
            return literal(max(0, amount.value))
        name = self.new_name("n")
        self.emit(f"{name} = {amount.code} if {amount.code} > 0 else 0")
        return Expr(name)
