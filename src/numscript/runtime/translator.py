"""The same program as one Python function, for speed: no dispatch, no stack, no queue where one
piece of funds is all there is.

Places on the stack become locals (`s0`, `s1`, ...), slots become locals or literals, and what is
constant is worked out here. A balance is written back only where something later may read it.
Jumps lead forward only: a label that one jump leads to closes an `if`, any other a `while True`
that every way leaves by `break`.

The stack machine is the specification: what this makes must give the same postings, metadata,
errors, places and reads. Programs that scale, or that nest more deeply than Python's own blocks
can, are left to the machine. The text of a script reaches the generated code only as `repr` of
its constants; names are made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from numscript.bytecode.opcodes import Op
from numscript.bytecode.program import TYPE_NAMES, Allotment
from numscript.prelude import WORLD, Type
from numscript.runtime import translated
from numscript.runtime.allotment import allocate
from numscript.script import NOWHERE
from numscript.values import Monetary, Portion, add_portions, is_color

if TYPE_CHECKING:
    from numscript.bytecode.program import BalanceRow, Code, Program
    from numscript.runtime.result import ExecutionResult
    from numscript.runtime.store import Store
    from numscript.script import Span

Run: TypeAlias = "Callable[[Mapping[str, object], Store], ExecutionResult]"

_MAX_LOOPS = 16
_MAX_INDENT = 80
_MAX_UNROLLED = 6
_JUMPS = {int(op) for op in (Op.JUMP, Op.JUMP_ZERO, Op.JUMP_ABOVE, Op.ONEOF_NEXT)}
_TAKES = {
    int(op)
    for op in (
        Op.TAKE,
        Op.TAKE_OVERDRAFT,
        Op.TAKE_UNBOUNDED,
        Op.TAKE_ALL,
        Op.TAKE_ALL_OVERDRAFT,
    )
}
_READS = _TAKES - {int(Op.TAKE_UNBOUNDED)} | {int(Op.SAVE), int(Op.SAVE_ALL)}
_SCALES = {int(Op.SCALE), int(Op.SCALE_ALL)}
_BEGINS = {int(Op.SEND_BEGIN), int(Op.SEND_ALL_BEGIN)}


class _Unknown:
    """The worth of an expression that only the run can tell."""


UNKNOWN = _Unknown()


class Expr(NamedTuple):
    """A Python expression, and its worth where that is known now."""

    code: str
    value: object = UNKNOWN

    @property
    def known(self) -> bool:
        """Whether its worth is known now."""
        return self.value is not UNKNOWN


class Money(NamedTuple):
    """A monetary, as its two parts."""

    asset: Expr
    amount: Expr


class Shares(NamedTuple):
    """An allotment: a constant, or portions that are still to be added up."""

    allotment: Allotment | None
    portions: tuple[Expr, ...] = ()
    remaining: int = 0


Entry: TypeAlias = Expr | Money | Shares


def literal(value: object) -> Expr:
    """A constant."""
    return Expr(repr(value), value)


def constant_entry(value: object) -> Entry:
    """A constant of the program."""
    if isinstance(value, Monetary):
        return Money(literal(value.asset), literal(value.amount))
    if isinstance(value, Allotment):
        return Shares(value)
    if isinstance(value, Portion):
        return Expr(f"Portion({value.numerator}, {value.denominator})", value)
    return literal(value)


ZERO = literal(0)
_LOCALS = {
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


class Untranslatable(Exception):  # noqa: N818 - the machine takes over; nobody is told
    """The program is left to the machine."""


class _Block(NamedTuple):
    """An open `if` or `while True`, and the label that closes it."""

    label: int
    loop: bool
    otherwise: str


def translate(program: Program) -> Run | None:
    """The program as one function of variables and store, or None where the machine must do."""
    try:
        source = _Translator(program).source()
    except Untranslatable:
        return None
    return load(program, source)


def translate_to_source(program: Program) -> str | None:
    """The text of that function, for people to read."""
    try:
        return _Translator(program).source()
    except Untranslatable:
        return None


def load(program: Program, source: str) -> Run:
    """Make the function from its text."""
    scope: dict[str, Any] = dict(translated.NAMES, program=program, spans=_spans(program))
    exec(compile(source, f"<{program.script.name} as Python>", "exec"), scope)
    run: Run = scope["run"]
    return run


def _spans(program: Program) -> list[Span]:
    """The places of all instructions, one piece of code behind the other, then no place."""
    pieces = (program.bind_code, program.needs_code, *program.probes, program.main)
    return [span for piece in pieces for span in piece.spans] + [NOWHERE]


class _Translator:
    """One function under construction."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: list[str] = []
        self.indent = 2
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
        self.joins = False
        self.tries = 0
        self.reads: list[str] = []
        self.names = 0
        self.used: set[str] = set()
        self.probed: set[str] = set()
        self.last_read: dict[object, int] = {}
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

    def source(self) -> str:
        """The whole text."""
        program = self.program
        if any(row.scales for row in program.balances):
            raise Untranslatable
        self.bind_supplied()
        head, self.lines = self.lines, []
        self.reading = True
        self.walk(program.bind_code)
        self.walk(program.needs_code)
        for number, probe in enumerate(program.probes):
            self.walk_probe(probe, number)
        self.read_rest()
        self.reading = False
        self.note_reads(program.main)
        self.walk(program.main)
        self.dead = False
        postings = "tuple(out)" if "out" in self.used else "()"
        printed = "tuple(printed)" if "printed" in self.used else "()"
        metadata = ", ".join(name if name in self.used else "{}" for name in ("tx", "am"))
        self.emit(f"return new(ExecutionResult, ({postings}, {metadata}, {printed}))")
        setup = [f"    {name} = {empty}" for name, empty in _LOCALS.items() if name in self.used]
        lines = ["def run(given, store):", "    p = -1", *head, *setup, "    try:", *self.lines]
        lines += [
            "    except Failure as failure:",
            "        span = failure.span or spans[p]",
            "        raise stop(program, failure.kind, span) from failure.__cause__",
        ]
        return "\n".join(lines) + "\n"

    def use(self, name: str) -> str:
        """One of the function's own locals; it is set up only where it is used."""
        self.used.add(name)
        return name

    def bind_supplied(self) -> None:
        """Read the supplied variables; where one cannot be read the machine says what is wrong."""
        supplied = self.program.supplied
        if not supplied:
            return
        self.indent = 1
        first = len(self.program.constants)
        self.emit("try:")
        for number, variable in enumerate(supplied):
            name = f"v{number}"
            target = name
            entry: Entry = Expr(name)
            if variable.type == Type.MONETARY:
                target = f"{name}a, {name}n"
                entry = Money(Expr(f"{name}a"), Expr(f"{name}n"))
            self.emit(f"    {target} = read_{variable.type}(given[{variable.name!r}])")
            self.slots[first + number] = entry
        self.emit("except (Failure, KeyError):")
        self.emit("    return run_on_machine(program, given, store)")
        self.indent = 2

    # --- walking ---

    def walk(self, code: Code) -> None:
        """Translate a piece of code."""
        instructions = code.instructions
        first_jump: dict[int, int] = {}
        jumps: dict[int, int] = {}
        for at, (byte, target, _) in enumerate(instructions):
            if byte in _JUMPS:
                first_jump.setdefault(target, at)
                jumps[target] = jumps.get(target, 0) + 1
        loops: dict[int, list[int]] = {}
        for label, at in first_jump.items():
            if jumps[label] > 1 or instructions[at][0] == Op.JUMP:
                loops.setdefault(_region_start(at, label, first_jump), []).append(label)
        self.instructions = instructions
        self.loop_labels = {label for labels in loops.values() for label in labels}
        at = 0
        while at < len(instructions):
            self.close_blocks(at)
            if not self.dead:
                for label in sorted(loops.get(at, ()), reverse=True):
                    self.open_loop(label)
            byte, first, second = instructions[at]
            self.skip = 1
            if not self.dead:
                if byte not in self.handlers:
                    raise Untranslatable
                self.handlers[byte](at, first, second)
            at += self.skip
        self.close_blocks(len(instructions))
        self.span_base += len(instructions)

    def walk_probe(self, code: Code, number: int) -> None:
        """Translate a probe: what goes wrong in it does not matter."""
        self.emit("try:")
        self.indent += 1
        self.emit(f"k{number} = None")
        self.walk(code)
        for row in self.program.balances:
            if row.probe == number:
                self.emit(f"k{number} = {self.key_of_row(row)}")
        self.indent -= 1
        self.dead = False
        self.stack.clear()
        self.emit("except Failure:")
        self.emit(f"    k{number} = None")
        self.probed.add(f"k{number}")

    def note_reads(self, code: Code) -> None:
        """Where each account's balance is read last, so that earlier changes matter."""
        for at, (byte, first, _) in enumerate(code.instructions):
            account = self.slots.get(first)
            if byte in (Op.BALANCE, Op.OVERDRAFT):
                self.last_dynamic_read = at
            elif byte in _READS:
                if isinstance(account, Expr) and account.known:
                    self.last_read[account.value] = at
                else:
                    self.last_dynamic_read = at

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

    # --- expressions ---

    def do_load(self, _at: int, first: int, _second: int) -> None:
        """Push what a slot holds."""
        self.push(self.slots[first])

    def do_store(self, _at: int, first: int, _second: int) -> None:
        """Put the top into a slot."""
        entry = self.stack.pop()
        if isinstance(entry, Money):
            parts = []
            for part, letter in zip(entry, "an", strict=True):
                if part.known:
                    parts.append(part)
                else:
                    self.emit(f"t{first}{letter} = {part.code}")
                    parts.append(Expr(f"t{first}{letter}"))
            self.slots[first] = Money(*parts)
            return
        assert isinstance(entry, Expr)
        if entry.known:
            self.slots[first] = entry
        else:
            self.emit(f"t{first} = {entry.code}")
            self.slots[first] = Expr(f"t{first}")

    def do_copy(self, _at: int, _first: int, _second: int) -> None:
        """Push the top once more; entries above a place never outlive its local."""
        self.push(self.stack[-1])

    def do_number_add(self, _at: int, _first: int, _second: int) -> None:
        """Add."""
        self.arithmetic("+")

    def do_number_sub(self, _at: int, _first: int, _second: int) -> None:
        """Subtract."""
        self.arithmetic("-")

    def do_number_neg(self, _at: int, _first: int, _second: int) -> None:
        """Change the sign."""
        top = self.pop()
        if isinstance(top.value, int):
            self.push(literal(-top.value))
        else:
            self.push_code(f"-{top.code}")

    def do_monetary_new(self, _at: int, _first: int, _second: int) -> None:
        """A monetary of the two at the top."""
        amount, asset = self.pop(), self.pop()
        self.push(Money(asset, amount))

    def monetary_sum(self, at: int, sign: str) -> None:
        """Add or subtract two monetaries."""
        right, left = self.pop_money(), self.pop_money()
        added = self.in_asset(at, right, left.asset)
        if self.dead:
            return
        self.push(left.amount)
        self.push(added)
        self.arithmetic(sign)
        self.push(Money(left.asset, self.pop()))

    def do_monetary_add(self, at: int, _first: int, _second: int) -> None:
        """Add."""
        self.monetary_sum(at, "+")

    def do_monetary_sub(self, at: int, _first: int, _second: int) -> None:
        """Subtract."""
        self.monetary_sum(at, "-")

    def do_monetary_neg(self, at: int, first: int, second: int) -> None:
        """Change the amount's sign."""
        money = self.pop_money()
        self.push(money.amount)
        self.do_number_neg(at, first, second)
        self.push(Money(money.asset, self.pop()))

    def do_monetary_asset(self, _at: int, _first: int, _second: int) -> None:
        """The asset of a monetary."""
        self.push(self.pop_money().asset)

    def do_monetary_amount(self, _at: int, _first: int, _second: int) -> None:
        """The amount of a monetary."""
        self.push(self.pop_money().amount)

    def do_portion_new(self, at: int, _first: int, _second: int) -> None:
        """Divide."""
        denominator, numerator = self.pop(), self.pop()
        if denominator.value == 0:
            self.fail(at, "errors.DivideByZero()")
            return
        if not denominator.known:
            self.fail(at, "errors.DivideByZero()", f"not {denominator.code}")
        self.push_code(f"Portion.of({numerator.code}, {denominator.code})")

    def do_account_new(self, at: int, first: int, _second: int) -> None:
        """Join pieces to an account."""
        pieces = self.stack[-first:]
        del self.stack[-first:]
        codes = []
        for piece in pieces:
            assert isinstance(piece, Expr)
            codes.append(repr(str(piece.value)) if piece.known else f"str({piece.code})")
        name = self.push_code(" + ".join(codes))
        self.fail(
            at, f"errors.InvalidAccount(name={name.code})", f"is_account({name.code}) is None"
        )

    def do_color_check(self, at: int, first: int, _second: int) -> None:
        """Stop where a slot holds no colour."""
        color = self.slots[first]
        assert isinstance(color, Expr)
        kind = f"errors.InvalidColor(name={color.code})"
        if not color.known:
            self.fail(at, kind, f"is_color({color.code}) is None")
        elif is_color(str(color.value)) is None:
            self.fail(at, kind)

    def do_variable_check(self, _at: int, _first: int, _second: int) -> None:
        """The supplied variables were read before everything else."""

    # --- reading ---

    def key(self, account: Expr, asset: Expr, color: Expr) -> str:
        """A balance's key."""
        return f"({account.code}, {asset.code}, {color.code})"

    def row_parts(self, row: BalanceRow) -> tuple[Expr, Expr, Expr] | None:
        """Account, asset and colour of a row, if all are known by now."""
        entry = self.slots.get(row.asset if row.asset >= 0 else ~row.asset)
        asset = entry.asset if isinstance(entry, Money) else entry
        account, color = self.slots.get(row.account), self.slots.get(row.color)
        if isinstance(account, Expr) and isinstance(asset, Expr) and isinstance(color, Expr):
            return account, asset, color
        return None

    def key_of_row(self, row: BalanceRow) -> str:
        """The key of a row, or `None` where it is @world's."""
        parts = self.row_parts(row)
        assert parts is not None
        if parts[0].known:
            return self.key(*parts)
        return f"{self.key(*parts)} if {parts[0].code} != {WORLD!r} else None"

    def known_keys(self) -> str:
        """A tuple of the keys that are known by now, the constant ones first."""
        constant: dict[str, None] = {}
        other: dict[str, None] = {}
        for row in self.program.balances:
            if row.probe >= 0:
                if f"k{row.probe}" in self.probed:
                    other[f"k{row.probe}"] = None
            elif self.is_constant(row):
                constant[self.key_of_row(row)] = None
            elif self.row_parts(row) is not None:
                other[self.key_of_row(row)] = None
        return "(" + "".join(f"{key}, " for key in (*constant, *other)) + ")"

    def is_constant(self, row: BalanceRow) -> bool:
        """Whether a row names constants only."""
        slots = (row.account, row.asset if row.asset >= 0 else ~row.asset, row.color)
        return max(slots) < len(self.program.constants)

    def read_rest(self) -> None:
        """Read all balances that were not read yet."""
        keys = self.known_keys()
        if keys == "()":
            return
        balances = self.use("b")
        if not self.reads and all(map(self.is_constant, self.program.balances)):
            self.emit("p = -1")
            self.emit(f"fetch(store, {keys}, {balances})")
            return
        same = [str(number) for number, earlier in enumerate(self.reads) if earlier == keys]
        if same:
            # Since a read that knew of the same keys there is nothing more to ask for.
            self.emit(f"if done not in ({', '.join(same)},):")
            self.indent += 1
        self.emit("p = -1")
        self.emit(f"read(store, {balances}, (), {keys})")
        self.indent -= bool(same)

    def do_metadata_read(self, at: int, first: int, _second: int) -> None:
        """Metadata, read as a type."""
        key, account = self.pop(), self.pop()
        rows = []
        for row in self.program.metadata:
            owner, name = self.slots.get(row.account), self.slots.get(row.key)
            if isinstance(owner, Expr) and isinstance(name, Expr):
                rows.append(f"({owner.code}, {name.code}), ")
        self.mark(at)
        text = f"read_meta(store, {self.use('m')}, {account.code}, {key.code}, ({''.join(rows)}))"
        code = f"read_{TYPE_NAMES[first]}({text})"
        if TYPE_NAMES[first] == Type.MONETARY:
            both = self.new_name("x")
            self.emit(f"{both}a, {both}n = {code}")
            self.push(Money(Expr(f"{both}a"), Expr(f"{both}n")))
        else:
            self.push_code(code)

    def read_balance(self, at: int) -> tuple[Expr, Expr, str]:
        """The balance of account and asset at the top of the stack, in a new local."""
        asset, account = self.pop(), self.pop()
        key = self.key(account, asset, literal(""))
        if not (account.known and asset.known):
            name = self.new_name("k")
            self.emit(f"{name} = {key}")
            key = name
        if self.reading and account.value != WORLD:
            test = f"{key} not in b"
            if not account.known:
                test += f" and {account.code} != {WORLD!r}"
            self.emit(f"if {test}:")
            self.emit(f"    p = {self.span_base + at}")
            keys = self.known_keys()
            self.emit(f"    read(store, {self.use('b')}, ({key},), {keys})")
            self.emit(f"    {self.use('done')} = {len(self.reads)}")
            self.reads.append(keys)
        amount = self.new_name("n")
        self.emit(f"{amount} = {self.use('b')}.get({key}, 0)")
        return account, asset, amount

    def do_balance(self, at: int, _first: int, _second: int) -> None:
        """The balance of an account."""
        account, asset, amount = self.read_balance(at)
        kind = (
            f"errors.NegativeBalance(account={account.code}, asset={asset.code}, amount={amount})"
        )
        self.fail(at, kind, f"{amount} < 0")
        self.push(Money(asset, Expr(amount)))

    def do_overdraft(self, at: int, _first: int, _second: int) -> None:
        """How far the balance of an account is below zero."""
        _, asset, amount = self.read_balance(at)
        self.emit(f"{amount} = -{amount} if {amount} < 0 else 0")
        self.push(Money(asset, Expr(amount)))

    # --- sending ---

    def begin(self, at: int, asset: Expr) -> None:
        """A new send: how its funds are best kept."""
        if not asset.known and asset.code.startswith("s"):
            name = self.new_name("c")
            self.emit(f"{name} = {asset.code}")
            asset = Expr(name)
        self.asset = asset
        takes: list[tuple[int, int, int]] = []
        sends = branches = 0
        for byte, first, second in self.instructions[at + 1 :]:
            if byte in _BEGINS:
                break
            if byte in _TAKES:
                takes.append((byte, first, second))
            elif byte in (Op.SEND, Op.REPAY):
                sends += 1 if byte == Op.SEND else 2
            elif byte == Op.ONEOF_TRY:
                branches += 1
            elif byte in _SCALES:
                raise Untranslatable
        self.is_single = len(takes) == 1 and not branches
        self.single = None
        self.sends_once = sends == 1
        accounts = [self.slots.get(first, Expr("?")) for _, first, _ in takes]
        worths = [account.value for account in accounts if isinstance(account, Expr)]
        self.joins = UNKNOWN in worths or len(set(worths)) < len(worths)

    def do_send_begin(self, at: int, _first: int, _second: int) -> None:
        """Start to send an amount."""
        money = self.pop_money()
        self.begin(at, money.asset)
        amount = money.amount
        kind = f"errors.NegativeAmount(asset={self.asset.code}, amount={amount.code})"
        if not amount.known:
            self.fail(at, kind, f"{amount.code} < 0")
        elif isinstance(amount.value, int) and amount.value < 0:
            self.fail(at, kind)
        self.push(amount)

    def do_send_all_begin(self, at: int, _first: int, _second: int) -> None:
        """Start to send all of an asset."""
        self.begin(at, self.pop())

    def writes(self, at: int, account: Expr) -> bool:
        """Whether a change of an account's balance matters to anything later."""
        if self.last_dynamic_read > at:
            return True
        if account.known:
            return self.last_read.get(account.value, -1) > at
        return max(self.last_read.values(), default=-1) > at

    def do_take(self, at: int, first: int, second: int) -> None:
        """Take up to an amount."""
        self.take(at, first, second, ZERO)

    def do_take_overdraft(self, at: int, first: int, second: int) -> None:
        """Take up to an amount, down to a bound below zero."""
        bound = self.not_negative(self.in_asset(at, self.pop_money(), self.asset))
        if not self.dead:
            self.take(at, first, second, bound)

    def available(self, account: Expr, key: str, bound: Expr, world: str) -> str:
        """Code for what an account can give; `world` is the answer for @world."""
        balance = f"{self.use('b')}[{key}]"
        if bound.value != 0:
            balance += f" + {bound.code}"
        if account.value == WORLD:
            return world
        if account.known:
            return balance
        return f"{balance} if {account.code} != {WORLD!r} else {world}"

    def take(self, at: int, first: int, second: int, bound: Expr) -> None:
        """Take up to an amount: what the machine does, written out."""
        account, color = self.slots[first], self.slots[second]
        assert isinstance(account, Expr)
        assert isinstance(color, Expr)
        key = self.key(account, self.asset, color)
        wanted = self.pop()
        if wanted.value == 0:
            self.push(ZERO)
            return
        name = self.new_name("a")
        exact = self.is_exact(at)
        if self.is_single and exact:
            self.emit(f"{name} = {self.available(account, key, bound, wanted.code)}")
            self.take_all_of(at, name, wanted, (account, color), key)
            return
        place = f"s{len(self.stack)}"
        if wanted.code != place:
            self.emit(f"{place} = {wanted.code}")
        self.emit(f"if {place}:")
        self.emit(f"    {name} = {self.available(account, key, bound, place)}")
        self.emit(f"    if {name} > 0:")
        self.emit(f"        if {name} > {place}:")
        self.emit(f"            {name} = {place}")
        self.emit(f"        {self.use('f')}.append(({account.code}, {color.code}, {name}))")
        if self.writes(at, account):
            self.change(key, f"- {name}", "        ")
        self.emit(f"        {place} -= {name}")
        self.push(Expr(place))
        if self.is_single:
            self.is_single = False

    def is_exact(self, at: int) -> bool:
        """Whether the next thing is to see that nothing is missing."""
        follower = at + 1
        if follower >= len(self.instructions) or follower in self.at_label:
            return False
        return self.instructions[follower][0] == Op.TAKE_EXACT and not any(
            block.label == follower for block in self.blocks
        )

    def take_all_of(
        self, at: int, name: str, wanted: Expr, piece: tuple[Expr, Expr], key: str
    ) -> None:
        """The one piece of a send: it gives everything, or the run stops."""
        below = self.pop()
        condition = f"{name} < {wanted.code}"
        if not wanted.known:
            condition += f" and {wanted.code}"
        available = f"{name} if {name} > 0 else 0"
        kind = (
            f"errors.MissingFunds(asset={self.asset.code}, needed={below.code},"
            f" available={available})"
        )
        self.fail(at + 1, kind, condition)
        if self.writes(at, piece[0]):
            self.change(key, f"- {wanted.code}")
        self.single = piece
        self.skip = 2

    def change(self, key: str, by: str, indent: str = "") -> None:
        """Change a balance in flight."""
        if self.tries:
            self.emit(f"{indent}{self.use('j')}.append(({key}, b.get({key})))")
        self.emit(f"{indent}{self.use('b')}[{key}] = b.get({key}, 0) {by}")

    def do_take_unbounded(self, at: int, first: int, second: int) -> None:
        """Take the whole amount."""
        account, color = self.slots[first], self.slots[second]
        assert isinstance(account, Expr)
        assert isinstance(color, Expr)
        wanted = self.pop()
        key = self.key(account, self.asset, color)
        writes = self.writes(at, account)
        if self.is_single and self.is_exact(at):
            if writes:
                self.change(key, f"- {wanted.code}")
            self.single = (account, color)
            self.push(ZERO)
            return
        self.is_single = False
        if wanted.value != 0:
            indent = ""
            if not wanted.known:
                self.emit(f"if {wanted.code}:")
                indent = "    "
            self.emit(
                f"{indent}{self.use('f')}.append(({account.code}, {color.code}, {wanted.code}))"
            )
            if writes:
                self.change(key, f"- {wanted.code}", indent)
        self.push(ZERO)

    def do_take_all(self, at: int, first: int, second: int) -> None:
        """Take all of an account."""
        self.take_everything(at, first, second, ZERO)

    def do_take_all_overdraft(self, at: int, first: int, second: int) -> None:
        """Take all of an account, down to a bound below zero."""
        bound = self.not_negative(self.in_asset(at, self.pop_money(), self.asset))
        if not self.dead:
            self.take_everything(at, first, second, bound)

    def take_everything(self, at: int, first: int, second: int, bound: Expr) -> None:
        """Take all that an account has."""
        account, color = self.slots[first], self.slots[second]
        assert isinstance(account, Expr)
        assert isinstance(color, Expr)
        kind = f"errors.UnboundedInSendAll(name={'@' + WORLD!r})"
        if account.value == WORLD:
            self.fail(at, kind)
            return
        if not account.known:
            self.fail(at, kind, f"{account.code} == {WORLD!r}")
        key = self.key(account, self.asset, color)
        name = f"s{len(self.stack)}"
        plus = f" + {bound.code}" if bound.value != 0 else ""
        self.emit(f"{name} = {self.use('b')}[{key}]{plus}")
        self.emit(f"if {name} < 0:")
        self.emit(f"    {name} = 0")
        if self.is_single:
            self.single = (account, color)
        else:
            self.emit(f"if {name}:")
            self.emit(f"    {self.use('f')}.append(({account.code}, {color.code}, {name}))")
        if self.writes(at, account):
            self.change(key, f"- {name}")
        self.push(Expr(name))

    def do_take_max(self, at: int, _first: int, _second: int) -> None:
        """Split an amount at a cap."""
        cap = self.in_asset(at, self.pop_money(), self.asset)
        if self.dead:
            return
        amount = self.pop()
        if isinstance(cap.value, int) and isinstance(amount.value, int):
            part = max(0, min(amount.value, cap.value))
            self.push(literal(amount.value - part))
            self.push(literal(part))
            return
        rest, part_name = f"s{len(self.stack)}", f"s{len(self.stack) + 1}"
        self.emit(f"{part_name} = {cap.code} if {cap.code} < {amount.code} else {amount.code}")
        if not (isinstance(cap.value, int) and cap.value >= 0):
            self.emit(f"if {part_name} < 0:")
            self.emit(f"    {part_name} = 0")
        self.emit(f"{rest} = {amount.code} - {part_name}")
        self.push(Expr(rest))
        self.push(Expr(part_name))

    def do_take_cap(self, at: int, _first: int, _second: int) -> None:
        """The amount of a cap, not below zero."""
        amount = self.in_asset(at, self.pop_money(), self.asset)
        if not self.dead:
            self.push(self.not_negative(amount))

    def do_take_exact(self, at: int, _first: int, _second: int) -> None:
        """Stop where something is missing."""
        missing, wanted = self.pop(), self.pop()
        if missing.value == 0:
            return
        kind = (
            f"errors.MissingFunds(asset={self.asset.code}, needed={wanted.code},"
            f" available={wanted.code} - {missing.code})"
        )
        if missing.known:
            self.fail(at, kind)
        else:
            self.fail(at, kind, missing.code)

    def do_funds_assemble(self, _at: int, _first: int, _second: int) -> None:
        """Make the funds ready to be given."""
        if self.single is not None:
            return
        if self.joins:
            self.emit(f"assemble({self.use('f')})")
        elif not self.sends_once:
            self.emit(f"{self.use('f')}.reverse()")

    # --- allotments ---

    def do_allotment_new(self, _at: int, first: int, second: int) -> None:
        """Portions to an allotment."""
        count = first - (second > 0)
        portions = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        exprs = tuple(portion for portion in portions if isinstance(portion, Expr))
        self.push(Shares(None, exprs, second))

    def do_allocate(self, at: int, first: int, _second: int) -> None:
        """Shares of an amount, the first on top."""
        shares = self.stack.pop()
        assert isinstance(shares, Shares)
        amount = self.pop()
        base = len(self.stack)
        known = shares.allotment
        if known is not None and isinstance(amount.value, int):
            for share in reversed(allocate(amount.value, known)):
                self.push(literal(share))
            return
        names = [f"s{base + place}" for place in reversed(range(first))]
        if known is not None and first <= _MAX_UNROLLED:
            self.unroll(amount, known, names)
        elif known is not None:
            parts = f"{amount.code}, {known.numerators!r}, {known.denominator}"
            self.emit(f"({', '.join(names)},) = split({parts})")
        else:
            portions = "".join(f"{portion.code}, " for portion in shares.portions)
            general = f"share({amount.code}, ({portions}), {shares.remaining})"
            self.mark(at)
            if first > _MAX_UNROLLED or not self.unroll_portions(amount, shares, names, general):
                self.emit(f"({', '.join(names)},) = {general}")
        for name in reversed(names):
            self.push(Expr(name))

    def unroll(self, amount: Expr, allotment: Allotment, names: list[str]) -> None:
        """A few constant shares of an amount, written out."""
        total = self.new_name("n")
        self.emit(f"{total} = {amount.code}")
        denominator = allotment.denominator
        codes = [
            f"{total} * {numerator} // {denominator}" if numerator else "0"
            for numerator in allotment.numerators
        ]
        self.round_down(total, codes, names)

    def round_down(self, total: str, codes: list[str], names: list[str]) -> None:
        """Shares rounded down, then one unit more to the first ones."""
        for name, code in zip(names[1:], codes[1:], strict=True):
            self.emit(f"{name} = {code}")
        others = "".join(f" - {name}" for name in names[1:])
        if len(names) <= 2:
            # What rounding leaves is at most one unit, and it is the first one's.
            self.emit(f"{names[0]} = {total}{others}")
            return
        self.emit(f"{names[0]} = {codes[0]}")
        left = self.new_name("n")
        self.emit(f"{left} = {total} - {names[0]}{others}")
        self.emit(f"if {left}:")
        for place, name in enumerate(names[:-1]):
            self.emit(f"    if {left} > {place}:")
            self.emit(f"        {name} += 1")

    def unroll_portions(self, amount: Expr, shares: Shares, names: list[str], general: str) -> bool:
        """A few shares by portions that only the run knows, written out; `general` is for errors.

        Each share is rounded down by its own fraction; that of `remaining` is what all the others
        leave over their common denominator.
        """
        constant = Portion(0, 1)
        fractions: list[tuple[str, str]] = []
        unknown: list[tuple[str, str]] = []
        for portion in shares.portions:
            if isinstance(portion.value, Portion):
                if portion.value.numerator < 0:
                    return False
                constant = add_portions(constant, portion.value)
                fractions.append((str(portion.value.numerator), str(portion.value.denominator)))
                continue
            name = self.new_name("q")
            self.emit(f"{name}n, {name}d = {portion.code}")
            unknown.append((f"{name}n", f"{name}d"))
            fractions.append(unknown[-1])
        if not unknown:
            return False
        total, whole, rest = (self.new_name(letter) for letter in "ndr")
        self.emit(f"{total} = {amount.code}")
        below = [denominator for _, denominator in unknown]
        if constant.denominator != 1:
            below.append(str(constant.denominator))
        self.emit(f"{whole} = {' * '.join(below)}")
        minus = []
        for number, (numerator, _) in enumerate(unknown):
            minus.append(" * ".join([numerator, *below[:number], *below[number + 1 :]]))
        if constant.numerator:
            factors = [str(constant.numerator), *(denominator for _, denominator in unknown)]
            minus.append(" * ".join(factors))
        self.emit(f"{rest} = {whole}{''.join(f' - {term}' for term in minus)}")
        wrong = [f"{rest} < 0" if shares.remaining else rest]
        wrong += [f"{numerator} < 0" for numerator, _ in unknown]
        self.emit(f"if {' or '.join(wrong)}:")
        self.emit(f"    {general}")
        if shares.remaining:
            fractions.insert(shares.remaining - 1, (rest, whole))
        codes = [f"{total} * {above} // {denominator}" for above, denominator in fractions]
        self.round_down(total, codes, names)
        return True

    # --- branches ---

    def do_oneof_try(self, _at: int, _first: int, _second: int) -> None:
        """Remember what to come back to."""
        self.emit(f"mf{self.tries} = len({self.use('f')})")
        self.emit(f"mj{self.tries} = len({self.use('j')})")
        self.tries += 1

    def do_oneof_next(self, _at: int, first: int, _second: int) -> None:
        """On to the end where nothing is missing; else undo."""
        missing = self.pop()
        self.tries -= 1
        place = f"s{len(self.stack) - 1}"
        wanted = self.stack[-1]
        assert isinstance(wanted, Expr)
        self.stack.pop()
        self.settle()
        self.push(wanted)
        if missing.value == 0:
            self.emit(f"{place} = 0")
            self.stack[-1] = Expr(place)
            if first in self.loop_labels:
                self.leave(first)
            else:
                self.at_label[first] = list(self.stack)
                self.open_if(first, "False")
                self.dead = True
            return
        settled = [*self.stack[:-1], Expr(place)]
        self.at_label.setdefault(first, settled)
        if first in self.loop_labels:
            self.emit(f"if not {missing.code}:")
            self.emit(f"    {place} = 0")
            self.emit("    break")
        else:
            self.open_if(first, missing.code, f"{place} = 0")
        self.emit(f"del f[mf{self.tries}:]")
        self.emit(f"undo(j, mj{self.tries}, {self.use('b')})")

    def do_jump(self, _at: int, first: int, _second: int) -> None:
        """Go on at a label."""
        self.settle()
        self.leave(first)

    def do_jump_zero(self, _at: int, first: int, _second: int) -> None:
        """Drop a zero and go on at a label."""
        top = self.pop()
        self.settle()
        if first in self.loop_labels:
            if top.value == 0:
                self.leave(first)
                return
            if top.known:
                self.at_label.setdefault(first, list(self.stack))
            else:
                self.leave(first, f"not {top.code}")
            self.push(top)
            return
        self.at_label.setdefault(first, list(self.stack))
        if top.value == 0:
            self.open_if(first, "False")
            self.dead = True
            return
        self.open_if(first, "True" if top.known else top.code)
        self.push(top)

    def do_jump_above(self, at: int, first: int, _second: int) -> None:
        """Go on at a label where an amount is above a cap."""
        cap = self.in_asset(at, self.pop_money(), self.asset)
        if self.dead:
            return
        self.settle()
        amount = self.stack[-1]
        assert isinstance(amount, Expr)
        self.at_label.setdefault(first, list(self.stack))
        if first in self.loop_labels:
            self.leave(first, f"{amount.code} > {cap.code}")
        else:
            self.open_if(first, f"{amount.code} <= {cap.code}")

    # --- giving ---

    def do_send(self, at: int, first: int, _second: int) -> None:
        """Give an amount to an account."""
        amount = self.pop()
        if amount.value == 0:
            return
        destination = self.slots[first]
        assert isinstance(destination, Expr)
        credited = self.writes(at, destination)
        asset = self.asset.code
        if self.single is not None:
            account, color = self.single
            indent = ""
            if not amount.known:
                self.emit(f"if {amount.code}:")
                indent = "    "
            fields = (account.code, destination.code, amount.code, asset, color.code)
            self.emit(f"{indent}{self.use('out')}.append(new(Posting, ({', '.join(fields)})))")
            if credited:
                self.change(self.key(destination, self.asset, color), f"+ {amount.code}", indent)
            return
        self.use("f")
        self.use("out")
        parts = f"f, {amount.code}, {destination.code}, {asset}, out"
        # Where all goes to one account, the funds were not turned round: they go as they came.
        in_order = self.sends_once and not self.joins
        if credited:
            if in_order:
                self.emit("f.reverse()")
            self.emit(f"give_and_credit({parts}, {self.use('b')})")
        elif in_order:
            one = f"new(Posting, (x[0], {destination.code}, x[2], {asset}, x[1]))"
            self.emit(f"out += [{one} for x in f]")
            self.emit("f.clear()")
        else:
            self.emit(f"give({parts})")

    def do_repay(self, at: int, _first: int, _second: int) -> None:
        """Give an amount back to where it came from."""
        amount = self.pop()
        if amount.value == 0:
            return
        asset = self.asset.code
        if self.single is not None:
            account, color = self.single
            if self.writes(at, account):
                self.change(self.key(account, self.asset, color), f"+ {amount.code}")
        elif self.writes(at, Expr("?")):
            self.emit(f"repay({self.use('f')}, {amount.code}, {asset}, {self.use('b')})")
        else:
            self.emit(f"drop({self.use('f')}, {amount.code})")

    # --- statements ---

    def do_save(self, at: int, first: int, _second: int) -> None:
        """Keep an amount of an account out of reach."""
        money = self.pop_money()
        amount = money.amount
        kind = f"errors.NegativeAmount(asset={money.asset.code}, amount={amount.code})"
        if not amount.known:
            self.fail(at, kind, f"{amount.code} < 0")
        elif isinstance(amount.value, int) and amount.value < 0:
            self.fail(at, kind)
        account = self.slots[first]
        assert isinstance(account, Expr)
        key = self.key(account, money.asset, literal(""))
        name = self.new_name("n")
        self.emit(f"{name} = {self.use('b')}.get({key}, 0) - {amount.code}")
        self.emit(f"b[{key}] = {name} if {name} > 0 else 0")

    def do_save_all(self, _at: int, first: int, _second: int) -> None:
        """Keep all of an account out of reach."""
        asset = self.pop()
        account = self.slots[first]
        assert isinstance(account, Expr)
        key = self.key(account, asset, literal(""))
        name = self.new_name("n")
        self.emit(f"{name} = {self.use('b')}.get({key}, 0)")
        self.emit(f"b[{key}] = {name} if {name} < 0 else 0")

    def text(self, entry: Entry) -> str:
        """Code for the text form of a value."""
        if isinstance(entry, Money):
            if entry.asset.known and entry.amount.known:
                return repr(f"{entry.asset.value} {entry.amount.value}")
            return f"{entry.asset.code} + ' ' + str({entry.amount.code})"
        assert isinstance(entry, Expr)
        return repr(str(entry.value)) if entry.known else f"str({entry.code})"

    def do_tx_meta(self, _at: int, _first: int, _second: int) -> None:
        """Set a key of the transaction's metadata."""
        text = self.text(self.stack.pop())
        self.emit(f"{self.use('tx')}[{self.pop().code}] = {text}")

    def do_account_meta(self, _at: int, _first: int, _second: int) -> None:
        """Set a key of an account's metadata."""
        text = self.text(self.stack.pop())
        key, account = self.pop(), self.pop()
        self.emit(f"{self.use('am')}.setdefault({account.code}, {{}})[{key.code}] = {text}")

    def do_print(self, _at: int, _first: int, _second: int) -> None:
        """Add a value to what is printed."""
        self.emit(f"{self.use('printed')}.append({self.text(self.stack.pop())})")

    def do_fail(self, at: int, first: int, _second: int) -> None:
        """Stop with an error."""
        self.mark(at)
        self.emit(f"raise Failure(program.failures[{first}])")
        self.dead = True

    def do_postings_check(self, at: int, _first: int, _second: int) -> None:
        """Stop at a posting of an asset that no ledger accepts."""
        self.mark(at)
        self.emit(f"check_postings({self.use('out')})")


def _region_start(at: int, label: int, first_jump: dict[int, int]) -> int:
    """Where the block of a label opens: before every block that it would otherwise cut in two."""
    for other, start in first_jump.items():
        if start < at < other < label:
            return _region_start(start, label, first_jump)
    return at
