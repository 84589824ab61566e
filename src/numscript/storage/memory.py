"""The storage in memory: plain tables behind one lock a ledger. Nothing outlives the process.

It keeps to the same rules as the databases: a session that is not committed leaves no trace, and
a change that breaks a bound or a unique key is refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import islice
from threading import Lock, RLock
from typing import Any, TypeVar, cast

from numscript import errors
from numscript.diagnostics import LedgerError, StorageError
from numscript.runtime.store import BalanceKey, MetadataQuery, is_scale
from numscript.storage.filters import (
    ADDRESS,
    And,
    Filter,
    Leaf,
    Moment,
    Query,
    is_pattern,
    matches,
)
from numscript.storage.protocol import (
    NOTHING,
    Account,
    AccountRow,
    Changes,
    Closing,
    Found,
    Head,
    Holding,
    Known,
    Log,
    MetadataChange,
    Session,
    Transaction,
    Volume,
    VolumeRow,
    Wanted,
    balances_of,
    metadata_of,
)

EMPTY = Found({}, {}, {}, {}, {})
Row = TypeVar("Row")


class Tables:
    """The tables of one ledger."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.head = Head(0, 0, "", None)
        self.logs: list[Log] = []
        self.keys: dict[str, int] = {}
        self.transactions: list[Transaction] = []
        self.references: dict[str, int] = {}
        self.holdings: dict[BalanceKey, Holding] = {}
        self.accounts: dict[str, AccountRow] = {}
        self.assets: dict[str, list[BalanceKey]] = {}
        self.used: defaultdict[str, list[int]] = defaultdict(list)
        """The ids of the transactions that moved anything of an account, in order."""
        self.history: dict[str | int, list[MetadataChange]] = {}


class MemoryStorage(Closing):
    """Ledgers in this process. May be used by several threads at once."""

    distant = False

    def __init__(self, url: str = "memory:", *, read_only: bool = False) -> None:
        self.url = url
        self.read_only = read_only
        self._ledgers: dict[str, Tables] = {}
        self._lock = Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"MemoryStorage({len(self._ledgers)} ledgers)"

    def create_ledger(self, name: str, at: datetime) -> bool:
        """Create a ledger; whether it is new."""
        del at
        self._check_writable()
        with self._lock:
            if name in self._ledgers:
                return False
            self._ledgers[name] = Tables()
            return True

    def ledgers(self) -> Sequence[str]:
        """The names of all ledgers, in order."""
        self._check_open()
        return sorted(self._ledgers)

    @contextmanager
    def write(
        self,
        ledger: str,
        wanted: Wanted = NOTHING,
        known: Known | None = None,
        create: datetime | None = None,
    ) -> Iterator[Session]:
        """A session that holds the ledger, or all of them while it creates one."""
        del known
        self._check_writable()
        if create is not None:
            with self._lock:
                if ledger not in self._ledgers:
                    tables = Tables()
                    add = partial(self._ledgers.__setitem__, ledger, tables)
                    yield MemorySession(tables, wanted, add)
                    return
        tables = self._tables(ledger)
        with tables.lock:
            yield MemorySession(tables, wanted)

    @contextmanager
    def read(self, ledger: str, wanted: Wanted = NOTHING) -> Iterator[Session]:
        """A session that reads; it holds the ledger too, which is how it sees one state of it."""
        tables = self._tables(ledger)
        with tables.lock:
            yield MemorySession(tables, wanted)

    def find(self, ledger: str, wanted: Wanted) -> Found:
        """Read a batch."""
        with self.read(ledger, wanted) as session:
            return session.found

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._ledgers = {}

    def _tables(self, ledger: str) -> Tables:
        tables = self._ledgers.get(ledger)
        if tables is None:
            self._check_open()
            raise unknown_ledger(ledger, list(self._ledgers))
        return tables

    def _check_writable(self) -> None:
        self._check_open()
        if self.read_only:
            raise StorageError.of(errors.WriteRefused(reason="it was opened for reading only"))

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError.of(errors.StorageUnavailable(reason="it was closed"))


