"""What a storage is: the `Storage` and `Session` protocols, and the records they exchange.

A session is one transaction of a storage. What a commit needs is read in one batch (`find`) and
written in one batch (`append`, then `commit`), so that a database needs two round trips. The
ledger decides; a storage only keeps. Amounts are in the asset's smallest unit, instants are aware
datetimes in UTC.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from numscript.runtime.result import Posting
from numscript.runtime.store import BalanceKey, MetadataQuery
from numscript.storage.filters import Query

T = TypeVar("T")


class Volume(NamedTuple):
    """All that an account ever received and gave of an asset."""

    input: int
    output: int

    @property
    def balance(self) -> int:
        """What is left."""
        return self.input - self.output


class Holding(NamedTuple):
    """A volume as it is stored: with its floor, below which the database lets no balance fall.

    The floor of `@world` is None: it has none. That of another account is 0, or the balance that
    the last debit was allowed to leave, where a script or `force` let it go below zero.
    """

    input: int
    output: int
    floor: int | None = 0


class Transaction(NamedTuple):
    """A transaction of a ledger.

    timestamp: when it took effect; inserted_at: when it was written. `reverted_by` and `reverts`
    are the ids of other transactions. volumes: those of its accounts right after it, by account,
    asset and colour. `replayed` says that an idempotency key gave the first result again.
    printed: what the script printed, given to its caller alone, and not stored.
    """

    id: int
    postings: tuple[Posting, ...]
    metadata: Mapping[str, str]
    reference: str | None
    timestamp: datetime
    inserted_at: datetime
    updated_at: datetime
    reverted_at: datetime | None
    reverted_by: int | None
    reverts: int | None
    volumes: Mapping[BalanceKey, Volume]
    replayed: bool = False
    printed: tuple[str, ...] = ()

    @property
    def reverted(self) -> bool:
        """Whether another transaction took it back."""
        return self.reverted_at is not None

    def to_dict(self) -> dict[str, object]:
        """The transaction with Formance's keys; colours are part of an asset's name in volumes.

        `revertedBy`, `reverts` and `printed` are ours, and there only where they say something.
        """
        row: dict[str, object] = {
            "id": self.id,
            "postings": [posting.to_dict() for posting in self.postings],
            "metadata": dict(self.metadata),
            "timestamp": write_instant(self.timestamp),
            "insertedAt": write_instant(self.inserted_at),
            "updatedAt": write_instant(self.updated_at),
            "reverted": self.reverted,
        }
        if self.reference is not None:
            row["reference"] = self.reference
        if self.reverted_at is not None:
            row["revertedAt"] = write_instant(self.reverted_at)
        if self.reverted_by is not None:
            row["revertedBy"] = self.reverted_by
        if self.reverts is not None:
            row["reverts"] = self.reverts
        if self.printed:
            row["printed"] = list(self.printed)
        volumes: dict[str, dict[str, dict[str, int]]] = {}
        for (account, asset, color), volume in self.volumes.items():
            name = f"{asset} {color}" if color else asset
            volumes.setdefault(account, {})[name] = {
                "input": volume.input,
                "output": volume.output,
                "balance": volume.balance,
            }
        row["postCommitVolumes"] = volumes
        return row


class AccountRow(NamedTuple):
    """An account as it is stored; its volumes are stored apart."""

    address: str
    metadata: Mapping[str, str]
    first_usage: datetime
    inserted_at: datetime
    updated_at: datetime


class VolumeRow(NamedTuple):
    """What an account, or a group of accounts, received and gave of an asset."""

    account: str
    asset: str
    color: str
    input: int
    output: int

    @property
    def balance(self) -> int:
        """What is left."""
        return self.input - self.output


class Account(NamedTuple):
    """An account of a ledger. volumes: by asset and colour.

    One that was never seen has no dates.
    """

    address: str
    metadata: Mapping[str, str]
    first_usage: datetime | None
    inserted_at: datetime | None
    updated_at: datetime | None
    volumes: Mapping[tuple[str, str], Volume]

    @property
    def balances(self) -> dict[str, int]:
        """The uncoloured balances by asset."""
        return {asset: v.balance for (asset, color), v in self.volumes.items() if not color}


class Log(NamedTuple):
    """A line of the log: one change, and the hash over it and all before it.

    data: canonical JSON, exactly as it was hashed; hash: sha256 in lower-case hexadecimal digits.
    `replayed` says that an idempotency key gave the first result again.
    """

    id: int
    type: str
    date: datetime
    data: str
    idempotency_key: str | None
    idempotency_hash: str | None
    hash: str
    replayed: bool = False


class Head(NamedTuple):
    """The end of a ledger: the last ids, hash and date that were given. Locked by every write."""

    transaction: int
    log: int
    hash: str
    date: datetime | None


class MetadataChange(NamedTuple):
    """A key that was set, or deleted (value None), by a line of the log."""

    target: str | int
    key: str
    value: str | None
    log: int
    date: datetime


class Wanted(NamedTuple):
    """What is asked of a storage in one batch.

    An asset that ends in `/*` asks for all precisions of it, uncoloured. holders: the accounts of
    which all volumes are asked for.
    """

    volumes: Sequence[BalanceKey] = ()
    accounts: Sequence[str] = ()
    transactions: Sequence[int] = ()
    references: Sequence[str] = ()
    keys: Sequence[str] = ()
    holders: Sequence[str] = ()

    def joined(self, other: Wanted) -> Wanted:
        """What either asks for."""
        return Wanted(
            _joined(self.volumes, other.volumes),
            _joined(self.accounts, other.accounts),
            _joined(self.transactions, other.transactions),
            _joined(self.references, other.references),
            _joined(self.keys, other.keys),
            _joined(self.holders, other.holders),
        )


def _joined(one: Sequence[T], other: Sequence[T]) -> Sequence[T]:
    return tuple(dict.fromkeys((*one, *other)))


NOTHING = Wanted()


class Found(NamedTuple):
    """What there is of what was asked for; what does not exist is left out."""

    volumes: Mapping[BalanceKey, Holding]
    accounts: Mapping[str, AccountRow]
    transactions: Mapping[int, Transaction]
    references: Mapping[str, int]
    keys: Mapping[str, Log]


class Changes(NamedTuple):
    """All that a commit writes.

    before, head: the ledger's end before and after; transactions: the new ones, by id; changed:
    earlier ones whose metadata or revert changed, whole; holdings: what was there (None where
    nothing was) and what shall be; accounts: new or changed, whole.
    """

    before: Head
    head: Head
    logs: Sequence[Log]
    transactions: Sequence[Transaction]
    changed: Sequence[Transaction]
    holdings: Mapping[BalanceKey, tuple[Holding | None, Holding]]
    accounts: Sequence[AccountRow]
    account_metadata: Sequence[MetadataChange]
    transaction_metadata: Sequence[MetadataChange]


class Known(NamedTuple):
    """The end of a ledger as the caller of a distant storage saw it last.

    pending: the commit that leads there is still under way in another session, and is waited for.
    begun: is called during the commit as soon as another session may go on from the end that this
    one leads to; whether it comes to that is not known by then.
    """

    head: Head
    pending: bool = False
    begun: Callable[[], None] | None = None


class Session(Protocol):
    """One transaction of a storage on one ledger. It is also a store that scripts can read.

    A session that is left without `commit` leaves no trace.
    """

    head: Head
    """The ledger's end; no other session can move it while this one may write."""
    found: Found
    """What was asked for when the session was opened."""
    holds: bool
    """Whether it holds the head; else only its commit proves that what it read was true."""

    def get_balances(self, query: Sequence[BalanceKey]) -> Mapping[BalanceKey, int]:
        """The balances asked for; one that is left out counts as zero."""
        ...

    def get_metadata(self, query: MetadataQuery) -> Mapping[str, Mapping[str, str]]:
        """The metadata of the accounts asked for."""
        ...

    def find(self, wanted: Wanted) -> Found:
        """Read a batch. Raises StorageError."""
        ...

    def logs(self, after: int, limit: int) -> Sequence[Log]:
        """Lines of the log behind an id, in order."""
        ...

    def select(self, query: Query) -> Sequence[Any]:
        """What a query asks for: the records of its resource, in its order."""
        ...

    def count(self, query: Query) -> int:
        """How many records a query finds, on all its pages."""
        ...

    def append(self, changes: Changes) -> None:
        """Write a batch. It may be sent only with `commit`. Raises StorageError."""
        ...

    def commit(self) -> None:
        """Make what was written last. Raises StorageError; OutcomeUnknown if nobody can tell."""
        ...


