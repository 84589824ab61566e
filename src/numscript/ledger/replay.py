"""Replaying a log: doing again what its lines say, and importing an exported one.

A batch of lines is parsed first, so that all they are about can be read at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeAlias

from numscript import errors
from numscript.diagnostics import LedgerError, NumscriptError, StorageError
from numscript.ledger import chain
from numscript.ledger.books import REVERTS, Books
from numscript.ledger.requests import DeleteMetadata, SetMetadata
from numscript.runtime.store import BalanceKey
from numscript.storage.protocol import Found, Log, Storage, TryAgain, Wanted, write_instant

BATCH = 1000
"""How many lines are replayed before they are written or compared."""
NOTHING_FOUND = Found({}, {}, {}, {}, {})

Progress: TypeAlias = Callable[[int], object]
"""What is told how many more lines of a log are done."""
Line: TypeAlias = tuple[Log, chain.Change | ValueError]
"""A line of the log with what it did, or with why that cannot be read."""


def read_changes(logs: Iterable[Log]) -> list[Line]:
    """Lines of a stored log with what they did."""
    lines: list[Line] = []
    for log in logs:
        try:
            lines.append((log, chain.read_change(log)))
        except ValueError as problem:
            lines.append((log, problem))
    return lines


def wanted_by(lines: Iterable[Line]) -> Wanted:
    """All that replaying some lines will ask for."""
    volumes: dict[BalanceKey, None] = {}
    accounts: dict[str, None] = {}
    transactions: list[int] = []
    references: list[str] = []
    keys: list[str] = []
    for log, change in lines:
        if log.idempotency_key is not None:
            keys.append(log.idempotency_key)
        if isinstance(change, ValueError):
            continue
        for source, destination, _, asset, color in change.postings:
            volumes[source, asset, color] = volumes[destination, asset, color] = None
            accounts[source] = accounts[destination] = None
        accounts.update(dict.fromkeys(change.account_metadata))
        if change.account:
            accounts[change.account] = None
        elif change.reverted:
            transactions.append(change.reverted)
        elif not change.postings:
            transactions.append(change.transaction)
        if change.reference is not None:
            references.append(change.reference)
    return Wanted(tuple(volumes), tuple(accounts), transactions, references, keys)


def replay(books: Books, lines: Sequence[Line]) -> None:
    """Do again what lines say. Raises LedgerError (BrokenChain) where one does not follow."""
    for log, change in lines:
        mark = books.mark()
        try:
            _replay(books, log, change)
        except NumscriptError as problem:
            books.undo(mark)
            if isinstance(problem.kind, errors.BrokenChain):
                raise
            raise _broken(log.id, problem.kind.message) from None


def _replay(books: Books, log: Log, change: chain.Change | ValueError) -> None:
    """Do again what a line says.

    The line that is written by doing it carries the hash over it and all before it: where it is
    the same, nothing else needs to be looked at.
    """
    before = books.head
    if log.id != before.log + 1:
        raise _broken(log.id, f"the line before it is {before.log}")
    if isinstance(change, ValueError):
        _check_hash(before.hash, log)
        raise _broken(log.id, str(change))
    if before.date is not None and log.date < before.date:
        _check_hash(before.hash, log)
        raise _broken(log.id, "it is dated before the line before it")
    books.now = log.date
    books.now_text = write_instant(log.date)
    try:
        if log.idempotency_key is not None and books.log_of_key(log.idempotency_key) is not None:
            raise _broken(log.id, f"the key `{log.idempotency_key}` was used before")
        _apply(books, change, (log.idempotency_key, log.idempotency_hash), log.id)
    except NumscriptError:
        _check_hash(before.hash, log)
        raise
    if books.logs[-1] != log:
        _check_hash(before.hash, log)
        raise _broken(log.id, "it says what this version would not have written")


def _check_hash(previous: str, log: Log) -> None:
    """Refuse a line whose hash is wrong, which is said before anything else of it."""
    if chain.hash_log(previous, log) != log.hash:
        raise _broken(log.id, "its hash does not follow from what it says and the line before it")


def _apply(
    books: Books, change: chain.Change, claim: tuple[str | None, str | None], line: int
) -> None:
    """Do what a line says to the books."""
    key, digest = claim
    match change.type:
        case chain.SET_METADATA:
            target = change.account or change.transaction
            books.set_metadata(SetMetadata(target, change.metadata, key), digest)
            return
        case chain.DELETE_METADATA:
            target = change.account or change.transaction
            books.delete_metadata(DeleteMetadata(target, change.key, key), digest)
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


def import_lines(
    storage: Storage,
    name: str,
    lines: Iterable[str],
    progress: Progress | None = None,
    create: datetime | None = None,
) -> int:
    """Import a log into an empty ledger, in one session; gives the number of lines.

    create: a ledger that does not exist is created as of then, in the same session.
    """
    if isinstance(lines, (str, bytes)):
        raise TypeError("a log is given as lines: an open file, or text.splitlines(keepends=True)")
    try:
        return _import(storage, name, _parsed(lines), progress, create)
    except TryAgain as problem:
        # The lines may be gone by now, so the caller has to begin again.
        reason = "it gave up the import"
        raise StorageError.of(errors.StorageUnavailable(reason=reason)) from problem


def _import(
    storage: Storage,
    name: str,
    parsed: Iterator[Line],
    progress: Progress | None,
    create: datetime | None,
) -> int:
    count = 0
    # Other packages' storages need know of `create` only where it is asked for.
    opened = storage.write(name) if create is None else storage.write(name, create=create)
    with opened as session:
        if session.head.log:
            kind = errors.LedgerNotEmpty(name=name, count=session.head.log)
            raise LedgerError.of(kind)
        books = Books(session, name, datetime.min)
        while batch := list(islice(parsed, BATCH)):
            # What the books do not know by now is not there: the ledger was empty.
            books.take_over(wanted_by(batch), NOTHING_FOUND)
            replay(books, batch)
            changes = books.changes()
            assert changes is not None
            session.append(changes)
            books.written()
            count += len(batch)
            if progress is not None:
                progress(len(batch))
        if count or create is not None:
            session.commit()
    return count


def _parsed(lines: Iterable[str]) -> Iterator[Line]:
    """The lines of an exported log. Raises LedgerError (InvalidLogLine)."""
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise TypeError(
                f"line {number} is {type(line).__name__}, no text: open the file as text, "
                'open(path, encoding="utf-8")'
            )
        if not line.strip():
            continue
        try:
            log, data = chain.parse_log(line)
        except ValueError as problem:
            kind = errors.InvalidLogLine(line=number, reason=str(problem))
            raise LedgerError.of(kind) from None
        try:
            yield log, chain.read_change(log, data)
        except ValueError as problem:
            yield log, problem
