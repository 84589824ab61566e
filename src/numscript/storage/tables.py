"""The tables of the databases, as both dialects write them, and how records become rows.

Every table is keyed by the ledger first, and nothing in them is worked out by the database: no
sequences, no triggers, no functions. A schema's version is the number of migrations it has had;
what one migration did is never changed again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from numscript import errors
from numscript.diagnostics import StorageError
from numscript.runtime.result import Posting
from numscript.storage.protocol import (
    AccountRow,
    Log,
    MetadataChange,
    Transaction,
    Volume,
    moves_of,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INDEXED = 255
"""The longest metadata value that is indexed, in characters: longer ones would not fit a page."""
MICROSECOND = timedelta(microseconds=1)


class Dialect(NamedTuple):
    """What the two dialects write differently.

    name: a text column that sorts by its characters; amount: a column of whole numbers of any
    size; balance: more columns of a volume; floor: the condition that guards it; shape: what stands
    behind a table; sorted_balance: what a balance is indexed by; fence: what adds the number that
    tells commits apart which may still be under way, where there can be such; member: a member of
    the data of a line of the log, as text.
    """

    name: str
    amount: str
    balance: str
    floor: str
    shape: str
    sorted_balance: str
    fence: str
    member: str


POSTGRES = Dialect(
    'TEXT COLLATE "C"', "NUMERIC", "", "floor IS NULL OR input - output >= floor", "",
    "(input - output)",
    "ALTER TABLE numscript_ledgers ADD COLUMN fence BIGINT NOT NULL DEFAULT 0",
    "(data::jsonb ->> '{}')",
)  # fmt: skip
COCKROACH = POSTGRES._replace(name="TEXT")
"""Sorts by characters of itself, and need not know the collation's name."""
SQLITE = Dialect(
    "TEXT", "TEXT", "balance TEXT NOT NULL,", "floor IS NULL OR balance >= floor",
    " WITHOUT ROWID", "balance", "",
    "json_extract(data, '$.{}')",
)  # fmt: skip


NO_BOOKS = "no books"


def no_books(url: str, version: int) -> StorageError:
    """The error of a storage that may only be read, and whose tables are not of this version."""
    found = f"books of the older version {version}" if version > 0 else NO_BOOKS
    return StorageError.of(errors.NoBooks(url=url, found=found))


def migrations(dialect: Dialect) -> list[list[str]]:
    """The statements of each migration, the first making version 1."""
    return [
        _tables(dialect),
        _indexes(dialect),
        [dialect.fence] if dialect.fence else [],
        _indexes_of_histories(),
        _deletions(dialect),
    ]


def _tables(dialect: Dialect) -> list[str]:
    name, amount, shape = dialect.name, dialect.amount, dialect.shape
    return [
        f"""CREATE TABLE numscript_ledgers (
            ledger {name} NOT NULL, created_at BIGINT NOT NULL,
            last_transaction BIGINT NOT NULL, last_log BIGINT NOT NULL, last_hash TEXT NOT NULL,
            last_date BIGINT, PRIMARY KEY (ledger)){shape}""",
        f"""CREATE TABLE numscript_logs (
            ledger {name} NOT NULL, id BIGINT NOT NULL, type {name} NOT NULL, date BIGINT NOT NULL,
            data TEXT NOT NULL, idempotency_key {name}, idempotency_hash TEXT, hash TEXT NOT NULL,
            writer TEXT NOT NULL,
            PRIMARY KEY (ledger, id), UNIQUE (ledger, idempotency_key)){shape}""",
        f"""CREATE TABLE numscript_transactions (
            ledger {name} NOT NULL, id BIGINT NOT NULL, postings TEXT NOT NULL,
            metadata TEXT NOT NULL, reference {name}, timestamp BIGINT NOT NULL,
            inserted_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, reverted_at BIGINT,
            reverted_by BIGINT, reverts BIGINT, volumes TEXT NOT NULL,
            PRIMARY KEY (ledger, id), UNIQUE (ledger, reference)){shape}""",
        f"""CREATE TABLE numscript_moves (
            ledger {name} NOT NULL, account {name} NOT NULL, asset {name} NOT NULL,
            color {name} NOT NULL, transaction_id BIGINT NOT NULL, role SMALLINT NOT NULL,
            input {amount} NOT NULL, output {amount} NOT NULL,
            timestamp BIGINT NOT NULL, inserted_at BIGINT NOT NULL,
            PRIMARY KEY (ledger, account, asset, color, transaction_id)){shape}""",
        f"""CREATE TABLE numscript_volumes (
            ledger {name} NOT NULL, account {name} NOT NULL, asset {name} NOT NULL,
            color {name} NOT NULL, input {amount} NOT NULL, output {amount} NOT NULL,
            {dialect.balance} floor {amount},
            PRIMARY KEY (ledger, account, asset, color),
            CONSTRAINT numscript_floor CHECK ({dialect.floor})){shape}""",
        f"""CREATE TABLE numscript_accounts (
            ledger {name} NOT NULL, address {name} NOT NULL, metadata TEXT NOT NULL,
            first_usage BIGINT NOT NULL, inserted_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
            PRIMARY KEY (ledger, address)){shape}""",
        *(
            f"""CREATE TABLE numscript_{kind}_metadata (
            ledger {name} NOT NULL, target {target} NOT NULL, key {name} NOT NULL,
            log BIGINT NOT NULL, value {name} NOT NULL, date BIGINT NOT NULL, ended BIGINT,
            PRIMARY KEY (ledger, target, key, log)){shape}"""
            for kind, target in (("account", name), ("transaction", "BIGINT"))
        ),
    ]


