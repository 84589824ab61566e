"""What helps while writing: completion, signatures, hover, formatting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from numscript_lsp.features import completion, formatting, hover, signature
from numscript_lsp.features.specs_completion import complete_specs
from numscript_lsp.features.specs_hover import hover_specs
from numscript_lsp.handlers.rows import Row
from numscript_lsp.names import Names, names_of

if TYPE_CHECKING:
    from numscript_lsp.documents import Document
    from numscript_lsp.server import NumscriptServer

CHARACTERS = ["@", "$", "[", '"', ":", "#"]
"""Characters after which completion is asked for by itself."""


def complete(
    server: NumscriptServer, request: types.CompletionParams
) -> types.CompletionList | None:
    """What may stand at a position."""
    document = server.project.find(request.text_document.uri)
    if document is None:
        return None
    converter = server.converter(document)
    offset = converter.offset(request.position)
    names = server.project.names(apart_from=document)
    if document.is_script:
        found = completion.complete(server.project.checked(document), offset, names)
    elif document.is_specs:
        found = _complete_specs(server, document, offset, names)
    else:
        return None
    return converter.completion(found, snippets=server.knows_snippets)


def _complete_specs(
    server: NumscriptServer, document: Document, offset: int, names: Names
) -> completion.Suggestions:
    """What may stand in a spec file: the names of its script come first, then its own."""
    script = server.project.beside(document)
    own = [names_of(script)] if script is not None else []
    names = Names.joined((*own, names_of(document), names))
    checked = server.project.checked(script) if script is not None else None
    return complete_specs(document.text, document.tree, offset, checked, names)


def resolve(server: NumscriptServer, request: types.CompletionItem) -> types.CompletionItem:
    """The documentation of what is looked at in the list."""
    del server
    kind = request.data if isinstance(request.data, str) else ""
    text = completion.documentation(request.label, kind)
    if text:
        request.documentation = types.MarkupContent(types.MarkupKind.Markdown, text)
    return request


def show_hover(server: NumscriptServer, request: types.HoverParams) -> types.Hover | None:
    """What is known of what stands at a position."""
    document = server.project.find(request.text_document.uri)
    if document is None:
        return None
    converter = server.converter(document)
    offset = converter.offset(request.position)
    found = None
    if document.is_script:
        found = hover.hover(server.project.checked(document), offset)
    elif document.is_specs:
        script = server.project.beside(document)
        checked = server.project.checked(script) if script is not None else None
        found = hover_specs(document.text, document.tree, offset, checked)
    return None if found is None else converter.hover(found)


def signature_help(
    server: NumscriptServer, request: types.SignatureHelpParams
) -> types.SignatureHelp | None:
    """The function whose arguments are being written."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return None
    converter = server.converter(document)
    checked = server.project.checked(document)
    found = signature.signature(checked, converter.offset(request.position))
    return None if found is None else converter.signature(found)


def format_document(
    server: NumscriptServer, request: types.DocumentFormattingParams
) -> list[types.TextEdit] | None:
    """The edits that make a script canonical."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return None
    converter = server.converter(document)
    return [converter.edit(edit) for edit in formatting.format_document(document.parsed)]


def format_range(
    server: NumscriptServer, request: types.DocumentRangeFormattingParams
) -> list[types.TextEdit] | None:
    """The edits of what a range touches."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return None
    converter = server.converter(document)
    span = converter.span(request.range)
    return [converter.edit(edit) for edit in formatting.format_selection(document.parsed, span)]


def format_typed(
    server: NumscriptServer, request: types.DocumentOnTypeFormattingParams
) -> list[types.TextEdit] | None:
    """The edits after a character was typed."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return None
    converter = server.converter(document)
    offset = converter.offset(request.position)
    edits = formatting.format_typed(document.parsed, offset, request.ch)
    return [converter.edit(edit) for edit in edits]


ROWS = (
    Row(
        types.TEXT_DOCUMENT_COMPLETION,
        complete,
        types.CompletionOptions(trigger_characters=CHARACTERS, resolve_provider=True),
    ),
    Row(types.COMPLETION_ITEM_RESOLVE, resolve),
    Row(types.TEXT_DOCUMENT_HOVER, show_hover),
    Row(
        types.TEXT_DOCUMENT_SIGNATURE_HELP,
        signature_help,
        types.SignatureHelpOptions(trigger_characters=["(", ","]),
    ),
    Row(types.TEXT_DOCUMENT_FORMATTING, format_document),
    Row(types.TEXT_DOCUMENT_RANGE_FORMATTING, format_range),
    Row(
        types.TEXT_DOCUMENT_ON_TYPE_FORMATTING,
        format_typed,
        types.DocumentOnTypeFormattingOptions(
            first_trigger_character=formatting.TRIGGERS[0],
            more_trigger_character=list(formatting.TRIGGERS[1:]),
        ),
    ),
)
