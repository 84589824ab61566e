"""`Parsed` to canonical text: only the blanks between tokens and comments are ever changed.

A text is a row of items, its tokens and comments, each with a gap before it. `layout` says where
lines may end and what stands apart; this module decides it, and finds each comment its place.
Scripts that differ in blanks only come out alike, but for single blank lines, which are their
author's, and for comments, which stay behind or above what they were behind or above. The style is
told in docs/format.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from numscript.collector import without_collector
from numscript.diagnostics import ParseError
from numscript.script import Edit
from numscript.syntax import nodes
from numscript.syntax.layout import LPAR, LSQB, Group, Layout, lay_out
from numscript.syntax.lexer import TERMINAL
from numscript.syntax.parser import Parsed

WIDTH = 80
"""Columns that a line fits in, for what may stand on one line or on several."""
SPREAD = 16
"""Neighbouring clauses are aligned unless one is longer than another by more than this."""
INDENT = "  "
_OPEN_TIGHT = {LPAR, LSQB}
_CLOSE_TIGHT = {TERMINAL[name] for name in ("RPAR", "RSQB", "COMMA")}
_LINE_END = re.compile(r"\r\n|\r|\n")


@without_collector
def format_script(parsed: Parsed) -> str:
    """The canonical text of a script. Raises ParseError where the text has syntax errors.

    Lines end as the first one does, in a line feed or in a carriage return and a line feed; the
    last one ends too. A byte-order mark is left out.
    """
    if parsed.diagnostics:
        raise ParseError(parsed.diagnostics)
    return "".join(text for _, _, text in _Writer(parsed).write())


@without_collector
def format_edits(parsed: Parsed) -> list[Edit]:
    """The changes that make a script's text canonical, in order, each of one stretch of blanks.

    There are none where the text has syntax errors.
    """
    if parsed.diagnostics:
        return []
    source = parsed.script.text
    return [
        piece for piece in _Writer(parsed).write() if source[piece.start : piece.end] != piece.text
    ]


def format_range(parsed: Parsed, start: int, end: int) -> list[Edit]:
    """The changes that make canonical what a range touches, from offset `start` to `end`.

    A statement or block of variables that it touches is formatted whole, with the comments and
    blanks in front of it. There are none where the text has syntax errors.
    """
    low, high, before = start, end, 0
    for unit in _units(parsed.program):
        if (before < end or not before) and start <= unit.end:
            low = min(low, before)
            high = max(high, unit.end)
        before = unit.end
    return [edit for edit in format_edits(parsed) if low <= edit.start and edit.end <= high]


def _units(program: nodes.Program) -> Iterator[nodes.Node]:
    """What is formatted whole or not at all."""
    if program.features is not None:
        yield program.features
    if program.vars is not None:
        yield program.vars
    yield from program.statements


class _Comment(NamedTuple):
    """A comment, with what decides where it goes.

    runs: whether it goes on to the end of its line, so that nothing can follow it; tall: whether
    its text has several lines; above, below: how many line ends lie between it and the items
    before and behind it.
    """

    start: int
    end: int
    runs: bool
    tall: bool
    above: int
    below: int

    @property
    def leads(self) -> bool:
        """Whether what follows stands on its line."""
        return not self.runs and not self.below


def _comments(parsed: Parsed) -> dict[int, list[_Comment]]:
    """The comments by the token that they stand before."""
    found: dict[int, list[_Comment]] = {}
    source = parsed.script.text
    _, starts, ends, spans = parsed.tokens
    token = 0
    for number, (start, end) in enumerate(spans):
        while starts[token] < start:
            token += 1
        before = max(ends[token - 1] if token else 0, spans[number - 1].end if number else 0)
        after = starts[token]
        if number + 1 < len(spans):
            after = min(after, spans[number + 1].start)
        comment = _Comment(
            start,
            end,
            source.startswith("//", start),
            _line_ends(source, start, end) > 0,
            _line_ends(source, before, start),
            _line_ends(source, end, after),
        )
        found.setdefault(token, []).append(comment)
    return found


def _line_ends(text: str, start: int, end: int) -> int:
    """How many lines end between two offsets."""
    feeds = text.count("\n", start, end)
    returns = text.count("\r", start, end)
    return feeds + returns - text.count("\r\n", start, end) if returns else feeds


def _aligned(run: dict[int, int]) -> dict[int, int]:
    """The blanks before each word that make them stand below one another, by the text before it."""
    longest = max(run.values(), default=0)
    if longest - min(run.values(), default=0) > SPREAD:
        return {}
    return {word: longest - length for word, length in run.items()}


def _shifted(line: str, by: int) -> str:
    """A line moved to the right or, as far as there are blanks, to the left."""
    if by >= 0 or not line:
        return " " * by + line if line else line
    blanks = len(line) - len(line.lstrip())
    return line[min(-by, blanks) :]


class _Writer:
    """Writes the items of one script, one after the other, and knows where on its line it is."""

    def __init__(self, parsed: Parsed) -> None:
        self.source = source = parsed.script.text
        self.kinds, self.starts, self.ends, _ = parsed.tokens
        first = _LINE_END.search(source)
        self.newline = "\r\n" if first is not None and first[0] == "\r\n" else "\n"
        self.comments = _comments(parsed)
        self.layout: Layout = lay_out(parsed.program, parsed.tokens)
        self.widths = self._widths()
        self.forced = self._forced()
        self.padding = self._padding()
        self.levels: dict[int, int] = dict.fromkeys(self.layout.top, 0)
        """The level of each token that starts a line, as far as that is decided."""
        self.openers: set[int] = set()
        self.closers: set[int] = set()
        self.written: list[Edit] = []
        self.at = self.level = self.column = 0

    # --- what is known before anything is written ---

    def _widths(self) -> list[int]:
        """How wide the tokens up to each one are together, on one line."""
        rows = zip(self.starts, self.ends, self.layout.blanks, strict=True)
        widths = [end - start + blank for start, end, blank in rows]
        for token, comments in self.comments.items():
            widths[token] += sum(comment.end - comment.start + 1 for comment in comments)
        return list(accumulate(widths))

    def _forced(self) -> list[int]:
        """How many comments up to each token break the groups that they are in."""
        groups = self.layout.groups.values()
        places = {place for group in groups for place in (*group.places, group.closer)}
        counts = [0] * len(self.kinds)
        for token, comments in self.comments.items():
            for comment in comments:
                apart = token in places and (comment.above or comment.below)
                counts[token] += bool(comment.runs or comment.tall or apart)
        return list(accumulate(counts))

    def _padding(self) -> dict[int, int]:
        """The blanks that align words of neighbouring clauses, by token."""
        padding: dict[int, int] = {}
        for table in self.layout.tables:
            run: dict[int, int] = {}
            for start, word in table:
                between = range(start + 1, word + 1)
                if any(token in self.comments for token in between):
                    padding |= _aligned(run)
                    run = {}
                else:
                    length = self.ends[start] - self.starts[start]
                    run[word] = length + self.widths[word - 1] - self.widths[start]
            padding |= _aligned(run)
        return padding

    def _blank_line_before(self, token: int) -> bool:
        """Whether a blank line is left between a token and the one before it."""
        comments = self.comments.get(token)
        if comments is not None:
            return comments[-1].below > 1 or any(comment.above > 1 for comment in comments)
        return _line_ends(self.source, self.ends[token - 1] if token else 0, self.starts[token]) > 1

    # --- writing ---

    def write(self) -> list[Edit]:
        """The whole script as changes of gaps and items in turn, most of which change nothing."""
        source, starts, ends, comments = self.source, self.starts, self.ends, self.comments
        blanks, groups, levels, padding = (
            self.layout.blanks,
            self.layout.groups,
            self.levels,
            self.padding,
        )
        last = len(starts) - 1
        for token in range(last):
            start, end = starts[token], ends[token]
            if token in levels:
                gap = self._start_line(token)
            elif token in comments:
                gap = self._go_on_behind_comments(token)
            else:
                gap = " " * (blanks[token] + padding.get(token, 0))
                self.column += len(gap)
            self.written.append(Edit(self.at, start, gap))
            self.written.append(Edit(start, end, source[start:end]))
            self.column += end - start
            self.at = end
            if token in groups:
                self._open(token, groups[token])
        self.levels[last] = 0
        self._start_line(last)
        self.written.append(Edit(self.at, len(source), self.newline if self.written else ""))
        return self.written

    def _open(self, opener: int, group: Group) -> None:
        """Decide whether a group is broken, and if so where its lines start."""
        width = self.widths[group.closer] - self.widths[opener]
        forced = self.forced[group.closer] > self.forced[opener]
        if group.always or forced or self.column + width > WIDTH:
            for place in group.places:
                self.levels[place] = self.level + 1
            self.levels[group.closer] = self.level
            self.openers.add(opener)
            self.closers.add(group.closer)

    def _line(self, level: int, *, blank: bool = False) -> str:
        """The gap that starts a line, and leaves a blank one before it if asked to."""
        self.column = len(INDENT) * level
        return self.newline * (1 + blank if self.written else 0) + INDENT * level

    def _put(self, gap: str, comment: _Comment, *, own_line: bool = False) -> None:
        """Write a comment behind its gap."""
        if not own_line:
            self.column += len(gap)
        text = self._text(comment, own_line=own_line)
        self.written.append(Edit(self.at, comment.start, gap))
        self.written.append(Edit(comment.start, comment.end, text))
        self.at = comment.end
        end_of_line = text.rfind("\n")
        self.column = len(text) - end_of_line - 1 + (self.column if end_of_line < 0 else 0)

    def _start_line(self, token: int) -> str:
        """Write the comments before a token that starts a line; returns the gap behind them."""
        level = self.levels[token]
        closes = token in self.closers
        comments = self.comments.get(token, ())
        fresh = token == 0 or token - 1 in self.openers
        behind = token > 0
        leads = False
        # Where a blank line is called for, it comes before the comments, unless there is one.
        missing = token in self.layout.apart and not self._blank_line_before(token)
        for comment in comments:
            if behind and not comment.above and not (fresh and comment.leads):
                self._put(" ", comment)
                continue
            if leads:
                self._put(" ", comment)
            else:
                blank = not fresh and (comment.above > 1 or missing)
                missing = missing and not blank
                self._put(self._line(level + closes, blank=blank), comment, own_line=True)
                behind = fresh = False
            leads = comment.leads
        self.level = level
        if leads and not closes:
            self.column += 1
            return " "
        below = (
            comments[-1].below if comments else _line_ends(self.source, self.at, self.starts[token])
        )
        return self._line(level, blank=(missing or below > 1) and not fresh and not closes)

    def _text(self, comment: _Comment, *, own_line: bool) -> str:
        """A comment's text; of one that moves with its line, all lines move alike."""
        text = self.source[comment.start : comment.end]
        if not comment.tall:
            return text.rstrip() if comment.runs else text
        line_start = self.source.rfind("\n", 0, comment.start) + 1
        line_start = max(line_start, self.source.rfind("\r", line_start, comment.start) + 1)
        indent = self.source[line_start : comment.start]
        shift = self.column - len(indent) if own_line and not indent.strip() else 0
        first, *lines = (line.rstrip() for line in _LINE_END.split(text))
        return self.newline.join((first, *(_shifted(line, shift) for line in lines)))

    def _go_on_behind_comments(self, token: int) -> str:
        """Write the comments before a token that stays on its line, if they let it.

        Behind a comment that runs to the end of its line, the text goes on one level deeper.
        """
        runs = False
        for comment in self.comments[token]:
            if runs or (comment.runs and comment.above):
                gap = self._line(self.level + 1)
                self._put(gap, comment, own_line=True)
            else:
                tight = self.at == self.ends[token - 1] and self.kinds[token - 1] in _OPEN_TIGHT
                self._put("" if tight and not comment.runs else " ", comment)
            runs = comment.runs
        if runs:
            return self._line(self.level + 1)
        gap = "" if self.kinds[token] in _CLOSE_TIGHT else " "
        self.column += len(gap)
        return gap
