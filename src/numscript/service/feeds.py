"""Feeds: the events of a ledger as they happen, for all who follow it in this process.

One task a ledger reads the log, however many follow: it is woken by what this process commits, and
looks twice a second for what others did. Who has fallen behind reads from the storage until they
are there again, so that a slow reader costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from time import monotonic
from typing import NamedTuple

from numscript.diagnostics import NumscriptError
from numscript.ledger import Ledger
from numscript.service.events import PAGE, frame, last_sequence, read_events, wants
from numscript.service.problems import Problem
from numscript.service.telemetry import LOG, Metrics
from numscript.service.writing import Writer

POLL = 0.5
"""In seconds: how often a log that is followed is looked at for what other processes did."""
PAUSE = 0.02
"""In seconds: what lies at least between two looks, so that many commits cost one."""
HEARTBEAT = 15.0
"""In seconds: how often something is sent where nothing happens."""
LONGEST = 3600.0
"""In seconds: how long a stream lasts before its reader must come anew, with a right to."""
KEPT = 1000
"""How many events are kept in memory for those who follow closely."""
START = b": events\nretry: 1000\n\n"
"""What every stream starts with: something at once, and how soon to come back after an end."""
THREADS = 4


class Event(NamedTuple):
    """An event as it is sent, with what it is chosen by."""

    sequence: int
    type: str
    frame: bytes


class Feed:
    """The events of one ledger, encoded once for all who follow it. writer: how it shows amounts.

    head: the sequence number of the last event that was read; the events kept lead up to it.
    """

    def __init__(self, ledger: Ledger, writer: Writer, threads: ThreadPoolExecutor) -> None:
        self.ledger = ledger
        self.writer = writer
        self.threads = threads
        self.frames: deque[Event] = deque(maxlen=KEPT)
        self.head = -1
        self.poked = asyncio.Event()
        self.came = asyncio.Event()
        self.followers = 0
        self.task: asyncio.Task[None] | None = None

    def read(self, after: int) -> Sequence[Event]:
        """A page of events behind a sequence number, as they are sent."""
        events = read_events(self.ledger, after, self.writer)
        return [Event(event.sequence, event.type, frame(event)) for event in events]

    async def run(self) -> None:
        """Read what comes to the log, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.poked.clear()
            found: Sequence[Event] = ()
            try:
                if self.head < 0:
                    self.head = await loop.run_in_executor(self.threads, last_sequence, self.ledger)
                    self.announce()
                found = await loop.run_in_executor(self.threads, self.read, self.head)
            except NumscriptError as error:
                LOG.warning("events of %s cannot be read: %s", self.ledger.name, error.kind.title)
            if found:
                self.frames.extend(found)
                self.head += len(found)
                self.announce()
            await asyncio.sleep(PAUSE)
            if len(found) < PAGE:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL):
                        await self.poked.wait()

    def announce(self) -> None:
        """Wake all who wait for what comes."""
        self.came.set()
        self.came = asyncio.Event()

    async def pages(self, after: int, types: Collection[str]) -> AsyncIterator[bytes]:
        """Pages of events of some types behind a sequence number; b"" where none came for long."""
        loop = asyncio.get_running_loop()
        while True:
            came = self.came
            if after < self.head:
                first = self.head - len(self.frames)
                if after >= first:
                    start = after - first
                    found: Sequence[Event] = [*islice(self.frames, start, start + PAGE)]
                else:
                    found = await loop.run_in_executor(self.threads, self.read, after)
                after += len(found)
                yield page(found, types)
                continue
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await came.wait()
            except TimeoutError:
                yield b""


def page(events: Sequence[Event], types: Collection[str]) -> bytes:
    """Events as they are sent, but for those of other types.

    Where the last one is left out, its number is sent alone, which `Last-Event-ID` then says: so
    that who comes again need not be given all that was left out once more.
    """
    found = [event.frame for event in events if wants(types, event.type)]
    if not wants(types, events[-1].type):
        found.append(b"id: %d\n\n" % events[-1].sequence)
    return b"".join(found)


class Feeds:
    """All feeds of a process. limit: how many streams there may be at once."""

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self.limit = limit
        self.metrics = metrics
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="events")
        self.feeds: dict[tuple[str, bool], Feed] = {}
        self.streams = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.closing = asyncio.Event()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say in which loop all of it runs."""
        self.loop = loop

    def committed(self, ledger: str) -> None:
        """Note, from any thread, that something may have been committed to a ledger."""
        if self.loop is not None and self.feeds:
            with suppress(RuntimeError):  # the loop is closed: nobody follows any more
                self.loop.call_soon_threadsafe(self.poke, ledger)

    def poke(self, ledger: str) -> None:
        """Have the feeds of a ledger look at its log."""
        for as_text in (False, True):
            feed = self.feeds.get((ledger, as_text))
            if feed is not None:
                feed.poked.set()

    def check_room(self) -> None:
        """Refuse a stream where there are as many as there may be. Raises Problem."""
        if self.streams >= self.limit:
            many = f"{self.limit} streams of events are open; try again later"
            raise Problem(503, "INTERNAL", many, headers={"Retry-After": "5"})

    async def follow(
        self, ledger: Ledger, after: int, types: Collection[str], *, as_text: bool
    ) -> AsyncIterator[bytes]:
        """The stream of a ledger's events of some types behind a sequence number.

        It ends when the server stops, or after a while: readers come again, and say where they
        were. as_text: whether amounts are text.
        """
        key = (ledger.name, as_text)
        feed = self.feeds.get(key)
        if feed is None:
            writer = Writer(bigints_as_text=as_text)
            feed = self.feeds[key] = Feed(ledger, writer, self.threads)
            feed.task = asyncio.create_task(feed.run())
        feed.followers += 1
        self.streams += 1
        self.metrics.streams.inc()
        pages = feed.pages(after, types)
        stopped = asyncio.create_task(self.closing.wait())
        end = monotonic() + LONGEST
        try:
            yield START
            while monotonic() < end and not self.closing.is_set():
                following = asyncio.ensure_future(anext(pages))
                try:
                    await asyncio.wait((following, stopped), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not following.done():
                        following.cancel()
                if following.done():
                    yield following.result() or b": \n\n"
        except NumscriptError as error:
            # The reader comes again, and is told then what is wrong.
            LOG.warning("events of %s cannot be read: %s", ledger.name, error.kind.title)
        finally:
            stopped.cancel()
            self.streams -= 1
            self.metrics.streams.dec()
            feed.followers -= 1
            if not feed.followers:
                del self.feeds[key]
                assert feed.task is not None
                feed.task.cancel()

    def stop(self) -> None:
        """End all streams; what follows is refused nothing, and ends at once."""
        self.closing.set()

    def close(self) -> None:
        """Let go of the threads."""
        self.threads.shutdown(wait=True)
