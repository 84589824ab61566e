"""What a session promises, over every storage, below the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import numscript
from numscript import errors
from numscript.diagnostics import Kind
from numscript.ledger import Ledger, LedgerError, Posting, StorageError
from numscript.storage import Changes, Holding, Session, Storage, Wanted
from numscript.storage.filters import Query
from numscript.storage.sqlite import read_sortable, sortable
from tests.storage.backends import START

A = ("a", "USD/2", "")


def changes(session: Session, *, log: int = 0, **parts: Any) -> Changes:
    """A batch that changes little; parts of it may be replaced."""
    before = session.head
    empty = Changes(before, before._replace(log=before.log + log), (), (), (), {}, (), (), ())
    return empty._replace(**parts)


@pytest.fixture
def full(ledger: Ledger) -> Ledger:
    ledger.post([Posting("world", "a", 100, "USD/2")], reference="r", idempotency_key="k")
    ledger.post([Posting("a", "b", 30, "USD/2"), Posting("world", "a", 5, "USD/4")])
    ledger.set_metadata("a", {"x": "y"})
    return ledger


def test_a_session_is_a_store_for_scripts(full: Ledger) -> None:
    with full.storage.read(full.name) as session:
        assert session.get_balances([A, ("nobody", "USD/2", "")]) == {A: 70}
        assert session.get_balances([("a", "USD/*", "")]) == {A: 70, ("a", "USD/4", ""): 5}
        assert session.get_metadata({"a": ["x"], "b": ["x"]})["a"] == {"x": "y"}
        result = numscript.compile("send [USD/2 *] ( source = @a destination = @c )").run(
            {}, session
        )
    assert result.postings == (Posting("a", "c", 70, "USD/2"),)


def test_one_batch_finds_everything(full: Ledger) -> None:
    wanted = Wanted((A, ("x", "EUR", "")), ("a", "x"), (1, 9), ("r", "s"), ("k", "l"))
    for open_ in (full.storage.read, full.storage.write):
        with open_(full.name, wanted) as session:
            for found in (session.found, session.find(wanted)):
                assert found.volumes == {A: Holding(100, 30, 0)}
                assert list(found.accounts) == ["a"]
                assert list(found.transactions) == [1]
                assert found.references == {"r": 1}
                assert found.keys["k"].id == 1
            assert session.head.log == 3
            assert [log.id for log in session.logs(1, 10)] == [2, 3]
            assert session.count(Query("accounts", sort="address")) == 3


def test_a_batch_is_found_without_a_session(full: Ledger) -> None:
    """With all volumes of an account, of which only its address is known."""
    wanted = Wanted(accounts=("a",), transactions=(1,), holders=("a", "nobody"))
    found = full.storage.find(full.name, wanted)
    assert found.volumes == {A: Holding(100, 30, 0), ("a", "USD/4", ""): Holding(5, 0, 0)}
    assert list(found.accounts) == ["a"]
    assert list(found.transactions) == [1]
    with full.storage.read(full.name) as session:
        assert session.find(Wanted(holders=("a",))).volumes == found.volumes
    with pytest.raises(LedgerError) as raised:
        full.storage.find(f"{full.name}-x", wanted)
    assert isinstance(raised.value.kind, errors.UnknownLedger)


def test_what_is_not_committed_leaves_no_trace(full: Ledger) -> None:
    with full.storage.write(full.name) as session:
        session.append(changes(session, holdings={("z", "EUR", ""): (None, Holding(1, 0, 0))}))

    def stop() -> None:
        with full.storage.write(full.name) as session:
            session.append(changes(session, holdings={("z", "EUR", ""): (None, Holding(1, 0, 0))}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stop()
    with full.storage.read(full.name) as session:
        assert session.find(Wanted((("z", "EUR", ""),))).volumes == {}
    assert full.verify() == []


def refused(kind: type[Kind], ledger: Ledger, make: Callable[[Session], Changes]) -> None:
    def write() -> None:
        with ledger.storage.write(ledger.name) as session:
            session.append(make(session))
            session.commit()

    with pytest.raises(StorageError) as raised:
        write()
    assert isinstance(raised.value.kind, kind)
    assert ledger.verify() == []


def test_the_database_lets_no_balance_fall_below_its_floor(full: Ledger) -> None:
    """Whatever code writes: the guard is the table's own."""
    old = Holding(100, 30, 0)
    below = {A: (old, Holding(100, 101, 0))}
    refused(errors.BrokenBound, full, lambda session: changes(session, holdings=below))
    new = {("z", "EUR", ""): (None, Holding(0, 1, 0))}
    refused(errors.BrokenBound, full, lambda session: changes(session, holdings=new))
    allowed = {("z", "EUR", ""): (None, Holding(0, 7, -7))}
    with full.storage.write(full.name) as session:
        session.append(changes(session, holdings=allowed))
        session.commit()


def test_a_decision_on_a_balance_that_is_no_longer_true_is_refused(
    full: Ledger, backend: str
) -> None:
    """As after a reading without the lock: 100 were there, 30 of them are gone."""
    if backend == "memory":
        pytest.skip("what is read in memory cannot grow old: the reader holds the lock")
    stale = {A: (Holding(100, 0, 0), Holding(100, 100, 0))}
    kind = errors.BrokenBound if backend == "postgres" else errors.WriteRefused
    refused(kind, full, lambda session: changes(session, holdings=stale))


def test_ids_keys_and_references_are_written_once(full: Ledger) -> None:
    with full.storage.read(full.name) as session:
        log = session.logs(0, 1)[0]
        row = session.find(Wanted(transactions=(1,))).transactions[1]
    again = log._replace(id=4, idempotency_hash="x")
    refused(errors.WriteRefused, full, lambda s: changes(s, log=1, logs=[again]))
    twice = row._replace(id=3)
    refused(errors.WriteRefused, full, lambda s: changes(s, transactions=[twice]))


def test_creating_a_ledger_twice_is_harmless(storage: Storage, name: str) -> None:
    assert storage.create_ledger(name, START)
    assert not storage.create_ledger(name, START)
    assert name in storage.ledgers()
    for open_ in (storage.read, storage.write):
        with pytest.raises(LedgerError) as raised, open_(f"{name}-x"):
            pass
        assert isinstance(raised.value.kind, errors.UnknownLedger)


@pytest.mark.parametrize("size", [0, 1, 3, 18, 40])
def test_sortable_text_sorts_as_numbers(size: int) -> None:
    numbers = sorted({sign * (10**size + more) for sign in (1, -1) for more in (-1, 0, 1, 7)})
    texts = [sortable(number) for number in numbers]
    assert texts == sorted(texts)
    assert [read_sortable(text) for text in texts] == numbers