class Closing(ABC):
    """What is closed at the end of a `with` block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""


class Storage(Protocol):
    """What ledgers persist in; `with open_storage(url) as storage:` closes it at the end."""

    url: str
    distant: bool
    """Whether reading costs a round trip, so that it pays to ask ahead."""

    def create_ledger(self, name: str, at: datetime) -> bool:
        """Create a ledger; whether it is new. Raises StorageError."""
        ...

    def ledgers(self) -> Sequence[str]:
        """The names of all ledgers, in order."""
        ...

    def write(
        self,
        ledger: str,
        wanted: Wanted = NOTHING,
        known: Known | None = None,
        create: datetime | None = None,
    ) -> AbstractContextManager[Session]:
        """A session that holds the ledger's head, and what was asked for, read behind that lock.

        create: a ledger that does not exist is created, as of then, by this session's commit.

        known: a distant storage may go on from there without asking or holding anything; then the
        commit raises HeadMoved if the ledger's end is another by now. Raises LedgerError (unknown
        ledger) and StorageError; TryAgain where the database asks for the whole to be done again.
        """
        ...

    def read(self, ledger: str, wanted: Wanted = NOTHING) -> AbstractContextManager[Session]:
        """A session that reads the ledger as it is now, and cannot write. It locks nothing."""
        ...

    def find(self, ledger: str, wanted: Wanted) -> Found:
        """What a session that reads would find, and nothing else; a distant one asks once."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_problem: object) -> None: ...


