"""Documents, settings and diagnostics: what the client tells, and what it is told unasked."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from numscript_lsp import convert
from numscript_lsp.documents import Document, beside, key_of, path_of
from numscript_lsp.features.cases import FileResult, failures
from numscript_lsp.features.diagnostics import Finding, findings
from numscript_lsp.features.specs_script import specs_findings
from numscript_lsp.handlers.rows import Row

if TYPE_CHECKING:
    from numscript_lsp.server import NumscriptServer


def did_open(server: NumscriptServer, request: types.DidOpenTextDocumentParams) -> None:
    """Take a document and say what is wrong with it."""
    opened = request.text_document
    server.project.open(opened.uri, opened.text, opened.version)
    server.publish_soon(opened.uri)
    server.publish_soon(beside(opened.uri))
    server.index_soon()


def did_change(server: NumscriptServer, request: types.DidChangeTextDocumentParams) -> None:
    """Take changes of a document and say what is wrong with it now."""
    changed = request.text_document
    changes = map(convert.change_of, request.content_changes)
    if server.project.change(changed.uri, changes, changed.version) is not None:
        server.publish_soon(changed.uri)
        # A script and its spec file are checked against each other.
        server.publish_soon(beside(changed.uri))


def did_close(server: NumscriptServer, request: types.DidCloseTextDocumentParams) -> None:
    """Let a document go; its diagnostics are taken away."""
    uri = request.text_document.uri
    server.project.close(uri)
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def did_save(server: NumscriptServer, request: types.DidSaveTextDocumentParams) -> None:
    """Nothing is read from disk that the editor has open."""


def document_diagnostics(server: NumscriptServer, document: Document) -> list[types.Diagnostic]:
    """What is wrong with a script, or with a spec file and those of its cases that were run."""
    found: tuple[Finding, ...] = ()
    if document.is_script:
        found = findings(server.project.checked(document))
    elif document.is_specs:
        checked = server.project.checked_beside(document)
        found = specs_findings(document.text, document.tree, checked)
        last = last_run(server, document)
        if last is not None:
            found += tuple(failures(document.tree, last))
    converter = server.converter(document)
    page = server.project.page
    return [converter.diagnostic(finding, page) for finding in found]


def last_run(server: NumscriptServer, specs: Document) -> FileResult | None:
    """What came of the cases of a spec file, if they were run as they and their script are now."""
    last = server.project.results.get(key_of(specs.uri))
    script = server.project.beside(specs)
    if last is None or script is None or not last.is_of(script.text, specs.text):
        return None
    return last


def state_of(server: NumscriptServer, document: Document) -> str:
    """A name for all that a document's diagnostics depend on."""
    script: Document | None = document
    parts = [document.text]
    if document.is_specs:
        script = server.project.beside(document)
        parts.append(script.text if script is not None else "")
        last = last_run(server, document)
        rows = last.results if last is not None else ()
        parts += [f"{row.number} {row.status}" for row in rows]
    if script is not None:
        parts += sorted(server.project.flags(script))
    return f"{hash(tuple(parts)):x}"


def diagnostic(
    server: NumscriptServer, request: types.DocumentDiagnosticParams
) -> types.DocumentDiagnosticReport:
    """What is wrong with a document, for a client that asks; or that it is what it was."""
    document = server.project.find(request.text_document.uri)
    if document is None:
        return types.RelatedFullDocumentDiagnosticReport([])
    state = state_of(server, document)
    if state == request.previous_result_id:
        return types.RelatedUnchangedDocumentDiagnosticReport(state)
    items = document_diagnostics(server, document)
    return types.RelatedFullDocumentDiagnosticReport(items, result_id=state)


async def workspace_diagnostic(
    server: NumscriptServer, request: types.WorkspaceDiagnosticParams
) -> types.WorkspaceDiagnosticReport:
    """What is wrong with all scripts of the workspace; only that it is what it was, where so."""
    known = {row.uri: row.value for row in request.previous_result_ids}
    found: list[types.WorkspaceDocumentDiagnosticReport] = []
    documents = server.each_document(request.work_done_token, "Checking scripts")
    async with aclosing(documents):
        async for document in documents:
            uri, version, state = document.uri, document.version, state_of(server, document)
            if known.get(uri) == state:
                unchanged = types.WorkspaceUnchangedDocumentDiagnosticReport
                found.append(unchanged(uri, state, version))
            else:
                full = types.WorkspaceFullDocumentDiagnosticReport
                items = document_diagnostics(server, document)
                found.append(full(uri, items, version, result_id=state))
    return types.WorkspaceDiagnosticReport(found)


def did_change_folders(
    server: NumscriptServer, request: types.DidChangeWorkspaceFoldersParams
) -> None:
    """Take the folders that were opened and closed."""
    removed = {path_of(folder.uri) for folder in request.event.removed}
    kept = [folder for folder in server.project.folders if folder not in removed]
    added = [path for folder in request.event.added if (path := path_of(folder.uri))]
    server.project.folders = kept + added


def did_change_configuration(
    server: NumscriptServer, request: types.DidChangeConfigurationParams
) -> None:
    """Take settings, or ask for them where the client would rather be asked."""
    if server.asks_for_settings:
        server.ask_for_settings()
    else:
        server.use_settings(request.settings)


def did_change_watched_files(
    server: NumscriptServer, request: types.DidChangeWatchedFilesParams
) -> None:
    """Files have changed on disk: their names, and the flags of what they lie beside."""
    for change in request.changes:
        server.project.look_at(change.uri)
    server.publish_all()


def initialized(server: NumscriptServer, request: Any) -> None:
    """The client is ready: ask for settings, and for news of files."""
    del request
    server.warn_of_settings(server.options)
    if server.asks_for_settings:
        server.ask_for_settings()
    server.watch_files()


ROWS = (
    Row(types.INITIALIZED, initialized),
    Row(types.TEXT_DOCUMENT_DID_SAVE, did_save),
    Row(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        diagnostic,
        types.DiagnosticOptions(
            inter_file_dependencies=True, workspace_diagnostics=True, identifier=convert.SOURCE
        ),
    ),
    Row(types.WORKSPACE_DIAGNOSTIC, workspace_diagnostic),
    Row(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, did_change_folders),
    Row(types.WORKSPACE_DID_CHANGE_CONFIGURATION, did_change_configuration),
    Row(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, did_change_watched_files),
)
