"""The server as an ASGI application: what is done for every call, whatever it asks.

A call is counted in, its body read within its limit, the caller identified, and the route's
function run in a thread; what it raises becomes an answer. A call that takes too long is answered
before its thread is done; the thread still finishes, and what it committed stays.
"""

from __future__ import annotations

import asyncio
import re
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from random import getrandbits
from time import perf_counter
from typing import IO, Any, TypeVar
from urllib.parse import parse_qsl

from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route as Matcher
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from numscript.diagnostics import NumscriptError
from numscript.service import console, v1, v2
from numscript.service.access import ANYBODY, WRITE, check_scope
from numscript.service.calls import JSON, Call, Reply, encode
from numscript.service.console import language_server
from numscript.service.lanes import LONGEST, Plan, Planned
from numscript.service.openapi import document_routes
from numscript.service.operations import OPERATIONS
from numscript.service.problems import Problem, find_problem
from numscript.service.routes import Route
from numscript.service.settings import Settings
from numscript.service.state import State
from numscript.service.telemetry import log_call
from numscript.storage import Storage

T = TypeVar("T")
PREFIX = "/api/ledger"
"""Where Formance's gateway puts the ledger, and its clients look for it."""
MEMORY = 1 << 20
"""How many bytes of a stream are kept in memory before they go to a file."""
is_number = re.compile(r"[\w.:-]{1,128}", re.ASCII).fullmatch
EXPOSED = ("Count", "Idempotency-Hit", "X-Request-Id", "Retry-After")


def all_routes() -> tuple[Route, ...]:
    """Every route, those asked most first: the first that fits is taken."""
    routes = (*v2.ROUTES, *v1.ROUTES, *OPERATIONS)
    return (*routes, *document_routes(routes), *console.ROUTES)


def create_application(settings: Settings, storage: Storage | None = None) -> ASGIApp:
    """The application. Its state is made when it starts; a storage given here is used as it is."""
    return Application(settings, storage)


