"""The server of one client: `make_server` puts the handlers together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcServerNotInitialized,
)
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter
from pygls.protocol.language_server import lsp_method

from numscript import __version__
from numscript_lsp.convert import Converter
from numscript_lsp.documents import Document, path_of
from numscript_lsp.features.records import DocumentEdits
from numscript_lsp.handlers import (
    actions,
    cases,
    navigation,
    presentation,
    synchronization,
    writing,
)
from numscript_lsp.lines import Encoding
from numscript_lsp.project import Project, read_settings, setting_problems

NAME = "numscript"
ROWS = (
    *synchronization.ROWS,
    *navigation.ROWS,
    *writing.ROWS,
    *presentation.ROWS,
    *actions.ROWS,
    *cases.ROWS,
)
"""Every method that is served, but for those that `Protocol` serves itself."""


class Unreadable(NamedTuple):
    """A message whose parameters are not those of its method; `id` is None for a notification."""

    id: int | str | None
    method: str
    jsonrpc: str = "2.0"


class Protocol(LanguageServerProtocol):
    """The protocol with documents of our own.

    Those of pygls end lines also where the protocol does not, and put a column that lies behind
    the end of its line in front of it.
    """

    _server: NumscriptServer
    _initialized = False

    def structure_message(self, data: dict[str, Any]) -> Any:
        """A message as its class; one whose parameters do not fit is kept, to be answered."""
        if "jsonrpc" not in data or "method" not in data:
            return super().structure_message(data)
        try:
            kind = self.get_message_type(data["method"])
            return (
                self._converter.structure(data, kind) if kind else super().structure_message(data)
            )
        except Exception:  # cattrs raises whatever the classes do
            return Unreadable(data.get("id"), str(data["method"]))

    def handle_message(self, message: Any) -> None:
        """Handle a message, or refuse it: out of its time, or with parameters that do not fit."""
        method, number = getattr(message, "method", None), getattr(message, "id", None)
        refusal: JsonRpcException | None = None
        if method is not None and method != types.EXIT:
            if self._shutdown:
                refusal = JsonRpcInvalidRequest("the server is shutting down")
            elif not self._initialized and method != types.INITIALIZE:
                refusal = JsonRpcServerNotInitialized("the server waits for `initialize`")
            elif isinstance(message, Unreadable):
                refusal = JsonRpcInvalidParams(f"these are no parameters of `{method}`")
        if refusal is None:
            super().handle_message(message)
        elif number is not None:
            self._send_response(number, error=refusal.to_response_error())

    def _send_handler_result(self, future: Future[Any], *, msg_id: int | str) -> None:
        """Send an answer; that something is refused is one, and nothing to be logged."""
        refusal = None if future.cancelled() else future.exception()
        if isinstance(refusal, JsonRpcException):
            self._request_futures.pop(msg_id, None)
            self._send_response(msg_id, error=refusal.to_response_error())
        else:
            super()._send_handler_result(future, msg_id=msg_id)

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *request: Any) -> Any:
        """Stop all work; what the client asked for before is cancelled."""
        self._server.stop_work()
        yield from super().lsp_shutdown(*request)

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, request: types.InitializeParams) -> Any:
        """Answer with what the server can do, and take what the client can."""
        self._initialized = True
        result = yield from super().lsp_initialize(request)
        self._server.take_client(request, result.capabilities.position_encoding or "utf-16")
        return result

    @lsp_method(types.EXIT)
    def lsp_exit(self, *request: Any) -> Any:
        """End the process, or only the connection where the server is one of several."""
        self._server.exit_code = 0 if self._shutdown else 1
        self._server.stop_work()
        if self._server.on_exit is None:
            yield from super().lsp_exit(*request)
        else:
            self._server.on_exit()
            if self.writer is not None:
                self.writer.close()

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, request: types.DidOpenTextDocumentParams) -> None:
        """A document was opened."""
        synchronization.did_open(self._server, request)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, request: types.DidChangeTextDocumentParams) -> None:
        """A document was changed."""
        synchronization.did_change(self._server, request)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, request: types.DidCloseTextDocumentParams) -> None:
        """A document was closed."""
        synchronization.did_close(self._server, request)


class NumscriptServer(LanguageServer):
    """A server for one client.

    confined: whether it shows the client nothing of this machine's files; project: its documents
    and settings; options: the settings that it started with; asks_for_settings: whether the client
    wants to be asked; on_exit: what ends the connection where the process serves several clients;
    exit_code: what the process of a single client ends with.
    """

    def __init__(self, *, confined: bool = False) -> None:
        super().__init__(
            NAME,
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            protocol_cls=Protocol,
            converter_factory=default_converter,
        )
        self.confined = confined
        self.project = Project(confined=confined)
        self.options: object = None
        self.asks_for_settings = False
        self.on_exit: Callable[[], None] | None = None
        self.exit_code = 0
        self._waiting: dict[str, asyncio.Handle] = {}
        self._indexing: asyncio.Task[None] | None = None
        self._warned: list[str] = []
        self._tokens: dict[str, tuple[str, list[int]]] = {}

    def converter(self, document: Document) -> Converter:
        """What turns offsets of a document into the client's positions and back."""
        return Converter(document, self.project.encoding)

    # --- the client ---

    def take_client(self, request: types.InitializeParams, encoding: str) -> None:
        """Take what the client says of itself when it connects."""
        folders = [folder.uri for folder in request.workspace_folders or ()]
        if not folders and request.root_uri:
            folders = [request.root_uri]
        self.project = Project(
            encoding=Encoding(encoding),
            settings=read_settings(request.initialization_options),
            folders=[path for uri in folders if (path := path_of(uri)) is not None],
            confined=self.confined,
        )
        self.options = request.initialization_options
        workspace = request.capabilities.workspace
        self.asks_for_settings = bool(workspace and workspace.configuration)

    def leave(self) -> None:
        """Stop all work for a client that is gone."""
        self.stop_work()
        for future in tuple(self.protocol._request_futures.values()):
            future.cancel()

    def stop_work(self) -> None:
        """Stop what nobody waits for."""
        for waiting in self._waiting.values():
            waiting.cancel()
        if self._indexing is not None:
            self._indexing.cancel()

    @property
    def pulls(self) -> bool:
        """Whether the client asks for diagnostics, and need not be told."""
        document = self.client_capabilities.text_document
        return bool(document and document.diagnostic)

    @property
    def reads_markdown(self) -> bool:
        """Whether the client shows Markdown where it hovers, and not only plain text."""
        document = self.client_capabilities.text_document
        formats = document.hover.content_format if document and document.hover else None
        return not formats or types.MarkupKind.Markdown in formats

    @property
    def nests_symbols(self) -> bool:
        """Whether the client takes an outline with one entry in the other."""
        document = self.client_capabilities.text_document
        symbols = document.document_symbol if document else None
        return bool(symbols and symbols.hierarchical_document_symbol_support)

    @property
    def knows_snippets(self) -> bool:
        """Whether the client knows texts with places to fill in."""
        document = self.client_capabilities.text_document
        completion = document.completion if document else None
        item = completion.completion_item if completion else None
        return bool(item and item.snippet_support)

    def ask_for_settings(self) -> None:
        """Ask the client for the section `numscript` of its settings."""
        items = [types.ConfigurationItem(section=NAME)]

        def take(answer: Any) -> None:
            if answer and answer[0] is not None:
                self.use_settings(answer[0])

        self.workspace_configuration(types.ConfigurationParams(items), take)

    def use_settings(self, tree: object) -> None:
        """Take settings as the client sends them; what is open is checked anew."""
        settings = read_settings(tree)
        self.warn_of_settings(tree)
        if settings != self.project.settings:
            self.project.settings = settings
            self.publish_all()

    def warn_of_settings(self, tree: object) -> None:
        """Say what is wrong with settings, once."""
        problems = setting_problems(tree)
        for problem in problems:
            if problem not in self._warned:
                warning = types.MessageType.Warning
                self.window_show_message(types.ShowMessageParams(warning, problem))
        self._warned = problems

    def watch_files(self) -> None:
        """Ask for news of scripts and spec files on disk, if the client can give it."""
        workspace = self.client_capabilities.workspace
        watched = workspace.did_change_watched_files if workspace else None
        if not (watched and watched.dynamic_registration):
            return
        patterns = ("**/*.num", "**/*.num.specs.json")
        options = types.DidChangeWatchedFilesRegistrationOptions(
            [types.FileSystemWatcher(pattern) for pattern in patterns]
        )
        method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        self.client_register_capability(
            types.RegistrationParams([types.Registration(method, method, options)])
        )

    def workspace_edit(self, edits: Sequence[DocumentEdits]) -> types.WorkspaceEdit:
        """Edits of several documents; with their versions, where the client can look at those."""
        rows = []
        for row in edits:
            document = self.project.find(row.uri)
            if document is not None and row.edits:
                converter = self.converter(document)
                rows.append((document, [converter.edit(edit) for edit in row.edits]))
        workspace = self.client_capabilities.workspace
        about = workspace.workspace_edit if workspace else None
        if about is None or not about.document_changes:
            return types.WorkspaceEdit(changes={d.uri: edits for d, edits in rows})
        identifier = types.OptionalVersionedTextDocumentIdentifier
        return types.WorkspaceEdit(
            document_changes=[
                types.TextDocumentEdit(identifier(document.uri, document.version), list(edits))
                for document, edits in rows
            ]
        )

    def refresh_lenses(self) -> None:
        """Have the client ask for code lenses again, if it can be told to."""
        workspace = self.client_capabilities.workspace
        if workspace and workspace.code_lens and workspace.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)

    # --- semantic tokens ---

    def keep_tokens(self, uri: str, data: list[int]) -> str:
        """Keep the tokens that a client is sent; returns the name of the answer."""
        before, _ = self._tokens.get(uri, ("0", []))
        name = str(int(before) + 1)
        self._tokens[uri] = name, data
        return name

    def kept_tokens(self, uri: str, name: str) -> list[int] | None:
        """The tokens of an answer, if it was the last one for its document."""
        last, data = self._tokens.get(uri, ("", []))
        return data if last == name else None

    # --- the whole workspace ---

    async def each_document(
        self, token: types.ProgressToken | None, title: str
    ) -> AsyncGenerator[Document]:
        """Every script and spec file of the workspace, with progress where the client asked.

        Between two files other requests are served, and the work can be cancelled.
        """
        uris = await asyncio.to_thread(lambda: list(self.project.files()))
        async with self.reporting(token, title) as report:
            for number, uri in enumerate(uris):
                await asyncio.sleep(0)
                document = self.project.find(uri)
                if document is not None:
                    yield document
                report(number + 1, len(uris))

    def index_soon(self) -> None:
        """Take note of the names in all files, once, while other requests are served."""
        if self._indexing is None and self.project.folders:
            self._indexing = asyncio.get_running_loop().create_task(self._index())

    async def _index(self) -> None:
        uris = await asyncio.to_thread(lambda: list(self.project.files()))
        async with self.reporting(await self._own_token(), "Reading scripts") as report:
            for number, uri in enumerate(uris):
                await asyncio.to_thread(self.project.look_at, uri)
                report(number + 1, len(uris))

    async def _own_token(self) -> types.ProgressToken | None:
        """A token for progress that the client did not ask for, if it can show some."""
        window = self.client_capabilities.window
        if not (window and window.work_done_progress):
            return None
        token = f"{NAME}-index"
        try:
            await self.work_done_progress.create_async(token)
        except JsonRpcException:
            return None
        return token

    @asynccontextmanager
    async def reporting(
        self, token: types.ProgressToken | None, title: str
    ) -> AsyncIterator[Callable[[int, int], None]]:
        """Tell the client how far a work is, under the token it gave; call with done and all."""
        shown = -1

        def report(done: int, of: int) -> None:
            nonlocal shown
            percentage = 100 * done // of
            if token is not None and percentage > shown:
                if self.work_done_progress.tokens[token].cancelled():
                    raise asyncio.CancelledError
                shown = percentage
                value = types.WorkDoneProgressReport(
                    message=f"{done} of {of}", percentage=percentage
                )
                self.work_done_progress.report(token, value)

        if token is None:
            yield report
            return
        self.work_done_progress.begin(
            token, types.WorkDoneProgressBegin(title=title, percentage=0, cancellable=True)
        )
        try:
            yield report
        finally:
            self.work_done_progress.end(token, types.WorkDoneProgressEnd())
            self.work_done_progress.tokens.pop(token, None)

    # --- diagnostics ---

    def publish_soon(self, uri: str) -> None:
        """Publish the diagnostics of a document once all that has already arrived is handled.

        A client that asks for them is told nothing, or it would show everything twice.
        """
        if self.pulls:
            return
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self._waiting[uri] = asyncio.get_running_loop().call_soon(self.publish, uri)

    def publish_all(self) -> None:
        """Publish the diagnostics of everything that is open, or have them asked for anew."""
        if self.pulls:
            workspace = self.client_capabilities.workspace
            if workspace and workspace.diagnostics and workspace.diagnostics.refresh_support:
                self.workspace_diagnostic_refresh(None)
            return
        for document in self.project.opened:
            self.publish_soon(document.uri)

    def publish(self, uri: str) -> None:
        """Publish the diagnostics of a document as it now is."""
        self._waiting.pop(uri, None)
        document = self.project.find(uri)
        if document is None or document.version is None:
            return
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                document.uri,
                synchronization.document_diagnostics(self, document),
                version=document.version,
            )
        )


def make_server(*, confined: bool = False) -> NumscriptServer:
    """A server with every handler. confined: whether this machine's files are none of its own."""
    server = NumscriptServer(confined=confined)
    for row in ROWS:
        server.feature(row.method, row.options)(partial(row.handler, server))
    for name in cases.COMMANDS:
        server.command(name)(_command(server, name))
    return server


def _command(server: NumscriptServer, name: str) -> Callable[..., object]:
    """A command that takes its arguments as the client gives them."""

    # With `object` for `Any`, pygls would take the first argument for the server.
    def execute(*arguments: Any) -> object:
        return cases.COMMANDS[name](server, arguments)

    return execute
