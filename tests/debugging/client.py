"""A small client of the Debug Adapter Protocol, as an editor is one: over a process or a socket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

Message = dict[str, Any]


class Client:
    """One conversation: `ask` sends a request and gives its response; events are kept."""

    def __init__(self, sink: IO[bytes], source: IO[bytes]) -> None:
        self.sink = sink
        self.source = source
        self.number = 0
        self.received = 0
        self.events: list[Message] = []

    def ask(self, command: str, **arguments: Any) -> Message:
        """Send a request; gives the body of its response, which must be a success."""
        response = self.try_to(command, **arguments)
        assert response["success"], response
        body: Message = response["body"]
        return body

    def refusal(self, command: str, **arguments: Any) -> Message:
        """Send a request; gives the response, which must be a refusal."""
        response = self.try_to(command, **arguments)
        assert not response["success"], response
        return response

    def try_to(self, command: str, **arguments: Any) -> Message:
        self.number += 1
        self.send({"type": "request", "command": command, "arguments": arguments})
        while True:
            message = self.read()
            if message["type"] == "event":
                self.events.append(message)
                continue
            assert message["type"] == "response"
            assert message["request_seq"] == self.number
            assert message["command"] == command
            return message

    def event(self, name: str) -> Message:
        """The next event, which must have this name; gives its body."""
        message = self.events.pop(0) if self.events else self.read()
        assert (message["type"], message["event"]) == ("event", name), message
        body: Message = message["body"]
        return body

    def send(self, message: Message) -> None:
        body = json.dumps({"seq": self.number, **message}).encode()
        self.sink.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.sink.flush()

    def read(self) -> Message:
        length = 0
        while (line := self.source.readline()) != b"\r\n":
            name, _, value = line.partition(b": ")
            assert name == b"Content-Length", line
            length = int(value)
        message: Message = json.loads(self.source.read(length))
        self.received += 1
        assert message["seq"] == self.received
        return message

    # --- what editors do --------------------------------------------------------------------

    def launch(self, *breakpoints: Message, **arguments: Any) -> Message:
        """Start as an editor does; gives the body of the first `stopped`."""
        self.ask("initialize", adapterID="numscript", clientID="test")
        self.ask("launch", **arguments)
        self.event("initialized")
        if breakpoints:
            source = {"path": arguments["program"]}
            self.ask("setBreakpoints", source=source, breakpoints=list(breakpoints))
        self.ask("setExceptionBreakpoints", filters=["failure"])
        self.ask("configurationDone")
        return self.event("stopped")

    def frames(self) -> list[tuple[int, int, str]]:
        """Line, column and name of each frame."""
        rows = self.ask("stackTrace", threadId=1)["stackFrames"]
        return [(row["line"], row["column"], row["name"]) for row in rows]

    def values(self, scope: str) -> dict[str, str]:
        """The values of a scope by their names."""
        scopes = self.ask("scopes", frameId=1)["scopes"]
        (reference,) = [row["variablesReference"] for row in scopes if row["name"] == scope]
        rows = self.ask("variables", variablesReference=reference)["variables"]
        return {row["name"]: row["value"] for row in rows}


@contextmanager
def adapter(folder: Path) -> Iterator[Client]:
    """A client of `numscript debug --dap`, started in a folder; it must end well."""
    command = [sys.executable, "-m", "numscript", "debug", "--dap"]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            client = Client(process.stdin, process.stdout)
            yield client
            client.ask("disconnect")
            assert process.wait(timeout=20) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of an adapter that listens on a port."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield Client(connection.makefile("wb"), connection.makefile("rb"))