class Application:
    """All routes over one state."""

    def __init__(self, settings: Settings, storage: Storage | None = None) -> None:
        self.settings = settings
        self.given = storage
        self.state: State | None = None
        routes = all_routes()
        methods: dict[str, list[str]] = {}
        for route in routes:
            shape = re.sub(r"{\w+}", "{}", route.path)
            methods.setdefault(shape, []).append(route.method)
        matchers = []
        for route in routes:
            allowed = methods[re.sub(r"{\w+}", "{}", route.path)]
            matchers.append(Row(route, Endpoint(route, self), allowed))
        self.router = Router(
            matchers,
            redirect_slashes=False,
            default=Endpoint(UNKNOWN, self),
            lifespan=self.lifespan,
        )
        self.inner: ASGIApp = self.router
        if settings.origins:
            self.inner = CORSMiddleware(
                self.router,
                allow_origins=settings.origins,
                allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
                allow_headers=("*",),
                expose_headers=EXPOSED,
            )

    @asynccontextmanager
    async def lifespan(self, _router: object) -> AsyncIterator[None]:
        """Open what calls need, and close it when the last one is answered."""
        loop = asyncio.get_running_loop()
        self.state = await loop.run_in_executor(None, State, self.settings, self.given)
        feeds = self.state.feeds
        feeds.start(loop)
        await loop.run_in_executor(None, self.state.deliveries.start)
        on_stop(lambda: loop.call_soon_threadsafe(feeds.stop))
        log_call("started", {"storage": self.state.storage.url})
        yield
        feeds.stop()
        await loop.run_in_executor(None, self.state.close)
        log_call("stopped", {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, with or without the prefix of Formance's gateway."""
        if scope["type"] in ("http", "websocket"):
            path = scope["path"]
            if path.startswith(f"{PREFIX}/"):
                scope = {**scope, "path": path[len(PREFIX) :], "gateway": True}
        if scope["type"] == "websocket":
            if scope["path"] == language_server.PATH and self.state is not None:
                await language_server.converse(self.state, scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1000})
            return
        await self.inner(scope, receive, send)


class Row(Matcher):
    """A route as the router sees it; a path that fits with another method is refused in JSON."""

    def __init__(self, route: Route, endpoint: Endpoint, allowed: Sequence[str]) -> None:
        # A key of metadata may have slashes; it is the last part of its path.
        path = re.sub(r"{key}$", "{key:path}", route.path)
        super().__init__(path, endpoint, methods=[route.method])
        self.refusing = Endpoint(
            UNKNOWN._replace(name="wrongMethod"), endpoint.application, allowed=allowed
        )
        self.head = route.method == "GET" and "HEAD" not in allowed
        self.methods = {route.method, "HEAD"} if self.head else {route.method}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call whose path fits."""
        if scope["method"] not in (self.methods or ()):
            await self.refusing(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class Endpoint:
    """Answers the calls of one route. allowed: the methods of a path that was called by another."""

    def __init__(self, route: Route, application: Application, allowed: Sequence[str] = ()) -> None:
        self.route = route
        self.application = application
        self.allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        state = self.application.state
        assert state is not None
        started = perf_counter()
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        number = headers.get("x-request-id", "")
        if not is_number(number):
            number = f"{getrandbits(128):032x}"
        called = Called(state, self.route, scope, headers, number)
        called.allowed = self.allowed
        reply = await called.answer(receive)
        if self.route.gateway and scope.get("gateway") and reply.status == self.route.status:
            reply = reply._replace(status=self.route.gateway)
        status = reply.status
        if status >= 400 and not called.read_all:
            await drain(receive)
        seconds = perf_counter() - started
        try:
            if isinstance(reply.body, AsyncIterator):
                await called.send_live(reply, receive, send)
            else:
                await called.send(reply, send)
                seconds = perf_counter() - started
        finally:
            state.metrics.count(self.route.name, status, seconds)
            log_call(
                "answered",
                {
                    "requestId": number,
                    "method": scope["method"],
                    "route": self.route.name,
                    **({"ledger": called.ledger} if called.ledger else {}),
                    **({"caller": called.caller.name} if called.caller.name else {}),
                    **({"code": called.code} if called.code else {}),
                    "status": status,
                    "milliseconds": round(seconds * 1000, 2),
                },
                failed=status >= 500,
            )


class Called:
    """One call on its way through the server."""

    def __init__(
        self, state: State, route: Route, scope: Scope, headers: dict[str, str], number: str
    ) -> None:
        self.state = state
        self.route = route
        self.scope = scope
        self.headers = headers
        self.number = number
        self.path: dict[str, str] = scope.get("path_params", {})
        self.ledger = self.path.get("ledger")
        self.caller = ANYBODY
        self.code = ""
        self.read_all = False
        self.allowed: Sequence[str] = ()

    async def answer(self, receive: Receive) -> Reply:
        """The answer to the call, whatever happens."""
        state, settings = self.state, self.state.settings
        if self.route.scope is not None and state.under_way >= settings.concurrency:
            state.metrics.refused.labels("concurrency").inc()
            busy = f"{settings.concurrency} requests are under way; send this one again"
            return self.problem(Problem(503, "INTERNAL", busy, headers={"Retry-After": "1"}))
        self.enter()
        handed_over = False
        try:
            limit = None if self.route.stream else settings.timeout
            async with asyncio.timeout(limit):
                body, file = await self.read(receive)
            handed_over = True
            if file is None and self.is_short_write(body):
                assert self.ledger is not None
                rider = Planning(self, body)
                reply = await state.lanes.ride(self.ledger, rider, settings.timeout, self.leave)
            else:
                reply = await state.workers.do(lambda: self.work(body, file), limit, self.leave)
            return reply or self.problem(too_slow(settings.timeout))
        except TimeoutError:
            late = f"the body was not whole after {settings.timeout:g} s; send it faster"
            return self.problem(Problem(408, "TIMEOUT", late))
        except Problem as problem:
            return self.problem(problem)
        finally:
            if not handed_over:
                self.leave()

    def enter(self) -> None:
        """Count the call in, unless it is about the service itself: those are never too many."""
        if self.route.scope is not None:
            self.state.under_way += 1
            self.state.metrics.under_way.inc()

    def leave(self) -> None:
        """Count the call out."""
        if self.route.scope is not None:
            self.state.under_way -= 1
            self.state.metrics.under_way.dec()

    async def read(self, receive: Receive) -> tuple[bytes, IO[bytes] | None]:
        """The body, in memory or, for streams, in a file. Raises Problem where it is too large."""
        settings = self.state.settings
        limit = settings.stream if self.route.stream else settings.body
        announced = self.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise too_large(limit)
        parts: list[bytes] = []
        length = 0
        file: IO[bytes] | None = None
        # A stream may take any time as long as something comes.
        wait = settings.timeout if self.route.stream else None
        if self.route.stream:
            file = tempfile.SpooledTemporaryFile(MEMORY)  # noqa: SIM115 - closed with the call
        while True:
            if wait is None:
                message = await receive()
            else:
                async with asyncio.timeout(wait):
                    message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "VALIDATION", "the caller left before the body was whole")
            part = message.get("body", b"")
            length += len(part)
            if length > limit:
                raise too_large(limit)
            if file is not None:
                file.write(part)
            elif part:
                parts.append(part)
            if not message.get("more_body"):
                self.read_all = True
                break
        if file is not None:
            file.seek(0)
        return b"".join(parts), file

    def is_short_write(self, body: bytes) -> bool:
        """Whether the call can be done together with others of its ledger.

        Not if it asks for more than a commit, or might wait for anything else.
        """
        return (
            isinstance(self.route.handler, Planned)
            and len(body) <= LONGEST
            and not self.scope["query_string"]
            and self.state.access.is_quick
            and self.state.traces.tracer is None
        )

    def admit(self, body: bytes, file: IO[bytes] | None) -> Call:
        """The call as its handler takes it, if its caller may make it. Raises Problem."""
        state, route = self.state, self.route
        if route.scope is not None:
            self.caller = state.access.identify(self.headers, basic=route.basic)
            check_scope(self.caller, route.scope, self.ledger)
            client = self.scope.get("client")
            state.rates.check(self.caller, client[0] if client else "")
        if self.allowed:
            raise wrong_method(self.scope["method"], self.allowed)
        queries = read_query(self.scope)
        return Call(state, self.caller, self.number, self.path, queries, self.headers, body, file)

    def work(self, body: bytes, file: IO[bytes] | None) -> Reply:
        """Do the call's work, in a thread of its own."""
        try:
            return self.watch(lambda: self.trace(body, file))
        finally:
            if file is not None:
                file.close()
            if self.route.scope == WRITE and self.ledger:
                self.state.committed(self.ledger)

    def trace(self, body: bytes, file: IO[bytes] | None) -> Reply:
        """Do the call's work, which a span is about. Raises what goes wrong."""
        with self.state.traces.span(
            self.scope["method"], self.route.path, self.number, self.ledger, self.headers
        ) as answered:
            return answered(self.route.handler(self.admit(body, file)))

    def watch(self, step: Callable[[], T]) -> T | Reply:
        """What a step gives, or the answer that tells what went wrong."""
        try:
            return step()
        except Problem as problem:
            return self.problem(problem)
        except Exception as error:
            return self.problem(find_problem(error), error)

    def problem(self, problem: Problem, error: BaseException | None = None) -> Reply:
        """The answer that tells of a problem; of one on our side the log tells the rest."""
        self.code = problem.code
        message = problem.message
        if problem.status >= 500 and error is not None:
            from numscript.service.telemetry import LOG

            known = isinstance(error, NumscriptError)
            LOG.error(
                "failed: %s",
                message.partition("\n")[0] or type(error).__name__,
                exc_info=None if known else error,
                extra={"fields": {"requestId": self.number, "route": self.route.name}},
            )
            if not known:
                message = f"this is our fault; the log has more of the request {self.number}"
        shown = Problem(problem.status, problem.code, message, problem.details, problem.headers)
        shape = v1.show_problem if self.route.old else v2.show_problem
        return shape(shown)

    async def send_live(self, reply: Reply, receive: Receive, send: Send) -> None:
        """Send an answer piece by piece as it comes, until it ends or the caller leaves."""
        pieces: Any = reply.body
        head = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        head += [
            (b"x-request-id", self.number.encode()),
            (b"content-type", reply.media.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        if self.scope["method"] != "HEAD":
            pump = asyncio.create_task(pour(pieces, send))
            left = asyncio.create_task(wait_until_left(receive))
            try:
                await asyncio.wait((pump, left), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (pump, left):
                    task.cancel()
                await asyncio.wait((pump, left))
                await pieces.aclose()
            if not pump.cancelled():
                pump.result()
        await send({"type": "http.response.body", "body": b""})

    async def send(self, reply: Reply, send: Send) -> None:
        """Send the answer."""
        headers = [(b"x-request-id", self.number.encode())]
        for name, value in reply.headers.items():
            headers.append((name.lower().encode(), value.encode("latin-1", "replace")))
        body: Any = reply.body
        streamed = isinstance(body, Iterator)
        content = b""
        if not streamed and body is not None:
            content = body if isinstance(body, bytes) else encode(body)
        if streamed or content:
            headers.append((b"content-type", reply.media.encode()))
        headers.append((b"x-content-type-options", b"nosniff"))
        if "Cache-Control" not in reply.headers:
            headers.append((b"cache-control", b"no-store"))
        head = self.scope["method"] == "HEAD"
        if not streamed and reply.status not in (204, 304):
            headers.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if streamed and not head:

            def next_piece() -> Any:
                return next(body, None)

            while (piece := await self.state.workers.do(next_piece)) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"" if head else content})


class Planning:
    """A call that is done together with others of its ledger."""

    def __init__(self, called: Called, body: bytes) -> None:
        self.called = called
        self.body = body

    def begin(self) -> Reply | Plan:
        """What the call wants to be committed."""
        called = self.called
        handler = called.route.handler
        assert isinstance(handler, Planned)
        return called.watch(lambda: handler.plan(called.admit(self.body, None)))

    def end(self, plan: Plan, outcome: object) -> Reply:
        """The answer to the call."""

        def give() -> object:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return self.called.watch(lambda: plan.finish(give))


async def pour(pieces: AsyncIterator[bytes], send: Send) -> None:
    """Send pieces as they come."""
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def wait_until_left(receive: Receive) -> None:
    """Wait until the caller leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass


def on_stop(tell: Callable[[], object]) -> None:
    """Have this told when the process is told to stop, before its server waits for answers."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        former = signal.getsignal(number)

        def handle(number: int, frame: Any, former: Any = former) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                tell()
            if callable(former):
                former(number, frame)

        signal.signal(number, handle)


async def drain(receive: Receive) -> None:
    """Take a little of what is left of a body that was refused, so that the caller sees why."""
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            for _ in range(64):
                if not (await receive()).get("more_body"):
                    return


def read_query(scope: Scope) -> list[tuple[str, str]]:
    """The parameters of the query. Raises Problem."""
    try:
        return parse_qsl(
            scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=200,
            errors="strict",
        )  # fmt: skip
    except ValueError:
        raise Problem(400, "VALIDATION", "the query cannot be read; encode it as UTF-8") from None


def too_large(limit: int) -> Problem:
    """The answer to a body that is too large."""
    return Problem(413, "VALIDATION", f"the body is larger than {limit} bytes; send less at once")


def too_slow(limit: float) -> Problem:
    """The answer to a call that takes too long."""
    return Problem(
        504,
        "TIMEOUT",
        f"this takes longer than {limit:g} s, and it is not known whether it will be done; send "
        "it again with the same Idempotency-Key to find out",
    )


def wrong_method(method: str, allowed: Sequence[str]) -> Problem:
    """The answer to a call with a method that the path does not have."""
    known = ", ".join(sorted(set(allowed)))
    return Problem(
        405, "VALIDATION", f"there is no {method} here; there is {known}", headers={"Allow": known}
    )


def unknown_path(_call: Call) -> Reply:
    """Refuse a path that is none."""
    raise Problem(404, "NOT_FOUND", "there is no such path; /docs lists all that there are")


UNKNOWN = Route("GET", "", "unknown", "A path that is none.", unknown_path, None)
"""What answers where no route fits."""
__all__ = ["JSON", "PREFIX", "Application", "all_routes", "create_application"]
