"""Where things are: definition, references, highlights, rename, outline, workspace symbols."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from numscript.analysis.checked import CheckedProgram
from numscript_lsp import specs_symbols
from numscript_lsp.documents import Document
from numscript_lsp.features import outline, references, rename
from numscript_lsp.features.records import DocumentEdits, Place
from numscript_lsp.features.specs_outline import outline_specs, search_specs
from numscript_lsp.handlers.rows import Row
from numscript_lsp.tokens import Occurrence, SymbolKind

if TYPE_CHECKING:
    from numscript_lsp.server import NumscriptServer

MOST_SYMBOLS = 500
"""How many of the workspace's symbols a search answers with."""


class Asked:
    """A position that a request is about, in a script or its spec file, and what stands there.

    document: the one at hand; script: the script it is or belongs to; checked: that script's
    program; specs: the spec file beside the script; found: the symbol, if one is there.
    """

    def __init__(self, server: NumscriptServer, uri: str, position: types.Position) -> None:
        project = server.project
        self.server = server
        self.document = project.find(uri)
        self.script: Document | None = None
        self.specs: Document | None = None
        self.checked: CheckedProgram | None = None
        self.found: Occurrence | None = None
        if self.document is None:
            return
        other = project.beside(self.document)
        if self.document.is_specs:
            self.script, self.specs = other, self.document
        elif self.document.is_script:
            self.script, self.specs = self.document, other
        if self.script is None:
            return
        self.checked = project.checked(self.script)
        self.offset = server.converter(self.document).offset(position)
        if self.document is self.script:
            self.found = references.find_symbol(self.checked, self.offset)
        else:
            self.found = specs_symbols.symbol_at(self.document.tree, self.offset, self.declared)

    @property
    def declared(self) -> dict[str, str]:
        """The declared type by variable."""
        rows = self.checked.variables if self.checked is not None else {}
        return {name: row.type for name, row in rows.items()}

    def in_specs(self) -> Iterator[Place]:
        """Where the spec file names the symbol."""
        if self.specs is not None and self.found is not None:
            tree, symbol = self.specs.tree, self.found.symbol
            for span in specs_symbols.occurrences_of(tree, symbol, self.declared):
                yield Place(self.specs.uri, span)

    def location(self, place: Place) -> types.Location:
        """A place as the protocol has it."""
        document = self.script if self.script and place.uri == self.script.uri else self.specs
        assert document is not None
        return self.server.converter(document).location(place.span)


def definition(
    server: NumscriptServer, request: types.DefinitionParams | types.DeclarationParams
) -> list[types.Location]:
    """Where a variable is declared; for an account, where the spec file gives it something."""
    asked = Asked(server, request.text_document.uri, request.position)
    if asked.found is None or asked.checked is None or asked.script is None:
        return []
    if asked.found.symbol.kind is SymbolKind.ACCOUNT:
        return [asked.location(place) for place in asked.in_specs()][:1]
    span = references.definition(asked.checked, asked.found.symbol)
    return [] if span is None else [asked.location(Place(asked.script.uri, span))]


def find_references(
    server: NumscriptServer, request: types.ReferenceParams
) -> list[types.Location]:
    """Every place of the script and its spec file that names what stands at a position."""
    asked = Asked(server, request.text_document.uri, request.position)
    if asked.found is None or asked.checked is None or asked.script is None:
        return []
    declaration = request.context.include_declaration
    symbol, uri = asked.found.symbol, asked.script.uri
    spans = references.references(asked.checked, symbol, declaration=declaration)
    places = [*(Place(uri, span) for span in spans), *asked.in_specs()]
    return [asked.location(place) for place in places]


def highlight(
    server: NumscriptServer, request: types.DocumentHighlightParams
) -> list[types.DocumentHighlight]:
    """Every place of the script that names what stands at a position."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return []
    converter = server.converter(document)
    checked = server.project.checked(document)
    found = references.highlights(checked, converter.offset(request.position))
    return [converter.highlight(row) for row in found]


def prepare_rename(
    server: NumscriptServer, request: types.PrepareRenameParams
) -> types.PrepareRenamePlaceholder | None:
    """What would be renamed at a position, if it can be."""
    asked = Asked(server, request.text_document.uri, request.position)
    if asked.found is None or asked.document is None:
        return None
    try:
        rename.refuse(asked.found.symbol)
    except rename.RenameRefused as reason:
        raise JsonRpcInvalidParams(str(reason)) from None
    place = server.converter(asked.document).range(asked.found.span)
    return types.PrepareRenamePlaceholder(place, asked.found.symbol.name)


def rename_symbol(
    server: NumscriptServer, request: types.RenameParams
) -> types.WorkspaceEdit | None:
    """The edits that give a symbol another name in the script and its spec file."""
    asked = Asked(server, request.text_document.uri, request.position)
    if asked.found is None or asked.checked is None or asked.script is None:
        return None
    symbol = asked.found.symbol
    try:
        renamed = rename.new_symbol(asked.checked, symbol, request.new_name)
    except rename.RenameRefused as reason:
        raise JsonRpcInvalidParams(str(reason)) from None
    edits = [
        DocumentEdits(asked.script.uri, rename.rename_in_script(asked.checked, symbol, renamed))
    ]
    if asked.specs is not None:
        rows = rename.rename_in_specs(asked.checked, asked.specs.tree, symbol, renamed)
        edits.append(DocumentEdits(asked.specs.uri, rows))
    return server.workspace_edit(edits)


def document_symbols(
    server: NumscriptServer, request: types.DocumentSymbolParams
) -> list[types.DocumentSymbol]:
    """The outline of a script or of a spec file."""
    document = server.project.find(request.text_document.uri)
    if document is None:
        return []
    rows: tuple[outline.Entry, ...] = ()
    if document.is_script:
        rows = outline.outline(server.project.checked(document))
    elif document.is_specs:
        rows = outline_specs(document.tree)
    converter = server.converter(document)
    return [converter.entry(row) for row in rows]


async def workspace_symbols(
    server: NumscriptServer, request: types.WorkspaceSymbolParams
) -> list[types.WorkspaceSymbol]:
    """The variables, statements and accounts of all scripts, and the cases, that a search fits."""
    found: list[types.WorkspaceSymbol] = []
    documents = server.each_document(request.work_done_token, "Searching scripts")
    async with aclosing(documents):
        async for document in documents:
            if len(found) < MOST_SYMBOLS:
                converter = server.converter(document)
                if document.is_script:
                    entries = outline.search(document.checked(), request.query)
                else:
                    entries = search_specs(document.tree, request.query)
                found += [converter.workspace_symbol(entry) for entry in entries]
    return found[:MOST_SYMBOLS]


ROWS = (
    Row(types.TEXT_DOCUMENT_DEFINITION, definition),
    Row(types.TEXT_DOCUMENT_DECLARATION, definition),
    Row(types.TEXT_DOCUMENT_REFERENCES, find_references),
    Row(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, highlight),
    Row(types.TEXT_DOCUMENT_PREPARE_RENAME, prepare_rename),
    Row(
        types.TEXT_DOCUMENT_RENAME,
        rename_symbol,
        types.RenameOptions(prepare_provider=True),
    ),
    Row(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, document_symbols),
    Row(types.WORKSPACE_SYMBOL, workspace_symbols),
)
