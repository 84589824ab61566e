"""The committing: callers that come at the same time share one transaction of the database.

The first caller leads: it takes all that waits, decides each in turn over one session, and
commits once. Whoever comes meanwhile waits, and one of them leads the next group. So the cost of
a commit is shared as soon as there is more than one caller, and nobody waits for a timer.

The books are kept from one group to the next. Where the storage is distant, a group goes on from
them without asking, on the presumption that nobody else wrote since, that its idempotency keys are
new and its references free. The commit proves that, or fails whole; then the group is decided
again behind the head's lock.

Where callers wait on a distant storage, the lead is passed on as soon as a group's commit is on its
way: the next group is decided while the database works on this one, and sent behind it. Should
this one fail, the next one's commit fails with it, since the head is another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any

from numscript import errors
from numscript.collector import without_collector
from numscript.diagnostics import LedgerError, NumscriptError, StorageError
from numscript.ledger.books import Books
from numscript.ledger.requests import Request, wanted_by
from numscript.storage.protocol import (
    NOTHING,
    HeadMoved,
    Known,
    Session,
    Storage,
    TryAgain,
    Wanted,
)

MAX_GROUP = 512
"""The most requests that are committed together, so that no caller waits for very many others."""
MAX_TRIES = 12
"""How often a session is done again because the database gave it up."""
LONGEST_PAUSE = 0.2
"""In seconds: the longest pause before trying again."""
MANY = 100
"""From how many requests on a group is sent in parts, and decided with the collector held."""
PARTS = 4
"""How many parts those are at the most, so that there is an end to the number of statements."""
COMPANY = 16
"""How many commits pass the lead on early after a caller had to wait."""
MAX_CAUTION = 64
"""The most commits that lock first after another process was found to write."""


class Waiting:
    """Requests of one caller on their way: what is asked, and what came of it.

    A request that could not even be prepared stands for itself by its error.

    atomic: one that fails undoes the others; go_on: the others are done all the same. lines: the
    end of the log after each that was done, by its place.
    """

    __slots__ = ("atomic", "done", "error", "go_on", "lines", "requests", "results")

    def __init__(
        self,
        requests: Sequence[Request | NumscriptError],
        *,
        atomic: bool = False,
        go_on: bool = False,
    ) -> None:
        self.requests = requests
        self.atomic = atomic
        self.go_on = go_on
        self.results: list[Any] = []
        self.lines: dict[int, int] = {}
        self.error: BaseException | None = None
        self.done = False

    def decide(self, books: Books, part: int = 0) -> bool:
        """Decide the requests one after the other; errors are kept among the results.

        part: after how many of them the session is given what was decided; 0 for none. Gives
        whether the session can be committed: not if it was given what has to be undone.
        """
        mark, sent = books.mark(), False
        results: list[Any] = []
        self.results = results
        lines = self.lines = {}
        failed = -1
        for at, request in enumerate(self.requests):
            if part and at and at % part == 0 and (failed < 0 or not self.atomic):
                sent = books.send() or sent
            if failed >= 0 and not self.go_on:
                results.append(_not_run(failed))
                continue
            try:
                if isinstance(request, NumscriptError):
                    raise request
                results.append(books.decide(request))
                lines[at] = books.head.log
            except NumscriptError as error:
                if books.problem is not None:
                    raise
                results.append(error)
                failed = at if failed < 0 else failed
        if failed >= 0 and self.atomic:
            if not sent:
                books.undo(mark)
            self.results = [
                item if isinstance(item, NumscriptError) else _not_run(failed) for item in results
            ]
            return not sent
        return True


def _not_run(failed: int) -> NumscriptError:
    return LedgerError.of(errors.NotRun(failed=failed))


class Turn:
    """One thread's place in the queue, with all that it has to be committed.

    wake: is released when all is done, or when it is this thread's turn to lead. led: the other
    turns that it commits while it leads. passed: is called once, when the commit is on its way and
    the next group may be decided.
    """

    __slots__ = ("leads", "led", "passed", "waiting", "wake")

    def __init__(
        self, waiting: Sequence[Waiting], passed: Callable[[], None] | None = None
    ) -> None:
        self.waiting = waiting
        self.passed = passed
        self.leads = False
        self.led: Sequence[Turn] = ()
        self.wake: Any = None


class Committer:
    """Commits the requests of all callers of one ledger."""

    def __init__(
        self,
        storage: Storage,
        name: str,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.storage = storage
        self.name = name
        self.clock = clock
        self.chance = chance
        self.sleep = sleep
        self.lock = Lock()
        self.queue: list[Turn] = []
        self.returning: list[Turn] = []
        self.busy = False
        self.books: Books | None = None
        self.pending: Turn | None = None
        self.company = 0
        self.caution = 0
        self.cautious = 0

    def submit(self, waiting: Waiting) -> list[Any]:
        """Have requests decided and committed; gives a result or an error for each."""
        (outcome,) = self.submit_all((waiting,))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def submit_all(
        self, waiting: Sequence[Waiting], passed: Callable[[], None] | None = None
    ) -> list[list[Any] | BaseException]:
        """Have all that waits decided and committed; the results of each, or what stopped it.

        passed: is called if others may be decided while these are committed.
        """
        turn = Turn(waiting, passed)
        self.line_up(turn, self.queue)
        if turn.leads:
            self.lead(turn)
        return [each.results if each.error is None else _again(each.error) for each in waiting]

    def line_up(self, turn: Turn, queue: list[Turn]) -> None:
        """Lead at once if nobody does, else wait in a queue."""
        with self.lock:
            if self.busy:
                self.company = COMPANY
                turn.wake = Lock()
                turn.wake.acquire()
                queue.append(turn)
            else:
                self.busy = True
                turn.leads = True
        if not turn.leads:
            self.wait(turn)

    def wait(self, turn: Turn) -> None:
        """Wait until somebody has done it, or it is this caller's turn to lead."""
        try:
            turn.wake.acquire()
        except BaseException:
            with self.lock:
                for queue in (self.queue, self.returning):
                    if turn in queue:
                        queue.remove(turn)
            self.hand_on(turn)
            raise

    def lead(self, own: Turn) -> None:
        """Do a group with one's own requests, and hand the lead on."""
        group = [*own.waiting]
        try:
            with self.lock:
                others = self.queue[: self.share()]
                del self.queue[: len(others)]
            own.led = others
            for turn in others:
                group += turn.waiting
            self.commit_group(group, own)
        except Exception as problem:
            for waiting in group:
                if not waiting.done:
                    waiting.error = problem
        except BaseException:
            reason = "the thread that committed was interrupted"
            for waiting in group[len(own.waiting) :]:
                if not waiting.done:
                    waiting.error = StorageError.of(errors.OutcomeUnknown(reason=reason))
            raise
        finally:
            for turn in own.led:
                turn.wake.release()
            self.hand_on(own)

    def share(self) -> int:
        """How many of those that wait are led together.

        Half of all callers while the other half's commit is under way: a commit costs about as much
        for one as for a few.
        """
        if self.pending is None:
            return MAX_GROUP - 1
        return min(MAX_GROUP - 1, (len(self.queue) + len(self.pending.led) + 1) // 2)

    def hand_on(self, turn: Turn) -> None:
        """Give the lead, if this one has it, to whoever waits longest, if anybody does."""
        with self.lock:
            if not turn.leads:
                return
            turn.leads = False
            queue = self.returning or self.queue
            if not queue:
                self.busy = False
                return
            following = queue.pop(0)
            following.leads = True
        following.wake.release()

    def pass_on(self, turn: Turn, books: Books) -> None:
        """Let the next group be decided while the commit of this one is under way.

        It sees what this one changed in the books only, so not if they are about to forget that.
        """
        if books.is_full:
            return
        with self.lock:
            self.books, self.pending = books, turn
        self.hand_on(turn)
        for each in (turn, *turn.led):
            passed, each.passed = each.passed, None
            if passed is not None:
                passed()

    def lead_again(self, turn: Turn) -> None:
        """Have the lead, also after it was passed on for a commit that failed then."""
        if turn.leads:
            return
        self.line_up(turn, self.returning)
        # Whatever was decided meanwhile may hang on what failed.
        self.books = None

    def commit_group(self, group: list[Waiting], turn: Turn) -> None:
        """Commit a group; where the database refuses the whole, each by itself."""
        try:
            self.commit(group, turn)
        except StorageError as error:
            refusals = (errors.WriteRefused, errors.BrokenBound)
            if len(group) == 1 or not isinstance(error.kind, refusals):
                raise
            for waiting in group:
                try:
                    self.commit([waiting], turn)
                except StorageError as own:
                    waiting.error = own
                    waiting.done = True

    def commit(self, group: list[Waiting], turn: Turn) -> None:
        """Decide and commit requests in one session, again if the database gives it up."""
        self.lead_again(turn)
        wanted, now = NOTHING, self.clock()
        if self.storage.distant:
            if self.presume(group, turn, now):
                return
            self.lead_again(turn)
            wanted = wanted_by_all(group)
        for attempt in range(MAX_TRIES):
            try:
                with self.storage.write(self.name, wanted) as session:
                    books = self.open_books(session, now)
                    if wanted is not NOTHING:
                        books.take_over(wanted, session.found)
                    kept = self.decide(group, books)
            except TryAgain:
                self.sleep(min(LONGEST_PAUSE, 0.001 * 2**attempt) * self.chance())
                continue
            self.finish(group, turn, books if kept else None)
            return
        reason = f"other writers were in the way {MAX_TRIES} times"
        raise StorageError.of(errors.StorageUnavailable(reason=reason))

    def presume(self, group: list[Waiting], turn: Turn, now: datetime) -> bool:
        """Commit a group from the books as they were left; whether that could be done."""
        books = self.books
        if books is None:
            return False
        if self.cautious:
            self.cautious -= 1
            return False
        begun = None
        if self.company or turn.passed is not None:
            self.company = max(0, self.company - 1)
            begun = partial(self.pass_on, turn, books)
        known = Known(books.head, self.pending is not None, begun)
        try:
            with self.storage.write(self.name, NOTHING, known) as session:
                books = self.open_books(session, now)
                books.ahead = partial(wanted_by_all, group)
                self.decide(group, books)
        except HeadMoved:
            if not known.pending:
                self.caution = min(MAX_CAUTION, 2 * self.caution + 1)
                self.cautious = self.caution
            return False
        except (TryAgain, Presumed):
            return False
        except StorageError as error:
            # A key or reference that was used before; behind the lock it is seen.
            if not isinstance(error.kind, errors.WriteRefused):
                raise
            return False
        self.caution //= 2
        self.finish(group, turn, books)
        return True

    def open_books(self, session: Session, now: datetime) -> Books:
        """The books for a session: those of the last one, if they end where it begins."""
        last = session.head.date
        if last is not None and last > now:
            now = last
        books, self.books = self.books, None
        if books is None or books.head != session.head:
            return Books(session, self.name, now)
        books.carry_on(session, now)
        return books

    def decide(self, group: list[Waiting], books: Books) -> bool:
        """Decide requests, and commit what came of them; whether the books can be kept."""
        count = sum(len(waiting.requests) for waiting in group)
        if count < MANY:
            good = decide_all(group, books)
        else:
            # The server works on the first part while the next is decided.
            part = -(-count // PARTS) if self.storage.distant else 0
            good = decide_many(group, books, part)
        if not books.session.holds:
            failed = any(
                isinstance(result, NumscriptError)
                for waiting in group
                for result in waiting.results
            )
            # Nobody may be told what no commit proves.
            written = books.sent or books.logs
            if not good or not written or (failed and books.presumed):
                raise Presumed
        if good and (books.send() or books.sent):
            books.session.commit()
        return good

    def finish(self, group: list[Waiting], turn: Turn, books: Books | None) -> None:
        """Keep the books of a session that went well, unless they were passed on."""
        if turn.leads:
            if books is not None:
                books.close()
            self.books, self.pending = books, None
        else:
            with self.lock:
                if self.pending is turn:
                    self.pending = None
        for waiting in group:
            waiting.done = True


def wanted_by_all(group: Sequence[Waiting]) -> Wanted:
    """What a group will probably read."""
    return wanted_by(
        [
            request
            for waiting in group
            for request in waiting.requests
            if not isinstance(request, NumscriptError)
        ]
    )


def decide_all(group: Sequence[Waiting], books: Books, part: int = 0) -> bool:
    """Decide all requests of a group; whether the session can be committed.

    part: after how many of them the session is given what was decided; 0 for none.
    """
    good, kept = True, 0
    for waiting in group:
        if part and kept >= part:
            books.send()
            kept = 0
        # What one caller's atomic bulk may have to undo is sent early only if it is alone.
        good = waiting.decide(books, part if len(group) == 1 else 0) and good
        kept += len(waiting.requests)
    return good


decide_many = without_collector(decide_all)


class Presumed(Exception):  # noqa: N818 - no error: the ledger does the same again
    """What was decided hangs on something that only the lock can tell."""


def _again(error: BaseException) -> BaseException:
    """An error for one more caller, with a traceback of its own."""
    if isinstance(error, NumscriptError):
        copy = type(error)(error.diagnostics)
        copy.__cause__ = error
        return copy
    return error
