"""What goes over the wire: messages out of their time, or with parameters that do not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

INITIALIZE: tuple[str, dict[str, object]] = (
    "initialize",
    {"processId": None, "rootUri": None, "capabilities": {}},
)
DOCUMENT = {"textDocument": {"uri": "file:///a.num"}}


class Ended(NamedTuple):
    """How a conversation ended, and the answers in it by the number of the request."""

    code: int
    stderr: str
    answers: dict[int, dict[str, Any]]
    told: list[dict[str, Any]]

    def error(self, number: int) -> int:
        """The code of an error that was answered."""
        return int(self.answers[number]["error"]["code"])


def converse(*messages: tuple[str, object] | str) -> Ended:
    """Send messages, each under its number; one without parameters is its method alone.

    What starts with `!` is a notification.
    """
    sent = b""
    for number, message in enumerate(messages):
        method, params = message if isinstance(message, tuple) else (message, None)
        tree: dict[str, object] = {"jsonrpc": "2.0", "method": method.removeprefix("!")}
        if isinstance(message, tuple):
            tree["params"] = params
        if not method.startswith("!"):
            tree["id"] = number
        body = json.dumps(tree).encode()
        sent += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    command = [sys.executable, "-m", "numscript", "lsp"]
    done = subprocess.run(command, input=sent, capture_output=True, timeout=60, check=False)
    answers: dict[int, dict[str, Any]] = {}
    told: list[dict[str, Any]] = []
    rest = done.stdout
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r")[0])
        answer = json.loads(rest[:length])
        rest = rest[length:]
        if "method" in answer:
            told.append(answer)
        else:
            answers[answer["id"]] = answer
    return Ended(done.returncode, done.stderr.decode(), answers, told)


@pytest.mark.parametrize("end", [("shutdown", "!exit"), ("!exit",)])
def test_parameters_that_do_not_fit_are_refused(end: tuple[str, ...]) -> None:
    at: Mapping[str, object] = {**DOCUMENT, "position": {"line": 0, "character": 0}}
    below = {**DOCUMENT, "position": {"line": -1, "character": 0}}
    wrong: list[tuple[str, object] | str] = [
        ("textDocument/hover", {}),
        "textDocument/hover",
        ("textDocument/hover", [1]),
        ("textDocument/hover", below),
        ("textDocument/formatting", DOCUMENT),
        ("textDocument/rename", at),
    ]
    ended = converse(INITIALIZE, ("!initialized", {}), *wrong, ("textDocument/hover", at), *end)
    assert [ended.error(number) for number in range(2, 8)] == [-32602] * 6
    assert "`textDocument/rename`" in ended.answers[7]["error"]["message"]
    assert ended.answers[8]["result"] is None
    assert ended.stderr == ""
    # Only a client that has shut the server down may end it.
    assert ended.code == (0 if "shutdown" in end else 1)


def test_what_is_asked_out_of_its_time_is_refused() -> None:
    hover = ("textDocument/hover", {**DOCUMENT, "position": {"line": 0, "character": 0}})
    ended = converse(hover, "shutdown", INITIALIZE, "shutdown", hover, "!exit")
    assert [ended.error(number) for number in (0, 1, 4)] == [-32002, -32002, -32600]
    assert ended.answers[3]["result"] is None
    assert (ended.code, ended.stderr) == (0, "")


@pytest.mark.parametrize("able", [False, True])
def test_a_client_is_given_what_it_can_show(able: bool) -> None:
    formats = ["markdown", "plaintext"] if able else ["plaintext"]
    about = {
        "hover": {"contentFormat": formats},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": able},
    }
    start = {"processId": None, "rootUri": None, "capabilities": {"textDocument": about}}
    text = "vars { asset $a }\nprint $a"
    item = {"uri": "file:///a.num", "languageId": "numscript", "version": 1, "text": text}
    ended = converse(
        ("initialize", start),
        ("!textDocument/didOpen", {"textDocument": item}),
        ("textDocument/hover", {**DOCUMENT, "position": {"line": 1, "character": 7}}),
        ("textDocument/documentSymbol", DOCUMENT),
        "shutdown",
        "!exit",
    )
    said = ended.answers[2]["result"]["contents"]
    assert said["kind"] == formats[0]
    assert ("`" in said["value"]) is able
    assert "asset $a" in said["value"]
    rows = ended.answers[3]["result"]
    assert ("children" in rows[0]) is able
    assert able or [row["name"] for row in rows] == ["vars", "print $a", "$a"]
    assert able or rows[-1]["containerName"] == "vars"


def test_settings_that_do_not_fit_are_named_with_what_they_take() -> None:
    settings = {"features": ["oneof"], "inlayHints": "yes", "documentation": None}
    start: dict[str, object] = {**INITIALIZE[1], "initializationOptions": settings}
    changed = ("!workspace/didChangeConfiguration", {"settings": {"numscript": settings}})
    more = ("!workspace/didChangeConfiguration", {"settings": {"numscript": {"codeLens": 1}}})
    started = ("!initialized", dict[str, object]())
    ended = converse(("initialize", start), started, changed, more, "shutdown", "!exit")
    told = [row["params"]["message"] for row in ended.told if row["method"].endswith("Message")]
    assert told[0] == "the setting `numscript.inlayHints` takes true or false"
    assert "experimental-oneof" in told[1]
    assert "and no `oneof`" in told[1]
    assert told[2:] == ["the setting `numscript.codeLens` takes true or false"]


def test_a_quick_goodbye_is_quiet(tmp_path: Any) -> None:
    for number in range(50):
        (tmp_path / f"{number}.num").write_text("fail", "utf-8")
    about = {
        "processId": None,
        "rootUri": tmp_path.as_uri(),
        "capabilities": {"window": {"workDoneProgress": True}},
    }
    item = {"uri": "file:///a.num", "languageId": "numscript", "version": 1, "text": "fail"}
    opened = ("!textDocument/didOpen", {"textDocument": item})
    for rest in (["shutdown", "!exit"], ["!exit"], []):
        ended = converse(("initialize", about), ("!initialized", {}), opened, *rest)
        assert ended.stderr == ""
