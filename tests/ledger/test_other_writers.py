"""Commits that go on from books which this process remembers, while others write.

What another process would do is done here through a second storage of the same URL, which shares
nothing with the first but the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from numscript import errors
from numscript.diagnostics import Kind, NumscriptError
from numscript.ledger import (
    Ledger,
    LedgerError,
    Post,
    Posting,
    Request,
    Revert,
    SetMetadata,
    Transaction,
    cache,
    committer,
)
from numscript.storage import Changes, HeadMoved, Known, Storage, TryAgain, open_storage
from numscript.storage import postgres as postgres_module
from numscript.storage.pipeline import Pipeline
from numscript.storage.postgres import PostgresSession, PostgresStorage
from tests.storage.backends import START, Clock

SALE = [Posting("world", "a", 100, "USD/2")]
DEBIT = [Posting("a", "b", 100, "USD/2")]


@pytest.fixture(params=["sqlite", "postgres"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> Iterator[tuple[Ledger, ...]]:
    """One ledger, as two processes see it."""
    url = f"sqlite:///{tmp_path / 'books.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    storages = [open_storage(url), open_storage(url)]
    yield tuple(Ledger(storage, name, clock=Clock()) for storage in storages)
    for storage in storages:
        storage.close()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The round trips to Postgres, each with its number of statements."""
    seen: list[int] = []
    finish = Pipeline.finish

    def count(pipeline: Pipeline) -> Any:
        seen.append(len(pipeline.asked))
        return finish(pipeline)

    monkeypatch.setattr(Pipeline, "finish", count)
    return seen


def refused(kind: type[Kind], act: Callable[[], object]) -> Kind:
    with pytest.raises(NumscriptError) as raised:
        act()
    assert isinstance(raised.value.kind, kind)
    return raised.value.kind


