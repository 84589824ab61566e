"""Spec files in an editor: diagnostics, completion, hover, outline, fixes and running of cases."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from tests.lsp.test_presentation import changed, opened
from tests.lsp.test_server import make_client

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = """\
vars { account $seller }
send [USD/2 100] ( source = @world destination = $seller )
"""


def posting(amount: int) -> dict[str, object]:
    return {"source": "world", "destination": "shop", "asset": "USD/2", "amount": amount}


SPECS = json.dumps(
    {
        "variables": {"seler": "shop", "seller": "shop"},
        "testCases": [
            {"it": "pays", "expect.postings": [posting(100)]},
            {"it": "overpays", "expect.postings": [posting(101)]},
        ],
    },
    indent=2,
)
GOOD = SPECS.replace('"seler": "shop",', "").replace("101", "100")


def make_refreshed_client() -> LanguageClient:
    """A client that can be told to ask for code lenses again."""
    client = make_client()
    client.refreshed = 0  # type: ignore[attr-defined]

    def refresh(_: None) -> None:
        client.refreshed += 1  # type: ignore[attr-defined]

    client.feature(types.WORKSPACE_CODE_LENS_REFRESH)(refresh)
    return client


CONFIG = ClientServerConfig([sys.executable, "-m", "numscript", "lsp"], make_refreshed_client)


@pytest_lsp.fixture(scope="module", config=CONFIG)  # type: ignore[untyped-decorator] # as it is
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    await lsp_client.initialize_session(
        types.InitializeParams(capabilities=client_capabilities("visual-studio-code"))
    )
    yield
    await lsp_client.shutdown_session()


def open_both(
    client: LanguageClient, folder: Path
) -> tuple[types.TextDocumentIdentifier, types.TextDocumentIdentifier]:
    """A script and its spec file, both open and neither on disk."""
    script = opened(client, folder / "sale.num", SCRIPT)
    return script, opened(client, folder / "sale.num.specs.json", SPECS)


def position(text: str, word: str, into: int = 1) -> types.Position:
    at = text.index(word) + into
    line = text.count("\n", 0, at)
    return types.Position(line, at - text.rfind("\n", 0, at) - 1)


async def published(client: LanguageClient, uri: str, *messages: str) -> list[types.Diagnostic]:
    """The diagnostics of a document, once they start with these messages."""
    for _ in range(100):
        found = client.diagnostics.get(uri)
        if found is not None and len(found) == len(messages):
            pairs = zip(found, messages, strict=True)
            if all(row.message.startswith(message) for row, message in pairs):
                return list(found)
        await asyncio.sleep(0.05)
    raise AssertionError(f"{client.diagnostics.get(uri)} instead of {messages}")


async def test_a_spec_file_is_checked_against_its_script(
    client: LanguageClient, tmp_path: Path
) -> None:
    script, specs = open_both(client, tmp_path)
    (found,) = await published(client, specs.uri, "the script declares no variable `$seler`")
    assert found.range.start == position(SPECS, '"seler"', 0)
    changed(client, script, SCRIPT.replace("$seller", "$seler"))
    await published(client, specs.uri, "the script declares no variable `$seller`")


async def test_a_client_that_asks_is_told_when_anything_changed(
    client: LanguageClient, tmp_path: Path
) -> None:
    script, specs = open_both(client, tmp_path)
    first = await pulled(client, specs, None)
    assert isinstance(first, types.RelatedFullDocumentDiagnosticReport)
    assert len(first.items) == 1
    again = await pulled(client, specs, first.result_id)
    assert isinstance(again, types.RelatedUnchangedDocumentDiagnosticReport)
    await execute(client, "numscript.testFile", specs.uri)
    ran = await pulled(client, specs, first.result_id)
    assert isinstance(ran, types.RelatedFullDocumentDiagnosticReport)
    assert len(ran.items) == 2
    changed(client, script, SCRIPT.replace("$seller", "$seler"))
    after = await pulled(client, specs, ran.result_id)
    assert isinstance(after, types.RelatedFullDocumentDiagnosticReport)
    assert len(after.items) == 1


async def pulled(
    client: LanguageClient, document: types.TextDocumentIdentifier, known: str | None
) -> types.DocumentDiagnosticReport:
    request = types.DocumentDiagnosticParams(document, previous_result_id=known)
    return await client.text_document_diagnostic_async(request)


async def test_a_change_of_a_variable_reaches_the_spec_file(
    client: LanguageClient, tmp_path: Path
) -> None:
    script, specs = open_both(client, tmp_path)
    at = types.Range(position(SCRIPT, "100", 0), position(SCRIPT, "100", 3))
    found = await client.text_document_code_action_async(
        types.CodeActionParams(script, at, types.CodeActionContext([]))
    )
    (action,) = [row for row in found or () if "caller" in row.title]
    assert isinstance(action, types.CodeAction)
    assert action.edit is not None
    changes = [
        change
        for change in action.edit.document_changes or ()
        if isinstance(change, types.TextDocumentEdit)
    ]
    assert [change.text_document.uri for change in changes] == [script.uri, specs.uri]
    assert [edit.new_text for edit in changes[1].edits if isinstance(edit, types.TextEdit)] == [
        ' "number": 100,'
    ]


async def test_completion_knows_the_script(client: LanguageClient, tmp_path: Path) -> None:
    _, specs = open_both(client, tmp_path)
    found = await client.text_document_completion_async(
        types.CompletionParams(specs, position(SPECS, '"world"', 2))
    )
    assert isinstance(found, types.CompletionList)
    labels = [item.label for item in found.items]
    assert {"world", "shop"} <= set(labels)


async def test_hover_over_a_case_says_what_comes_of_it(
    client: LanguageClient, tmp_path: Path
) -> None:
    _, specs = open_both(client, tmp_path)
    found = await client.text_document_hover_async(
        types.HoverParams(specs, position(SPECS, '"overpays"'))
    )
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    assert "This case fails." in found.contents.value
    assert "101" in found.contents.value


async def test_cases_are_symbols(client: LanguageClient, tmp_path: Path) -> None:
    _, specs = open_both(client, tmp_path)
    found = await client.text_document_document_symbol_async(types.DocumentSymbolParams(specs))
    rows = [row for row in found or () if isinstance(row, types.DocumentSymbol)]
    assert [row.name for row in rows] == ["variables", "testCases"]
    assert [row.name for row in rows[1].children or ()] == ["pays", "overpays"]
    symbols = await client.workspace_symbol_async(types.WorkspaceSymbolParams("overp"))
    assert "overpays" in {row.name for row in symbols or ()}


async def test_a_misspelt_variable_can_be_mended(client: LanguageClient, tmp_path: Path) -> None:
    _, specs = open_both(client, tmp_path)
    at = position(SPECS, '"seler"')
    found = await client.text_document_code_action_async(
        types.CodeActionParams(specs, types.Range(at, at), types.CodeActionContext([]))
    )
    titles = {row.title for row in found or ()}
    assert "Change to `seller`" in titles


async def test_cases_run_and_their_lenses_tell_what_came_of_them(
    client: LanguageClient, tmp_path: Path
) -> None:
    script, specs = open_both(client, tmp_path)
    before = client.refreshed  # type: ignore[attr-defined]
    assert await titles(client, specs) == ["Test file", "Run case", "Run case"]
    assert await titles(client, script) == ["Test file: 2 cases"]
    lens = (await client.text_document_code_lens_async(types.CodeLensParams(specs)) or ())[2]
    assert lens.command is not None
    answer = await execute(client, lens.command.command, *(lens.command.arguments or ()))
    (row,) = answer["cases"]
    assert (answer["ok"], row["status"], row["it"]) == (False, "failed", "overpays")
    assert "1 different" in row["text"]
    assert await titles(client, specs) == ["Test file", "Run case", "Run case: failed"]
    await execute(client, "numscript.testFile", script.uri)
    assert await titles(client, script) == ["Test file: 1 failed, 1 passed"]
    found = await published(client, specs.uri, "the script declares", "this case fails")
    assert [row.code for row in found] == ["specs", "case-failed"]
    assert client.refreshed == before + 2  # type: ignore[attr-defined]
    changed(client, specs, GOOD)
    assert await titles(client, script) == ["Test file: 1 failed, 1 passed before the last change"]
    await published(client, specs.uri)
    answer = await execute(client, "numscript.testFile", specs.uri)
    assert answer["ok"] is True


async def execute(client: LanguageClient, command: str, *arguments: object) -> dict[str, Any]:
    request = types.ExecuteCommandParams(command, list(arguments))
    answer = await client.workspace_execute_command_async(request)
    return dict(answer or {})


async def titles(client: LanguageClient, document: types.TextDocumentIdentifier) -> list[str]:
    found = await client.text_document_code_lens_async(types.CodeLensParams(document))
    return [lens.command.title for lens in found or () if lens.command is not None]


async def test_a_command_that_cannot_be_run_says_why(
    client: LanguageClient, tmp_path: Path
) -> None:
    lonely = opened(client, tmp_path / "lonely.num", SCRIPT)
    for arguments, reason in (
        ([], "the command takes the URI of a script or spec file and a case"),
        ([lonely.uri, 0], "there is no spec file beside"),
        (["file:///gone.num", 0], "there is no file"),
    ):
        with pytest.raises(JsonRpcInvalidParams, match=reason):
            await execute(client, "numscript.runCase", *arguments)
