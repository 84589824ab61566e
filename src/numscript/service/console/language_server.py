"""The language server by WebSocket: one for each editor, on a thread that all of them share.

A long script is checked on that thread, so that calls of the API do not wait for it. The servers
see nothing of the machine's files. A browser cannot send a token with a WebSocket, so where tokens
are in use the first message is the token.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from numscript.service.access import READ, check_scope
from numscript.service.problems import Problem

if TYPE_CHECKING:
    from numscript_lsp.server import NumscriptServer

    from numscript.service.state import State

PATH = "/console/lsp"
MOST = 64
"""How many editors are served at once by a process."""
LARGEST_MESSAGE = 1 << 20
"""How many characters a message may have."""
PATIENCE = 10.0
"""In seconds: how long the token may take to come."""
REFUSED, TOO_MANY, TOO_LARGE, ABSENT = 4401, 1013, 1009, 4404
"""Why a WebSocket is closed."""


class Languages:
    """The thread of the language servers, started when the first editor comes."""

    def __init__(self) -> None:
        self.open = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: Thread | None = None
        self.lock = Lock()

    def start(self) -> asyncio.AbstractEventLoop:
        """The loop of the thread."""
        with self.lock:
            if self.loop is None:
                # They tell of every message, and scripts have no place in the log.
                logging.getLogger("pygls").setLevel(logging.WARNING)
                self.loop = asyncio.new_event_loop()
                self.thread = Thread(target=self.loop.run_forever, name="language", daemon=True)
                self.thread.start()
            return self.loop

    async def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have something done on the thread."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.start()))

    def close(self) -> None:
        """End the thread."""
        if self.loop is not None and self.thread is not None:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()


async def converse(state: State, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve an editor until it leaves."""
    socket = WebSocket(scope, receive, send)
    languages = state.languages
    if not is_own(socket):
        await socket.close(REFUSED, "only the console of this server is served")
        return
    await socket.accept()
    try:
        await check_token(state, socket)
        if languages.open >= MOST:
            await socket.close(TOO_MANY, f"{MOST} editors are served already; try again later")
            return
        languages.open += 1
        try:
            await serve(languages, socket)
        finally:
            languages.open -= 1
    except Problem as problem:
        await socket.close(REFUSED, problem.message[:120])
    except ImportError:
        await socket.close(ABSENT, "the server has no language server: pip install numscript[lsp]")
    except (WebSocketDisconnect, TimeoutError):
        pass


def is_own(socket: WebSocket) -> bool:
    """Whether the page that asks is this server's; a program that is no browser names no page."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


async def check_token(state: State, socket: WebSocket) -> None:
    """Take the token, where one is needed. Raises Problem."""
    if state.access.guarded:
        async with asyncio.timeout(PATIENCE):
            token = await socket.receive_text()
        headers = {"authorization": f"Bearer {token}"}
        caller = await state.workers.do(lambda: state.access.identify(headers, basic=False))
        assert caller is not None, "there is no limit to wait for"
        check_scope(caller, READ, None)


async def serve(languages: Languages, socket: WebSocket) -> None:
    """Hand messages to a language server of their own, one after the other, and its answers on."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[str] = asyncio.Queue()
    server = await languages.do(start(Answers(loop, waiting)))
    sending = loop.create_task(send_all(socket, waiting))
    try:
        while True:
            message = await socket.receive_text()
            if len(message) > LARGEST_MESSAGE:
                await socket.close(TOO_LARGE, f"more than {LARGEST_MESSAGE} characters at once")
                return
            await languages.do(handle(server, message))
    finally:
        sending.cancel()
        await languages.do(leave(server))


class Answers:
    """Writes what a server says, from its thread, to where it is sent on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, waiting: asyncio.Queue[str]) -> None:
        self.loop = loop
        self.waiting = waiting

    def write(self, data: bytes) -> None:
        """Send a message behind those that are not sent yet."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.waiting.put_nowait, data.decode())

    def close(self) -> None:
        """The editor closes the connection, not the server."""


async def send_all(socket: WebSocket, waiting: asyncio.Queue[str]) -> None:
    """Send messages as they come."""
    while True:
        await socket.send_text(await waiting.get())


async def start(answers: Answers) -> NumscriptServer:
    """A language server that knows no files. Raises ImportError."""
    from numscript_lsp.server import make_server

    server = make_server(confined=True)
    server.on_exit = lambda: None
    server.protocol.set_writer(answers, include_headers=False)
    return server


async def handle(server: NumscriptServer, message: str) -> None:
    """Have a server deal with a message; one that is none is told so."""
    from pygls.exceptions import JsonRpcException

    try:
        tree = json.loads(message, object_hook=server.protocol.structure_message)
        server.protocol.handle_message(tree)
    except Exception as problem:
        server.report_server_error(problem, JsonRpcException)


async def leave(server: NumscriptServer) -> None:
    """Let a server go."""
    server.leave()
