"""Scripts with marks in them: `¦` for a cursor, `«` and `»` around a stretch."""

from __future__ import annotations

from textwrap import dedent

import numscript
from numscript import CheckedProgram, Span


def marked(text: str) -> tuple[str, Span]:
    """The text without its marks, and the place that they mark."""
    text = dedent(text).lstrip("\n")
    if "¦" in text:
        at = text.index("¦")
        return text.replace("¦", ""), Span(at, at)
    start = text.index("«")
    end = text.index("»") - 1
    return text.replace("«", "").replace("»", ""), Span(start, end)


def checked(text: str, *features: str) -> CheckedProgram:
    return numscript.check(dedent(text).lstrip("\n"), features)
