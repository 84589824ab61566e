"""How a text is shown: semantic tokens, folding, selection, inlay hints, links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from numscript.script import Span
from numscript_lsp.documents import SPECS_ENDING, Document, beside, path_of
from numscript_lsp.features.document_links import Link, script_links, specs_links
from numscript_lsp.features.folding import folding_ranges
from numscript_lsp.features.inlay_hints import inlay_hints
from numscript_lsp.features.selection import selection_ranges, specs_selection_ranges
from numscript_lsp.features.semantic_tokens import (
    TOKEN_MODIFIERS,
    TOKEN_TYPES,
    data_edits,
    semantic_tokens,
)
from numscript_lsp.handlers.rows import Row

if TYPE_CHECKING:
    from numscript_lsp.server import NumscriptServer

LEGEND = types.SemanticTokensLegend(list(TOKEN_TYPES), list(TOKEN_MODIFIERS))
_NUMBER_BY_TYPE = {name: number for number, name in enumerate(TOKEN_TYPES)}


# --- semantic tokens --------------------------------------------------------------------------


def token_data(
    server: NumscriptServer, document: Document, within: Span | None = None
) -> list[int]:
    """The tokens as the protocol packs them: five numbers each, places relative to the last."""
    encoding, lines = server.project.encoding, document.lines
    data: list[int] = []
    line = column = 0
    for span, kind, modifiers in semantic_tokens(document.parsed, lines, within):
        at = lines.position(span.start, encoding)
        length = encoding.units(document.text[span.start : span.end])
        start = at.column - column if at.line == line else at.column
        data += (at.line - line, start, length, _NUMBER_BY_TYPE[kind], modifiers)
        line, column = at
    return data


def tokens_full(
    server: NumscriptServer, request: types.SemanticTokensParams
) -> types.SemanticTokens | None:
    """All tokens of a script; they are kept, so that the next answer can be the difference."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return None
    data = token_data(server, document)
    return types.SemanticTokens(data, server.keep_tokens(document.uri, data))


def tokens_delta(
    server: NumscriptServer, request: types.SemanticTokensDeltaParams
) -> types.SemanticTokens | types.SemanticTokensDelta | None:
    """What changed since an answer, if that was the last one; else all tokens."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return None
    before = server.kept_tokens(document.uri, request.previous_result_id)
    data = token_data(server, document)
    result_id = server.keep_tokens(document.uri, data)
    if before is None:
        return types.SemanticTokens(data, result_id)
    edits = [
        types.SemanticTokensEdit(edit.start, edit.delete_count, list(edit.data))
        for edit in data_edits(before, data)
    ]
    return types.SemanticTokensDelta(edits, result_id)


def tokens_range(
    server: NumscriptServer, request: types.SemanticTokensRangeParams
) -> types.SemanticTokens | None:
    """The tokens that are in sight."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return None
    within = server.converter(document).span(request.range)
    return types.SemanticTokens(token_data(server, document, within))


# --- folding, selection -----------------------------------------------------------------------


def folding(server: NumscriptServer, request: types.FoldingRangeParams) -> list[types.FoldingRange]:
    """What can be folded in a script."""
    document = server.project.script(request.text_document.uri)
    if document is None:
        return []
    return [
        types.FoldingRange(first, last, kind=types.FoldingRangeKind(kind))
        for first, last, kind in folding_ranges(document.parsed, document.lines)
    ]


def selection(
    server: NumscriptServer, request: types.SelectionRangeParams
) -> list[types.SelectionRange] | None:
    """What is selected around each position when the selection grows."""
    document = server.project.find(request.text_document.uri)
    if document is None:
        return None
    converter = server.converter(document)
    found = []
    for position in request.positions:
        offset = converter.offset(position)
        if document.is_script:
            spans = selection_ranges(document.parsed, offset)
        else:
            spans = specs_selection_ranges(document.tree, document.text, offset)
        outer: types.SelectionRange | None = None
        for span in reversed(spans):
            outer = types.SelectionRange(converter.range(span), outer)
        # Every position has an answer, at its place in the list.
        found.append(outer or types.SelectionRange(types.Range(position, position)))
    return found


# --- hints, links -----------------------------------------------------------------------------


def hints(server: NumscriptServer, request: types.InlayHintParams) -> list[types.InlayHint]:
    """The hints in a stretch of a script."""
    document = server.project.script(request.text_document.uri)
    if document is None or not server.project.settings.inlay_hints:
        return []
    converter = server.converter(document)
    within = converter.span(request.range)
    found = []
    for offset, label, tooltip, parameter in inlay_hints(server.project.checked(document), within):
        kind = types.InlayHintKind.Parameter if parameter else types.InlayHintKind.Type
        found.append(
            types.InlayHint(
                converter.position(offset),
                label,
                kind,
                tooltip=tooltip or None,
                padding_left=not parameter and not label.startswith(":"),
                padding_right=parameter,
            )
        )
    return found


def links(server: NumscriptServer, request: types.DocumentLinkParams) -> list[types.DocumentLink]:
    """The files that a script or a spec file leads to."""
    document = server.project.find(request.text_document.uri)
    path = path_of(request.text_document.uri)
    if document is None or path is None:
        return []
    folder, other = path.parent, path_of(beside(document.uri))
    name = other.name if other is not None else ""

    def exists(file: str) -> bool:
        return server.project.has_file(folder / file)

    found: list[Link] = []
    if document.is_script:
        found = script_links(document.parsed, path.name + SPECS_ENDING, exists)
    elif document.is_specs:
        found = specs_links(document.tree, name, exists)
    converter = server.converter(document)
    return [
        types.DocumentLink(
            converter.range(span), (folder / file).resolve().as_uri(), tooltip=tooltip
        )
        for span, file, tooltip in found
    ]


ROWS = (
    Row(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, tokens_full, LEGEND),
    Row(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL_DELTA, tokens_delta, LEGEND),
    Row(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_RANGE, tokens_range, LEGEND),
    Row(types.TEXT_DOCUMENT_FOLDING_RANGE, folding),
    Row(types.TEXT_DOCUMENT_SELECTION_RANGE, selection),
    Row(types.TEXT_DOCUMENT_INLAY_HINT, hints),
    Row(types.TEXT_DOCUMENT_DOCUMENT_LINK, links),
)
