"""Semantic tokens: what each token of a script is, so that an editor can colour it.

The terminals of the grammar of record decide, with one look at the neighbours for names; no tree
is needed, so that a script in the middle of being typed keeps its colours.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from numscript.prelude import BUILTINS, TYPES
from numscript.script import Span
from numscript.syntax import tables
from numscript.syntax.parser import Parsed
from numscript_lsp.lines import Encoding, Lines

TOKEN_TYPES = (
    "keyword",
    "type",
    "variable",
    "function",
    "namespace",
    "enumMember",
    "number",
    "string",
    "comment",
    "operator",
    "macro",
)
"""The types in the order of their numbers. Accounts are namespaces, assets are enum members."""
TOKEN_MODIFIERS = ("declaration", "defaultLibrary")
DECLARATION, DEFAULT_LIBRARY = 1, 2

PUNCTUATION = frozenset("(){}[],")
"""Signs that editors colour by themselves, or not at all."""
_SPECIAL_WORDS = {"#!": "macro", "feature": "macro"}
_PATTERNS = {
    "ACCOUNT": "namespace",
    "ACCOUNT_SEGMENT": "namespace",
    "ASSET": "enumMember",
    "NUMBER": "number",
    "PERCENTAGE": "number",
    "STRING": "string",
    "VARIABLE": "variable",
}


def _type_by_terminal() -> dict[int, str]:
    """The type of each terminal whose neighbours do not matter, from the grammar's own table."""
    found = {tables.TERMINALS.index(name): kind for name, kind in _PATTERNS.items()}
    for word, number in tables.WORDS.items():
        if word not in PUNCTUATION:
            plain = "keyword" if word.isalpha() else "operator"
            found[number] = _SPECIAL_WORDS.get(word, plain)
    return found


TYPE_BY_TERMINAL = _type_by_terminal()
_IDENTIFIER, _VARIABLE, _LPAR, _OVERDRAFT, _ACCOUNT, _SEGMENT = (
    tables.TERMINALS.index(name)
    for name in ("IDENTIFIER", "VARIABLE", "LPAR", "OVERDRAFT", "ACCOUNT", "ACCOUNT_SEGMENT")
)


class SemanticToken(NamedTuple):
    """A stretch of one line, its type by name, and its modifiers as bits."""

    span: Span
    type: str
    modifiers: int = 0


def semantic_tokens(
    parsed: Parsed, lines: Lines, within: Span | None = None
) -> list[SemanticToken]:
    """The tokens of a script, or those that touch a stretch of it, in the order of the text."""
    comments = (
        SemanticToken(line, "comment")
        for comment in parsed.tokens.comments
        if within is None or (comment.start < within.end and within.start < comment.end)
        for line in _by_line(lines, comment)
    )
    found = sorted(chain(_words(parsed, within), comments))
    if within is None:
        return found
    return [t for t in found if t.span.start < within.end and within.start < t.span.end]


def _words(parsed: Parsed, within: Span | None) -> Iterator[SemanticToken]:
    kinds, starts, ends, _ = parsed.tokens
    text = parsed.script.text
    first, last = 0, len(kinds)
    if within is not None:
        first, last = bisect_right(ends, within.start), bisect_left(starts, within.end)
    for number in range(first, last):
        kind = kinds[number]
        span = Span(starts[number], ends[number])
        follower = kinds[number + 1] if number + 1 < len(kinds) else 0
        if kind == _IDENTIFIER or (kind == _OVERDRAFT and follower == _LPAR):
            yield _name(text[span.start : span.end], span, follower)
        elif kind == _VARIABLE:
            declared = number > 0 and kinds[number - 1] == _IDENTIFIER
            yield SemanticToken(span, "variable", DECLARATION if declared else 0)
        elif kind in (_ACCOUNT, _SEGMENT):
            yield from _account(text, span)
        elif kind in TYPE_BY_TERMINAL:
            yield SemanticToken(span, TYPE_BY_TERMINAL[kind])


def _name(word: str, span: Span, follower: int) -> SemanticToken:
    """A name is that of a type in front of a variable, and of a function elsewhere."""
    if follower == _VARIABLE:
        return SemanticToken(span, "type", DEFAULT_LIBRARY if word in TYPES else 0)
    known = word in BUILTINS
    return SemanticToken(span, "function", DEFAULT_LIBRARY if known else 0)


def _account(text: str, span: Span) -> Iterator[SemanticToken]:
    """An account, the variables inside it apart."""
    start, end = span
    while start < end:
        dollar = text.find("$", start, end)
        if dollar < 0:
            dollar = end
        if dollar > start:
            yield SemanticToken(Span(start, dollar), "namespace")
        if dollar < end:
            colon = text.find(":", dollar, end)
            stop = colon if colon >= 0 else end
            # An address may go on behind a variable only with the next segment.
            yield SemanticToken(Span(dollar, stop), "variable")
            start = stop
        else:
            start = end


def _by_line(lines: Lines, span: Span) -> Iterator[Span]:
    """The parts of a stretch on each of its lines: many editors know no token of several."""
    first, last = (lines.position(offset, Encoding.UTF32).line for offset in span)
    for line in range(first, last + 1):
        part = Span(max(lines.starts[line], span.start), min(lines.ends[line], span.end))
        if part.start < part.end:
            yield part


class DataEdit(NamedTuple):
    """Numbers to take out of encoded tokens, and those that come in their place."""

    start: int
    delete_count: int
    data: tuple[int, ...]


def data_edits(before: Sequence[int], after: Sequence[int]) -> list[DataEdit]:
    """What changed between two lists of encoded tokens: one edit between what stayed at both ends.

    An edit on one line changes few numbers, because places are encoded relative to one another.
    """
    start = 0
    shorter = min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    if start == len(before) == len(after):
        return []
    return [DataEdit(start, len(before) - end - start, tuple(after[start : len(after) - end]))]
