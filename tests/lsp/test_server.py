"""The server from outside: what it says and answers, through a client of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import (
    ClientServerConfig,
    LanguageClient,
    client_capabilities,
    make_test_lsp_client,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = """\
vars {
  account $buyer
  monetary $price = balance($buyer, USD/2)
}

send $price (
  source = $buyer
  destination = {
    1/3 to @fees
    remaining to @shop
  }
)
"""
SPECS = """\
{
  "variables": {"buyer": "shop"},
  "balances": [{"account": "shop", "asset": "EUR/2", "amount": 5}],
  "testCases": [{"it": "sells", "variables": {"buyer": "shop"}, "expect.postings": [
    {"source": "shop", "destination": "fees", "amount": 1, "asset": "EUR/2"}
  ]}]
}
"""


def make_client() -> LanguageClient:
    """A client that takes what servers register with it, and keeps the progress they report."""
    client = make_test_lsp_client()

    def register(request: types.RegistrationParams) -> None:
        client.registered = [row.method for row in request.registrations]  # type: ignore[attr-defined]

    client.feature(types.CLIENT_REGISTER_CAPABILITY)(register)
    return client


CONFIG = ClientServerConfig([sys.executable, "-m", "numscript", "lsp"], make_client)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with some files on disk."""
    place = tmp_path_factory.mktemp("workspace")
    (place / "old").mkdir()
    (place / "old" / "refund.num").write_text(
        "send [GBP/2 7] ( source = @refunds:bank destination = @customers )", "utf-8"
    )
    (place / "broken.num").write_text("send [USD/2 1] (", "utf-8")
    (place / "sale.num").write_text(TEXT, "utf-8")
    (place / "sale.num.specs.json").write_text(SPECS, "utf-8")
    return place


@pytest_lsp.fixture(scope="module", config=CONFIG)  # type: ignore[untyped-decorator] # as it is
async def client(lsp_client: LanguageClient, folder: Path) -> AsyncIterator[None]:
    lsp_client.set_configuration({"numscript": {"features": []}})
    result = await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities("visual-studio-code"),
            workspace_folders=[types.WorkspaceFolder(folder.as_uri(), "workspace")],
        )
    )
    lsp_client.offered = result.capabilities  # type: ignore[attr-defined]
    yield
    await lsp_client.shutdown_session()


class Opened:
    """A document that a client has open, and positions in it."""

    def __init__(self, client: LanguageClient, path: Path, text: str, version: int = 1) -> None:
        self.client = client
        self.uri = path.as_uri()
        self.text = text
        self.version = version
        self.document = types.TextDocumentIdentifier(self.uri)
        language = "json" if path.suffix == ".json" else "numscript"
        item = types.TextDocumentItem(self.uri, language, version, text)
        client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def at(self, word: str, into: int = 1, nth: int = 0) -> types.Position:
        """The position of a character of a word; all texts here are ASCII."""
        offset = -1
        for _ in range(nth + 1):
            offset = self.text.index(word, offset + 1)
        before = self.text[: offset + into]
        return types.Position(before.count("\n"), len(before) - before.rfind("\n") - 1)

    def everything(self) -> types.Range:
        return types.Range(types.Position(0, 0), types.Position(self.text.count("\n") + 1, 0))

    def change(self, *changes: types.TextDocumentContentChangeEvent) -> None:
        self.version += 1
        identifier = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(identifier, list(changes))
        )

    def replace(self, text: str) -> None:
        self.text = text
        self.change(types.TextDocumentContentChangeWholeDocument(text))

    async def diagnostics(self, *codes: str) -> list[types.Diagnostic]:
        """What the server says, as soon as it is what is expected."""
        found: list[types.Diagnostic] | None = None
        for _ in range(1000):
            found = list(self.client.diagnostics.get(self.uri, ()))
            if self.uri in self.client.diagnostics and [row.code for row in found] == [*codes]:
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"expected {codes}, found {found}")

    def close(self) -> None:
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(self.document))


@pytest.fixture
def sale(client: LanguageClient, folder: Path) -> Opened:
    return Opened(client, folder / "sale.num", TEXT)


def texts(opened: Opened, locations: object) -> list[tuple[str, str]]:
    """File name and text of locations, sorted."""
    assert isinstance(locations, (list, tuple))
    found = []
    for location in locations:
        name = Path(location.uri).name
        lines = (opened.text if name == "sale.num" else SPECS).split("\n")
        place = location.range
        found.append((name, lines[place.start.line][place.start.character : place.end.character]))
    return sorted(found)


