"""A script's text and places in it, and the limits of both: `Script`, `Span`, `Limits`.

Places are offsets into the text, counted in Unicode code points, because that is what every
stage works with; lines and columns are worked out only when somebody asks for them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple


class Position(NamedTuple):
    """A line and a column, both counted from 0, the column in Unicode code points."""

    line: int
    column: int


class Span(NamedTuple):
    """A stretch of a script: offsets from `start` up to, not including, `end`."""

    start: int
    end: int


class Edit(NamedTuple):
    """A change of a script: the text from `start` up to, not including, `end` becomes `text`."""

    start: int
    end: int
    text: str


NOWHERE = Span(0, 0)
"""The span of what has no place in the text, such as a variable that nobody declared."""


class Limits(NamedTuple):
    """What bounds the time and memory that a script can cost.

    length: characters of a script; depth: clauses, blocks and expressions open at once;
    errors: syntax errors reported of one script.
    """

    length: int = 2_000_000
    depth: int = 250
    errors: int = 100


LIMITS = Limits()


class Script:
    """The text of a program with the name it is shown under (a path, or `<script>`)."""

    __slots__ = ("_line_starts", "name", "text")

    def __init__(self, text: str, name: str = "<script>") -> None:
        self.text = text
        self.name = name
        self._line_starts: list[int] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Script) and self.text == other.text and self.name == other.name

    def __hash__(self) -> int:
        return hash((self.text, self.name))

    def __repr__(self) -> str:
        return f"Script(name={self.name!r}, {len(self.text)} characters)"

    @property
    def line_starts(self) -> list[int]:
        """The offset at which each line starts; lines end with a line feed."""
        if self._line_starts is None:
            starts = [0]
            find = self.text.find
            at = find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = find("\n", at + 1)
            self._line_starts = starts
        return self._line_starts

    def edited(self, edits: Iterable[Edit]) -> Script:
        """The script with changes made, which are in order and do not overlap."""
        pieces: list[str] = []
        at = 0
        for start, end, text in edits:
            pieces += (self.text[at:start], text)
            at = end
        return Script("".join((*pieces, self.text[at:])), self.name)

    def position(self, offset: int) -> Position:
        """The position of an offset; one beyond the text is taken as its end."""
        offset = min(max(offset, 0), len(self.text))
        starts = self.line_starts
        line = bisect_right(starts, offset) - 1
        return Position(line, offset - starts[line])

    def offset(self, position: Position) -> int:
        """The offset of a position, held within its line and the text."""
        starts = self.line_starts
        if position.line >= len(starts):
            return len(self.text)
        end = starts[position.line] + len(self.line(position.line))
        return min(starts[position.line] + position.column, end)

    def line(self, number: int) -> str:
        """The text of a line, counted from 0, without its end."""
        starts = self.line_starts
        end = starts[number + 1] if number + 1 < len(starts) else len(self.text)
        return self.text[starts[number] : end].rstrip("\r\n")
