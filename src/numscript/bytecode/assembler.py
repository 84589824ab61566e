"""The assembler: a program under construction, piece by piece, its slots numbered at the end.

While code is written, slots are numbered as constants from 0, supplied variables from `SUPPLIED`
and stored values from `STORED`, because how many there are of each is known only at the end.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from numscript.bytecode.opcodes import ROWS, Op
from numscript.bytecode.program import (
    Allotment,
    BalanceRow,
    Code,
    Constant,
    Instruction,
    MetadataRow,
    Program,
    Variable,
)
from numscript.prelude import WORLD, Type
from numscript.script import Script, Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol, TypeVar

    from numscript.diagnostics import Kind
    from numscript.values import Monetary, Portion

    P = TypeVar("P", bound=Program)

    class Placed(Protocol):
        """Anything with a place in the script: a node."""

        @property
        def start(self) -> int:
            """The offset of its first character."""
            ...

        @property
        def end(self) -> int:
            """The offset behind its last character."""
            ...


SUPPLIED, STORED = 1 << 24, 1 << 25
NO_COLOR = Constant(Type.STRING, "")
THE_WORLD = Constant(Type.ACCOUNT, WORLD)


class Piece:
    """Code under construction."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.places: list[int] = []

    def code(self) -> Code:
        """The finished code."""
        return Code(tuple(self.instructions), tuple(self.places))


class Label:
    """A place further on, not yet known; `users` are the jumps that wait for it."""

    def __init__(self) -> None:
        self.users: list[int] = []


class Assembler:
    """The tables and the code of one program; `piece` is the code that is written to."""

    def __init__(self) -> None:
        self.constants: dict[Constant, int] = {}
        self.supplied: list[Variable] = []
        self.slots: list[str] = []
        self.failures: dict[Kind, int] = {}
        self.balances: dict[tuple[int, int, int, bool, int], None] = {}
        self.metadata: dict[MetadataRow, None] = {}
        self.bind, self.needs, self.main = Piece(), Piece(), Piece()
        self.probes: list[Piece] = []
        self.piece = self.main

    def assemble(self, script: Script, into: type[P]) -> P:
        """The finished program, as an instance of `into`."""
        base = (len(self.constants), len(self.supplied))
        return into(
            script=script,
            constants=tuple(self.constants),
            supplied=tuple(self.supplied),
            slots=tuple(self.slots),
            failures=tuple(self.failures),
            balances=tuple(
                BalanceRow(
                    _place(account, base),
                    _place(asset, base) if asset >= 0 else ~_place(~asset, base),
                    _place(color, base),
                    scales,
                    probe,
                )
                for account, asset, color, scales, probe in self.balances
            ),
            metadata=tuple(
                MetadataRow(_place(row.account, base), _place(row.key, base))
                for row in self.metadata
            ),
            bind_code=_placed(self.bind, base),
            needs_code=_placed(self.needs, base),
            probes=tuple(_placed(probe, base) for probe in self.probes),
            main=_placed(self.main, base),
        )

    def emit(self, op: Op, node: Placed, first: int = 0, second: int = 0) -> None:
        """Add an instruction."""
        self.piece.instructions.append((int(op), first, second))
        self.piece.places += (node.start, node.end)

    def emit_jump(self, op: Op, node: Placed, label: Label) -> None:
        """Add a jump to a place that comes later."""
        label.users.append(len(self.piece.instructions))
        self.emit(op, node)

    def put(self, label: Label) -> None:
        """The place of a label is here."""
        instructions = self.piece.instructions
        for at in label.users:
            instructions[at] = (instructions[at][0], len(instructions), 0)

    @contextmanager
    def inside(self, piece: Piece) -> Iterator[None]:
        """Emit into another piece of code for a while."""
        outer, self.piece = self.piece, piece
        yield
        self.piece = outer

    def fail(self, kind: Kind, node: Placed) -> None:
        """Stop with an error if this is reached."""
        self.emit(Op.FAIL, node, self.failures.setdefault(kind, len(self.failures)))

    def constant(self, kind: str, value: str | int | Monetary | Portion | Allotment) -> int:
        """The slot of a constant."""
        return self.constants.setdefault(Constant(kind, value), len(self.constants))

    def store(self, kind: str, node: Placed) -> int:
        """Put the top of the stack into a slot of its own."""
        slot = STORED + len(self.slots)
        self.slots.append(kind)
        self.emit(Op.STORE, node, slot)
        return slot

    def supply(self, name: str, kind: str, span: Span) -> int:
        """The slot of a variable that the caller supplies."""
        self.supplied.append(Variable(name, kind, span))
        return SUPPLIED + len(self.supplied) - 1

    def note_balance(
        self, account: int, asset: int, color: int, *, scales: bool = False, probe: int = -1
    ) -> None:
        """Have a balance read beforehand; that of @world never is."""
        if account != self.constants.get(THE_WORLD):
            self.balances[account, asset, color, scales, probe] = None


def _place(slot: int, base: tuple[int, int]) -> int:
    """The final number of a slot."""
    constants, supplied = base
    if slot >= STORED:
        return slot - STORED + constants + supplied
    return slot - SUPPLIED + constants if slot >= SUPPLIED else slot


def _placed(piece: Piece, base: tuple[int, int]) -> Code:
    """A piece's code with the final numbers of its slots."""
    return Code(
        tuple(
            (byte, _place(first, base), _place(second, base)) if byte in _SLOTTED else instruction
            for instruction in piece.instructions
            for byte, first, second in (instruction,)
        ),
        tuple(piece.places),
    )


_SLOTTED = {row.byte for row in ROWS if "slot" in row.operands}
