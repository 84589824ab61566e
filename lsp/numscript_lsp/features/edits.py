"""Applying edits to a text, and what goes with a stretch that is taken away."""

from __future__ import annotations

from collections.abc import Iterable

from numscript.script import Span
from numscript_lsp.features.records import Edit


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text after edits; insertions at one place go in as they come. They must not overlap."""
    parts: list[str] = []
    at = 0
    for (start, end), new in sorted(edits, key=lambda edit: edit.span):
        if start < at:
            raise ValueError(f"two edits overlap at {start}")
        parts += (text[at:start], new)
        at = end
    return "".join((*parts, text[at:]))


def whole_lines(text: str, span: Span) -> Span:
    """A stretch with the lines it stands on, where nothing else stands on them.

    Where something does, the blanks in front of it go with it. For taking something away.
    """
    start, end = span
    while start and text[start - 1] in " \t":
        start -= 1
    while end < len(text) and text[end] in " \t":
        end += 1
    if start == 0 or text[start - 1] == "\n":
        if text[end : end + 2] == "\r\n":
            return Span(start, end + 2)
        if text[end : end + 1] in ("\n", ""):
            return Span(start, min(end + 1, len(text)))
    return Span(start, span.end)
