"""Verification: a stored ledger held against its own log, replayed beside it.

The log is read in batches. Volumes and accounts are kept as the log has them so far; transactions
are compared with what is stored as soon as their batch is replayed, and only those that differ are
kept, because a later line may change them yet. So what is held in memory grows with the accounts,
and not with the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from numscript.diagnostics import LedgerError
from numscript.ledger.books import Books
from numscript.ledger.replay import BATCH, Progress, read_changes, replay, wanted_by
from numscript.runtime.store import BalanceKey
from numscript.storage.filters import NUMBER, Leaf, Moment, Or, Query
from numscript.storage.protocol import (
    Account,
    AccountRow,
    Changes,
    Found,
    Head,
    Holding,
    Session,
    Transaction,
    Volume,
    VolumeRow,
    Wanted,
    write_instant,
)

PAGE = 10 * BATCH
"""How many accounts or volumes are compared at a time."""
END = Moment(datetime.max.replace(tzinfo=UTC), effective=True)
"""The end of time: what is asked for as of then comes from the histories."""


class Problem(NamedTuple):
    """Something that is not as the log says: what it is about, and what is wrong."""

    about: str
    what: str

    def __str__(self) -> str:
        return f"{self.about}: {self.what}"


class Shadow:
    """The ledger as its log has it so far: all of a session that replaying asks for."""

    holds = True

    def __init__(self, session: Session) -> None:
        self.session = session
        self.head = Head(0, 0, "", None)
        self.holdings: dict[BalanceKey, Holding] = {}
        self.accounts: dict[str, AccountRow] = {}
        self.differing: dict[int, Transaction] = {}
        """Transactions that are stored otherwise, as they should be."""

    def find(self, wanted: Wanted) -> Found:
        """Read a batch: from what is stored, if it is not kept, and was replayed by now."""
        holdings, accounts, head = self.holdings, self.accounts, self.head
        found = self.session.find(Wanted((), (), *wanted[2:]))
        stored = {at: row for at, row in found.transactions.items() if at <= head.transaction}
        differing = {at: row for at in wanted.transactions if (row := self.differing.get(at))}
        return Found(
            {key: holdings[key] for key in wanted.volumes if key in holdings},
            {name: accounts[name] for name in wanted.accounts if name in accounts},
            {**stored, **differing},
            {name: at for name, at in found.references.items() if at <= head.transaction},
            {key: log for key, log in found.keys.items() if log.id <= head.log},
        )

    def keep(self, changes: Changes) -> None:
        """Take over what a batch of lines did, and compare its transactions."""
        self.head = changes.head
        for key, (_, holding) in changes.holdings.items():
            self.holdings[key] = holding
        for row in changes.accounts:
            self.accounts[row.address] = row
        rows = (*changes.transactions, *changes.changed)
        stored = self.session.find(Wanted(transactions=[row.id for row in rows])).transactions
        for transaction in rows:
            if stored.get(transaction.id) == transaction:
                self.differing.pop(transaction.id, None)
            else:
                self.differing[transaction.id] = transaction

    def volumes(self) -> Iterator[VolumeRow]:
        """The volumes that there should be, in order."""
        for key, holding in sorted(self.holdings.items()):
            yield VolumeRow(*key, holding.input, holding.output)

    def whole_accounts(self) -> dict[str, Account]:
        """The accounts that there should be, by address."""
        volumes: dict[str, dict[tuple[str, str], Volume]] = {}
        for row in self.volumes():
            volumes.setdefault(row.account, {})[row.asset, row.color] = Volume(*row[3:])
        return {
            name: Account(*self.accounts[name], volumes.get(name, {}))
            for name in sorted(self.accounts)
        }


def verify(session: Session, name: str, progress: Progress | None = None) -> list[Problem]:
    """Replay the log of a session beside it, and compare; the list of all that differs."""
    shadow = Shadow(session)
    while logs := session.logs(shadow.head.log, BATCH):
        lines = read_changes(logs)
        wanted = wanted_by(lines)
        books = Books(cast("Session", shadow), name, datetime.min)
        books.take_over(wanted, shadow.find(wanted))
        try:
            replay(books, lines)
        except LedgerError as error:
            fields = error.kind.fields
            return [
                Problem(f"log {fields['id']}", str(fields["reason"])),
                Problem("log", "nothing behind this line was compared"),
            ]
        changes = books.changes()
        assert changes is not None
        shadow.keep(changes)
        if progress is not None:
            progress(len(logs))
    return list(_compare(session, shadow))


def _compare(session: Session, shadow: Shadow) -> Iterator[Problem]:
    """What differs between a session and its log, which was replayed to its end."""
    if session.head != shadow.head:
        yield Problem("head", f"{_told(session.head)} is stored, {_told(shadow.head)} is right")
    yield from _compare_transactions(session, shadow)
    accounts = {(name,): row for name, row in shadow.whole_accounts().items()}
    volumes = {row[:3]: row for row in shadow.volumes()}
    all_accounts = Query("accounts", sort="address")
    all_volumes = Query("volumes", sort="account")
    yield from _differences("account", 1, _all(session, all_accounts, 1), accounts)
    yield from _differences("volume", 3, _all(session, all_volumes, 3), volumes)
    yield from _compare_histories(session, shadow)
    for query, size, right in ((all_accounts, 1, accounts), (all_volumes, 3, volumes)):
        title = f"history of {query.resource[:-1]}"
        rows = _all(session, query._replace(moment=END), size)
        yield from _differences(title, size, rows, right)
    for row in session.select(Query("aggregate", sort="asset")):
        if row.balance:
            about = f"asset {row.asset} {row.color}".rstrip()
            yield Problem(about, f"the balances add up to {row.balance}, not 0")


def _compare_transactions(session: Session, shadow: Shadow) -> Iterator[Problem]:
    """What differs among the transactions: what was found by the way, and what is too much."""
    right = {(number,): row for number, row in sorted(shadow.differing.items())}
    stored = session.find(Wanted(transactions=tuple(shadow.differing))).transactions
    yield from _differences("transaction", 1, (stored[at] for at in sorted(stored)), right)
    outside = Or(
        (
            Leaf("id", NUMBER, None, "$lt", 1),
            Leaf("id", NUMBER, None, "$gt", shadow.head.transaction),
        )
    )
    for row in session.select(Query("transactions", outside)):
        yield Problem(f"transaction {row.id}", "the log does not speak of it")


def _compare_histories(session: Session, shadow: Shadow) -> Iterator[Problem]:
    """What the histories say of transactions otherwise than the log."""
    last = shadow.head.transaction
    for first in range(1, last + 1, BATCH):
        numbers = range(first, min(first + BATCH, last + 1))
        rows: Sequence[Transaction] = session.select(
            Query("transactions", after=(first - 1,), limit=BATCH, moment=END)
        )
        stored = session.find(Wanted(transactions=numbers)).transactions
        # What should be there is what is stored, unless that was found to differ.
        right = {**stored, **{at: shadow.differing[at] for at in numbers if at in shadow.differing}}
        yield from _differences(
            "history of transaction",
            1,
            (row for row in rows if row.id in numbers),
            {(at,): right[at] for at in sorted(right)},
        )


def _differences(
    title: str, size: int, stored: Iterable[Any], right: Mapping[tuple[Any, ...], Any]
) -> Iterator[Problem]:
    """What differs between records that are stored and those that are right.

    The first so many (size) of their fields are their keys.
    """
    seen = set()
    for row in stored:
        key = row[:size]
        seen.add(key)
        about = f"{title} {' '.join(str(part) for part in key)}".rstrip()
        if key not in right:
            yield Problem(about, "the log does not speak of it")
            continue
        for field, has, should in zip(row._fields, row, right[key], strict=True):
            if has != should:
                yield Problem(about, f"its {field} is {_told(has)}, by the log {_told(should)}")
    for key in right:
        if key not in seen:
            about = f"{title} {' '.join(str(part) for part in key)}".rstrip()
            yield Problem(about, "it is missing")


def _told(value: object) -> str:
    """A value of a record in a sentence: `USD/2: input 8, output 5`."""
    match value:
        case None:
            return "nothing"
        case datetime():
            return write_instant(value)
        case Mapping():
            rows = ((_told(key), _told(part)) for key, part in value.items())
            return "; ".join(f"{key}: {text}" for key, text in rows) or "nothing"
        case tuple() if hasattr(value, "_asdict"):
            fields = value._asdict().items()
            return ", ".join(f"{name} {_told(part)}" for name, part in fields if part != "")
        case tuple() if any(isinstance(part, tuple) for part in value):
            return "; ".join(map(_told, value))
        case tuple():
            return " ".join(str(part) for part in value if part != "")
        case _:
            return str(value)


def _all(session: Session, query: Query, size: int) -> Iterator[Any]:
    """All records of a query, a page at a time; `size` is how many columns it is sorted by."""
    while True:
        rows: Sequence[Any] = session.select(query._replace(limit=PAGE))
        yield from rows
        if len(rows) < PAGE:
            return
        query = query._replace(after=tuple(rows[-1][:size]))
