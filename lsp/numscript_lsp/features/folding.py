"""Folding ranges: blocks between brackets, block comments, and runs of line comments."""

from __future__ import annotations

from typing import NamedTuple

from numscript.syntax import tables
from numscript.syntax.parser import Parsed
from numscript_lsp.lines import Encoding, Lines

_OPENERS = {tables.WORDS[opener]: tables.WORDS[closer] for opener, closer in ("()", "{}", "[]")}
_CLOSERS = frozenset(_OPENERS.values())


class Fold(NamedTuple):
    """Lines that can be folded away behind the first of them; `kind` is `region` or `comment`."""

    start_line: int
    end_line: int
    kind: str


def folding_ranges(parsed: Parsed, lines: Lines) -> list[Fold]:
    """What can be folded; a block's last line, with its bracket, stays in sight."""
    folds: dict[int, Fold] = {}
    for fold in (*_blocks(parsed, lines), *_comments(parsed, lines)):
        known = folds.get(fold.start_line)
        # Where two start on one line, only the larger one can be reached.
        if known is None or known.end_line < fold.end_line:
            folds[fold.start_line] = fold
    return [folds[line] for line in sorted(folds)]


def _line(lines: Lines, offset: int) -> int:
    return lines.position(offset, Encoding.UTF32).line


def _blocks(parsed: Parsed, lines: Lines) -> list[Fold]:
    found: list[Fold] = []
    opened: list[tuple[int, int]] = []
    for kind, start in zip(parsed.tokens.kinds, parsed.tokens.starts, strict=True):
        if kind in _OPENERS:
            opened.append((_OPENERS[kind], start))
        elif kind in _CLOSERS and any(closer == kind for closer, _ in opened):
            # A bracket that is missing inside does not cost the blocks around it.
            while opened[-1][0] != kind:
                opened.pop()
            _, opener = opened.pop()
            first, last = _line(lines, opener), _line(lines, start) - 1
            if last > first:
                found.append(Fold(first, last, "region"))
    return found


def _comments(parsed: Parsed, lines: Lines) -> list[Fold]:
    text = parsed.script.text
    found: list[Fold] = []
    for span in parsed.tokens.comments:
        first, last = _line(lines, span.start), _line(lines, span.end)
        if text.startswith("/*", span.start):
            found.append(Fold(first, last, "block"))
        elif text[lines.starts[first] : span.start].strip():
            continue
        elif found and found[-1].kind == "comment" and found[-1].end_line == first - 1:
            found[-1] = found[-1]._replace(end_line=first)
        else:
            found.append(Fold(first, first, "comment"))
    return [fold._replace(kind="comment") for fold in found if fold.start_line < fold.end_line]
