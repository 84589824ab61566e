"""The lines of a text, and the columns of the protocol in them: UTF-8, UTF-16 or UTF-32 units.

The protocol ends lines with `\\n`, `\\r\\n` or `\\r`; the package's own positions know the line
feed only, and count code points. Everything else of the server speaks of offsets.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import StrEnum, unique
from typing import NamedTuple

_ENDS = re.compile(r"\r\n|\n|\r")


@unique
class Encoding(StrEnum):
    """What columns count, by the protocol's names."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"

    def units(self, text: str) -> int:
        """How many units a text has."""
        if self is Encoding.UTF32 or text.isascii():
            return len(text)
        if self is Encoding.UTF8:
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    def characters(self, text: str, units: int) -> int:
        """How many whole characters the first units of a text are, all of them at most."""
        if self is Encoding.UTF32 or text.isascii():
            return min(units, len(text))
        taken = 0
        for number, character in enumerate(text):
            taken += self.units(character)
            if taken > units:
                return number
        return len(text)


class LineColumn(NamedTuple):
    """A position as the protocol has it: line and column from 0, the column in units."""

    line: int
    column: int


class Lines:
    """Where the lines of a text start and end."""

    __slots__ = ("ends", "starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        self.ends: list[int] = []
        for found in _ENDS.finditer(text):
            self.ends.append(found.start())
            self.starts.append(found.end())
        self.ends.append(len(text))

    def offset(self, place: LineColumn, encoding: Encoding) -> int:
        """The offset of a position, held within its line and the text."""
        if place.line >= len(self.starts):
            return len(self.text)
        start, end = self.starts[place.line], self.ends[place.line]
        return start + encoding.characters(self.text[start:end], max(place.column, 0))

    def position(self, offset: int, encoding: Encoding) -> LineColumn:
        """The position of an offset; one beyond the text is taken as its end."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self.starts, offset) - 1
        return LineColumn(line, encoding.units(self.text[self.starts[line] : offset]))