async def test_what_is_served_is_advertised(client: LanguageClient) -> None:
    offered = client.offered  # type: ignore[attr-defined]
    for name in (
        "completion_provider",
        "hover_provider",
        "signature_help_provider",
        "definition_provider",
        "declaration_provider",
        "references_provider",
        "document_highlight_provider",
        "document_symbol_provider",
        "workspace_symbol_provider",
        "document_formatting_provider",
        "document_range_formatting_provider",
        "document_on_type_formatting_provider",
        "rename_provider",
    ):
        assert getattr(offered, name), name
    sync = offered.text_document_sync
    assert isinstance(sync, types.TextDocumentSyncOptions)
    assert sync.change is types.TextDocumentSyncKind.Incremental


async def test_diagnostics_are_pushed_after_every_change(
    client: LanguageClient, folder: Path
) -> None:
    opened = Opened(client, folder / "new.num", "vars { number $unused }")
    (found,) = await opened.diagnostics("NUM301")
    assert found.severity is types.DiagnosticSeverity.Warning
    assert list(found.tags or ()) == [types.DiagnosticTag.Unnecessary]
    assert found.source == "numscript"
    assert found.code_description is not None
    assert found.code_description.href.endswith("docs/errors.md#num301-unused-variable")
    at = types.Position(0, 15)
    opened.change(
        types.TextDocumentContentChangePartial(types.Range(at, at), "x number $x"),
        types.TextDocumentContentChangePartial(types.Range(at, at), ""),
    )
    opened.text = "vars { number $x number $xunused }"
    found, other = await opened.diagnostics("NUM301", "NUM301")
    assert found.range.start == opened.at("$x", 0)
    assert other.range.end == opened.at("$xunused", 8)
    opened.replace("fail")
    await opened.diagnostics()
    opened.replace("print $x")
    await opened.diagnostics("NUM203")
    opened.close()
    await opened.diagnostics()


async def test_what_else_a_diagnostic_is_about_is_linked(
    client: LanguageClient, folder: Path
) -> None:
    text = "vars { number $twice number $twice } print $twice"
    opened = Opened(client, folder / "twice.num", text)
    (found,) = await opened.diagnostics("NUM202")
    (first,) = found.related_information or ()
    assert first.location.range.start == opened.at("$twice", 0)
    assert found.range.start == opened.at("$twice", 0, nth=1)
    opened.close()


async def test_diagnostics_are_given_when_asked_for(client: LanguageClient, sale: Opened) -> None:
    report = await client.text_document_diagnostic_async(
        types.DocumentDiagnosticParams(sale.document)
    )
    assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
    assert list(report.items) == []
    again = await client.text_document_diagnostic_async(
        types.DocumentDiagnosticParams(sale.document, previous_result_id=report.result_id)
    )
    assert isinstance(again, types.RelatedUnchangedDocumentDiagnosticReport)
    sale.replace(TEXT.replace("remaining", "1/3"))
    changed = await client.text_document_diagnostic_async(
        types.DocumentDiagnosticParams(sale.document, previous_result_id=report.result_id)
    )
    assert isinstance(changed, types.RelatedFullDocumentDiagnosticReport)
    assert [row.code for row in changed.items] == ["NUM406"]


@pytest.mark.usefixtures("sale")
async def test_diagnostics_of_the_whole_workspace(client: LanguageClient) -> None:
    report = await client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams([]))
    found = {Path(row.uri).name: row for row in report.items}
    assert set(found) >= {"sale.num", "refund.num", "broken.num", "sale.num.specs.json"}
    broken = found["broken.num"]
    assert isinstance(broken, types.WorkspaceFullDocumentDiagnosticReport)
    assert [row.code for row in broken.items] == ["NUM103"]
    known = [types.PreviousResultId(row.uri, row.result_id or "") for row in report.items]
    again = await client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams(known))
    assert {row.kind for row in again.items} == {"unchanged"}


async def test_completion_offers_what_fits_and_explains_it(
    client: LanguageClient, sale: Opened
) -> None:
    found = await client.text_document_completion_async(
        types.CompletionParams(sale.document, sale.at("$buyer", 0, nth=2))
    )
    assert isinstance(found, types.CompletionList)
    labels = [item.label for item in found.items]
    assert labels[:1] == ["$buyer"]
    assert {"@fees", "@shop", "@world", "max"} <= set(labels)
    assert "$price" not in labels
    word = next(item for item in found.items if item.label == "max")
    edit = word.text_edit
    assert isinstance(edit, types.TextEdit)
    assert edit.new_text.startswith("max [${1:USD/2} ")
    full = await client.completion_item_resolve_async(word)
    assert isinstance(full.documentation, types.MarkupContent)
    assert "caps what a source gives" in full.documentation.value


