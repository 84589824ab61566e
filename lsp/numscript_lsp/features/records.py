"""What several features answer with: edits of a text, and places in any document."""

from __future__ import annotations

from typing import NamedTuple

from numscript.script import Span


class Edit(NamedTuple):
    """A stretch of a text and what stands there instead."""

    span: Span
    text: str


class Place(NamedTuple):
    """A stretch of the document under a URI."""

    uri: str
    span: Span


class DocumentEdits(NamedTuple):
    """Edits of the document under a URI; they do not overlap."""

    uri: str
    edits: tuple[Edit, ...]
