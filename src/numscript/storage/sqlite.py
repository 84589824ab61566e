"""The storage in one SQLite file, durable on commit: write-ahead log, `synchronous=FULL`.

SQLite has no numbers of any size, so amounts are decimal text, and what is compared (balance and
floor) is written so that it sorts as text in the order of the numbers (`sortable`).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

from numscript import errors
from numscript.diagnostics import StorageError
from numscript.runtime.store import BalanceKey, MetadataQuery, is_scale
from numscript.storage import queries, tables
from numscript.storage.answers import select
from numscript.storage.filters import Query
from numscript.storage.memory import unknown_ledger
from numscript.storage.protocol import (
    NOTHING,
    Changes,
    Closing,
    Found,
    Head,
    Holding,
    Known,
    Log,
    MetadataChange,
    Session,
    Wanted,
    balances_of,
    metadata_of,
)

if TYPE_CHECKING:
    import sqlite3

BUSY_TIMEOUT = 30.0
"""In seconds: how long to wait for other processes that write."""
RESTORE = "restore the file from a copy, or import what was exported last"
NEW_LEDGER = "INSERT INTO numscript_ledgers VALUES (?, ?, 0, 0, '', NULL) ON CONFLICT DO NOTHING"
COMPLEMENT = str.maketrans("0123456789", "9876543210")


def sortable(number: int) -> str:
    """A whole number as text that sorts in the order of the numbers, up to 99,999 digits."""
    digits = str(abs(number))
    if number >= 0:
        return f"1{len(digits):05d}{digits}"
    return f"0{99_999 - len(digits):05d}{digits.translate(COMPLEMENT)}"


def read_sortable(text: str) -> int:
    """The number that `sortable` wrote."""
    digits = text[6:]
    return int(digits) if text[0] == "1" else -int(digits.translate(COMPLEMENT))


class SQLiteStorage(Closing):
    """Ledgers in one file. May be used by several threads and processes at once.

    The URL is `sqlite:///books.db`, or `sqlite:////absolute/books.db`; `?timeout=5` is how many
    seconds to wait for other processes, `?mode=ro` opens a file that exists for reading only.
    """

    distant = False

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = url
        path, options = self._read_url(url)
        self.path = path
        self.read_only = read_only or options.get("mode") == "ro"
        try:
            self.timeout = float(options.get("timeout", BUSY_TIMEOUT))
        except ValueError:
            raise self._cannot_open("`timeout` is no number of seconds") from None
        self._lock = Lock()
        self._writing = Lock()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        import sqlite3

        try:
            self._writer = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._writer.close()
                raise
        except sqlite3.Error as problem:
            folder = Path(self.path).parent
            reason = str(problem) if folder.is_dir() else f"there is no folder `{folder}`"
            if _is_damage(problem):
                reason = f"{problem}; {RESTORE}"
            raise self._cannot_open(reason) from problem

    def __repr__(self) -> str:
        return f"SQLiteStorage({self.url!r})"

    def _read_url(self, url: str) -> tuple[str, dict[str, str]]:
        """Path and options of a URL."""
        place, _, tail = url.partition("?")
        path = unquote(place.removeprefix("sqlite:///"))
        if not place.startswith("sqlite:///") or not path or path == ":memory:":
            raise self._cannot_open("write sqlite:///path, or memory: to keep nothing")
        options = dict(parse_qsl(tail))
        if set(options) - {"mode", "timeout"} or options.get("mode", "ro") != "ro":
            raise self._cannot_open("the options are `timeout` and `mode=ro`")
        return path, options

    def _cannot_open(self, reason: str) -> StorageError:
        return StorageError.of(errors.CannotOpen(url=self.url, reason=reason))

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        connection = sqlite3.connect(
            f"file:{quote(str(Path(self.path)))}?{self._mode()}",
            uri=True,
            timeout=self.timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA synchronous = FULL")
        if self.read_only:
            connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.create_function("split_part", 3, _split_part, deterministic=True)
        connection.create_function("first_segments", 2, _first_segments, deterministic=True)
        connection.create_function("sortable", 1, _sortable_text, deterministic=True)
        connection.create_aggregate("sum_amounts", 1, _SumAmounts)  # type: ignore[arg-type]  # typeshed wants ints
        connection.create_aggregate("sum_balance", 2, _SumBalance)  # type: ignore[arg-type]  # typeshed wants ints
        return connection

    def _mode(self) -> str:
        """How SQLite is to open the file.

        Even who reads needs a file for the write-ahead log beside it, and only who may write can
        take that away again. Where none can be made nobody writes either: the file stays as it is.
        """
        if not self.read_only:
            return "mode=rwc"
        folder = Path(self.path).parent
        if not _is_writable(folder):
            return "mode=ro" if Path(f"{self.path}-wal").exists() else "mode=ro&immutable=1"
        return "mode=rw" if _is_writable(Path(self.path)) else "mode=ro"

    def _prepare(self) -> None:
        """Make or upgrade the tables."""
        connection = self._writer
        steps = tables.migrations(tables.SQLITE)
        if not self.read_only:
            connection.execute("PRAGMA journal_mode = WAL")
        if self._version() == len(steps):
            return
        if self.read_only and self._version() < len(steps):
            raise tables.no_books(self.url, self._version())
        if self._version() > len(steps):
            raise StorageError.of(errors.NewerSchema(found=self._version(), known=len(steps)))
        self._begin()
        try:
            version = self._version()
            if version == 0:
                connection.execute("CREATE TABLE numscript_schema (version INTEGER NOT NULL)")
                connection.execute("INSERT INTO numscript_schema VALUES (0)")
            for statements in steps[version:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute("UPDATE numscript_schema SET version = ?", (len(steps),))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _version(self) -> int:
        known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'numscript_schema'"
        if self._writer.execute(known).fetchone() is None:
            return 0
        row = self._writer.execute("SELECT version FROM numscript_schema").fetchone()
        return 0 if row is None else int(row[0])

    def _begin(self) -> None:
        """Start to write; other processes that write are waited for, with a pause by chance.

        SQLite's own waiting is not fair: it sleeps longer the longer it has waited.
        """
        import sqlite3

        end = time.monotonic() + self.timeout
        self._writer.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    self._writer.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as problem:
                    if not _is_busy(problem) or time.monotonic() > end:
                        raise
                time.sleep(random.random() * 0.002)
        finally:
            self._writer.execute(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")

    def create_ledger(self, name: str, at: datetime) -> bool:
        """Create a ledger; whether it is new."""
        with self._translated(), self._writing:
            self._check_open()
            known = "SELECT 1 FROM numscript_ledgers WHERE ledger = ?"
            if self._writer.execute(known, (name,)).fetchone() is not None:
                return False
            self._begin()
            done = self._writer.execute(NEW_LEDGER, (name, tables.to_micros(at)))
            self._writer.execute("COMMIT")
            return done.rowcount == 1

    def ledgers(self) -> Sequence[str]:
        """The names of all ledgers, in order."""
        with self._translated(), self._reader() as connection:
            rows = connection.execute("SELECT ledger FROM numscript_ledgers ORDER BY ledger")
            return [row[0] for row in rows]

    @contextmanager
    def write(
        self,
        ledger: str,
        wanted: Wanted = NOTHING,
        known: Known | None = None,
        create: datetime | None = None,
    ) -> Iterator[Session]:
        """A session that holds the file for writing."""
        del known
        with self._translated(), self._writing:
            self._check_open()
            self._begin()
            try:
                if create is not None:
                    self._writer.execute(NEW_LEDGER, (ledger, tables.to_micros(create)))
                yield SQLiteSession(self._writer, ledger, wanted)
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def read(self, ledger: str, wanted: Wanted = NOTHING) -> Iterator[Session]:
        """A session that reads; it sees the file as it was when it began."""
        with self._translated(), self._reader() as connection:
            connection.execute("BEGIN")
            try:
                yield SQLiteSession(connection, ledger, wanted)
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._check_open()
            connection = self._readers.pop() if self._readers else None
        if connection is None:
            connection = self._connect()
        try:
            yield connection
        finally:
            with self._lock:
                if self._closed:
                    connection.close()
                else:
                    self._readers.append(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what SQLite raises into kinds of the catalogue."""
        import sqlite3

        try:
            yield
        except sqlite3.IntegrityError as problem:
            if "numscript_floor" in str(problem):
                raise StorageError.of(errors.BrokenBound(reason=str(problem))) from problem
            raise StorageError.of(errors.WriteRefused(reason=str(problem))) from problem
        except sqlite3.OperationalError as problem:
            text = str(problem)
            if _is_busy(problem) or "unable to open" in text:
                raise StorageError.of(errors.StorageUnavailable(reason=text)) from problem
            raise StorageError.of(errors.WriteRefused(reason=text)) from problem
        except sqlite3.Error as problem:
            if _is_damage(problem):
                raise self._cannot_open(f"{problem}; {RESTORE}") from problem
            raise StorageError.of(errors.StorageUnavailable(reason=str(problem))) from problem

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError.of(errors.StorageUnavailable(reason="it was closed"))

    def find(self, ledger: str, wanted: Wanted) -> Found:
        """Read a batch."""
        with self.read(ledger, wanted) as session:
            return session.found

    def close(self) -> None:
        """Close the file."""
        with self._writing, self._lock:
            self._closed = True
            for connection in (self._writer, *self._readers):
                connection.close()
            self._readers = []


