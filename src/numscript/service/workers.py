"""The threads that do the work of calls, for the loop that answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """Threads that do the work of calls, for a loop that waits for them.

    An executor's futures, each with a lock and a condition of its own, would take as long as the
    work of many a call.
    """

    def __init__(self, count: int) -> None:
        self.tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # A process that is told twice to stop does not wait for them.
        names = (f"call-{at}" for at in range(count))
        self.threads = [Thread(target=self._run, name=name, daemon=True) for name in names]
        for thread in self.threads:
            thread.start()

    async def do(
        self,
        work: Callable[[], T],
        limit: float | None = None,
        finished: Callable[[], None] | None = None,
    ) -> T | None:
        """What a piece of work gives, or None if it takes more seconds than the limit.

        The work is done in any case; the loop calls `finished` when it is over.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T | None] = loop.create_future()

        def settle(result: T | None, problem: BaseException | None) -> None:
            if finished is not None:
                finished()
            if answer.done():
                return
            if problem is None:
                answer.set_result(result)
            else:
                answer.set_exception(problem)

        def task() -> None:
            try:
                result = work()
            except BaseException as problem:
                loop.call_soon_threadsafe(settle, None, problem)
            else:
                loop.call_soon_threadsafe(settle, result, None)

        self.tasks.put(task)
        return await in_time(answer, limit)

    def start(self, task: Callable[[], None]) -> None:
        """Have a thread do a task, which raises nothing."""
        self.tasks.put(task)

    def _run(self) -> None:
        while (task := self.tasks.get()) is not None:
            task()

    def close(self) -> None:
        """Finish what is under way."""
        for _ in self.threads:
            self.tasks.put(None)
        for thread in self.threads:
            thread.join()


async def in_time(answer: asyncio.Future[T | None], limit: float | None) -> T | None:
    """What a future gives, or None if it takes more seconds than the limit."""
    if limit is None:
        return await answer

    def give_up() -> None:
        if not answer.done():
            answer.set_result(None)

    timer = asyncio.get_running_loop().call_later(limit, give_up)
    try:
        return await answer
    finally:
        timer.cancel()