async def test_completion_knows_the_names_of_the_whole_workspace(
    client: LanguageClient, sale: Opened
) -> None:
    asked = types.CompletionParams(sale.document, sale.at("@shop", 1))
    for _ in range(100):
        found = await client.text_document_completion_async(asked)
        assert isinstance(found, types.CompletionList)
        labels = {item.label for item in found.items}
        if "@refunds:bank" in labels:
            break
        await asyncio.sleep(0.05)
    assert {"@refunds:bank", "@customers", "@fees"} <= labels


async def test_hover_says_what_stands_there(client: LanguageClient, sale: Opened) -> None:
    found = await client.text_document_hover_async(
        types.HoverParams(sale.document, sale.at("$price"))
    )
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    assert "monetary $price = balance($buyer, USD/2)" in found.contents.value
    assert found.range == types.Range(sale.at("$price", 0), sale.at("$price", 6))
    nothing = types.HoverParams(sale.document, types.Position(4, 0))
    assert await client.text_document_hover_async(nothing) is None


async def test_signature_help_follows_the_arguments(client: LanguageClient, sale: Opened) -> None:
    found = await client.text_document_signature_help_async(
        types.SignatureHelpParams(sale.document, sale.at("USD/2", 0))
    )
    assert found is not None
    (shown,) = found.signatures
    assert shown.label == "balance(account: account, asset: asset) -> monetary"
    assert found.active_parameter == 1
    row = (shown.parameters or ())[1]
    assert isinstance(row.label, (tuple, list))
    assert shown.label[row.label[0] : row.label[1]] == "asset: asset"


async def test_definition_leads_to_where_a_variable_is_declared(
    client: LanguageClient, sale: Opened, folder: Path
) -> None:
    for position in (sale.at("$buyer", nth=1), sale.at("$buyer", nth=2)):
        found = await client.text_document_definition_async(
            types.DefinitionParams(sale.document, position)
        )
        assert isinstance(found, (list, tuple))
        (place,) = found
        assert isinstance(place, types.Location)
        assert place.range.start == sale.at("$buyer")
        same = await client.text_document_declaration_async(
            types.DeclarationParams(sale.document, position)
        )
        assert same == found
    specs = Opened(client, folder / "sale.num.specs.json", SPECS)
    from_specs = await client.text_document_definition_async(
        types.DefinitionParams(specs.document, specs.at('"buyer"', 2))
    )
    assert texts(sale, from_specs) == [("sale.num", "buyer")]
    specs.close()


async def test_references_are_found_in_the_script_and_its_spec_file(
    client: LanguageClient, sale: Opened
) -> None:
    async def find(position: types.Position, *, declaration: bool) -> list[tuple[str, str]]:
        resources = types.ReferenceContext(include_declaration=declaration)
        asked = types.ReferenceParams(resources, sale.document, position)
        return texts(sale, await client.text_document_references_async(asked))

    beside = [("sale.num.specs.json", "buyer")] * 2
    assert await find(sale.at("$buyer"), declaration=True) == [("sale.num", "buyer")] * 3 + beside
    assert await find(sale.at("$buyer"), declaration=False) == [("sale.num", "buyer")] * 2 + beside
    shops = [("sale.num", "shop")] + [("sale.num.specs.json", "shop")] * 4
    assert await find(sale.at("@shop"), declaration=True) == shops


async def test_highlights_tell_the_declaration_from_the_uses(
    client: LanguageClient, sale: Opened
) -> None:
    found = await client.text_document_document_highlight_async(
        types.DocumentHighlightParams(sale.document, sale.at("$price"))
    )
    kinds = [row.kind for row in found or ()]
    assert kinds == [types.DocumentHighlightKind.Write, types.DocumentHighlightKind.Read]


async def test_rename_changes_the_script_and_its_spec_file(
    client: LanguageClient, sale: Opened
) -> None:
    at = sale.at("$buyer", nth=2)
    asked = await client.text_document_prepare_rename_async(
        types.PrepareRenameParams(sale.document, at)
    )
    assert isinstance(asked, types.PrepareRenamePlaceholder)
    assert asked.placeholder == "buyer"
    edit = await client.text_document_rename_async(
        types.RenameParams(sale.document, at, "$customer")
    )
    assert edit is not None
    after = {}
    for change in edit.document_changes or ():
        assert isinstance(change, types.TextDocumentEdit)
        name = Path(change.text_document.uri).name
        assert change.text_document.version == (1 if name == "sale.num" else None)
        after[name] = applied(TEXT if name == "sale.num" else SPECS, change.edits)
    assert after["sale.num"] == TEXT.replace("$buyer", "$customer")
    assert after["sale.num.specs.json"] == SPECS.replace('"buyer"', '"customer"')


