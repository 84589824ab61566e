"""Where the lines of a script may start, and what stands apart on one line: what the style says.

All of it follows from the tree and its tokens; blanks and comments of the text have no say. Places
are numbers of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from numscript.syntax import nodes, tables
from numscript.syntax.lexer import TERMINAL, Tokens

COMMA, LBRACE, RBRACE = TERMINAL["COMMA"], TERMINAL["LBRACE"], TERMINAL["RBRACE"]
LPAR, RPAR, LSQB, RSQB = (TERMINAL[name] for name in ("LPAR", "RPAR", "LSQB", "RSQB"))
MINUS, SLASH, FEATURE = TERMINAL["MINUS"], TERMINAL["SLASH"], TERMINAL["FEATURE"]
OVERDRAFT, UNBOUNDED = TERMINAL["OVERDRAFT"], TERMINAL["UNBOUNDED"]
_OPENERS, _CLOSERS = {LPAR, LSQB}, {RPAR, RSQB}
_NAMES = {TERMINAL["IDENTIFIER"], FEATURE}
_SHORT = {TERMINAL["NUMBER"], TERMINAL["VARIABLE"]}
"""What stands close to the `/` between two of them: a portion such as `1/3`."""
_SEGMENT = TERMINAL["ACCOUNT_SEGMENT"]
_OPERANDS = {
    TERMINAL[name] for name in ("VARIABLE", "ASSET", "NUMBER", "PERCENTAGE", "STRING", "ACCOUNT")
} | _CLOSERS
"""How an operand ends."""
_CLOSE_BEFORE = {COMMA, _SEGMENT} | _CLOSERS
_CLOSE_BEHIND = {tables.WORDS["#!"]} | _OPENERS


class Group(NamedTuple):
    """A pair of brackets: its closing one, and what starts lines inside once it is broken.

    always: whether it is broken also where it would fit on one line.
    """

    closer: int
    places: Sequence[int]
    always: bool


Row: TypeAlias = tuple[int, int]
"""A clause: where it starts, and its word that is aligned with that of its neighbours."""


class Layout(NamedTuple):
    """What the style makes of a script.

    blanks: whether (1) or not (0) a blank stands before each token on one line; groups: by their
    opening bracket; tables: neighbouring clauses whose words are aligned; top: what starts a line
    at the outermost level; apart: what of it has a blank line before it.
    """

    blanks: list[int]
    groups: dict[int, Group]
    tables: list[list[Row]]
    top: list[int]
    apart: set[int]


def lay_out(program: nodes.Program, tokens: Tokens) -> Layout:
    """The layout of a script without syntax errors."""
    walk = _Walk(tokens)
    walk.visit_program(program)
    blanks, calls = _blanks(tokens.kinds)
    return Layout(blanks, walk.groups | calls, walk.tables, walk.top, walk.apart)


def _blanks(kinds: list[int]) -> tuple[list[int], dict[int, Group]]:
    """Whether a blank stands before each token; and the calls, which may be broken too."""
    blanks: list[int] = []
    calls: dict[int, Group] = {}
    # Of each open bracket: its number, the arguments of a call, and how many operands it holds.
    opened: list[tuple[int, list[int] | None]] = []
    operands: list[int] = [0]
    before = before_that = -1
    prefix = False
    for number, kind in enumerate(kinds):
        close = kind in _CLOSE_BEFORE or before in _CLOSE_BEHIND or prefix
        prefix = False
        if kind in _OPENERS:
            called = kind == LPAR and (
                before in _NAMES or (before == OVERDRAFT and before_that != UNBOUNDED)
            )
            close = close or called
            opened.append((number, [number + 1] if called else None))
            operands.append(0)
        elif kind in _CLOSERS:
            opener, places = opened.pop()
            operands.pop()
            operands[-1] += 1
            if places is not None and opener + 1 < number:
                calls[opener] = Group(number, places, always=False)
        elif kind in _OPERANDS:
            operands[-1] += 1
        elif kind == COMMA:
            places = opened[-1][1]
            assert places is not None
            places.append(number + 1)
        elif kind == MINUS:
            # The asset of a monetary ends with its first operand: a minus behind it is a sign.
            in_monetary = bool(opened) and kinds[opened[-1][0]] == LSQB
            starts_amount = in_monetary and operands[-1] == 1
            prefix = starts_amount or (before not in _OPERANDS and before != _SEGMENT)
        elif kind == SLASH:
            close = close or (before in _SHORT and kinds[number + 1] in _SHORT)
        elif kind == RBRACE:
            close = before == LBRACE
        if before == SLASH and kind in _SHORT:
            close = close or before_that in _SHORT
        blanks.append(0 if close else 1)
        before, before_that = kind, before
    return blanks, calls


class _Walk:
    """One walk over a tree, to find its blocks and their clauses."""

    def __init__(self, tokens: Tokens) -> None:
        self.number_by_start = {start: n for n, start in enumerate(tokens.starts)}
        self.number_by_end = {end: n for n, end in enumerate(tokens.ends[:-1])}
        self.groups: dict[int, Group] = {}
        self.tables: list[list[Row]] = []
        self.top: list[int] = []
        self.apart: set[int] = set()

    def first(self, node: nodes.Node) -> int:
        """The number of a node's first token."""
        return self.number_by_start[node.start]

    def group(self, opener: int, block: nodes.Node, places: Sequence[int], *, always: bool) -> bool:
        """Note a block, and say whether it is always broken."""
        always = always and bool(places)
        self.groups[opener] = Group(self.number_by_end[block.end], places, always)
        return always

    def visit_program(self, program: nodes.Program) -> None:
        """The declarations and statements, each on lines of its own."""
        parts: list[nodes.FeatureDeclaration | nodes.VarsDeclaration | nodes.Statement] = []
        if program.features is not None:
            parts.append(program.features)
        if program.vars is not None:
            parts.append(program.vars)
            places = [self.first(declaration) for declaration in program.vars.declarations]
            self.group(self.first(program.vars) + 1, program.vars, places, always=True)
        parts += program.statements
        stands_apart = False
        for part in parts:
            number = self.first(part)
            self.top.append(number)
            was_apart = stands_apart
            stands_apart = isinstance(part, (nodes.SendStatement, nodes.VarsDeclaration))
            if number and (was_apart or stands_apart):
                self.apart.add(number)
            if isinstance(part, nodes.SendStatement):
                self.visit_send(part)

    def visit_send(self, send: nodes.SendStatement) -> None:
        """`send VALUE (`, then a line for each clause."""
        # In front of a source or destination stand its word and `=`.
        places = sorted((self.first(send.source) - 2, self.first(send.destination) - 2))
        self.group(places[0] - 1, send, places, always=True)
        self.visit_source(send.source)
        self.visit_destination(send.destination)

    def visit_source(self, source: nodes.Source) -> bool:
        """Note the blocks in a source; says whether one of them is always broken."""
        match source:
            case nodes.SourceCapped():
                return self.visit_source(source.source)
            case nodes.SourceInorder() | nodes.SourceOneof():
                opener = self.first(source) + isinstance(source, nodes.SourceOneof)
                places = [self.first(part) for part in source.sources]
                broken = [self.visit_source(part) for part in source.sources]
                table: list[Row] = []
                for part, tall in zip(source.sources, broken, strict=True):
                    if isinstance(part, nodes.SourceCapped):
                        table.append((self.first(part), self.first(part.source) - 1))
                    if tall or not isinstance(part, nodes.SourceCapped):
                        self.tables.append(table)
                        table = []
                self.tables.append(table)
                plain = all(isinstance(part, nodes.SourceAccount) for part in source.sources)
                return self.group(opener, source, places, always=not plain)
            case nodes.SourceAllotment():
                table = []
                places = [self.first(item) for item in source.items]
                for place, item in zip(places, source.items, strict=True):
                    table.append((place, self.first(item.source) - 1))
                    if self.visit_source(item.source):
                        self.tables.append(table)
                        table = []
                self.tables.append(table)
                return self.group(self.first(source), source, places, always=True)
            case _:
                return False

    def visit_destination(self, destination: nodes.Destination) -> bool:
        """Note the blocks in a destination; says whether one of them is always broken."""
        rows: list[tuple[int, nodes.KeptOrDestination]]
        match destination:
            case nodes.DestinationAllotment():
                rows = [(self.first(item), item.target) for item in destination.items]
            case nodes.DestinationInorder() | nodes.DestinationOneof():
                rows = [(self.first(clause), clause.target) for clause in destination.clauses]
                # `remaining` is one token.
                rest = destination.remaining
                rows.append((self.first(rest) - 1, rest))
            case _:
                return False
        table: list[Row] = []
        for place, target in rows:
            table.append((place, self.first(target)))
            if isinstance(target, nodes.DestinationTo) and self.visit_destination(
                target.destination
            ):
                self.tables.append(table)
                table = []
        self.tables.append(table)
        opener = self.first(destination) + isinstance(destination, nodes.DestinationOneof)
        return self.group(opener, destination, [place for place, _ in rows], always=True)