def unknown_ledger(name: str, known: Sequence[str]) -> LedgerError:
    """The error of a ledger that does not exist, with the name that may have been meant."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    hint = (
        f"did you mean `{close[0]}`?"
        if close
        else f"`numscript ledger init --ledger {name}` creates it"
    )
    return LedgerError.of(errors.UnknownLedger(name=name, suggestion=hint))


class MemorySession:
    """One session on the tables of a ledger."""

    holds = True

    def __init__(
        self, tables: Tables, wanted: Wanted, created: Callable[[], None] | None = None
    ) -> None:
        self.tables = tables
        self.created = created
        self.head = tables.head
        self.staged: list[Changes] = []
        self.found = EMPTY if wanted is NOTHING else self.find(wanted)

    def get_balances(self, query: Sequence[BalanceKey]) -> Mapping[BalanceKey, int]:
        """The balances asked for."""
        return balances_of(self, query)

    def get_metadata(self, query: MetadataQuery) -> Mapping[str, Mapping[str, str]]:
        """The metadata of the accounts asked for."""
        return metadata_of(self, query)

    def find(self, wanted: Wanted) -> Found:
        """Read a batch."""
        tables = self.tables
        holdings = tables.holdings
        volumes = {key: holdings[key] for key in wanted.volumes if key in holdings}
        for account, asset, _ in wanted.volumes:
            if asset.endswith("/*"):
                for key in tables.assets.get(account, ()):
                    if not key[2] and is_scale(key[1], asset[:-2]):
                        volumes[key] = holdings[key]
        for account in wanted.holders:
            for key in tables.assets.get(account, ()):
                volumes[key] = holdings[key]
        count = len(tables.transactions)
        return Found(
            volumes,
            {name: tables.accounts[name] for name in wanted.accounts if name in tables.accounts},
            {at: tables.transactions[at - 1] for at in wanted.transactions if 0 < at <= count},
            {r: tables.references[r] for r in wanted.references if r in tables.references},
            {key: tables.logs[tables.keys[key]] for key in wanted.keys if key in tables.keys},
        )

    def logs(self, after: int, limit: int) -> Sequence[Log]:
        """Lines of the log behind an id, in order."""
        return self.tables.logs[after : after + limit]

    def append(self, changes: Changes) -> None:
        """Check a batch, and keep it until the commit."""
        expected = self.staged[-1].head if self.staged else self.tables.head
        if changes.before != expected:
            raise StorageError.of(errors.WriteRefused(reason="the ledger's head has moved"))
        for key, (_, new) in changes.holdings.items():
            if new.floor is not None and new.input - new.output < new.floor:
                raise StorageError.of(errors.BrokenBound(reason=f"@{key[0]} in {key[1]}"))
        tables = self.tables
        for transaction in changes.transactions:
            if transaction.reference is not None and transaction.reference in tables.references:
                raise StorageError.of(errors.WriteRefused(reason="a reference is there already"))
        for log in changes.logs:
            if log.idempotency_key is not None and log.idempotency_key in tables.keys:
                raise StorageError.of(errors.WriteRefused(reason="a key is there already"))
        self.staged.append(changes)

    def commit(self) -> None:
        """Take over what was kept."""
        tables = self.tables
        for changes in self.staged:
            tables.logs += changes.logs
            for log in changes.logs:
                if log.idempotency_key is not None:
                    tables.keys[log.idempotency_key] = log.id - 1
            tables.transactions += changes.transactions
            for transaction in changes.transactions:
                if transaction.reference is not None:
                    tables.references[transaction.reference] = transaction.id
                for address in {key[0] for key in transaction.volumes}:
                    tables.used[address].append(transaction.id)
            for transaction in changes.changed:
                tables.transactions[transaction.id - 1] = transaction
            for key, (old, new) in changes.holdings.items():
                if old is None:
                    tables.assets.setdefault(key[0], []).append(key)
                tables.holdings[key] = new
            for row in changes.accounts:
                tables.accounts[row.address] = row
            for change in (*changes.account_metadata, *changes.transaction_metadata):
                tables.history.setdefault(change.target, []).append(change)
            tables.head = changes.head
        self.head = tables.head
        self.staged = []
        if self.created is not None:
            self.created()

    # --- queries ---

    def select(self, query: Query) -> Sequence[Any]:
        """What a query asks for."""
        match query.resource:
            case "transactions":
                return self._transactions(query)
            case "accounts":
                return self._accounts(query)
            case "logs":
                logs = _by_id(self.tables.logs, query)
                found = (log for log in logs if matches(query.filter, _of_log(log)))
                return list(islice(found, query.limit or None))
            case _:
                return self._volumes(query)

    def count(self, query: Query) -> int:
        """How many records a query finds, on all its pages."""
        if query.resource == "accounts" and query.filter is None and query.moment is None:
            return len(self.tables.accounts)
        return len(self.select(query._replace(after=None, limit=0)))

    def _transactions(self, query: Query) -> Sequence[Transaction]:
        by_id = query.sort == "id"
        rows = self.tables.transactions
        found = (
            seen
            for row in (_by_id(rows, query) if by_id else rows)
            if (seen := self._transaction_at(row, query.moment)) is not None
            and matches(query.filter, _of_transaction(seen))
        )
        if by_id:
            return list(islice(found, query.limit or None))
        name = query.sort
        return _page(query, list(found), lambda row: (getattr(row, name), row.id))

    def _transaction_at(self, row: Transaction, moment: Moment | None) -> Transaction | None:
        """A transaction as it was at a moment."""
        if moment is None:
            return row
        at = moment.at
        if (row.timestamp if moment.effective else row.inserted_at) > at:
            return None
        if row.reverted_at is not None and row.reverted_at > at:
            row = row._replace(reverted_at=None, reverted_by=None)
        return row._replace(
            metadata=self._metadata_at(row.id, at),
            updated_at=self._updated_at(row, row.id, at, row.reverted_at or row.inserted_at),
        )

    def _metadata_at(self, target: str | int, at: datetime) -> dict[str, str]:
        metadata: dict[str, str | None] = {}
        for change in self.tables.history.get(target, ()):
            if change.date <= at:
                metadata[change.key] = change.value
        return {key: value for key, value in metadata.items() if value is not None}

    def _updated_at(
        self, row: Transaction | AccountRow, target: str | int, at: datetime, other: datetime
    ) -> datetime:
        """When something was changed last by a moment; `other`: by what is no metadata."""
        if row.updated_at <= at:
            return row.updated_at
        dates = [change.date for change in self.tables.history.get(target, ())]
        return max((date for date in (*dates, other) if date <= at), default=row.inserted_at)

    def _volumes_at(self, address: str, moment: Moment | None) -> dict[tuple[str, str], Volume]:
        """The volumes of an account as they were at a moment, by asset and colour, in order."""
        tables = self.tables
        volumes: dict[tuple[str, str], Volume] = {}
        if moment is None:
            for key in sorted(tables.assets.get(address, ())):
                volumes[key[1:]] = Volume(*tables.holdings[key][:2])
            return volumes
        for number in tables.used.get(address, ()):
            row = tables.transactions[number - 1]
            date = row.timestamp if moment.effective else row.inserted_at
            if date <= moment.at and (moment.since is None or date >= moment.since):
                for source, destination, amount, asset, color in row.postings:
                    if address in (source, destination):
                        input_, output = volumes.get((asset, color), (0, 0))
                        volumes[asset, color] = Volume(
                            input_ + amount if address == destination else input_,
                            output + amount if address == source else output,
                        )
        return dict(sorted(volumes.items()))

    def _accounts_at(self, query: Query) -> Iterator[Account]:
        """The accounts that a filter may match, as they were at a moment."""
        rows, moment = self.tables.accounts, query.moment
        named = _named(query.filter, ("address", "account"))
        for address in list(rows) if named is None else named:
            row = rows.get(str(address))
            if row is None:
                continue
            if moment is not None:
                if (row.first_usage if moment.effective else row.inserted_at) > moment.at:
                    continue
                row = row._replace(
                    metadata=self._metadata_at(row.address, moment.at),
                    updated_at=self._updated_at(row, row.address, moment.at, row.inserted_at),
                )
            yield Account(*row, self._volumes_at(row.address, moment))

    def _accounts(self, query: Query) -> Sequence[Account]:
        found = [row for row in self._accounts_at(query) if matches(query.filter, _of_account(row))]
        if query.sort == "address":
            return _page(query, found, lambda row: (row.address,))
        name = {"insertion_date": "inserted_at"}.get(query.sort, query.sort)
        return _page(query, found, lambda row: (getattr(row, name), row.address))

    def _volumes(self, query: Query) -> Sequence[VolumeRow]:
        sums: dict[BalanceKey, Volume] = {}
        for account in self._accounts_at(query):
            for (asset, color), volume in account.volumes.items():
                one = account._replace(volumes={(asset, color): volume})
                if not matches(query.filter, _of_account(one)):
                    continue
                name = account.address
                if query.resource == "aggregate":
                    name = ""
                elif query.group:
                    name = ":".join(name.split(":")[: query.group])
                before = sums.get((name, asset, color), Volume(0, 0))
                sums[name, asset, color] = Volume(
                    before.input + volume.input, before.output + volume.output
                )
        rows = [VolumeRow(*key, *volume) for key, volume in sums.items()]
        return _page(query, rows, lambda row: row[:3])


def _named(filter_: Filter | None, fields: Collection[str]) -> Sequence[object] | None:
    """The values of which one of these fields must have one to be matched; None if any may do."""
    match filter_:
        case And(parts):
            found = (_named(part, fields) for part in parts)
            return next((values for values in found if values is not None), None)
        case Leaf(field, _, _, "$in", tuple(values)) if field in fields:
            return tuple(dict.fromkeys(values))
        case Leaf(field, type_, _, "$match", value) if field in fields:
            return None if type_ == ADDRESS and is_pattern(str(value)) else (value,)
        case _:
            return None


def _by_id(rows: Sequence[Row], query: Query) -> Iterator[Row]:
    """The rows that a filter may match, in order, from where a page starts; ids count from 1."""
    first, last = 1, len(rows)
    if query.after is not None:
        at = cast("int", query.after[0])
        first, last = (first, min(last, at - 1)) if query.descending else (max(first, at + 1), last)
    numbers: Sequence[int] = range(first, last + 1)
    named = _named(query.filter, ("id",))
    if named is not None:
        numbers = sorted(number for number in cast("Sequence[int]", named) if number in numbers)
    for number in reversed(numbers) if query.descending else numbers:
        yield rows[number - 1]


def _page(query: Query, rows: list[Any], key: Any) -> list[Any]:
    """The rows of one page, in order."""
    rows.sort(key=key, reverse=query.descending)
    after = query.after
    if after is not None:
        down = query.descending
        rows = [row for row in rows if (key(row) < after if down else key(row) > after)]
    return rows[: query.limit] if query.limit else rows


def _of_log(log: Log) -> Any:
    return lambda leaf: (getattr(log, leaf.field),)


def _of_transaction(row: Transaction) -> Any:
    """What a transaction has in a field."""

    def values(leaf: Leaf) -> Sequence[object]:
        match leaf.field:
            case "account":
                return [name for posting in row.postings for name in posting[:2]]
            case "source":
                return [posting[0] for posting in row.postings]
            case "destination":
                return [posting[1] for posting in row.postings]
            case "metadata":
                return (row.metadata.get(str(leaf.key)),)
            case field:
                return (getattr(row, field),)

    return values


def _of_account(row: Account) -> Any:
    """What an account has in a field."""

    def values(leaf: Leaf) -> Sequence[object]:
        match leaf.field:
            case "address" | "account":
                return (row.address,)
            case "metadata":
                return (row.metadata.get(str(leaf.key)),)
            case "insertion_date":
                return (row.inserted_at,)
            case "balance":
                if leaf.key is None:
                    return [volume.balance for volume in row.volumes.values()]
                assert isinstance(leaf.key, tuple)
                volume = row.volumes.get(leaf.key)
                return () if volume is None else (volume.balance,)
            case field:
                return (getattr(row, field),)

    return values