def index(name: str, table: str, columns: str, where: str = "") -> str:
    """The statement that makes an index."""
    condition = f" WHERE {where}" if where else ""
    return f"CREATE INDEX numscript_{name} ON numscript_{table} (ledger, {columns}){condition}"


def _indexes(dialect: Dialect) -> list[str]:
    return [
        index("logs_by_date", "logs", "date, id"),
        index("logs_by_type", "logs", "type, id"),
        index("transactions_by_timestamp", "transactions", "timestamp, id"),
        index("transactions_by_insertion", "transactions", "inserted_at, id"),
        index("transactions_by_update", "transactions", "updated_at, id"),
        index(
            "transactions_reverted", "transactions", "reverted_at, id", "reverted_at IS NOT NULL"
        ),
        index("moves_by_transaction", "moves", "account, transaction_id, role"),
        index("volumes_by_balance", "volumes", f"asset, color, {dialect.sorted_balance}, account"),
        index("accounts_by_usage", "accounts", "first_usage, address"),
        index("accounts_by_insertion", "accounts", "inserted_at, address"),
        index("accounts_by_update", "accounts", "updated_at, address"),
        *(
            index(
                f"{kind}s_by_metadata",
                f"{kind}_metadata",
                "key, value, target",
                f"ended IS NULL AND length(value) <= {INDEXED}",
            )
            for kind in ("account", "transaction")
        ),
        *(
            index(f"{kind}s_by_key", f"{kind}_metadata", "key, target", "ended IS NULL")
            for kind in ("account", "transaction")
        ),
    ]


def _indexes_of_histories() -> list[str]:
    """Indexes that also answer what was, and whether one transaction touched an account."""
    kinds = ("account", "transaction")
    short = f"length(value) <= {INDEXED}"
    return [
        index("moves_of_transaction", "moves", "transaction_id, account, role"),
        "DROP INDEX numscript_moves_by_transaction",
        *(f"DROP INDEX numscript_{kind}s_by_{what}" for kind in kinds for what in _REPLACED),
        *(
            index(f"{kind}_metadata_by_value", f"{kind}_metadata", "key, value, ended, target",
                  short)
            for kind in kinds
        ),
        *(
            index(f"{kind}_metadata_by_key", f"{kind}_metadata", "key, ended, target")
            for kind in kinds
        ),
    ]  # fmt: skip


_REPLACED = ("metadata", "key")


def _deletions(dialect: Dialect) -> list[str]:
    """Rows of the histories for what was deleted: `updated_at` of then is the last date in them.

    That of now, too: earlier it also moved where no metadata was set on an account.
    """
    target, type_, key = (dialect.member.format(f) for f in ("targetId", "targetType", "key"))
    deletions = [
        f"""INSERT INTO numscript_{kind}_metadata (ledger, target, key, log, value, date, ended)
        SELECT ledger, CAST({target} AS {of}), {key}, id, '', date, date FROM numscript_logs
        WHERE type = 'DELETE_METADATA' AND {type_} = '{kind.upper()}' ON CONFLICT DO NOTHING"""
        for kind, of in (("account", "TEXT"), ("transaction", "BIGINT"))
    ]
    last = """UPDATE numscript_accounts SET updated_at = coalesce((
        SELECT max(x.date) FROM numscript_account_metadata x
        WHERE x.ledger = numscript_accounts.ledger AND x.target = numscript_accounts.address
        ), inserted_at) WHERE updated_at > inserted_at"""
    return [*deletions, last]


# --- records and rows -------------------------------------------------------------------------


def to_micros(instant: datetime) -> int:
    """An instant as whole microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """An instant from whole microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def micros_or_none(instant: datetime | None) -> int | None:
    """As `to_micros`; None stays None."""
    return None if instant is None else to_micros(instant)


def instant_or_none(micros: int | None) -> datetime | None:
    """As `from_micros`; None stays None."""
    return None if micros is None else from_micros(micros)


write_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
"""A value as compact JSON."""


