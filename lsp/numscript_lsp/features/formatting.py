"""Formatting: a whole script, a range of it, and what was just typed."""

from __future__ import annotations

from collections.abc import Iterable

from numscript import script
from numscript.script import Span
from numscript.syntax import tables
from numscript.syntax.formatter import INDENT, format_edits, format_range
from numscript.syntax.parser import Parsed
from numscript_lsp.features.records import Edit

TRIGGERS = ("}", ")", "\n")
"""Characters after which `format_typed` has something to do."""
_OPENERS = {tables.WORDS[sign] for sign in "({["}
_CLOSERS = {tables.WORDS[sign] for sign in ")}]"}


def format_document(parsed: Parsed) -> tuple[Edit, ...]:
    """The edits that make a script canonical; none while it has syntax errors."""
    return _edits(format_edits(parsed))


def format_selection(parsed: Parsed, span: Span) -> tuple[Edit, ...]:
    """The edits of the statements that a range touches; none while there are syntax errors."""
    return _edits(format_range(parsed, span.start, span.end))


def format_typed(parsed: Parsed, offset: int, character: str) -> tuple[Edit, ...]:
    """The edits after a character was typed right before an offset.

    A closing bracket formats its statement once the script can be read, and gets its place before
    that; a new line is indented by the brackets that are open.
    """
    if character != "\n" and not parsed.diagnostics:
        return _edits(format_range(parsed, offset - 1, offset))
    text = parsed.script.text
    start = text.rfind("\n", 0, offset) + 1
    blanks = len(text) - start - len(text[start:].lstrip(" \t"))
    if character != "\n" and text[start:offset].strip() != character:
        return ()
    kinds, starts, _, _ = parsed.tokens
    depth = 0
    for kind, at in zip(kinds, starts, strict=True):
        if at >= start:
            depth -= kind in _CLOSERS and at == start + blanks
            break
        depth += (kind in _OPENERS) - (kind in _CLOSERS)
    indent = INDENT * max(depth, 0)
    if text[start : start + blanks] == indent:
        return ()
    return (Edit(Span(start, start + blanks), indent),)


def _edits(edits: Iterable[script.Edit]) -> tuple[Edit, ...]:
    return tuple(Edit(Span(edit.start, edit.end), edit.text) for edit in edits)
