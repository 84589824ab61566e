"""Callers of a server over HTTP that cost little, since they share the processors with it.

Each has a connection of its own, and sends its next request when it has the answer to the last.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple

END = b"\r\n\r\n"
LENGTH = b"content-length:"
WAIT = 60
"""In seconds: how long an answer may take."""


class Answer(NamedTuple):
    """What came back: the status, and the body as JSON."""

    status: int
    body: Any


class Unexpected(Exception):  # noqa: N818 - says what came
    """An answer is another one than it had to be, or the server hung up."""


def request(method: str, path: str, body: object = None, headers: Mapping[str, str] = {}) -> bytes:
    """A request as it is sent; the body becomes JSON."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + END + content


class Caller(asyncio.Protocol):
    """Sends requests one after the other over one connection, and times each answer.

    wanted: the status that each answer must have; waits: in seconds, how long each took.
    """

    def __init__(self, requests: Iterator[bytes], wanted: int) -> None:
        self.requests = requests
        self.wanted = wanted
        self.waits: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.parts = b""
        self.missing = 0
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        """Send the next request, or end."""
        found = next(self.requests, None)
        if found is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.started = perf_counter()
        self.transport.write(found)

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.missing -= len(data)
        else:
            data = self.parts + data
            answer = read_head(data)
            if answer is None:
                self.parts = data
                return
            status, size = answer
            self.parts = b""
            if status != self.wanted:
                self.fail(Unexpected(data.decode("utf-8", "replace")[:1000]))
                return
            self.missing = size - len(data)
        if not self.missing:
            self.waits.append(perf_counter() - self.started)
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.fail(exc or Unexpected("the server hung up"))

    def fail(self, problem: Exception) -> None:
        """End with a problem."""
        if not self.done.done():
            self.done.set_exception(problem)
        self.transport.close()


def read_head(data: bytes) -> tuple[int, int] | None:
    """The status of an answer and the length of all of it, once its head is whole."""
    end = data.find(END)
    if end < 0:
        return None
    at = data[:end].lower().find(LENGTH)
    size = 0 if at < 0 else int(data[at + len(LENGTH) : end].split(b"\r\n", 1)[0])
    return int(data[9:12]), end + len(END) + size


class Line:
    """A connection that is made when it is needed, and again after it was lost."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, question: bytes) -> Answer:
        """Send a request. Raises OSError, EOFError, TimeoutError: whether it was done is open."""
        try:
            async with asyncio.timeout(WAIT):
                if self.ends is None:
                    self.ends = await asyncio.open_connection("127.0.0.1", self.port)
                reader, writer = self.ends
                writer.write(question)
                head = await reader.readuntil(END)
                found = read_head(head)
                assert found is not None
                body = await reader.readexactly(found[1] - len(head))
        except (OSError, EOFError, TimeoutError):
            self.close()
            raise
        return Answer(found[0], json.loads(body) if body else None)

    def close(self) -> None:
        """Hang up."""
        if self.ends is not None:
            self.ends[1].close()
            self.ends = None


def call_together(port: int, lists: Sequence[Sequence[bytes]], wanted: int = 200) -> list[float]:
    """Have one caller for each list send all of it. Gives the seconds that each answer took.

    Raises Unexpected, OSError.
    """

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        callers = []
        for requests in lists:
            made = loop.create_connection(
                lambda requests=requests: Caller(iter(requests), wanted), "127.0.0.1", port
            )
            callers.append((await made)[1])
        await asyncio.gather(*(caller.done for caller in callers))
        return [wait for caller in callers for wait in caller.waits]

    return asyncio.run(run())


def percentile(waits: Sequence[float], part: float) -> float:
    """What so many hundredths of the waits stay below."""
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * part / 100))]