LOG_COLUMNS = "id, type, date, data, idempotency_key, idempotency_hash, hash"
TRANSACTION_COLUMNS = (
    "id, postings, metadata, reference, timestamp, inserted_at, updated_at, reverted_at, "
    "reverted_by, reverts, volumes"
)
ACCOUNT_COLUMNS = "address, metadata, first_usage, inserted_at, updated_at"


def read_log(row: Sequence[Any]) -> Log:
    """A line of the log from its row."""
    return Log(row[0], row[1], from_micros(row[2]), *row[3:7])


def write_log(log: Log) -> tuple[object, ...]:
    """The row of a line of the log."""
    return (
        log.id, log.type, to_micros(log.date), log.data, log.idempotency_key,
        log.idempotency_hash, log.hash,
    )  # fmt: skip


def read_transaction(row: Sequence[Any]) -> Transaction:
    """A transaction from its row."""
    return Transaction(
        row[0],
        tuple([Posting(*posting) for posting in json.loads(row[1])]),
        json.loads(row[2]),
        row[3],
        from_micros(row[4]),
        from_micros(row[5]),
        from_micros(row[6]),
        instant_or_none(row[7]),
        row[8],
        row[9],
        {(v[0], v[1], v[2]): Volume(v[3], v[4]) for v in json.loads(row[10])},
    )


def write_transaction(transaction: Transaction) -> tuple[object, ...]:
    """The row of a transaction. Names of accounts and assets have nothing to escape."""
    (id_, postings, metadata, reference, timestamp, inserted_at, updated_at, reverted_at,
     reverted_by, reverts, volumes, *_) = transaction  # fmt: skip
    micros = to_micros(inserted_at)
    posted = [
        f'["{source}","{destination}",{amount},"{asset}","{color}"]'
        for source, destination, amount, asset, color in postings
    ]
    after = [
        f'["{account}","{asset}","{color}",{input_},{output}]'
        for (account, asset, color), (input_, output) in volumes.items()
    ]
    return (
        id_,
        f"[{','.join(posted)}]",
        write_json(metadata) if metadata else "{}",
        reference,
        micros if timestamp is inserted_at else to_micros(timestamp),
        micros,
        micros if updated_at is inserted_at else to_micros(updated_at),
        micros_or_none(reverted_at),
        reverted_by,
        reverts,
        f"[{','.join(after)}]",
    )


def write_moves(
    transactions: Sequence[Transaction], rows: Sequence[Sequence[Any]]
) -> list[tuple[object, ...]]:
    """The rows of what transactions did to balances; `rows` are those of the transactions."""
    return [
        (*key, row[0], role, str(input_), str(output), row[4], row[5])
        for transaction, row in zip(transactions, rows, strict=True)
        for key, (role, input_, output) in moves_of(transaction.postings).items()
    ]


def read_account(row: Sequence[Any]) -> AccountRow:
    """An account from its row."""
    return AccountRow(
        row[0], json.loads(row[1]), from_micros(row[2]), from_micros(row[3]), from_micros(row[4])
    )


def write_account(row: AccountRow) -> tuple[object, ...]:
    """The row of an account."""
    return (
        row.address,
        write_json(row.metadata) if row.metadata else "{}",
        to_micros(row.first_usage),
        to_micros(row.inserted_at),
        to_micros(row.updated_at),
    )


class History(NamedTuple):
    """What changes of metadata do to its history.

    ended: target, key and date of what was valid until now; added: target, key, log, value, date,
    and the date when it ended if a later change of the same batch ended it. A deletion is added as
    a value that ended at once, so that each change has its date in the history.
    """

    ended: list[tuple[Any, str, int]]
    added: list[tuple[Any, str, int, str, int, int | None]]


def history(changes: Iterable[MetadataChange], new: Mapping[Any, object]) -> History:
    """The rows of changes of metadata; `new` are targets that had none before."""
    ended: list[tuple[Any, str, int]] = []
    open_: dict[tuple[Any, str], tuple[Any, str, int, str, int, int | None]] = {}
    added = []
    seen = set()
    for target, key, value, log, date in changes:
        at = to_micros(date)
        place = (target, key)
        earlier = open_.pop(place, None)
        if earlier is not None:
            added.append((*earlier[:5], at))
        elif place not in seen and target not in new:
            ended.append((target, key, at))
        seen.add(place)
        if value is None:
            added.append((target, key, log, "", at, at))
        else:
            open_[place] = (target, key, log, value, at, None)
    return History(ended, [*added, *open_.values()])


def at_moment(row: Transaction, at: datetime, metadata: Mapping[str, str]) -> Transaction:
    """A transaction as it was, given its metadata of then."""
    if row.reverted_at is not None and row.reverted_at > at:
        row = row._replace(reverted_at=None, reverted_by=None)
    return row._replace(metadata=metadata)
