"""Ports: several clients at once, over TCP and over WebSockets, as they see the server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMAND = [sys.executable, "-u", "-m", "numscript", "lsp"]


def listening(option: str) -> Iterator[str]:
    """A server on a free port; gives where it listens."""
    command = [*COMMAND, option, "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture(scope="module")
def tcp() -> Iterator[str]:
    yield from listening("--tcp")


@pytest.fixture(scope="module")
def ws() -> Iterator[str]:
    yield from listening("--ws")


class Stream:
    """A client over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        await self.writer.drain()

    async def receive(self) -> Any:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        return json.loads(await self.reader.readexactly(length))

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


class Socket:
    """A client over a WebSocket."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def send(self, message: dict[str, Any]) -> None:
        await self.connection.send(json.dumps({"jsonrpc": "2.0", **message}))

    async def receive(self) -> Any:
        frame = await self.connection.recv()
        assert isinstance(frame, str), "browsers need frames of text"
        return json.loads(frame)

    async def close(self) -> None:
        await self.connection.close()


async def open_client(place: str) -> Stream | Socket:
    if place.startswith("ws:"):
        return Socket(await connect(place))
    host, port = place.removeprefix("tcp://").split(":")
    return Stream(*await asyncio.open_connection(host, int(port)))


async def start(place: str) -> Stream | Socket:
    client = await open_client(place)
    asked: dict[str, Any] = {"capabilities": {}, "processId": None, "rootUri": None}
    await client.send({"id": 1, "method": "initialize", "params": asked})
    answer = await client.receive()
    assert answer["result"]["serverInfo"]["name"] == "numscript"
    await client.send({"method": "initialized", "params": {}})
    return client


async def diagnose(client: Stream | Socket, text: str) -> list[str]:
    """Open a script; the codes of what is wrong with it."""
    document = {"uri": "file:///s.num", "languageId": "numscript", "version": 1, "text": text}
    await client.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
    told = await client.receive()
    assert told["method"] == "textDocument/publishDiagnostics"
    return [row["code"] for row in told["params"]["diagnostics"]]


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_clients_are_served_at_once_and_know_nothing_of_each_other(
    transport: str, request: pytest.FixtureRequest
) -> None:
    place = request.getfixturevalue(transport)
    first, second = await start(place), await start(place)
    assert await diagnose(first, "vars { number $x }") == ["NUM301"]
    assert await diagnose(second, "send $x (source = @a destination = @b)") == ["NUM203"]
    hover = {"textDocument": {"uri": "file:///s.num"}, "position": {"line": 0, "character": 9}}
    await first.send({"id": 2, "method": "textDocument/hover", "params": hover})
    assert "number:" in (await first.receive())["result"]["contents"]["value"]
    await first.close()
    await second.close()


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_the_server_outlives_its_clients(
    transport: str, request: pytest.FixtureRequest
) -> None:
    place = request.getfixturevalue(transport)
    for leaves_politely in (True, False):
        client = await start(place)
        if leaves_politely:
            await client.send({"id": 3, "method": "shutdown"})
            assert (await client.receive())["result"] is None
            await client.send({"method": "exit"})
        await client.close()
    last = await start(place)
    assert await diagnose(last, "fail") == []
    await last.close()


async def test_what_is_no_message_is_answered_with_a_word_and_does_no_harm(ws: str) -> None:
    async with connect(ws) as connection:
        await connection.send("{")
        told = json.loads(await connection.recv())
        assert told["method"] == "window/showMessage"
    client = await start(ws)
    assert await diagnose(client, "fail") == []
    await client.close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tcp", "4711"], "`4711` is no place to listen on: write HOST:PORT"),
        (["--tcp", "h:1", "--ws", "h:2"], "choose one of --tcp and --ws"),
        (["--tcp", "256.0.0.1:1"], "256.0.0.1:1: it cannot be listened on"),
    ],
)
async def test_places_that_cannot_be_listened_on_are_refused(
    arguments: list[str], reason: str
) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert reason in done.stderr


async def test_without_its_libraries_the_command_says_what_to_install() -> None:
    code = "import sys; sys.modules['pygls'] = None; from numscript.cli import main; main(['lsp'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'pip install "numscript[lsp]"' in done.stderr