def applied(text: str, edits: object) -> str:
    """An ASCII text after edits."""
    assert isinstance(edits, (list, tuple))
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda row: row.range.start, reverse=True):
        assert isinstance(edit, types.TextEdit)
        first, last = edit.range.start, edit.range.end
        head, tail = lines[first.line][: first.character], lines[last.line][last.character :]
        lines[first.line : last.line + 1] = (head + edit.new_text + tail).split("\n")
    return "\n".join(lines)


async def test_names_that_cannot_be_given_are_refused_with_the_reason(
    client: LanguageClient, sale: Opened
) -> None:
    at = sale.at("$buyer")
    for name, reason in (("Buyer", "use small letters"), ("price", "is declared already")):
        with pytest.raises(JsonRpcException, match=reason):
            await client.text_document_rename_async(types.RenameParams(sale.document, at, name))
    sale.replace("send [USD/2 1] ( source = @world destination = @b )")
    with pytest.raises(JsonRpcException, match="keeps its name"):
        await client.text_document_prepare_rename_async(
            types.PrepareRenameParams(sale.document, sale.at("@world"))
        )


async def test_outline_and_workspace_symbols(client: LanguageClient, sale: Opened) -> None:
    outline = await client.text_document_document_symbol_async(
        types.DocumentSymbolParams(sale.document)
    )
    rows = [row for row in outline or () if isinstance(row, types.DocumentSymbol)]
    assert [(row.name, row.detail) for row in rows] == [
        ("vars", None),
        ("send $price", "$buyer → @fees, @shop"),
    ]
    assert [row.name for row in rows[0].children or ()] == ["$buyer", "$price"]
    found = await client.workspace_symbol_async(types.WorkspaceSymbolParams("refbank"))
    names = [(row.name, row.container_name) for row in found or ()]
    assert ("@refunds:bank", "refund.num") in names
    assert not any("sale" in str(name) for _, name in names)


async def test_formatting_whole_in_part_and_while_typing(
    client: LanguageClient, folder: Path
) -> None:
    crooked = "send [USD/2 1](source=@a destination=@b)\n\n\n\nfail"
    opened = Opened(client, folder / "crooked.num", crooked)
    options = types.FormattingOptions(2, insert_spaces=True)
    straight = "send [USD/2 1] (\n  source = @a\n  destination = @b\n)"
    edits = await client.text_document_formatting_async(
        types.DocumentFormattingParams(opened.document, options)
    )
    assert applied(crooked, edits) == f"{straight}\n\nfail\n"
    first = types.Range(types.Position(0, 0), types.Position(0, 5))
    edits = await client.text_document_range_formatting_async(
        types.DocumentRangeFormattingParams(opened.document, first, options)
    )
    assert applied(crooked, edits) == f"{straight}\n\n\n\nfail"
    edits = await client.text_document_on_type_formatting_async(
        types.DocumentOnTypeFormattingParams(opened.document, types.Position(0, 40), ")", options)
    )
    assert applied(crooked, edits) == f"{straight}\n\n\n\nfail"
    broken = "send [USD/2 1] (\n"
    opened.replace(broken)
    edits = await client.text_document_on_type_formatting_async(
        types.DocumentOnTypeFormattingParams(opened.document, types.Position(1, 0), "\n", options)
    )
    assert applied(broken, edits) == broken + "  "
    edits = await client.text_document_formatting_async(
        types.DocumentFormattingParams(opened.document, options)
    )
    assert list(edits or ()) == []
    opened.close()


async def test_settings_are_asked_for_and_taken(client: LanguageClient, folder: Path) -> None:
    text = "send [USD/2 1] ( source = oneof { @a @b } destination = @c )"
    opened = Opened(client, folder / "flags.num", text)
    await opened.diagnostics("NUM420")
    client.set_configuration({"numscript": {"features": ["experimental-oneof"]}})
    client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    await opened.diagnostics()
    client.set_configuration({"numscript": {"features": []}})
    client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    await opened.diagnostics("NUM420")
    opened.close()


