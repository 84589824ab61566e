"""Writes of one ledger that come at the same time: one thread plans, commits and answers them all.

A ledger commits one group after the other in any case. Were each of its calls on a thread of its
own, the threads would spend as long on waking each other as on the work. Over a distant storage
there are two: the next group is planned and decided while the last one is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event, Lock
from typing import Any, NamedTuple, Protocol

from numscript.ledger import Ledger, Request
from numscript.service.calls import Call, Reply
from numscript.service.requests import do
from numscript.service.workers import Workers, in_time

LONGEST = 1 << 16
"""The longest body of a call in a lane, in bytes: what is longer would hold others up."""
MOST = 512
"""How many calls are taken together at the most."""


class Plan(NamedTuple):
    """What a call wants to be committed, and how it is answered.

    finish: makes the answer, of what gives the outcome or raises what went wrong.
    """

    ledger: Ledger
    request: Request
    finish: Callable[[Callable[[], Any]], Reply]
    dry_run: bool = False


class Planned:
    """The handler of a route whose calls can be planned first, and committed with others."""

    def __init__(self, plan: Callable[[Call], Plan]) -> None:
        self.plan = plan

    def __call__(self, call: Call) -> Reply:
        """Do a call by itself."""
        ledger, request, finish, dry_run = self.plan(call)
        return finish(lambda: do(ledger, request, dry_run=dry_run))


class Rider(Protocol):
    """A call in a lane. Neither step raises anything."""

    def begin(self) -> Reply | Plan:
        """Its plan, or its answer where nothing is to be committed."""
        ...

    def end(self, plan: Plan, outcome: object) -> Reply:
        """Its answer, after an outcome or an error."""
        ...


class Waiting(NamedTuple):
    """A call that waits, and what to tell when it is answered."""

    rider: Rider
    answer: asyncio.Future[Reply | None]
    finished: Callable[[], None]


class Lanes:
    """What waits to be written, by ledger. A ledger is here as long as a thread is at it."""

    def __init__(self, workers: Workers, committed: Callable[[str], None]) -> None:
        """committed: is told of a ledger to which something may have been committed."""
        self.workers = workers
        self.committed = committed
        self.lock = Lock()
        self.waiting: dict[str, list[Waiting]] = {}

    async def ride(
        self, ledger: str, rider: Rider, limit: float, finished: Callable[[], None]
    ) -> Reply | None:
        """The answer to a call, or None if it takes more seconds than the limit.

        It is done in any case; the loop calls `finished` when it is over.
        """
        loop = asyncio.get_running_loop()
        row = Waiting(rider, loop.create_future(), finished)
        with self.lock:
            rows = self.waiting.get(ledger)
            if rows is None:
                self.waiting[ledger] = [row]
            else:
                rows.append(row)
        if rows is None:
            self.workers.start(lambda: self.run(ledger, loop))
        return await in_time(row.answer, limit)

    def run(self, ledger: str, loop: asyncio.AbstractEventLoop) -> None:
        """Do what waits at a ledger, until nothing does or another thread does the rest."""
        passed = Event()
        while not passed.is_set():
            with self.lock:
                rows = self.waiting[ledger][:MOST]
                if not rows:
                    del self.waiting[ledger]
                    return
                del self.waiting[ledger][: len(rows)]
            pass_on = partial(self.pass_on, ledger, loop, passed) if len(rows) > 1 else None
            replies = answer_all([row.rider for row in rows], pass_on)
            self.committed(ledger)
            loop.call_soon_threadsafe(settle, rows, replies)

    def pass_on(self, ledger: str, loop: asyncio.AbstractEventLoop, passed: Event) -> None:
        """Have another thread do what comes, while what was taken is committed."""
        passed.set()
        with self.lock:
            if not self.waiting[ledger]:
                del self.waiting[ledger]
                return
        self.workers.start(lambda: self.run(ledger, loop))


def answer_all(riders: Sequence[Rider], passed: Callable[[], None] | None = None) -> list[Reply]:
    """The answers to calls of one ledger, all of which are committed together.

    passed: is called if others can be planned while they are.
    """
    begun = [rider.begin() for rider in riders]
    plans = [plan for plan in begun if isinstance(plan, Plan)]
    try:
        outcomes: Sequence[object] = (
            plans[0].ledger.together([plan.request for plan in plans], passed) if plans else ()
        )
    except Exception as problem:
        outcomes = [problem] * len(plans)
    left = iter(outcomes)
    return [
        rider.end(plan, next(left)) if isinstance(plan, Plan) else plan
        for rider, plan in zip(riders, begun, strict=True)
    ]


def settle(rows: Sequence[Waiting], replies: Sequence[Reply]) -> None:
    """Hand over answers, in the loop."""
    for (_, answer, finished), reply in zip(rows, replies, strict=True):
        finished()
        if not answer.done():
            answer.set_result(reply)
