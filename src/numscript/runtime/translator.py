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
from typing import TYPE_CHECKING, Any, TypeAlias

from numscript.bytecode.opcodes import Op
from numscript.prelude import Type
from numscript.runtime.translation.entries import Entry, Expr, Money, Untranslatable
from numscript.runtime.translation.giving import Giving
from numscript.runtime.translation.names import NAMES
from numscript.runtime.translation.writer import LOCALS, CannotHold
from numscript.script import NOWHERE

if TYPE_CHECKING:
    from numscript.bytecode.program import Code, Program
    from numscript.runtime.result import ExecutionResult
    from numscript.runtime.store import Store
    from numscript.script import Span

Run: TypeAlias = "Callable[[Mapping[str, object], Store], ExecutionResult]"

_MAX_INSTRUCTIONS = 5_000
_JUMPS = {int(op) for op in (Op.JUMP, Op.JUMP_ZERO, Op.JUMP_ABOVE, Op.ONEOF_NEXT)}


def translate(program: Program) -> Run | None:
    """The program as one function of variables and store, or None where the machine must do."""
    if len(program.main.instructions) > _MAX_INSTRUCTIONS:
        return None
    try:
        source = _source(program)
    except (Untranslatable, ValueError):
        # A ValueError: a number is too long to be written.
        return None
    return load(program, source)


def translate_to_source(program: Program) -> str | None:
    """The text of that function, for people to read."""
    try:
        return _source(program)
    except Untranslatable:
        return None


def _source(program: Program) -> str:
    """The text of the function, its balances in locals if that can be."""
    try:
        return _Translator(program, holds=True).source()
    except CannotHold:
        return _Translator(program, holds=False).source()


def load(program: Program, source: str) -> Run:
    """Make the function from its text."""
    scope: dict[str, Any] = dict(NAMES, program=program, place=_place)
    exec(compile(source, f"<{program.script.name} as Python>", "exec"), scope)
    run: Run = scope["run"]
    return run


def _place(program: Program, at: int) -> Span:
    """The place of an instruction, counted over all pieces of code; -1 has none."""
    for piece in (program.bind_code, program.needs_code, *program.probes, program.main):
        if 0 <= at < len(piece.instructions):
            return piece.span(at)
        at -= len(piece.instructions)
    return NOWHERE


class _Translator(Giving):
    """The whole function."""

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
        self.note_reads(program.main)
        self.read_rest()
        self.reading = False
        self.walk(program.main)
        self.dead = False
        postings = self.postings()
        printed = "tuple(printed)" if "printed" in self.used else "()"
        metadata = ", ".join(name if name in self.used else "{}" for name in ("tx", "am"))
        self.emit(f"return new(ExecutionResult, ({postings}, {metadata}, {printed}))")
        setup = [f"    {name} = {empty}" for name, empty in LOCALS.items() if name in self.used]
        lines = ["def run(given, store):", "    p = -1", *head, *setup, "    try:", *self.lines]
        lines += [
            "    except Failure as failure:",
            "        span = failure.span or place(program, p)",
            "        raise stop(program, failure.kind, span) from failure.__cause__",
        ]
        return "\n".join(lines) + "\n"

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


def _region_start(at: int, label: int, first_jump: dict[int, int]) -> int:
    """Where the block of a label opens: before every block that it would otherwise cut in two."""
    for other, start in first_jump.items():
        if start < at < other < label:
            return _region_start(start, label, first_jump)
    return at
