"""`Project`: what is open in the editor, what lies beside it on disk, and what was set.

Handlers ask it for documents and for their checked programs; it speaks no protocol.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import FEATURES
from numscript_lsp import json_tree
from numscript_lsp.documents import (
    SCRIPT_ENDING,
    SPECS_ENDING,
    Change,
    Document,
    beside,
    key_of,
    path_of,
)
from numscript_lsp.features.cases import FileResult
from numscript_lsp.lines import Encoding
from numscript_lsp.names import Names, names_of

LARGEST_FILE = 2_000_000
"""How many bytes a file on disk may have to be looked at."""
MOST_FILES = 5_000
"""How many files of a workspace are looked at."""


def local_page() -> str:
    """The URI of docs/errors.md where the package runs from its repository, else nothing."""
    page = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
    return page.as_uri() if page.is_file() else ""


@dataclass(frozen=True)
class Settings:
    """What a user can set, under `numscript` in the editor's configuration.

    features: flags that are on in every script; documentation: the page that a diagnostic's code
    links to, nothing for no link; inlay_hints, code_lens: whether there are any.
    """

    features: frozenset[str] = frozenset()
    documentation: str = field(default_factory=local_page)
    inlay_hints: bool = True
    code_lens: bool = True


def read_settings(tree: object) -> Settings:
    """Settings from what the client sends; what is missing or of the wrong type has its default."""
    rows = _section(tree)
    default = Settings()
    features = rows.get("features")
    names = features if isinstance(features, list) else []
    documentation = rows.get("documentation")

    def flag(key: str, otherwise: bool) -> bool:
        value = rows.get(key)
        return value if isinstance(value, bool) else otherwise

    return Settings(
        features=frozenset(name for name in names if isinstance(name, str) and name in FEATURES),
        documentation=documentation if isinstance(documentation, str) else default.documentation,
        inlay_hints=flag("inlayHints", default.inlay_hints),
        code_lens=flag("codeLens", default.code_lens),
    )


def _section(tree: object) -> dict[str, object]:
    """The section `numscript` of what the client sends, or that itself."""
    rows: dict[str, object] = tree if isinstance(tree, dict) else {}
    inner = rows.get("numscript")
    return inner if isinstance(inner, dict) else rows


def setting_problems(tree: object) -> list[str]:
    """What is wrong with the settings that the client sends: which one, and what it takes."""
    wanted = {
        "documentation": (str, "the address of a page, as a text"),
        "inlayHints": (bool, "true or false"),
        "codeLens": (bool, "true or false"),
        "features": (list, "a list of feature flags"),
    }
    rows = _section(tree)
    found = [
        f"the setting `numscript.{key}` takes {what}"
        for key, (kind, what) in wanted.items()
        if rows.get(key) is not None and not isinstance(rows[key], kind)
    ]
    features = rows.get("features")
    for name in features if isinstance(features, list) else []:
        if not isinstance(name, str) or name not in FEATURES:
            flags = ", ".join(FEATURES)
            found.append(f"the setting `numscript.features` takes {flags}, and no `{name}`")
    return found


@dataclass
class Project:
    """The documents of one client.

    folders: those that the client has opened; encoding: what its columns count; results: what
    came of the cases that were run last, by the key of their spec file; confined: whether the
    client sees nothing of the machine's files, because it is not its own.
    """

    encoding: Encoding = Encoding.UTF16
    settings: Settings = field(default_factory=Settings)
    folders: list[Path] = field(default_factory=list)
    results: dict[str, FileResult] = field(default_factory=dict)
    confined: bool = False
    _open: dict[str, Document] = field(default_factory=dict)
    _disk: dict[str, tuple[tuple[int, int], Document]] = field(default_factory=dict)
    _names: dict[str, Names] = field(default_factory=dict)
    _names_open: dict[str, tuple[Document, Names]] = field(default_factory=dict)
    _names_joined: Names | None = None

    # --- documents ---

    def open(self, uri: str, text: str, version: int) -> Document:
        """Take a document that the client has opened."""
        document = self._open[key_of(uri)] = Document(uri, text, version)
        self._names_joined = None
        return document

    def change(self, uri: str, changes: Iterable[Change], version: int) -> Document | None:
        """Take changes of an open document; nothing where it is not open."""
        document = self._open.get(key_of(uri))
        if document is None:
            return None
        changed = document.changed(changes, version, self.encoding)
        self._open[key_of(uri)] = changed
        return changed

    def close(self, uri: str) -> None:
        """Let a document go that the client has closed."""
        self._open.pop(key_of(uri), None)
        self._names_open.pop(key_of(uri), None)
        self._names_joined = None

    @property
    def opened(self) -> tuple[Document, ...]:
        """The documents that are open in the editor."""
        return tuple(self._open.values())

    def find(self, uri: str) -> Document | None:
        """The document under a URI: as it is in the editor, else as it lies on disk."""
        found = self._open.get(key_of(uri))
        if found is not None:
            return found
        path = path_of(uri)
        return self._read(uri, path) if path is not None else None

    def script(self, uri: str) -> Document | None:
        """The script under a URI."""
        found = self.find(uri)
        return found if found is not None and found.is_script else None

    def specs(self, uri: str) -> Document | None:
        """The spec file under a URI."""
        found = self.find(uri)
        return found if found is not None and found.is_specs else None

    def beside(self, document: Document) -> Document | None:
        """A script's spec file, or a spec file's script."""
        return self.find(beside(document.uri))

    def _read(self, uri: str, path: Path, *, keep: bool = True) -> Document | None:
        """A file as a document, read again only where it has changed; nothing if unreadable."""
        key = key_of(uri)
        ours = path.name.endswith((SCRIPT_ENDING, SCRIPT_ENDING + SPECS_ENDING))
        if self.confined or not ours:
            return None  # a client far away is shown no other files
        try:
            about = path.stat()
            stamp = about.st_mtime_ns, about.st_size
            known = self._disk.get(key)
            if known is not None and known[0] == stamp:
                return known[1]
            if about.st_size > LARGEST_FILE:
                return None
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError, ValueError):
            self._disk.pop(key, None)
            return None
        document = Document(uri, text)
        if keep:
            self._disk[key] = stamp, document
        return document

    def has_file(self, path: Path) -> bool:
        """Whether a file is there, as far as the client may know."""
        return not self.confined and path.is_file()

    def files(self) -> Iterator[str]:
        """The URIs of all scripts and spec files of the workspace, those that are open first."""
        opened = tuple(self._open.items())
        yield from (document.uri for _, document in opened)
        known = {key for key, _ in opened}
        count = 0
        for folder in () if self.confined else self.folders:
            for place, folders, names in os.walk(folder):
                folders[:] = sorted(
                    n for n in folders if not n.startswith(".") and n != "node_modules"
                )
                for name in sorted(names):
                    if not name.endswith((SCRIPT_ENDING, SCRIPT_ENDING + SPECS_ENDING)):
                        continue
                    uri = Path(place, name).absolute().as_uri()
                    if key_of(uri) in known:
                        continue
                    known.add(key_of(uri))
                    count += 1
                    if count > MOST_FILES:
                        return
                    yield uri

    # --- what is known of them ---

    @property
    def page(self) -> str:
        """The page that a diagnostic's code links to; the default one is a file of the machine."""
        page = self.settings.documentation
        return "" if self.confined and page == local_page() else page

    def flags(self, document: Document) -> frozenset[str]:
        """The flags that are on for a script from outside: set, or in the spec file beside it."""
        specs = self.beside(document)
        tree = specs.tree if specs is not None else None
        rows = tree.get("featureFlags") if isinstance(tree, json_tree.Object) else None
        named = rows.items if isinstance(rows, json_tree.List) else ()
        own = (row.value for row in named if isinstance(row, json_tree.Text))
        return self.settings.features.union(own)

    def checked(self, document: Document) -> CheckedProgram:
        """What the checker finds in a script."""
        return document.checked(self.flags(document))

    def checked_beside(self, specs: Document) -> CheckedProgram | None:
        """What the checker finds in the script of a spec file, if there is one."""
        script = self.beside(specs)
        return self.checked(script) if script is not None else None

    def names(self, apart_from: Document) -> Names:
        """The accounts and assets in all other documents that were looked at so far."""
        for key, document in self._open.items():
            known = self._names_open.get(key)
            if known is None or known[0] is not document:
                self._names_open[key] = document, names_of(document)
        if self._names_joined is None:
            rows = self._names.items()
            self._names_joined = Names.joined(row for key, row in rows if key not in self._open)
        others = (
            names for document, names in self._names_open.values() if document is not apart_from
        )
        return Names.joined((*others, self._names_joined))

    def look_at(self, uri: str) -> None:
        """Take note of the names in a file on disk."""
        path = path_of(uri)
        document = self._read(uri, path, keep=False) if path is not None else None
        if document is None:
            self._names.pop(key_of(uri), None)
        else:
            self._names[key_of(uri)] = names_of(document)
        self._names_joined = None
