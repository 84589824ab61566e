"""Random editing: the server keeps up with thousands of changes, whatever they do to the text.

The messages are those of a client and go through the server's protocol, only without a pipe in
between. `NUMSCRIPT_TEST_LOAD=full` makes 90,000 changes.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from numscript_lsp.server import ROWS, NumscriptServer, make_server

import numscript
from tests.material import FULL, all_scripts

CHANGES = 30_000 if FULL else 1_200
"""Changes in each encoding."""
URI = "untitled:fuzz"
PIECES = (
    *("send", "source", "=", "(", ")", "{", "}", "[", "]", "USD/2", "100", "*", "@a", "@b:c", "$x"),
    *("vars", "account", "max", "from", "to", "remaining", "kept", "1/2", "12.5%", ",", '"', '"k"'),
    *("//", "/*", "*/", "balance", "set_tx_meta", "allowing", "overdraft", "save", "#![feature("),
    *(
        "é",
        "€",
        "😀",
        "𝔘",
        "\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "\u2028",
        "\x0b",
        "\x00",
        "\ufeff",
        "$",
        "@",
    ),
)
UNITS = {
    "utf-8": lambda text: len(text.encode("utf-8")),
    "utf-16": lambda text: len(text.encode("utf-16-le")) // 2,
    "utf-32": len,
}


class Text:
    """What the client believes the text is, and positions in it, worked out by its own means."""

    def __init__(self, text: str, units: Callable[[str], int]) -> None:
        self.text = text
        self.units = units

    def lines(self) -> list[str]:
        return re.split(r"\r\n|\n|\r", self.text)

    def position(self, offset: int) -> dict[str, int]:
        before = re.split(r"\r\n|\n|\r", self.text[:offset])
        return {"line": len(before) - 1, "character": self.units(before[-1])}

    def place(self, chance: random.Random) -> int:
        """An offset that is not inside of a line end."""
        offset = chance.randint(0, len(self.text))
        inside = self.text[offset - 1 : offset + 1] == "\r\n" and offset > 0
        return offset - 1 if inside else offset

    def holds(self, position: dict[str, int]) -> bool:
        lines = self.lines()
        line = position["line"]
        return line < len(lines) and position["character"] <= self.units(lines[line])


class Client:
    """A client without a pipe: what it sends is handled at once, what it is told is kept."""

    def __init__(self, encoding: str) -> None:
        self.server: NumscriptServer = make_server()
        self.server.protocol.set_writer(self, include_headers=False)
        self.told: list[dict[str, Any]] = []
        self.number = 0
        self.version = 0
        self.text = Text("", UNITS[encoding])
        general = {"positionEncodings": [encoding]}
        document = {"completion": {"completionItem": {"snippetSupport": True}}}
        capabilities = {"general": general, "textDocument": document}
        asked = {"capabilities": capabilities, "processId": None, "rootUri": None}
        answer = self.ask("initialize", asked)
        assert answer["result"]["capabilities"]["positionEncoding"] == encoding

    def write(self, data: bytes) -> None:
        self.told.append(json.loads(data))

    def close(self) -> None:
        """The server's end is closed."""

    def send(self, message: dict[str, Any]) -> None:
        protocol = self.server.protocol
        text = json.dumps({"jsonrpc": "2.0", **message})
        protocol.handle_message(json.loads(text, object_hook=protocol.structure_message))

    def ask(self, method: str, variables: dict[str, Any]) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": variables})
        (answer,) = [row for row in self.told if row.get("id") == self.number]
        self.told.remove(answer)
        return answer

    def open(self, text: str) -> None:
        self.text.text = text
        self.version = 1
        document = {"uri": URI, "languageId": "numscript", "version": 1, "text": text}
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

    def close_document(self) -> None:
        self.send({"method": "textDocument/didClose", "params": {"textDocument": {"uri": URI}}})

    def change(self, chance: random.Random) -> None:
        """Change the text in one to three places with one message."""
        rows: list[dict[str, Any]] = []
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            text = self.text.text
            if chance.random() < 0.02:
                rows.append({"text": text})
                continue
            start, end = sorted((self.text.place(chance), self.text.place(chance)))
            if chance.random() < 0.8:
                end = min(end, start + chance.randint(0, 6))
                end -= text[end - 1 : end + 1] == "\r\n" and end > start
            piece = "".join(chance.choice(PIECES) for _ in range(chance.choice((0, 1, 1, 2, 5))))
            place = {"start": self.text.position(start), "end": self.text.position(end)}
            if chance.random() < 0.05:
                # A column behind the end of the line is the end of the line.
                line = self.text.lines()[place["end"]["line"]]
                place["end"] = {"line": place["end"]["line"], "character": 10_000}
                end += len(line) - len(re.split(r"\r\n|\n|\r", text[:end])[-1])
            self.text.text = text[:start] + piece + text[end:]
            rows.append({"range": place, "text": piece})
        self.version += chance.randint(1, 3)
        document = {"uri": URI, "version": self.version}
        changed = {"textDocument": document, "contentChanges": rows}
        self.send({"method": "textDocument/didChange", "params": changed})

    def expected(self) -> list[tuple[object, ...]]:
        """What a fresh check finds in the text as the client has it."""
        found: list[tuple[object, ...]] = []
        for row in numscript.check(self.text.text).diagnostics:
            start, end = self.text.position(row.span.start), self.text.position(row.span.end)
            found.append((row.code, int(row.severity), start, end))
        return found