def test_two_writers_take_turns(pair: tuple[Ledger, ...]) -> None:
    for turn in range(12):
        assert pair[turn % 2].post(SALE).id == turn + 1
        assert pair[turn // 2 % 2].set_metadata("a", {"turn": str(turn)}).id == 2 * turn + 2
    for one in pair:
        assert one.balances("a") == {"USD/2": 1200}
        assert one.account("a").metadata == {"turn": "11"}
        assert one.transaction(12).volumes["a", "USD/2", ""].balance == 1200
        assert one.verify() == []


def test_no_balance_is_remembered_that_another_spent(pair: tuple[Ledger, ...]) -> None:
    one, other = pair
    one.post(SALE)
    other.post(DEBIT)
    kind = refused(errors.InsufficientFunds, lambda: one.post(DEBIT))
    assert kind.fields["available"] == 0
    assert one.verify() == []


def test_no_refusal_is_told_that_another_made_untrue(pair: tuple[Ledger, ...]) -> None:
    one, other = pair
    refused(errors.InsufficientFunds, lambda: one.post(DEBIT))
    one.post([Posting("world", "c", 1, "USD/2")])
    other.post(SALE)
    assert one.post(DEBIT).id == 3
    one.post([Posting("world", "c", 1, "USD/2")])
    other.post(SALE)
    done = one.bulk([Post(DEBIT), Post(DEBIT)], continue_on_failure=True)
    assert [row.ok for row in done] == [True, False]
    assert one.verify() == []


def test_keys_and_references_of_another_are_found(pair: tuple[Ledger, ...]) -> None:
    one, other = pair
    one.post(SALE)
    first = other.post(DEBIT, reference="r", idempotency_key="k")
    again = one.post(DEBIT, reference="r", idempotency_key="k")
    assert (again.id, again.replayed) == (first.id, True)
    one.post(SALE)
    assert one.post(DEBIT, reference="r", idempotency_key="k").replayed
    one.post(SALE)
    kind = refused(errors.DuplicateReference, lambda: one.post(SALE, reference="r"))
    assert kind.fields["id"] == first.id
    one.post(SALE)
    refused(errors.IdempotencyConflict, lambda: one.post(SALE, idempotency_key="k"))
    one.post([Posting("a", "b", 300, "USD/2")])
    # Without the money the request is still the one that was done.
    assert one.post(DEBIT, reference="r", idempotency_key="k").replayed
    assert one.verify() == []


def test_a_commit_takes_one_round_trip_where_nobody_else_writes(
    postgres: Storage, name: str, trips: list[int]
) -> None:
    ledger = Ledger(postgres, name)
    trips.clear()
    ledger.post(SALE)
    assert len(trips) == 2
    trips.clear()
    ledger.post(SALE, reference="r", idempotency_key="k", metadata={"x": "y"})
    ledger.run("send [USD/2 7] ( source = @a destination = @world )")
    assert len(trips) == 2
    trips.clear()
    ledger.post(DEBIT)
    assert len(trips) == 2, "a new account is asked for"
    trips.clear()
    ledger.bulk([Post(SALE)] * 30)
    few = trips.copy()
    trips.clear()
    ledger.bulk([Post(SALE)] * 90)
    assert trips == few, "the number of rows does not count"


def test_a_record_is_read_in_one_round_trip(postgres: Storage, name: str, trips: list[int]) -> None:
    ledger = Ledger(postgres, name)
    ledger.post(SALE)
    trips.clear()
    assert ledger.account("a").balances == {"USD/2": 100}
    assert ledger.transaction(1).volumes["a", "USD/2", ""].balance == 100
    assert ledger.balances("nobody") == {}
    assert len(trips) == 3


def test_another_writer_costs_one_lost_attempt(
    postgres_url: str, postgres: Storage, name: str, trips: list[int]
) -> None:
    one = Ledger(postgres, name)
    elsewhere = open_storage(postgres_url)
    other = Ledger(elsewhere, name)
    one.post(SALE)
    other.post(SALE)
    trips.clear()
    assert one.post(SALE).id == 3
    assert len(trips) <= 4
    trips.clear()
    one.post(SALE)
    assert len(trips) == 2, "once bitten, the next one locks first"
    trips.clear()
    one.post(SALE)
    assert len(trips) == 1
    elsewhere.close()


def test_a_commit_that_arrives_too_late_is_fenced_off(postgres: PostgresStorage, name: str) -> None:
    """Somebody asked what became of it, and was told that nothing did: so it stays."""
    ledger = Ledger(postgres, name, clock=Clock())
    ledger.post(SALE)
    with postgres.read(name) as session:
        head = session.head
    after = head._replace(log=2, hash="f" * 64, date=START + timedelta(days=1))

    def commit_late() -> None:
        with postgres.write(name, known=Known(head)) as late:
            assert not late.holds
            with pytest.raises(TryAgain):
                postgres.settle(name, 2, "somebody", OSError())
            late.append(Changes(head, after, (), (), (), {}, (), (), ()))
            late.commit()

    with pytest.raises(HeadMoved):
        commit_late()
    assert ledger.post(SALE).id == 2
    assert ledger.verify() == []


def test_a_connection_that_the_server_closed_is_replaced(postgres_url: str, name: str) -> None:
    storage = open_storage(postgres_url)
    ledger = Ledger(storage, name)
    ledger.post(SALE)
    with storage._connection() as connection:  # type: ignore[attr-defined]  # the one that is used
        pid = connection.info.backend_pid
    with psycopg.connect(postgres_url, autocommit=True) as killer:
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert ledger.post(SALE).id == 2
    assert ledger.verify() == []
    storage.close()


@pytest.mark.parametrize("fate", ["done", "refused", "answer lost", "cut off"])
def test_a_commit_waits_for_the_one_before_it(
    postgres: PostgresStorage, name: str, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    """The second is decided and sent before anybody knows what becomes of the first."""
    ledger = Ledger(postgres, name, clock=Clock())
    ledger.post(SALE, reference="taken")
    ledger.post(DEBIT)
    ledger.post(SALE)
    behind = Behind(monkeypatch)
    lose = fate in ("answer lost", "cut off")
    add, finish = PostgresSession._add, Pipeline.finish

    def cut_off(session: PostgresSession, steps: Any) -> None:
        if fate == "cut off" and session in behind.sessions[:1] and steps == [("COMMIT", ())]:
            return
        add(session, steps)

    def lost(pipeline: Pipeline) -> Any:
        if lose and pipeline.connection is behind.sessions[0].connection:
            pipeline.connection.close()
            raise psycopg.OperationalError("the connection was lost")
        return finish(pipeline)

    monkeypatch.setattr(PostgresSession, "_add", cut_off)
    if fate == "cut off":
        monkeypatch.setattr(postgres_module, "SMALL", 0)
    monkeypatch.setattr(Pipeline, "finish", lost)
    reference = "taken" if fate == "refused" else "free"
    first, debit = behind.do(ledger, Post(SALE, reference=reference), Post(DEBIT))
    assert isinstance(debit, Transaction)
    if fate == "refused":
        assert isinstance(first, LedgerError)
        assert isinstance(first.kind, errors.DuplicateReference)
        assert debit.id == 4
    else:
        assert isinstance(first, Transaction)
        assert sorted((first.id, debit.id)) == [4, 5]
    assert ledger.balances("a") == {"USD/2": 0 if fate == "refused" else 100}
    assert ledger.verify() == []
    assert ledger.post(SALE).id == (5 if fate == "refused" else 6)


def test_what_a_commit_under_way_changes_is_known_to_the_next(
    postgres: PostgresStorage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database does not show it before it is committed."""
    ledger = Ledger(postgres, name, clock=Clock())
    ledger.post(SALE)
    ledger.set_metadata("c", {"x": "1"})

    def both(first: Request, second: Request) -> list[object]:
        with monkeypatch.context() as patch:
            return Behind(patch).do(ledger, first, second)

    _, again = both(Revert(1), Revert(1))
    assert isinstance(again, LedgerError)
    assert isinstance(again.kind, errors.AlreadyReverted)
    both(SetMetadata(1, {"a": "1"}), SetMetadata(1, {"b": "2"}))
    assert ledger.transaction(1).metadata == {"a": "1", "b": "2"}
    both(SetMetadata("c", {"y": "1"}), SetMetadata("c", {"z": "2"}))
    assert ledger.account("c").metadata == {"x": "1", "y": "1", "z": "2"}
    once = Post(SALE, idempotency_key="k", reference="r")
    first, again = both(once, once)
    assert isinstance(first, Transaction)
    assert isinstance(again, Transaction)
    assert (again.id, again.replayed) == (first.id, True)
    monkeypatch.setattr(cache, "MAX_RECORDS", 0)
    with pytest.raises(AssertionError, match="never passed on"):
        both(Revert(first.id), Post(SALE))
    assert ledger.verify() == []


class Behind:
    """Does one request while the commit of another is under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent = Event()
        self.sessions: list[PostgresSession] = []
        commit = PostgresSession.commit

        def observed(session: PostgresSession) -> None:
            self.sessions.append(session)
            if len(self.sessions) == 2:
                assert session.pending
                self.sent.set()
            commit(session)

        monkeypatch.setattr(PostgresSession, "commit", observed)

    def do(self, ledger: Ledger, first: Request, second: Request) -> list[object]:
        """What comes of both; the first is on its way before the second is decided."""
        other: list[Future[list[Any]]] = []

        def go_on() -> None:
            other.append(threads.submit(ledger.together, [second]))
            # A request that is refused, or done already, is decided again behind the lock.
            other[0].add_done_callback(lambda _: self.sent.set())
            self.sent.wait(2)

        with ThreadPoolExecutor(1) as threads:
            (one,) = ledger.together([first], go_on)
            assert other, "never passed on"
            return [one, *other[0].result()]


@pytest.mark.parametrize("warm", [False, True])
def test_a_bulk_that_is_sent_in_parts_is_undone_whole(
    storage: Storage, name: str, warm: bool
) -> None:
    ledger = Ledger(storage, name, clock=Clock())
    if warm:
        ledger.post([Posting("world", "c", 1, "USD/2")])
    many = committer.MANY
    bad = [*[Post(SALE)] * (2 * many), Post([Posting("nobody", "b", 1, "USD/2")]), Post(SALE)]
    results = ledger.bulk(bad, atomic=True)
    assert not any(row.ok for row in results)
    assert isinstance(results[2 * many].error, LedgerError)
    assert ledger.stats().transactions == int(warm)
    results = ledger.bulk(bad, continue_on_failure=True)
    assert [row.ok for row in results] == [True] * (2 * many) + [False, True]
    results = ledger.bulk(bad)
    assert [row.ok for row in results] == [True] * (2 * many) + [False, False]
    assert ledger.stats().transactions == 4 * many + 1 + int(warm)
    assert ledger.verify() == []


def test_books_that_grow_too_big_are_forgotten(
    storage: Storage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_KEPT", 6)
    ledger = Ledger(storage, name, clock=Clock())
    for turn in range(10):
        ledger.post([Posting("world", f"a:{turn % 5}", 10, "USD/2")])
    for turn in range(10):
        ledger.post([Posting(f"a:{turn % 5}", "b", 10, "USD/2")])
    refused(errors.InsufficientFunds, partial(ledger.post, [Posting("a:1", "b", 1, "USD/2")]))
    assert ledger.balances("b") == {"USD/2": 100}
    assert ledger.verify() == []