class TryAgain(Exception):  # noqa: N818 - no error: the ledger does the same again
    """The database gave up one of two sessions that were in each other's way, and it was this."""


class HeadMoved(TryAgain):
    """The ledger's end was not the one that a session went on from, so nothing was written."""


def moves_of(postings: Iterable[Posting]) -> dict[BalanceKey, tuple[int, int, int]]:
    """What postings do to each balance, in their order: role, input, output.

    The role is 1 where the account gave, 2 where it received, 3 for both.
    """
    moves: dict[BalanceKey, tuple[int, int, int]] = {}
    for source, destination, amount, asset, color in postings:
        key = (source, asset, color)
        role, input_, output = moves.get(key, (0, 0, 0))
        moves[key] = (role | 1, input_, output + amount)
        key = (destination, asset, color)
        role, input_, output = moves.get(key, (0, 0, 0))
        moves[key] = (role | 2, input_ + amount, output)
    return moves


def balances_of(session: Session, query: Sequence[BalanceKey]) -> dict[BalanceKey, int]:
    """The balances that a session has of those asked for."""
    found = session.find(Wanted(volumes=query)).volumes
    return {key: holding.input - holding.output for key, holding in found.items()}


def metadata_of(session: Session, query: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """The metadata that a session has of accounts."""
    found = session.find(Wanted(accounts=tuple(query))).accounts
    return {address: row.metadata for address, row in found.items()}


def write_instant(instant: datetime) -> str:
    """An instant in UTC as text, always with microseconds: `2026-01-31T12:00:00.000000Z`."""
    return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
