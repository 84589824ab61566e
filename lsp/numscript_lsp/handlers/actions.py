"""What can be changed at a place: quick fixes and refactorings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lsprotocol import types

from numscript.diagnostics import Diagnostic
from numscript_lsp.features.actions import EXTRACT, FIX_ALL, QUICK_FIX, REWRITE, Action
from numscript_lsp.features.code_actions import code_actions
from numscript_lsp.features.diagnostics import finding
from numscript_lsp.features.records import DocumentEdits
from numscript_lsp.features.specs_actions import specs_actions
from numscript_lsp.features.specs_changes import specs_edits
from numscript_lsp.handlers.rows import Row

if TYPE_CHECKING:
    from numscript_lsp.documents import Document
    from numscript_lsp.server import NumscriptServer

KINDS = (QUICK_FIX, EXTRACT, REWRITE, FIX_ALL)


def actions(server: NumscriptServer, request: types.CodeActionParams) -> list[types.CodeAction]:
    """The changes that are offered for a place or a selection."""
    document = server.project.find(request.text_document.uri)
    if document is None:
        return []
    span = server.converter(document).span(request.range)
    found: Iterable[Action] = ()
    if document.is_script:
        found = code_actions(server.project.checked(document), span)
    elif document.is_specs:
        checked = server.project.checked_beside(document)
        found = specs_actions(document.text, document.tree, checked, span)
    wanted = request.context.only
    return [
        as_action(server, document, action)
        for action in found
        if wanted is None or any(_within(action.kind, kind) for kind in wanted)
    ]


def _within(kind: str, wanted: str) -> bool:
    """Whether a kind is the one that is wanted, or a kind of it."""
    return not wanted or kind == wanted or kind.startswith(f"{wanted}.")


def as_action(server: NumscriptServer, document: Document, action: Action) -> types.CodeAction:
    """An action as the protocol has it."""
    fixed = None
    if action.fixes is not None:
        page = server.project.page
        found = action.fixes
        if isinstance(found, Diagnostic):
            found = finding(found, server.project.checked(document))
        fixed = [server.converter(document).diagnostic(found, page)]
    edits = [DocumentEdits(document.uri, action.edits)]
    specs = server.project.beside(document) if action.given is not None else None
    if specs is not None and action.given is not None:
        edits.append(DocumentEdits(specs.uri, specs_edits(specs.tree, action.given)))
    return types.CodeAction(
        action.title,
        kind=action.kind,
        diagnostics=fixed,
        is_preferred=action.preferred or None,
        edit=server.workspace_edit(edits),
    )


ROWS = (
    Row(
        types.TEXT_DOCUMENT_CODE_ACTION,
        actions,
        types.CodeActionOptions(code_action_kinds=list(KINDS)),
    ),
)
