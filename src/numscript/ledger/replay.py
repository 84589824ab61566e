"""Replaying a log: into an empty ledger (import), or beside a full one (verify)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from numscript import errors
from numscript.diagnostics import LedgerError, NumscriptError, StorageError
from numscript.ledger import chain
from numscript.ledger.books import REVERTS, Books
from numscript.storage.filters import Moment, Query
from numscript.storage.memory import MemoryStorage
from numscript.storage.protocol import Log, Session, Storage, TryAgain, write_instant

BATCH = 1000
"""How many lines are replayed before they are written."""


class Problem(NamedTuple):
    """Something that is not as the log says: what it is about, and what is wrong."""

    about: str
    what: str

    def __str__(self) -> str:
        return f"{self.about}: {self.what}"


def replay(books: Books, log: Log) -> None:
    """Do again what a line says. Raises LedgerError (BrokenChain) where it does not follow."""
    head = books.head
    if log.id != head.log + 1:
        raise _broken(log.id, f"the line before it is {head.log}")
    if chain.hash_log(head.hash, log) != log.hash:
        raise _broken(log.id, "its hash does not follow from what it says and the line before it")
    if head.date is not None and log.date < head.date:
        raise _broken(log.id, "it is dated before the line before it")
    books.now = log.date
    books.now_text = write_instant(log.date)
    try:
        change = chain.read_change(log)
    except ValueError as problem:
        raise _broken(log.id, str(problem)) from None
    claim = (log.idempotency_key, log.idempotency_hash)
    mark = books.mark()
    try:
        if log.idempotency_key is not None and books.log_of_key(log.idempotency_key) is not None:
            raise _broken(log.id, f"the key `{log.idempotency_key}` was used before")
        _apply(books, change, claim, log.id)
        if books.logs[-1] != log:
            raise _broken(log.id, "it says what this version would not have written")
    except NumscriptError as problem:
        books.undo(mark)
        if isinstance(problem.kind, errors.BrokenChain):
            raise
        raise _broken(log.id, problem.kind.message) from None


def _apply(
    books: Books, change: chain.Change, claim: tuple[str | None, str | None], line: int
) -> None:
    """Do what a line says to the books."""
    match change.type:
        case chain.SET_METADATA:
            target = change.account or change.transaction
            books.set_metadata(target, change.metadata, *claim)
            return
        case chain.DELETE_METADATA:
            books.delete_metadata(change.account or change.transaction, change.key, *claim)
            return
    if change.transaction != books.head.transaction + 1:
        raise _broken(line, f"the transaction before it is {books.head.transaction}")
    if change.reference is not None:
        books.check_reference(change.reference)
    reverted = None
    if change.type == chain.REVERTED_TRANSACTION:
        reverted = books.transaction(change.reverted)
        if reverted.reverted_by is not None:
            raise _broken(line, f"the transaction {reverted.id} was reverted before")
        if change.metadata.get(REVERTS) != str(reverted.id):
            raise _broken(line, f"its metadata does not name the transaction {reverted.id}")
    timestamp = change.timestamp
    assert timestamp is not None
    books.add_transaction(
        change.postings,
        change.metadata,
        change.account_metadata,
        change.reference,
        books.now if timestamp == books.now else timestamp,
        claim,
        reverted,
    )


def _broken(number: int, reason: str) -> LedgerError:
    return LedgerError.of(errors.BrokenChain(id=number, reason=reason))


# --- import -----------------------------------------------------------------------------------


def import_lines(storage: Storage, name: str, lines: Iterable[str]) -> int:
    """Import a log into an empty ledger, in one session; gives the number of lines."""
    try:
        return _import(storage, name, lines)
    except TryAgain as problem:
        # The lines may be gone by now, so the caller has to begin again.
        reason = "it gave up the import"
        raise StorageError.of(errors.StorageUnavailable(reason=reason)) from problem


def _import(storage: Storage, name: str, lines: Iterable[str]) -> int:
    count = 0
    numbered = enumerate((line for line in lines if line.strip()), start=1)
    with storage.write(name) as session:
        if session.head.log:
            kind = errors.LedgerNotEmpty(name=name, count=session.head.log)
            raise LedgerError.of(kind)
        books = Books(session, name, datetime.min)
        while batch := list(islice(numbered, BATCH)):
            for number, line in batch:
                try:
                    log = chain.read_log(line)
                except ValueError as problem:
                    kind_ = errors.InvalidLogLine(line=number, reason=str(problem))
                    raise LedgerError.of(kind_) from None
                replay(books, log)
            count += len(batch)
            changes = books.changes()
            assert changes is not None
            session.append(changes)
            books.written()
        if count:
            session.commit()
    return count


# --- verify -----------------------------------------------------------------------------------


def verify(session: Session, name: str) -> list[Problem]:
    """Replay the log of a session beside it, and compare; the list of all that differs."""
    problems: list[Problem] = []
    copy = MemoryStorage()
    copy.create_ledger(name, datetime.min)
    after = 0
    while logs := session.logs(after, BATCH):
        with copy.write(name) as target:
            books = Books(target, name, datetime.min)
            for log in logs:
                try:
                    replay(books, log)
                except LedgerError as error:
                    fields = error.kind.fields
                    problems.append(Problem(f"log {fields['id']}", str(fields["reason"])))
                    problems.append(Problem("log", "nothing behind this line was compared"))
                    return problems
            changes = books.changes()
            assert changes is not None
            target.append(changes)
            target.commit()
        after = logs[-1].id
    with copy.read(name) as expected:
        if session.head != expected.head:
            problems.append(Problem("head", f"{session.head} is stored, {expected.head} is right"))
        for resource, order in (("transactions", "id"), ("accounts", "address")):
            problems += _compare(resource[:-1], session, expected, Query(resource, sort=order))
        volumes = Query("volumes", sort="account")
        problems += _compare("volume", session, expected, volumes)
        # Asked for as of the end of time, the answers come from the histories.
        end = Moment(datetime.max.replace(tzinfo=UTC), effective=True)
        for query in (Query("transactions"), Query("accounts", sort="address"), volumes):
            title = f"history of {query.resource[:-1]}"
            problems += _compare(title, session, expected, query._replace(moment=end))
        for row in session.select(Query("aggregate", sort="asset")):
            if row.balance:
                about = f"asset {row.asset} {row.color}".rstrip()
                problems.append(Problem(about, f"the balances add up to {row.balance}, not 0"))
    return problems


def _compare(title: str, session: Session, expected: Session, query: Query) -> Iterable[Problem]:
    """What differs between two sessions in a resource."""
    size = 3 if query.resource == "volumes" else 1
    stored = {row[:size]: row for row in _pages(session, query, size)}
    right = {row[:size]: row for row in _pages(expected, query, size)}
    for key in [*right, *(key for key in stored if key not in right)]:
        about = f"{title} {' '.join(str(part) for part in key)}".rstrip()
        if key not in stored:
            yield Problem(about, "it is missing")
        elif key not in right:
            yield Problem(about, "the log does not speak of it")
        else:
            for field, has, should in zip(right[key]._fields, stored[key], right[key], strict=True):
                if has != should:
                    yield Problem(about, f"its {field} is {has}, by the log {should}")


def _pages(session: Session, query: Query, size: int) -> Iterable[Any]:
    """All records of a query, a page at a time."""
    while True:
        rows: Sequence[Any] = session.select(query._replace(limit=10 * BATCH))
        yield from rows
        if len(rows) < 10 * BATCH:
            return
        query = query._replace(after=tuple(rows[-1][:size]))