def _is_writable(path: Path) -> bool:
    """Whether this process may write to a file, or make files in a folder."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _is_damage(problem: sqlite3.Error) -> bool:
    """Whether the file is broken, so that trying again does not help."""
    return "malformed" in str(problem)


def _is_busy(problem: Exception) -> bool:
    return "locked" in str(problem) or "busy" in str(problem)


class SQLiteSession:
    """One transaction of the file on one ledger."""

    holds = True

    def __init__(self, connection: sqlite3.Connection, ledger: str, wanted: Wanted) -> None:
        self.connection = connection
        self.ledger = ledger
        row = connection.execute(
            "SELECT last_transaction, last_log, last_hash, last_date FROM numscript_ledgers "
            "WHERE ledger = ?",
            (ledger,),
        ).fetchone()
        if row is None:
            known = connection.execute("SELECT ledger FROM numscript_ledgers").fetchall()
            raise unknown_ledger(ledger, [name for (name,) in known])
        self.head = Head(row[0], row[1], row[2], tables.instant_or_none(row[3]))
        self.found = self.find(wanted)

    def get_balances(self, query: Sequence[BalanceKey]) -> Mapping[BalanceKey, int]:
        """The balances asked for."""
        return balances_of(self, query)

    def get_metadata(self, query: MetadataQuery) -> Mapping[str, Mapping[str, str]]:
        """The metadata of the accounts asked for."""
        return metadata_of(self, query)

    def find(self, wanted: Wanted) -> Found:
        """Read a batch, row by row: without a network between, that is the fastest."""
        execute, ledger = self.connection.execute, self.ledger
        volumes: dict[BalanceKey, Holding] = {}
        columns = "SELECT asset, color, input, output, floor FROM numscript_volumes "
        exact = columns + "WHERE ledger = ? AND account = ? AND asset = ? AND color = ?"
        scales = columns + "WHERE ledger = ? AND account = ? AND color = '' AND asset >= ?"
        for account, asset, color in wanted.volumes:
            if asset.endswith("/*"):
                for row in execute(scales, (ledger, account, asset[:-2])):
                    if is_scale(row[0], asset[:-2]):
                        volumes[account, row[0], ""] = _holding(row)
                continue
            row = execute(exact, (ledger, account, asset, color)).fetchone()
            if row is not None:
                volumes[account, asset, color] = _holding(row)

        all_of_one = columns + "WHERE ledger = ? AND account = ?"
        for account in wanted.holders:
            for row in execute(all_of_one, (ledger, account)):
                volumes[account, row[0], row[1]] = _holding(row)

        def rows(table: str, columns: str, column: str, keys: Sequence[object]) -> Iterator[Any]:
            text = f"SELECT {columns} FROM numscript_{table} WHERE ledger = ? AND {column} = ?"
            for key in keys:
                row = execute(text, (ledger, key)).fetchone()
                if row is not None:
                    yield row

        accounts = rows("accounts", tables.ACCOUNT_COLUMNS, "address", wanted.accounts)
        transactions = rows("transactions", tables.TRANSACTION_COLUMNS, "id", wanted.transactions)
        references = rows("transactions", "reference, id", "reference", wanted.references)
        keys = rows("logs", tables.LOG_COLUMNS, "idempotency_key", wanted.keys)
        return Found(
            volumes,
            {row[0]: tables.read_account(row) for row in accounts},
            {row[0]: tables.read_transaction(row) for row in transactions},
            dict(references),
            {row[4]: tables.read_log(row) for row in keys},
        )

    def logs(self, after: int, limit: int) -> Sequence[Log]:
        """Lines of the log behind an id, in order."""
        rows = self.connection.execute(
            f"SELECT {tables.LOG_COLUMNS} FROM numscript_logs "
            "WHERE ledger = ? AND id > ? ORDER BY id LIMIT ?",
            (self.ledger, after, limit),
        )
        return [tables.read_log(row) for row in rows]

    # --- writing ---

    def append(self, changes: Changes) -> None:
        """Write a batch."""
        ledger, execute = self.ledger, self.connection.execute
        many = self.connection.executemany
        head, before = changes.head, changes.before
        moved = execute(
            "UPDATE numscript_ledgers SET last_transaction = ?, last_log = ?, last_hash = ?, "
            "last_date = ? WHERE ledger = ? AND last_log = ? AND last_hash = ?",
            (head.transaction, head.log, head.hash, tables.micros_or_none(head.date),
             ledger, before.log, before.hash),
        )  # fmt: skip
        if moved.rowcount != 1:
            raise StorageError.of(errors.WriteRefused(reason="the ledger's head has moved"))
        many(
            "INSERT INTO numscript_logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')",
            [(ledger, *tables.write_log(log)) for log in changes.logs],
        )
        new_rows = [tables.write_transaction(row) for row in changes.transactions]
        many(
            "INSERT INTO numscript_transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(ledger, *row) for row in new_rows],
        )
        many(
            "UPDATE numscript_transactions SET metadata = ?, updated_at = ?, reverted_at = ?, "
            "reverted_by = ? WHERE ledger = ? AND id = ?",
            [
                (tables.write_json(row.metadata), tables.to_micros(row.updated_at),
                 tables.micros_or_none(row.reverted_at), row.reverted_by, ledger, row.id)
                for row in changes.changed
            ],
        )  # fmt: skip
        many(
            "INSERT INTO numscript_moves VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(ledger, *row) for row in tables.write_moves(changes.transactions, new_rows)],
        )
        self._append_holdings(changes.holdings)
        many(
            "INSERT INTO numscript_accounts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "metadata = excluded.metadata, first_usage = excluded.first_usage, "
            "updated_at = excluded.updated_at",
            [(ledger, *tables.write_account(row)) for row in changes.accounts],
        )
        new = {row.id: row for row in changes.transactions}
        self._append_history("account", changes.account_metadata, {})
        self._append_history("transaction", changes.transaction_metadata, new)

    def _append_holdings(
        self, holdings: Mapping[BalanceKey, tuple[Holding | None, Holding]]
    ) -> None:
        """Write volumes; each must still be what the ledger saw when it decided."""
        new, changed = [], []
        for (account, asset, color), (old, holding) in holdings.items():
            input_, output, floor = holding
            values = (
                str(input_), str(output), sortable(input_ - output),
                None if floor is None else sortable(floor),
            )  # fmt: skip
            key = (self.ledger, account, asset, color)
            if old is None:
                new.append((*key, *values))
            else:
                changed.append((*values, *key, str(old.input), str(old.output)))
        many = self.connection.executemany
        many("INSERT INTO numscript_volumes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", new)
        done = many(
            "UPDATE numscript_volumes SET input = ?, output = ?, balance = ?, floor = ? WHERE "
            "ledger = ? AND account = ? AND asset = ? AND color = ? AND input = ? AND output = ?",
            changed,
        )
        if changed and done.rowcount != len(changed):
            raise StorageError.of(errors.WriteRefused(reason="a volume has moved"))

    def _append_history(
        self, kind: str, changes: Sequence[MetadataChange], new: Mapping[int, object]
    ) -> None:
        """Write changes of metadata into its history."""
        if not changes:
            return
        rows = tables.history(changes, new)
        self.connection.executemany(
            f"UPDATE numscript_{kind}_metadata SET ended = ? "
            "WHERE ledger = ? AND target = ? AND key = ? AND ended IS NULL",
            [(at, self.ledger, target, key) for target, key, at in rows.ended],
        )
        self.connection.executemany(
            f"INSERT INTO numscript_{kind}_metadata VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(self.ledger, *row) for row in rows.added],
        )

    def commit(self) -> None:
        """Make it last: SQLite has it on the disk before this comes back."""
        import sqlite3

        try:
            self.connection.execute("COMMIT")
        except sqlite3.OperationalError as problem:
            if "I/O" not in str(problem):
                raise
            # The disk failed somewhere between writing and being sure of it.
            kind = errors.OutcomeUnknown(reason=str(problem))
            raise StorageError.of(kind) from problem

    # --- queries ---

    def select(self, query: Query) -> Sequence[Any]:
        """What a query asks for."""
        return select(query, self.ledger, queries.SQLITE, self._ask, json.dumps)

    def count(self, query: Query) -> int:
        """How many records a query finds, on all its pages."""
        return int(self._ask(*queries.compile_count(query, self.ledger, queries.SQLITE))[0][0])

    def _ask(self, text: str, values: Sequence[object]) -> Sequence[Any]:
        return self.connection.execute(text, values).fetchall()


def _holding(row: Sequence[Any]) -> Holding:
    floor = None if row[4] is None else read_sortable(row[4])
    return Holding(int(row[2]), int(row[3]), floor)


def _split_part(text: str, separator: str, number: int) -> str:
    parts = text.split(separator)
    return parts[number - 1] if number <= len(parts) else ""


def _first_segments(address: str, count: int) -> str:
    return ":".join(address.split(":")[:count])


def _sortable_text(digits: str) -> str:
    return sortable(int(digits))


class _SumAmounts:
    """The sum of amounts, as decimal text."""

    def __init__(self) -> None:
        self.total = 0

    def step(self, amount: str) -> None:
        self.total += int(amount)

    def finalize(self) -> str:
        return str(self.total)


class _SumBalance:
    """The sum of what came in less that of what went out, so that it can be compared."""

    def __init__(self) -> None:
        self.total = 0

    def step(self, input_: str, output: str) -> None:
        self.total += int(input_) - int(output)

    def finalize(self) -> str:
        return sortable(self.total)
