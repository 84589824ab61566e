"""Ways to reach the server: standard input and output, TCP, WebSockets.

Over a port any number of clients is served, each by a server of its own. What pygls brings for
ports serves one client and then ends, and sends WebSocket messages as binary ones, which browsers
hand on as blobs.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async

from numscript_lsp.server import make_server

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

Announce = Callable[[str], None]
"""Is told where the server listens, as soon as it does."""
LARGEST_MESSAGE = 16_000_000
"""How many bytes a WebSocket message may have."""
_log = logging.getLogger(__name__)


def serve_stdio() -> None:
    """Serve one client over standard input and output, until it leaves."""
    make_server().start_io()


def serve_tcp(host: str, port: int, announce: Announce) -> None:
    """Serve clients on a TCP port until interrupted. Raises OSError where it cannot listen."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = make_server()
        stop = Event()
        server.on_exit = stop.set
        server.protocol.set_writer(writer)
        try:
            await run_async(stop, reader, server.protocol, _log, server.report_server_error)
        except ConnectionError:
            _log.info("a client went away")
        finally:
            server.leave()
            writer.close()

    async def listen() -> None:
        listening = await asyncio.start_server(connected, host, port)
        announce(_address("tcp", listening.sockets[0].getsockname()))
        async with listening:
            await listening.serve_forever()

    asyncio.run(listen())


def serve_ws(host: str, port: int, announce: Announce) -> None:
    """Serve clients over WebSockets until interrupted. Raises OSError where it cannot listen."""
    from websockets.asyncio.server import serve

    async def listen() -> None:
        async with serve(_converse, host, port, max_size=LARGEST_MESSAGE) as listening:
            announce(_address("ws", next(iter(listening.sockets)).getsockname()))
            await listening.serve_forever()

    asyncio.run(listen())


async def _converse(connection: ServerConnection) -> None:
    """Serve one client over its WebSocket: a message is a frame of text."""
    server = make_server()
    server.on_exit = lambda: None
    server.protocol.set_writer(_Frames(connection), include_headers=False)
    try:
        async for message in connection:
            try:
                tree = json.loads(message, object_hook=server.protocol.structure_message)
                server.protocol.handle_message(tree)
            except Exception as problem:
                _log.exception("a message cannot be handled")
                server.report_server_error(problem, JsonRpcException)
    finally:
        server.leave()


class _Frames:
    """Writes messages as frames of text, one after the other."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.waiting: asyncio.Queue[str] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await self.connection.send(await self.waiting.get())
        except ConnectionClosed:
            _log.info("a client went away")

    def write(self, data: bytes) -> None:
        """Send a message, behind those that are not sent yet."""
        self.waiting.put_nowait(data.decode("utf-8"))

    def close(self) -> None:
        """Close the connection."""
        self.task.cancel()
        self.task = asyncio.get_running_loop().create_task(self.connection.close())


def _address(scheme: str, place: Any) -> str:
    host = f"[{place[0]}]" if ":" in place[0] else place[0]
    return f"{scheme}://{host}:{place[1]}"
