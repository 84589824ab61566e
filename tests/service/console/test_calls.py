"""What the console's pages call: files, checks, traced runs, the language server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from numscript.service.access import new_token
from numscript.service.settings import Settings
from tests.service.servers import Api, running

SALE = """vars {
  account $buyer
  monetary $price
}
send $price ( source = { $buyer @card } destination = @shop )"""


@pytest.fixture(scope="module")
def books() -> Iterator[Api]:
    with running(Settings("memory:", script=1000)) as url:
        api = Api(url)
        api.call("POST", "/v2/main", {})
        yield api
        api.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Api, str]]:
    """A server that asks for tokens, and a token that may read the ledgers `eu-...` only."""
    token, lines = new_token("reader")
    file = tmp_path / "tokens.toml"
    file.write_text(lines.replace('"ledger:read", "ledger:write"', '"ledger:read:eu-*"'), "utf-8")
    with running(Settings("memory:", tokens=str(file))) as url:
        api = Api(url)
        yield api, token
        api.close()


# --- files ---


def test_the_page_forbids_itself_everything_from_elsewhere(books: Api) -> None:
    assert books.send("GET", "/console").headers["location"] == "console/"
    assert books.send("GET", "/").headers["location"] == "console/"
    first, second = (books.send("GET", "/console/") for _ in range(2))
    policy = first.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert first.headers["content-security-policy"] != second.headers["content-security-policy"]
    assert "{{" not in first.text


def test_files_are_sent_compressed_and_once(books: Api) -> None:
    path = "/console/static/editor.js"
    packed = books.send("GET", path, headers={"Accept-Encoding": "gzip"})
    plain = books.send("GET", path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    again = books.send("GET", path, headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fpages.py", "__init__.py"])
def test_there_are_no_other_files(books: Api, name: str) -> None:
    books.call("GET", f"/console/static/{name}", status=404)


def test_every_file_that_the_pages_name_is_there(books: Api) -> None:
    for name in ("console.js", "console.css", "icon.svg", "editor.licences.txt"):
        assert books.send("GET", f"/console/static/{name}").status_code == 200


# --- checks and runs ---


def test_a_check_says_what_a_script_asks_for(books: Api) -> None:
    sheet = {"script": SALE, "variables": {"buyer": "users:ana", "price": "EUR/2 5"}}
    found = books.call("POST", "/console/check", sheet)
    assert found["diagnostics"] == []
    assert [(row["name"], row["type"]) for row in found["variables"]] == [
        ("buyer", "account"), ("price", "monetary")
    ]  # fmt: skip
    assert [(row["account"], row["asset"]) for row in found["balances"]] == [
        ("users:ana", "EUR/2"), ("card", "EUR/2")
    ]  # fmt: skip


def test_a_check_says_as_much_as_it_can_while_variables_are_missing(books: Api) -> None:
    found = books.call(
        "POST", "/console/check", {"script": SALE, "variables": {"price": "EUR/2 5"}}
    )
    assert [(row["account"], row["asset"]) for row in found["balances"]] == [("card", "EUR/2")]


def test_a_check_of_a_broken_script_still_names_its_variables(books: Api) -> None:
    found = books.call("POST", "/console/check", {"script": SALE + "\nsend"})
    assert found["diagnostics"][0]["severity"] == "error"
    assert [row["name"] for row in found["variables"]] == ["buyer", "price"]


def test_a_run_shows_its_steps_and_writes_nothing(books: Api) -> None:
    large = 10**40
    sheet = {
        "script": SALE,
        "variables": {"buyer": "users:ana", "price": f"EUR/2 {large}"},
        "balances": [{"account": "users:ana", "asset": "EUR/2", "amount": "7"},
                     {"account": "card", "asset": "EUR/2", "amount": large}],
    }  # fmt: skip
    found = books.call("POST", "/console/run", sheet)
    assert [row["amount"] for row in found["result"]["postings"]] == [7, large - 7]
    assert found["steps"][-1]["reason"] == "end"
    assert books.call("GET", "/v2/main/stats")["data"]["transactions"] == 0


def test_a_run_on_a_ledger_reads_its_books(books: Api) -> None:
    books.post("world card 100 EUR/2")
    sheet = {"script": SALE, "variables": {"buyer": "users:b", "price": "EUR/2 60"},
             "ledger": "main"}  # fmt: skip
    found = books.call("POST", "/console/run", sheet)
    assert [row["source"] for row in found["result"]["postings"]] == ["card"]
    failed = books.call("POST", "/console/run", {**sheet, "variables": {
        "buyer": "users:b", "price": "EUR/2 600"}})  # fmt: skip
    assert failed["diagnostics"][0]["code"] == "NUM401"
    assert failed["steps"][-1]["reason"] == "failure"


@pytest.mark.parametrize("path", ["/console/check", "/console/run"])
def test_what_cannot_be_run_is_refused_with_a_reason(books: Api, path: str) -> None:
    books.call("POST", path, {"script": SALE, "ledger": "nowhere"}, status=404)
    books.call("POST", path, {"script": "send [A 1] ( source = @a destination = @b )", "balances": [
        {"account": "a", "asset": "A", "amount": "1.5"}]}, status=400)  # fmt: skip
    books.call("POST", path, {}, status=400)


def test_a_run_reads_no_ledger_that_the_caller_may_not(guarded: tuple[Api, str]) -> None:
    api, token = guarded
    sheet = {"script": SALE, "ledger": "us-books"}
    headers = {"Authorization": f"Bearer {token}"}
    api.call("POST", "/console/run", sheet, status=403, headers=headers)
    api.call("POST", "/console/run", {"script": SALE}, headers=headers)
    api.call("POST", "/console/run", {"script": SALE}, status=401)


# --- the language server ---


def dial(api: Api, origin: str | None = None) -> ClientConnection:
    found: ClientConnection = connect(
        f"{api.url.replace('http', 'ws')}/console/lsp", origin=cast("Any", origin)
    )
    return found


def ask(socket: ClientConnection, method: str, params: dict[str, Any], number: int = 1) -> Any:
    """What a server answers; what else it says meanwhile is dropped."""
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    socket.send(json.dumps(message))
    while True:
        found = json.loads(socket.recv(timeout=20))
        if found.get("id") == number:
            return found


START: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}


def test_editors_have_language_servers_of_their_own(books: Api) -> None:
    with dial(books) as one, dial(books) as other:
        for number, socket in enumerate((one, other)):
            assert "capabilities" in ask(socket, "initialize", START)["result"]
            document = {"uri": "file:///playground.num", "languageId": "numscript", "version": 1,
                        "text": f"vars {{ account $of_{number} }}\n"}  # fmt: skip
            opened = {"jsonrpc": "2.0", "method": "textDocument/didOpen",
                      "params": {"textDocument": document}}  # fmt: skip
            socket.send(json.dumps(opened))
        for number, socket in enumerate((one, other)):
            params = {"textDocument": {"uri": "file:///playground.num"}}
            found = ask(socket, "textDocument/documentSymbol", params, 2)
            assert f"of_{number}" in str(found["result"])


def test_an_editor_sees_none_of_the_servers_files(books: Api, tmp_path: Path) -> None:
    script = tmp_path / "secret.num"
    script.write_text("vars { account $hidden }\n", "utf-8")
    with dial(books) as socket:
        start = {**START, "rootUri": tmp_path.as_uri()}
        assert "result" in ask(socket, "initialize", start)
        params = {"textDocument": {"uri": script.as_uri()}}
        assert not ask(socket, "textDocument/documentSymbol", params, 2).get("result")
        assert not ask(socket, "workspace/symbol", {"query": ""}, 3).get("result")


def test_nonsense_ends_no_language_server(books: Api) -> None:
    with dial(books) as socket:
        for text in ("{", "[]", "null", '{"jsonrpc": "2.0", "method": 7}'):
            socket.send(text)
        assert "result" in ask(socket, "initialize", START)


def test_pages_of_others_get_no_language_server(books: Api) -> None:
    with pytest.raises(Exception, match="403"), dial(books, origin="https://elsewhere.example"):
        pass


def test_the_language_server_asks_for_the_token_first(guarded: tuple[Api, str]) -> None:
    api, token = guarded
    with dial(api) as socket:
        socket.send("wrong")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    with dial(api) as socket:
        socket.send(token)
        assert "result" in ask(socket, "initialize", START)
