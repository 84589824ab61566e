"""`Document`: one version of a text under a URI, with what is known of it.

A change makes a new document, so that nothing worked out of one version is ever shown for the
next one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from numscript.analysis.checked import CheckedProgram
from numscript.analysis.checker import check
from numscript.script import Edit, Script, Span
from numscript.syntax.parser import Parsed, parse
from numscript.syntax.reparser import reparse_all
from numscript_lsp import json_tree
from numscript_lsp.lines import Encoding, LineColumn, Lines

SCRIPT_ENDING = ".num"
SPECS_ENDING = ".specs.json"
_DRIVE = re.compile("/[a-zA-Z]:")
MOST_EDITS = 20
"""After more edits than that, which nobody asked about, a text is parsed as a new one."""


class Change(NamedTuple):
    """What replaces the text between two positions, or all of it where there are none."""

    start: LineColumn | None
    end: LineColumn | None
    text: str


class Document:
    """A version of a text; `version` is None where it was read from disk."""

    def __init__(self, uri: str, text: str, version: int | None = None) -> None:
        self.uri = uri
        self.text = text
        self.version = version
        self._before: tuple[Parsed | None, tuple[Edit, ...]] = None, ()
        self._checked: tuple[frozenset[str], CheckedProgram] | None = None

    @property
    def name(self) -> str:
        """The name it is shown under: that of its file, without the folder."""
        path = path_of(self.uri)
        return path.name if path is not None else self.uri

    @property
    def is_specs(self) -> bool:
        """Whether it is a spec file."""
        return self.uri.endswith(SPECS_ENDING)

    @property
    def is_script(self) -> bool:
        """Whether it is a script: whatever is no JSON."""
        return not self.uri.endswith(".json")

    @cached_property
    def lines(self) -> Lines:
        """Its lines."""
        return Lines(self.text)

    @cached_property
    def parsed(self) -> Parsed:
        """Its tree as a script."""
        before, edits = self._before
        self._before = None, ()
        if before is None:
            return parse(Script(self.text, self.name))
        return reparse_all(before, edits)

    def checked(self, features: Collection[str] = ()) -> CheckedProgram:
        """What the checker finds, with the flags that are on from outside."""
        flags = frozenset(features)
        if self._checked is None or self._checked[0] != flags:
            self._checked = flags, check(self.parsed, flags)
        return self._checked[1]

    @cached_property
    def tree(self) -> json_tree.Value | None:
        """Its tree as JSON."""
        return json_tree.read_tree(self.text)

    def changed(self, changes: Iterable[Change], version: int, encoding: Encoding) -> Document:
        """The document after changes, each of which is about what the one before it left."""
        document = self
        for change in changes:
            document = document._after(change, version, encoding)
        document.version = version
        return document

    def _after(self, change: Change, version: int, encoding: Encoding) -> Document:
        if change.start is None or change.end is None:
            return Document(self.uri, change.text, version)
        start = self.lines.offset(change.start, encoding)
        end = max(start, self.lines.offset(change.end, encoding))
        text = self.text[:start] + change.text + self.text[end:]
        document = Document(self.uri, text, version)
        before, edits = (self.parsed, ()) if "parsed" in vars(self) else self._before
        if before is not None and len(edits) < MOST_EDITS:
            document._before = before, (*edits, Edit(start, end, change.text))
        return document

    def offset(self, place: LineColumn, encoding: Encoding) -> int:
        """The offset of a position."""
        return self.lines.offset(place, encoding)

    def range(self, span: Span, encoding: Encoding) -> tuple[LineColumn, LineColumn]:
        """The two positions of a span."""
        lines = self.lines
        return lines.position(span.start, encoding), lines.position(span.end, encoding)


def path_of(uri: str) -> Path | None:
    """The file that a URI names, if it names one."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    path = unquote(parts.path)
    if _DRIVE.match(path):
        path = path[1:]  # `/c:/...`
    return Path(path) if path else None


def key_of(uri: str) -> str:
    """What is the same for all spellings of a URI: editors escape characters differently."""
    return unquote(uri)


def beside(uri: str) -> str:
    """The URI of a script's spec file, or of a spec file's script."""
    if uri.endswith(SPECS_ENDING):
        return uri.removesuffix(SPECS_ENDING)
    return uri + SPECS_ENDING
