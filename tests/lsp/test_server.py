"""The server from outside: every method, through a client of its own over standard input."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import (
    ClientServerConfig,
    LanguageClient,
    client_capabilities,
    make_test_lsp_client,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///scripts/sale.num"


def make_client() -> LanguageClient:
    """A client that takes what servers register with it later on."""
    client = make_test_lsp_client()

    def register(request: types.RegistrationParams) -> None:
        client.registrations = request.registrations  # type: ignore[attr-defined]

    client.feature(types.CLIENT_REGISTER_CAPABILITY)(register)
    return client


CONFIG = ClientServerConfig([sys.executable, "-m", "numscript", "lsp"], make_client)


@pytest_lsp.fixture(scope="module", config=CONFIG)  # type: ignore[untyped-decorator] # as it is
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    await lsp_client.initialize_session(
        types.InitializeParams(capabilities=client_capabilities("visual-studio-code"))
    )
    yield
    await lsp_client.shutdown_session()


async def test_diagnostics_are_pushed(client: LanguageClient) -> None:
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(
            types.TextDocumentItem(URI, "numscript", 1, "vars { number $unused }")
        )
    )
    await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    (found,) = client.diagnostics[URI]
    assert found.code == "NUM301"