async def test_flags_of_the_spec_file_are_on_in_its_script(
    client: LanguageClient, folder: Path
) -> None:
    text = "send [USD/2 1] ( source = oneof { @a @b } destination = @c )"
    specs = folder / "specced.num.specs.json"
    specs.write_text(json.dumps({"featureFlags": ["experimental-oneof"]}), "utf-8")
    opened = Opened(client, folder / "specced.num", text)
    await opened.diagnostics()
    specs.unlink()
    client.workspace_did_change_watched_files(
        types.DidChangeWatchedFilesParams(
            [types.FileEvent(specs.as_uri(), types.FileChangeType.Deleted)]
        )
    )
    await opened.diagnostics("NUM420")
    client.text_document_did_save(types.DidSaveTextDocumentParams(opened.document))
    opened.close()


async def test_folders_come_and_go(client: LanguageClient, tmp_path: Path) -> None:
    (tmp_path / "far.num").write_text("print @far:away", "utf-8")
    added = types.WorkspaceFolder(tmp_path.as_uri(), "far")

    async def names() -> list[str]:
        found = await client.workspace_symbol_async(types.WorkspaceSymbolParams("@faraway"))
        return [row.name for row in found or ()]

    assert "@far:away" not in await names()
    for event in (
        types.WorkspaceFoldersChangeEvent([added], []),
        types.WorkspaceFoldersChangeEvent([], [added]),
    ):
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        assert ("@far:away" in await names()) is bool(event.added)


async def test_work_on_the_whole_workspace_shows_its_progress(client: LanguageClient) -> None:
    client.progress_reports["search"] = []
    await client.workspace_symbol_async(types.WorkspaceSymbolParams("x", work_done_token="search"))
    shown = client.progress_reports["search"]
    assert isinstance(shown[0], types.WorkDoneProgressBegin)
    assert isinstance(shown[-1], types.WorkDoneProgressEnd)
    assert all(isinstance(row, types.WorkDoneProgressReport) for row in shown[1:-1])
    assert shown[-2].percentage == 100


async def send(
    client: LanguageClient, method: str, request: object, **about: str
) -> asyncio.Future[object]:
    """Send a request, whose answer is waited for later."""
    answer = client.protocol.send_request_async(method, request, **about)  # type: ignore[no-untyped-call]
    waiting = asyncio.ensure_future(answer)
    await asyncio.sleep(0)
    return waiting


async def test_work_that_is_no_longer_wanted_can_be_cancelled(
    client: LanguageClient, tmp_path: Path
) -> None:
    for number in range(200):
        (tmp_path / f"{number}.num").write_text(TEXT * 20, "utf-8")
    added = types.WorkspaceFolder(tmp_path.as_uri(), "many")
    client.workspace_did_change_workspace_folders(
        types.DidChangeWorkspaceFoldersParams(types.WorkspaceFoldersChangeEvent([added], []))
    )
    long = await send(
        client, types.WORKSPACE_SYMBOL, types.WorkspaceSymbolParams("zzz"), msg_id="long"
    )
    client.cancel_request(types.CancelParams("long"))
    with pytest.raises(JsonRpcException, match="cancel"):
        await long
    client.progress_reports["stop"] = []
    by_token = await send(
        client, types.WORKSPACE_SYMBOL, types.WorkspaceSymbolParams("zzz", work_done_token="stop")
    )
    while not client.progress_reports["stop"]:
        await asyncio.sleep(0.01)
    client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams("stop"))
    with pytest.raises(JsonRpcException, match="cancel"):
        await by_token
    client.workspace_did_change_workspace_folders(
        types.DidChangeWorkspaceFoldersParams(types.WorkspaceFoldersChangeEvent([], [added]))
    )


async def test_news_of_files_is_asked_for(client: LanguageClient) -> None:
    assert client.registered == [types.WORKSPACE_DID_CHANGE_WATCHED_FILES]  # type: ignore[attr-defined]


async def test_unknown_documents_are_no_reason_to_fail(client: LanguageClient) -> None:
    nowhere = types.TextDocumentIdentifier("file:///nowhere/at-all.num")
    at = types.Position(3, 7)
    assert await client.text_document_hover_async(types.HoverParams(nowhere, at)) is None
    assert not await client.text_document_definition_async(types.DefinitionParams(nowhere, at))
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(7, nowhere.uri),
            [types.TextDocumentContentChangeWholeDocument("fail")],
        )
    )
    assert await client.text_document_hover_async(types.HoverParams(nowhere, at)) is None