def requests(client: Client, chance: random.Random) -> dict[str, dict[str, Any]]:
    """A request of every kind about a random place."""
    text = client.text
    document = {"textDocument": {"uri": URI}}
    at = {**document, "position": text.position(text.place(chance))}
    start, end = sorted((text.place(chance), text.place(chance)))
    span = {**document, "range": {"start": text.position(start), "end": text.position(end)}}
    options = {"options": {"tabSize": 2, "insertSpaces": True}}
    character = chance.choice("})\n")
    return {
        "textDocument/diagnostic": document,
        "textDocument/definition": at,
        "textDocument/declaration": at,
        "textDocument/references": {**at, "context": {"includeDeclaration": True}},
        "textDocument/documentHighlight": at,
        "textDocument/prepareRename": at,
        "textDocument/rename": {**at, "newName": chance.choice(("x", "y_1", "B", "a:b", "😀"))},
        "textDocument/documentSymbol": document,
        "textDocument/completion": at,
        "textDocument/hover": at,
        "textDocument/signatureHelp": at,
        "textDocument/formatting": {**document, **options},
        "textDocument/rangeFormatting": {**span, **options},
        "textDocument/onTypeFormatting": {**at, "ch": character, **options},
        "textDocument/semanticTokens/full": document,
        "textDocument/semanticTokens/full/delta": {**document, "previousResultId": "1"},
        "textDocument/semanticTokens/range": span,
        "textDocument/foldingRange": document,
        "textDocument/selectionRange": {**document, "positions": [at["position"]]},
        "textDocument/inlayHint": span,
        "textDocument/documentLink": document,
        "textDocument/codeAction": {**span, "context": {"diagnostics": []}},
        "textDocument/codeLens": document,
    }


def places(tree: object) -> list[dict[str, int]]:
    """Every position in an answer."""
    if isinstance(tree, list):
        return [place for item in tree for place in places(item)]
    if isinstance(tree, dict):
        if tree.keys() == {"line", "character"}:
            return [tree]
        return [place for item in tree.values() for place in places(item)]
    return []


def refused(answer: dict[str, Any]) -> bool:
    """Whether a request was refused for its content, such as a name that cannot be given."""
    return bool(answer.get("error", {}).get("code") == -32602)


def test_every_request_about_a_document_is_among_those_that_are_made() -> None:
    made = requests(Client("utf-16"), random.Random(0))
    served = {row.method for row in ROWS if row.method.startswith("textDocument/")}
    assert served - {"textDocument/didSave"} <= set(made)


@pytest.mark.asyncio
@pytest.mark.parametrize("encoding", list(UNITS))
async def test_the_server_keeps_up_with_random_editing(encoding: str) -> None:
    chance = random.Random(f"editing in {encoding}")
    scripts = [text for _, text, _ in all_scripts(corpus_step=50)]
    client = Client(encoding)
    served = {row.method for row in ROWS}
    changes = 0
    while changes < CHANGES:
        client.open(chance.choice(scripts))
        for _ in range(30):
            client.change(chance)
            changes += 1
            asked = requests(client, chance)
            for method in chance.sample(sorted(served & asked.keys()), 3):
                answer = client.ask(method, asked[method])
                assert "error" not in answer or refused(answer), (method, answer, client.text.text)
                for place in places(answer.get("result")):
                    assert client.text.holds(place), (method, place, client.text.text)
            if chance.random() < 0.3:
                await published(client)
        await published(client)
        document = client.server.project.find(URI)
        assert document is not None
        assert document.text == client.text.text
        client.close_document()
        client.told.clear()


async def published(client: Client) -> None:
    """Let the server publish, and compare what it says with a fresh check."""
    await asyncio.sleep(0)
    told = [row["params"] for row in client.told if "method" in row]
    client.told.clear()
    assert [row["version"] for row in told] in ([], [client.version]), "only the last version"
    for row in told:
        assert row["uri"] == URI
        found = [
            (item["code"], item["severity"], item["range"]["start"], item["range"]["end"])
            for item in row["diagnostics"]
        ]
        assert found == client.expected(), client.text.text


@pytest.mark.asyncio
async def test_a_change_of_the_whole_text_is_the_same_as_changes_of_parts() -> None:
    chance = random.Random("the whole text")
    parts, whole = Client("utf-16"), Client("utf-16")
    for _, text, _ in all_scripts(corpus_step=500)[:40]:
        parts.open(text)
        whole.open(text)
        for _ in range(5):
            parts.change(chance)
            change = [{"text": parts.text.text}]
            document = {"uri": URI, "version": parts.version}
            changed = {"textDocument": document, "contentChanges": change}
            whole.send({"method": "textDocument/didChange", "params": changed})
        await asyncio.sleep(0)
        said = [
            [row["params"]["diagnostics"] for row in client.told if "method" in row][-1:]
            for client in (parts, whole)
        ]
        assert said[0] == said[1]
        parts.told.clear()
        whole.told.clear()
