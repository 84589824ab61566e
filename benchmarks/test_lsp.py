"""The language server as an editor waits for it: keystrokes, completion, hover, and its start.

A client of its own writes messages to the server's standard input and takes the time until the
answer is there, so that reading, checking and both ends of the pipe count. What matters is how long
it takes at worst: the 95th percentile of all rounds is kept beside the others, with the aim.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from statistics import quantiles
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("pygls", reason="the language server needs the extra `lsp`")

URI = "untitled:sale"
ROUNDS = 200
STARTS = 20
STATEMENT = """\
send [USD/2 {0}] (
  source = {{
    @users:{0}:main allowing overdraft up to [USD/2 10]
    max $cap from @bank
  }}
  destination = {{
    1/3 to @fees
    remaining to @shop:{0}
  }}
)
"""
AIMS = {
    ("keystroke", 200): 30,
    ("keystroke", 2000): 80,
    ("completion", 200): 15,
    ("completion", 2000): 15,
    ("hover", 200): 15,
    ("hover", 2000): 15,
}
"""Milliseconds that the 95th percentile should stay below."""
BARE = "from pygls.lsp.server import LanguageServer; LanguageServer('bare', '1').start_io()"


def script(lines: int) -> str:
    """A script of about so many lines."""
    head = "vars {\n  monetary $cap\n}\n"
    count = (lines - 3) // STATEMENT.count("\n")
    return head + "".join(STATEMENT.format(number) for number in range(1, count + 1))


class Client:
    """Writes messages to a server and reads what it answers."""

    def __init__(self, *command: str) -> None:
        # With this variable nothing that is imported would be kept compiled.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        self.number = 0

    def send(self, method: str, variables: object, **about: object) -> None:
        """Send a message."""
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": variables, **about})
        self.input.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body.encode()))
        self.input.flush()

    def receive(self) -> dict[str, Any]:
        """The next message of the server."""
        length = 0
        while (line := self.output.readline().strip()) or not length:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(self.output.read(length))
        return message

    def ask(self, method: str, variables: object) -> Any:
        """Send a request and wait for its answer."""
        self.number += 1
        self.send(method, variables, id=self.number)
        while (answer := self.receive()).get("id") != self.number:
            pass
        return answer["result"]

    def initialize(self) -> None:
        """Wait until the server is ready."""
        self.ask("initialize", {"capabilities": {}, "processId": None, "rootUri": None})
        self.send("initialized", {})

    def close(self) -> None:
        """End the server."""
        self.input.close()
        self.process.wait()
        self.output.close()


class Editor:
    """A client with a script open, in which somebody writes."""

    def __init__(self, client: Client, lines: int) -> None:
        self.client = client
        self.text = script(lines)
        self.version = 1
        self.line = self.text.count("\n") * 2 // 3 // 10 * 10 + 3
        client.initialize()
        document = {"uri": URI, "languageId": "numscript", "version": 1, "text": self.text}
        client.send("textDocument/didOpen", {"textDocument": document})
        self.wait_for_diagnostics()

    def wait_for_diagnostics(self) -> None:
        """Wait until the server has said what it thinks of the last version."""
        while True:
            told = self.client.receive()
            if told.get("method") != "textDocument/publishDiagnostics":
                continue
            if told["params"]["version"] == self.version:
                return

    def keystroke(self) -> None:
        """Change the amount of a statement, one digit in or out, and see the diagnostics."""
        self.version += 1
        at = {"line": self.line, "character": len("send [USD/2 ")}
        end = {**at, "character": at["character"] + self.version % 2}
        change = {"range": {"start": at, "end": end}, "text": "" if self.version % 2 else "7"}
        document = {"uri": URI, "version": self.version}
        changed = {"textDocument": document, "contentChanges": [change]}
        self.client.send("textDocument/didChange", changed)
        self.wait_for_diagnostics()

    def completion(self) -> None:
        """Ask what may be the source of a statement."""
        assert self.ask_at("textDocument/completion", self.line + 2, 5)["items"]

    def hover(self) -> None:
        """Ask what an account does where it stands."""
        assert "overdraft" not in self.ask_at("textDocument/hover", self.line + 7, 19)["contents"]

    def ask_at(self, method: str, line: int, character: int) -> Any:
        """Ask about a position."""
        place = {"line": line, "character": character}
        return self.client.ask(method, {"textDocument": {"uri": URI}, "position": place})


@pytest.fixture(scope="module", params=[200, 2000])
def editor(request: pytest.FixtureRequest) -> Iterator[Editor]:
    client = Client(sys.executable, "-m", "numscript", "lsp")
    yield Editor(client, request.param)
    client.close()


def rounds(benchmark: BenchmarkFixture, function: Callable[[], Any], count: int) -> None:
    """Time a function that often; its 95th percentile in milliseconds is noted."""
    pedantic: Callable[..., Any] = benchmark.pedantic
    pedantic(function, rounds=count, warmup_rounds=5 if count == ROUNDS else 1)
    stats: Any = benchmark.stats
    if stats is not None:
        benchmark.extra_info["p95_ms"] = round(1000 * quantiles(stats.stats.data, n=20)[-1], 2)


@pytest.mark.parametrize("what", ["keystroke", "completion", "hover"])
def test_editor(benchmark: BenchmarkFixture, editor: Editor, what: str) -> None:
    lines = editor.text.count("\n") // 100 * 100 or 200
    lines = 200 if lines < 1000 else 2000
    notes = {"suite": "lsp", "program": what, "stage": "answer", "size": lines}
    benchmark.extra_info.update(notes, aim_ms=AIMS[what, lines])
    rounds(benchmark, getattr(editor, what), ROUNDS)


@pytest.mark.parametrize("server", ["bare pygls", "numscript lsp"])
def test_start(benchmark: BenchmarkFixture, server: str) -> None:
    """From the start of the process to the answer to `initialize`."""
    ours = [sys.executable, "-m", "numscript", "lsp"]
    command = [sys.executable, "-c", BARE] if server == "bare pygls" else ours

    def start() -> None:
        client = Client(*command)
        client.initialize()
        client.process.kill()
        client.close()

    notes = {"suite": "lsp", "program": server, "stage": "start", "aim_ms": None}
    benchmark.extra_info.update(notes)
    rounds(benchmark, start, STARTS)
