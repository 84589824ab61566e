"""The clauses of a script: the places where a run can be stopped, and how they are nested.

A step is one clause, as a person reads a script: a statement, a source in a block, a share of a
destination. Which clause an instruction belongs to is told by its span alone.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from numscript.bytecode.opcodes import Op
from numscript.script import Position, Script, Span
from numscript.syntax import nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numscript.bytecode.program import Code

LONGEST_TITLE = 60
SILENT = frozenset((Op.JUMP, Op.JUMP_ZERO, Op.POSTINGS_CHECK, Op.VARIABLE_CHECK))
"""Instructions that only look whether to go on: no reason to stop."""


class Clause(NamedTuple):
    """A place where a run can be stopped.

    number: its place among all clauses; span: all of it; head: the part of it that is marked,
    which ends where a block of other clauses starts; depth: 0 for statements and declarations;
    parent: the number of the clause that it stands in, or -1; title: its head on one line.
    """

    number: int
    span: Span
    head: Span
    depth: int
    parent: int
    title: str


class Region(NamedTuple):
    """A stretch of the text whose instructions belong to a clause; `parent` is a place in `order`.

    A clause has more than one: the portion in front of a share belongs to the block of shares.
    """

    start: int
    end: int
    clause: int
    parent: int


def one_line(text: str) -> str:
    """A stretch of a script on one line, cut where it is long."""
    words = " ".join(text[: 10 * LONGEST_TITLE].split())
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 3]}..."


class Clauses:
    """All clauses of a script, in the order of a run."""

    def __init__(self, script: Script, program: nodes.Program) -> None:
        self.script = script
        self.all: list[Clause] = []
        self.declarations: list[nodes.VarDeclaration] = []
        self._regions: list[tuple[int, int, int]] = []
        for declaration in program.vars.declarations if program.vars else ():
            if isinstance(declaration, nodes.VarDeclaration):
                self.declarations.append(declaration)
                self._add(declaration.span, -1, 0)
        for statement in program.statements:
            self._add_statement(statement)
        self._ordered = _nest(self._regions)
        self._starts = [region.start for region in self._ordered]
        self.stops: tuple[Clause, ...] = ()

    # --- asking ---

    def clause_at(self, span: Span) -> Clause | None:
        """The innermost clause that a stretch of the script lies in."""
        at = bisect_right(self._starts, span.start) - 1
        while at >= 0:
            region = self._ordered[at]
            if span.end <= region.end:
                return self.all[region.clause]
            at = region.parent
        return None

    def of_code(self, code: Code) -> list[Clause | None]:
        """The clause to stop at before each instruction, None where there is no reason to."""
        return [
            None if instruction[0] in SILENT else self.clause_at(code.span(at))
            for at, instruction in enumerate(code.instructions)
        ]

    def mark_stops(self, found: Iterable[Clause | None]) -> None:
        """Say which clauses have code of their own: only there can a run be stopped."""
        numbers = {clause.number for clause in found if clause is not None}
        stops = [clause for clause in self.all if clause.number in numbers]
        self.stops = tuple(sorted(stops, key=lambda clause: clause.head.start))

    def position(self, clause: Clause) -> Position:
        """Where a clause is shown to start."""
        return self.script.position(clause.head.start)

    def first_stop(self, line: int, column: int = 0) -> Clause | None:
        """The first clause to stop at from a place on, lines and columns counted from 0."""
        wanted = Position(line, column)
        return next((clause for clause in self.stops if self.position(clause) >= wanted), None)

    def above(self, clause: Clause) -> list[Clause]:
        """A clause and those that it stands in, from the inside out."""
        chain = [clause]
        while chain[-1].parent >= 0:
            chain.append(self.all[chain[-1].parent])
        return chain

    # --- the walk of the tree ---

    def _add(
        self, span: Span, parent: int, depth: int, head: Span | None = None, title: str = ""
    ) -> int:
        """Note a clause, with its head if other clauses stand in it."""
        head = head or span
        text = title or one_line(self.script.text[head.start : head.end])
        number = len(self.all)
        self.all.append(Clause(number, span, head, depth, parent, text))
        self._regions.append((*span, number))
        return number

    def _opening(self, block: nodes.Node) -> int:
        """Where the opening brace of a block ends."""
        return self.script.text.index("{", block.start) + 1

    def _add_statement(self, statement: nodes.Statement) -> None:
        if not isinstance(statement, nodes.SendStatement):
            self._add(statement.span, -1, 0)
            return
        send = self._add(statement.span, -1, 0, Span(statement.start, statement.sent.end))
        for side, part in (("source", statement.source), ("destination", statement.destination)):
            if isinstance(part, (nodes.SourceAllotment, nodes.DestinationAllotment)):
                title = f"{side} in {len(part.items)} shares"
                word = self.script.text.rindex(side, statement.start, part.start)
                block = self._add(part.span, send, 1, Span(word, self._opening(part)), title)
                self._add_inside(part, block, 2)
            elif isinstance(part, _BLOCKS):
                self._add_inside(part, send, 1)
            else:
                self._add_part(part, send, 1)

    def _add_part(self, part: nodes.Node, parent: int, depth: int) -> None:
        """A source, or a clause of a destination."""
        if isinstance(part, (nodes.SourceInorder, nodes.SourceOneof)):
            # A block in a block is only a level of its own.
            self._add_inside(part, parent, depth + 1)
            return
        span, title = part.span, ""
        if isinstance(part, (nodes.DestinationTo, nodes.DestinationKept)):
            # The tree keeps no place of the word in front of what remains.
            span = Span(self.script.text.rindex("remaining", 0, part.start), part.end)
        inner = part
        while isinstance(inner, _WRAPPERS):
            inner = _wrapped(inner)
        if isinstance(inner, _BLOCKS):
            if inner is part and isinstance(part, nodes.SourceAllotment):
                title = f"{len(part.items)} shares"
            head = Span(span.start, self._opening(inner))
            number = self._add(span, parent, depth, head, title)
            self._add_inside(inner, number, depth + 1)
        else:
            self._add(span, parent, depth)

    def _add_inside(self, block: nodes.Node, parent: int, depth: int) -> None:
        """The clauses of a block, whose own instructions belong to the clause `parent`."""
        match block:
            case nodes.SourceInorder() | nodes.SourceOneof():
                for source in block.sources:
                    self._add_part(source, parent, depth)
            case nodes.SourceAllotment() | nodes.DestinationAllotment():
                for item in block.items:
                    self._add_part(item, parent, depth)
                    # The portions are worked out before any share is taken or given.
                    self._regions.append((item.allotment.start, item.allotment.end, parent))
            case nodes.DestinationInorder() | nodes.DestinationOneof():
                for clause in (*block.clauses, block.remaining):
                    self._add_part(clause, parent, depth)


_BLOCKS = (
    nodes.SourceInorder,
    nodes.SourceOneof,
    nodes.SourceAllotment,
    nodes.DestinationInorder,
    nodes.DestinationOneof,
    nodes.DestinationAllotment,
)
_WRAPPERS = (
    nodes.SourceCapped,
    nodes.SourceAllotmentItem,
    nodes.DestinationTo,
    nodes.CappedKeptOrDestination,
    nodes.DestinationAllotmentItem,
)


def _wrapped(wrapper: nodes.Node) -> nodes.Node:
    """The source or destination behind a cap, a portion or `to`."""
    match wrapper:
        case nodes.SourceCapped() | nodes.SourceAllotmentItem():
            return wrapper.source
        case nodes.DestinationTo():
            return wrapper.destination
        case nodes.CappedKeptOrDestination() | nodes.DestinationAllotmentItem():
            return wrapper.target
    return wrapper


def _nest(regions: list[tuple[int, int, int]]) -> list[Region]:
    """The stretches by where they start, each with the place of the one around it."""
    ordered: list[Region] = []
    open_ones: list[int] = []
    for start, end, clause in sorted(regions, key=lambda region: (region[0], -region[1])):
        while open_ones and ordered[open_ones[-1]].end < end:
            open_ones.pop()
        ordered.append(Region(start, end, clause, open_ones[-1] if open_ones else -1))
        open_ones.append(len(ordered) - 1)
    return ordered
