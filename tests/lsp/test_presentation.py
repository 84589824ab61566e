"""Colours, folds, selections, hints, links and actions, through a client of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from numscript_lsp.features.semantic_tokens import TOKEN_TYPES
from pytest_lsp import LanguageClient, client_capabilities

from tests.lsp.test_server import CONFIG

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = """\
vars {
  monetary $price
}
send $price (
  source = { max [USD/2 50] from @a @world }
  destination = {
    1/3 to @b
    remaining to @c
  }
)
"""
EVERYWHERE = types.Range(types.Position(0, 0), types.Position(100, 0))


@pytest_lsp.fixture(scope="module", config=CONFIG)  # type: ignore[untyped-decorator] # as it is
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    await lsp_client.initialize_session(
        types.InitializeParams(capabilities=client_capabilities("visual-studio-code"))
    )
    yield
    await lsp_client.shutdown_session()


def opened(client: LanguageClient, path: Path, text: str) -> types.TextDocumentIdentifier:
    """Open a text under a path."""
    language = "numscript" if path.suffix == ".num" else "json"
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(path.as_uri(), language, 1, text))
    )
    return types.TextDocumentIdentifier(path.as_uri())


def changed(client: LanguageClient, document: types.TextDocumentIdentifier, text: str) -> None:
    """Replace the text of an open document."""
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(2, document.uri),
            [types.TextDocumentContentChangeWholeDocument(text)],
        )
    )


async def test_tokens_come_in_full_as_a_difference_and_for_a_range(
    client: LanguageClient, tmp_path: Path
) -> None:
    document = opened(client, tmp_path / "a.num", "fail\nfail // é\nprint 1\n")
    full = await client.text_document_semantic_tokens_full_async(
        types.SemanticTokensParams(document)
    )
    assert full is not None
    comment, number = TOKEN_TYPES.index("comment"), TOKEN_TYPES.index("number")
    assert list(full.data) == [
        *(0, 0, 4, 0, 0),
        *(1, 0, 4, 0, 0),
        *(0, 5, 4, comment, 0),
        *(1, 0, 5, 0, 0),
        *(0, 6, 1, number, 0),
    ]
    changed(client, document, "fail\nfail // é\nprint 1_000\n")
    delta = await client.text_document_semantic_tokens_full_delta_async(
        types.SemanticTokensDeltaParams(document, full.result_id or "")
    )
    assert isinstance(delta, types.SemanticTokensDelta)
    (edit,) = delta.edits
    assert list(edit.data or ()) == [5]
    data = list(full.data)
    data[edit.start : edit.start + edit.delete_count] = edit.data or ()
    again = await client.text_document_semantic_tokens_full_delta_async(
        types.SemanticTokensDeltaParams(document, "never given")
    )
    assert isinstance(again, types.SemanticTokens)
    assert list(again.data) == data
    part = await client.text_document_semantic_tokens_range_async(
        types.SemanticTokensRangeParams(
            document, types.Range(types.Position(2, 0), types.Position(2, 5))
        )
    )
    assert part is not None
    assert list(part.data) == [2, 0, 5, 0, 0]


async def test_blocks_fold(client: LanguageClient, tmp_path: Path) -> None:
    document = opened(client, tmp_path / "a.num", TEXT)
    found = await client.text_document_folding_range_async(types.FoldingRangeParams(document))
    assert [(fold.start_line, fold.end_line) for fold in found or ()] == [(0, 1), (3, 8), (5, 7)]


async def test_a_selection_grows(client: LanguageClient, tmp_path: Path) -> None:
    document = opened(client, tmp_path / "a.num", TEXT)
    places = [types.Position(6, 12), types.Position(0, 1)]
    found = await client.text_document_selection_range_async(
        types.SelectionRangeParams(document, places)
    )
    assert found is not None
    inner, first = found
    assert inner.range.start == types.Position(6, 11)
    assert inner.parent is not None
    assert first.range == types.Range(types.Position(0, 0), types.Position(0, 4))


async def test_hints_are_shown(client: LanguageClient, tmp_path: Path) -> None:
    document = opened(client, tmp_path / "a.num", TEXT)
    found = await client.text_document_inlay_hint_async(types.InlayHintParams(document, EVERYWHERE))
    shown = [(hint.label, hint.position.line, hint.position.character) for hint in found or ()]
    assert shown == [(": USD/2", 1, 17), ("= 2/3", 7, 13)]


async def test_a_script_and_its_spec_file_are_linked(
    client: LanguageClient, tmp_path: Path
) -> None:
    script, specs = tmp_path / "a b.num", tmp_path / "a b.num.specs.json"
    script.write_text(TEXT, encoding="utf-8")
    specs.write_text('{"testCases": []}', encoding="utf-8")
    for here, there in ((script, specs), (specs, script)):
        document = opened(client, here, here.read_text(encoding="utf-8"))
        (link,) = (
            await client.text_document_document_link_async(types.DocumentLinkParams(document)) or ()
        )
        assert link.target == there.as_uri()
        assert there.name in (link.tooltip or "")


async def test_what_is_wrong_can_be_mended(client: LanguageClient, tmp_path: Path) -> None:
    document = opened(
        client, tmp_path / "a.num", "send [USD/2 1] (\n source = @a\n destination = @b"
    )
    at = types.Range(types.Position(2, 17), types.Position(2, 17))
    found = await client.text_document_code_action_async(
        types.CodeActionParams(document, at, types.CodeActionContext([]))
    )
    action = (found or ())[0]
    assert isinstance(action, types.CodeAction)
    assert action.kind == "quickfix"
    assert action.is_preferred
    assert [row.code for row in action.diagnostics or ()] == ["NUM103"]
    assert action.edit is not None
    (change,) = action.edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document.version == 1
    assert [edit.new_text for edit in change.edits if isinstance(edit, types.TextEdit)] == ["\n)"]


async def test_actions_of_one_kind_can_be_asked_for(client: LanguageClient, tmp_path: Path) -> None:
    document = opened(client, tmp_path / "a.num", TEXT.replace("@world", "@world @z"))
    for only, kinds in (("refactor", {"refactor.rewrite"}), ("source", {"source.fixAll"})):
        found = await client.text_document_code_action_async(
            types.CodeActionParams(
                document,
                types.Range(types.Position(4, 2), types.Position(4, 2)),
                types.CodeActionContext([], only=[only]),
            )
        )
        assert {row.kind for row in found or () if isinstance(row, types.CodeAction)} == kinds
