"""The storage on a Postgres server, through psycopg 3 and its pool.

A commit takes two round trips: one begins, locks the ledger's head and reads all that was asked
for behind that lock (each statement sees what was committed before it); the other writes all and
commits. Both are pipelines of a constant number of statements, whatever the number of rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
from psycopg import errors as sql_errors
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from numscript import errors
from numscript.diagnostics import StorageError
from numscript.runtime.store import BalanceKey, MetadataQuery, is_scale
from numscript.storage import queries, tables
from numscript.storage.filters import Query
from numscript.storage.memory import unknown_ledger
from numscript.storage.pipeline import Connection, Step, send
from numscript.storage.protocol import (
    NOTHING,
    Account,
    Changes,
    Found,
    Head,
    Holding,
    Log,
    MetadataChange,
    Session,
    TryAgain,
    Volume,
    VolumeRow,
    Wanted,
    balances_of,
    metadata_of,
    moves_of,
)

MAX_CONNECTIONS = 16
CONNECT_TIMEOUT = 10
"""In seconds: how long to wait for a server, or for a connection to be free."""
SETTLE_TIMEOUT = 10.0
"""In seconds: how long to ask what became of a commit whose connection was lost."""
T = TypeVar("T")

READ_TRIES = 5
IDLE = TransactionStatus.IDLE
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
READING = (
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), "
    "set_config('enable_seqscan', 'off', true)"
)
HEAD = (
    "SELECT last_transaction, last_log, last_hash, last_date FROM numscript_ledgers "
    "WHERE ledger = %s"
)
COLUMNS_OF_VOLUMES = (
    "SELECT v.account, v.asset, v.color, v.input::text, v.output::text, v.floor::text "
    "FROM numscript_volumes v"
)


class PostgresStorage:
    """Ledgers on a server. May be used by several threads and processes at once.

    The URL is what libpq takes: `postgresql://user:password@host:port/database?option=value`.
    """

    distant = True

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._url = url
        self.read_only = read_only
        self.url = _without_password(url)
        self._prepare()
        self._connections = ConnectionPool(
            url,
            connection_class=Connection,
            min_size=1,
            max_size=MAX_CONNECTIONS,
            timeout=CONNECT_TIMEOUT,
            # Statements are prepared by `pipeline`; psycopg's own preparing would forget them.
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_TIMEOUT,
                "prepare_threshold": None,
            },
            configure=self._configure,
            open=True,
        )

    def __repr__(self) -> str:
        return f"PostgresStorage({self.url!r})"

    def _prepare(self) -> None:
        """Make or upgrade the tables, and find what is wrong with the URL before anybody waits."""
        try:
            with Connection.connect(
                self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT
            ) as connection:
                version = connection.execute("SELECT version()").fetchone()
                cockroach = version is not None and "CockroachDB" in version[0]
                self.plans = not cockroach
                dialect = tables.COCKROACH if cockroach else tables.POSTGRES
                self._migrate(connection, tables.migrations(dialect))
        except (psycopg.Error, UnicodeError) as problem:
            reason = str(problem).strip().replace("\n", " ")
            raise StorageError.of(errors.CannotOpen(url=self.url, reason=reason)) from problem

    def _configure(self, connection: Connection) -> None:
        """Have the statements of commits planned once: planning them costs more than they do."""
        if self.read_only:
            connection.execute("SET default_transaction_read_only = on")
        if self.plans:
            connection.execute("SET plan_cache_mode = force_generic_plan")

    def _migrate(self, connection: Connection, steps: list[list[str]]) -> None:
        """Do the migrations that are missing; the version's row is locked meanwhile."""
        version = self._version(connection)
        if version == len(steps):
            return
        if self.read_only:
            reason = f"it has no books{' of this version' * (version > 0)}, and is read-only"
            raise StorageError.of(errors.CannotOpen(url=self.url, reason=reason))
        for _ in range(READ_TRIES):
            try:
                self._migrate_once(connection, steps)
            except (
                sql_errors.UniqueViolation,
                sql_errors.DuplicateTable,
                sql_errors.DuplicateObject,
                sql_errors.SerializationFailure,
                sql_errors.DeadlockDetected,
            ):
                # Another process was making the same tables.
                time.sleep(0.1)
            else:
                return
        self._migrate_once(connection, steps)

    def _migrate_once(self, connection: Connection, steps: list[list[str]]) -> None:
        if self._version(connection) < 0:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS numscript_schema "
                "(one SMALLINT PRIMARY KEY, version BIGINT NOT NULL)"
            )
            connection.execute("INSERT INTO numscript_schema VALUES (1, 0) ON CONFLICT DO NOTHING")
        with connection.transaction():
            row = connection.execute(
                "SELECT version FROM numscript_schema WHERE one = 1 FOR UPDATE"
            ).fetchone()
            version = 0 if row is None else int(row[0])
            if version > len(steps):
                raise StorageError.of(errors.NewerSchema(found=version, known=len(steps)))
            for statements in steps[version:]:
                for statement in statements:
                    connection.execute(statement.encode())
            connection.execute("UPDATE numscript_schema SET version = %s", (len(steps),))

    def _version(self, connection: Connection) -> int:
        """The schema's version; -1 if there is none."""
        try:
            row = connection.execute("SELECT version FROM numscript_schema").fetchone()
        except sql_errors.UndefinedTable:
            return -1
        return -1 if row is None else int(row[0])

    def create_ledger(self, name: str, at: datetime) -> bool:
        """Create a ledger; whether it is new."""

        def create(connection: Connection) -> bool:
            known = "SELECT 1 FROM numscript_ledgers WHERE ledger = %s"
            if connection.execute(known, (name,)).fetchone() is not None:
                return False
            done = connection.execute(
                "INSERT INTO numscript_ledgers VALUES (%s, %s, 0, 0, '', NULL) "
                "ON CONFLICT DO NOTHING",
                (name, tables.to_micros(at)),
            )
            return done.rowcount == 1

        return self._do(create)

    def ledgers(self) -> Sequence[str]:
        """The names of all ledgers, in order."""
        text = "SELECT ledger FROM numscript_ledgers ORDER BY ledger"
        return self._do(lambda connection: [row[0] for row in connection.execute(text)])

    def _do(self, work: Callable[[Connection], T]) -> T:
        """Do something that may be done again on a new connection."""
        for attempt in range(READ_TRIES):
            try:
                with translated(), self._connection() as connection:
                    return work(connection)
            except TryAgain:
                if attempt == READ_TRIES - 1:
                    reason = "the connection was lost again and again"
                    kind = errors.StorageUnavailable(reason=reason)
                    raise StorageError.of(kind) from None
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A free connection; given back clean, or not at all."""
        try:
            connection = self._connections.getconn()
        except (PoolTimeout, PoolClosed) as problem:
            raise StorageError.of(errors.StorageUnavailable(reason=str(problem))) from problem
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        """Give a connection back; one that is broken is replaced."""
        if not connection.closed and connection.info.transaction_status != IDLE:
            try:
                send(connection, [("ROLLBACK", ())])
            except psycopg.Error:
                connection.close()
        self._connections.putconn(connection)

    @contextmanager
    def write(self, ledger: str, wanted: Wanted = NOTHING) -> Iterator[Session]:
        """A session that holds the ledger's head."""
        with translated(), self._connection() as connection:
            yield PostgresSession(self, connection, ledger, wanted, writes=True)

    @contextmanager
    def read(self, ledger: str, wanted: Wanted = NOTHING) -> Iterator[Session]:
        """A session that reads the ledger as it was when it began."""
        with final(), translated(), ExitStack() as stack:
            for attempt in range(READ_TRIES):
                connection = stack.enter_context(self._connection())
                try:
                    session = PostgresSession(self, connection, ledger, wanted, writes=False)
                    break
                except (psycopg.OperationalError, sql_errors.InvalidSqlStatementName):
                    # Nothing was given to anybody yet: another connection may do.
                    if attempt == READ_TRIES - 1:
                        raise
                    stack.close()
            yield session

    def settle(self, ledger: str, log: int, writer: str, problem: Exception) -> None:
        """Find out what became of a commit whose connection was lost.

        Whoever committed holds the head until it is over, so behind that lock the log tells. Comes
        back if it was committed; raises TryAgain if it was not, and can be done again;
        StorageError (OutcomeUnknown) if the server stays away.
        """
        end = time.monotonic() + SETTLE_TIMEOUT
        while time.monotonic() < end:
            try:
                with Connection.connect(
                    self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT
                ) as connection:
                    left = max(1, int((end - time.monotonic()) * 1000))
                    connection.execute(f"SET statement_timeout = {left}".encode())
                    with connection.transaction():
                        connection.execute(f"{HEAD} FOR UPDATE".encode(), (ledger,))
                        row = connection.execute(
                            "SELECT writer FROM numscript_logs WHERE ledger = %s AND id = %s",
                            (ledger, log),
                        ).fetchone()
                if row is not None and row[0] == writer:
                    return
                raise TryAgain
            except psycopg.Error:
                time.sleep(0.1)
        raise StorageError.of(errors.OutcomeUnknown(reason=_first_line(problem))) from problem

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


def _without_password(url: str) -> str:
    from numscript.storage import hide_password

    return hide_password(url)


@contextmanager
def final() -> Iterator[None]:
    """Turn TryAgain into an error, where nobody would try again."""
    try:
        yield
    except TryAgain as problem:
        reason = _first_line(problem.__cause__ or problem)
        raise StorageError.of(errors.StorageUnavailable(reason=reason)) from problem


@contextmanager
def translated() -> Iterator[None]:
    """Turn what psycopg raises into kinds of the catalogue, or into TryAgain."""
    try:
        yield
    except (sql_errors.SerializationFailure, sql_errors.DeadlockDetected) as problem:
        raise TryAgain from problem
    except sql_errors.CheckViolation as problem:
        raise StorageError.of(errors.BrokenBound(reason=_first_line(problem))) from problem
    except (sql_errors.QueryCanceled, sql_errors.LockNotAvailable) as problem:
        raise StorageError.of(errors.StorageUnavailable(reason=_first_line(problem))) from problem
    except sql_errors.InvalidSqlStatementName as problem:
        # A pooler between changed the server's end of the connection.
        raise TryAgain from problem
    except sql_errors.InsufficientResources as problem:
        if isinstance(problem, sql_errors.TooManyConnections):
            raise TryAgain from problem
        raise StorageError.of(errors.WriteRefused(reason=_first_line(problem))) from problem
    except (psycopg.OperationalError, psycopg.InterfaceError) as problem:
        raise TryAgain from problem
    except psycopg.Error as problem:
        raise StorageError.of(errors.WriteRefused(reason=_first_line(problem))) from problem


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().partition("\n")[0] or type(problem).__name__


class PostgresSession:
    """One transaction of the server on one ledger."""

    def __init__(
        self,
        storage: PostgresStorage,
        connection: Connection,
        ledger: str,
        wanted: Wanted,
        *,
        writes: bool,
    ) -> None:
        self.storage = storage
        self.connection = connection
        self.ledger = ledger
        self.writer = uuid4().hex
        self.steps: list[Step] = []
        self.last_log = 0
        reads = self._reads(wanted)
        if writes:
            steps: list[Step] = [(BEGIN, ()), (f"{HEAD} FOR UPDATE", (ledger,))]
        else:
            steps = [(BEGIN_READING, ()), (HEAD, (ledger,))]
        if storage.plans and not writes:
            # Queries are planned for what they ask, and keep to the rows of their ledger.
            steps.insert(1, (READING, ()))
        answers = self._send([*steps, *reads])[len(steps) - 1 :]
        head, *rows = answers
        if not head:
            known = self._send([("SELECT ledger FROM numscript_ledgers", ())])[0]
            raise unknown_ledger(ledger, [name for (name,) in known])
        ((transaction, log, hash_, date),) = head
        self.head = Head(transaction, log, hash_, tables.instant_or_none(date))
        self.found = self._found(wanted, rows)

    def _send(self, steps: Sequence[Step]) -> list[list[Any]]:
        """Send statements in one round trip; the rows of each."""
        return send(self.connection, steps)

    def get_balances(self, query: Sequence[BalanceKey]) -> Mapping[BalanceKey, int]:
        """The balances asked for."""
        return balances_of(self, query)

    def get_metadata(self, query: MetadataQuery) -> Mapping[str, Mapping[str, str]]:
        """The metadata of the accounts asked for."""
        return metadata_of(self, query)

    # --- reading ---

    def find(self, wanted: Wanted) -> Found:
        """Read a batch, in one round trip."""
        reads = self._reads(wanted)
        return self._found(wanted, self._send(reads) if reads else [])

    def _reads(self, wanted: Wanted) -> list[Step]:
        """The statements of a batch; each is left out where nothing is asked of it."""
        ledger = self.ledger
        steps: list[Step] = []
        exact = [key for key in wanted.volumes if not key[1].endswith("/*")]
        scales = [key for key in wanted.volumes if key[1].endswith("/*")]
        if exact:
            keys = "unnest(%s::text[], %s::text[], %s::text[]) AS k (account, asset, color)"
            same = "v.account = k.account AND v.asset = k.asset AND v.color = k.color"
            text = f"{COLUMNS_OF_VOLUMES} JOIN {keys} ON {same} WHERE v.ledger = %s"
            steps.append((text, (*_columns(exact, 3), ledger)))
        if scales:
            text = f"{COLUMNS_OF_VOLUMES} WHERE v.ledger = %s AND v.account = ANY(%s) "
            steps.append((text + "AND v.color = ''", (ledger, [key[0] for key in scales])))
        for table, columns, column, values in (
            ("accounts", tables.ACCOUNT_COLUMNS, "address", wanted.accounts),
            ("transactions", tables.TRANSACTION_COLUMNS, "id", wanted.transactions),
            ("transactions", "reference, id", "reference", wanted.references),
            ("logs", tables.LOG_COLUMNS, "idempotency_key", wanted.keys),
        ):
            if values:
                cast = "::bigint[]" if column == "id" else "::text[]"
                text = f"SELECT {columns} FROM numscript_{table} WHERE ledger = %s AND {column} "
                steps.append((f"{text}= ANY(%s{cast})", (ledger, list(values))))
        return steps

    def _found(self, wanted: Wanted, rows: list[list[Any]]) -> Found:
        """What a batch gave; the rows are in the order of `_reads`."""
        left = iter(rows)
        volumes: dict[BalanceKey, Holding] = {}
        scales = [key for key in wanted.volumes if key[1].endswith("/*")]
        if len(scales) < len(wanted.volumes):
            for row in next(left):
                volumes[row[0], row[1], row[2]] = _holding(row)
        if scales:
            for row in next(left):
                if any(row[0] == key[0] and is_scale(row[1], key[1][:-2]) for key in scales):
                    volumes[row[0], row[1], row[2]] = _holding(row)
        accounts = next(left) if wanted.accounts else []
        transactions = next(left) if wanted.transactions else []
        references = next(left) if wanted.references else []
        keys = next(left) if wanted.keys else []
        return Found(
            volumes,
            {row[0]: tables.read_account(row) for row in accounts},
            {row[0]: tables.read_transaction(row) for row in transactions},
            dict(references),
            {row[4]: tables.read_log(row) for row in keys},
        )

    def logs(self, after: int, limit: int) -> Sequence[Log]:
        """Lines of the log behind an id, in order."""
        text = f"SELECT {tables.LOG_COLUMNS} FROM numscript_logs "
        text += "WHERE ledger = %s AND id > %s ORDER BY id LIMIT %s"
        rows = self._send([(text, (self.ledger, after, limit))])[0]
        return [tables.read_log(row) for row in rows]

    def count_accounts(self) -> int:
        """How many accounts there are."""
        text = "SELECT count(*) FROM numscript_accounts WHERE ledger = %s"
        return int(self._send([(text, (self.ledger,))])[0][0][0])

    # --- writing ---

    def append(self, changes: Changes) -> None:
        """Keep a batch until the next one, or the commit, sends it."""
        if self.steps:
            self._send(self.steps)
        self.steps = self._writes(changes)
        self.last_log = changes.head.log

    def commit(self) -> None:
        """Send what was kept, and commit."""
        try:
            self._send([*self.steps, ("COMMIT", ())])
        except (sql_errors.SerializationFailure, sql_errors.DeadlockDetected):
            raise
        except (psycopg.OperationalError, psycopg.InterfaceError) as problem:
            unclear = isinstance(problem, sql_errors.StatementCompletionUnknown)
            if not self.connection.closed and not unclear:
                raise
            self.storage.settle(self.ledger, self.last_log, self.writer, problem)

    def _writes(self, changes: Changes) -> list[Step]:
        """The statements of a batch."""
        ledger, head = self.ledger, changes.head
        move = (
            "UPDATE numscript_ledgers SET last_transaction = %s, last_log = %s, "
            "last_hash = %s, last_date = %s WHERE ledger = %s"
        )
        steps: list[Step] = [
            (
                move,
                (head.transaction, head.log, head.hash, tables.micros_or_none(head.date), ledger),
            ),
            _insert(
                "logs",
                "bigint text bigint text text text text",
                ledger,
                [tables.write_log(log) for log in changes.logs],
                self.writer,
            ),
        ]
        if changes.transactions:
            steps += self._write_transactions(changes)
        if changes.changed:
            rows = [
                (row.id, tables.write_json(row.metadata), tables.to_micros(row.updated_at),
                 tables.micros_or_none(row.reverted_at), row.reverted_by)
                for row in changes.changed
            ]  # fmt: skip
            text = (
                "UPDATE numscript_transactions t SET metadata = u.metadata, "
                "updated_at = u.updated_at, reverted_at = u.reverted_at, "
                "reverted_by = u.reverted_by FROM unnest(%s::bigint[], %s::text[], %s::bigint[], "
                "%s::bigint[], %s::bigint[]) "
                "AS u (id, metadata, updated_at, reverted_at, reverted_by) "
                "WHERE t.ledger = %s AND t.id = u.id"
            )
            steps.append((text, (*_columns(rows, 5), ledger)))
        steps += self._write_holdings(changes.holdings)
        if changes.accounts:
            text, values = _insert(
                "accounts",
                "text text bigint bigint bigint",
                ledger,
                [tables.write_account(row) for row in changes.accounts],
            )
            text += (
                " ON CONFLICT (ledger, address) DO UPDATE SET metadata = excluded.metadata, "
                "first_usage = excluded.first_usage, updated_at = excluded.updated_at"
            )
            steps.append((text, values))
        new = {row.id: row for row in changes.transactions}
        steps += self._write_history("account", "text", changes.account_metadata, {})
        steps += self._write_history("transaction", "bigint", changes.transaction_metadata, new)
        return steps

    def _write_transactions(self, changes: Changes) -> list[Step]:
        """New transactions, and what each did to balances."""
        rows = [tables.write_transaction(row) for row in changes.transactions]
        moves = []
        for transaction, row in zip(changes.transactions, rows, strict=True):
            moves += [
                (m.account, m.asset, m.color, row[0], m.role, str(m.input), str(m.output),
                 row[4], row[5])
                for m in moves_of(transaction)
            ]  # fmt: skip
        types = "bigint text text text bigint bigint bigint bigint bigint bigint text"
        return [
            _insert("transactions", types, self.ledger, rows),
            _insert(
                "moves",
                "text text text bigint smallint numeric numeric bigint bigint",
                self.ledger,
                moves,
            ),
        ]

    def _write_holdings(
        self, holdings: Mapping[BalanceKey, tuple[Holding | None, Holding]]
    ) -> list[Step]:
        """Volumes: the database adds to what it has, and holds the sum against the floor.

        So a decision on a balance that is no longer true breaks the bound and is refused.
        """
        new, changed = [], []
        for key, (old, holding) in holdings.items():
            floor = None if holding.floor is None else str(holding.floor)
            if old is None:
                new.append((*key, str(holding.input), str(holding.output), floor))
            else:
                more = (str(holding.input - old.input), str(holding.output - old.output))
                changed.append((*key, *more, floor))
        steps = []
        if new:
            types = "text text text numeric numeric numeric"
            steps.append(_insert("volumes", types, self.ledger, new))
        if changed:
            text = (
                "UPDATE numscript_volumes v SET input = v.input + u.input::numeric, "
                "output = v.output + u.output::numeric, floor = u.floor::numeric "
                "FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], "
                "%s::text[]) AS u (account, asset, color, input, output, floor) "
                "WHERE v.ledger = %s AND v.account = u.account AND v.asset = u.asset "
                "AND v.color = u.color"
            )
            steps.append((text, (*_columns(changed, 6), self.ledger)))
        return steps

    def _write_history(
        self, kind: str, target: str, changes: Sequence[MetadataChange], new: Mapping[int, object]
    ) -> list[Step]:
        """Changes of metadata, into its history."""
        if not changes:
            return []
        rows = tables.history(changes, new)
        steps: list[Step] = []
        if rows.ended:
            text = (
                f"UPDATE numscript_{kind}_metadata x SET ended = u.ended "
                f"FROM unnest(%s::{target}[], %s::text[], %s::bigint[]) AS u (target, key, ended) "
                "WHERE x.ledger = %s AND x.target = u.target AND x.key = u.key "
                "AND x.ended IS NULL"
            )
            steps.append((text, (*_columns(rows.ended, 3), self.ledger)))
        if rows.added:
            types = f"{target} text bigint text bigint bigint"
            steps.append(_insert(f"{kind}_metadata", types, self.ledger, rows.added))
        return steps

    # --- queries ---

    def _ask(self, statement: queries.Statement, *more: object) -> list[Any]:
        text = statement.text.replace("?", "%s")
        return self.connection.execute(text.encode(), (*statement.values, *more)).fetchall()

    def select(self, query: Query) -> Sequence[Any]:
        """What a query asks for."""
        rows = self._ask(queries.compile_query(query, self.ledger, queries.POSTGRES))
        match query.resource:
            case "transactions":
                found = [tables.read_transaction(row) for row in rows]
                if query.moment is None or not found:
                    return found
                at = query.moment.at
                metadata = self._metadata_at("transaction", [row.id for row in found], query)
                return [tables.at_moment(row, at, metadata.get(row.id, {})) for row in found]
            case "accounts":
                return self._accounts(query, rows)
            case "logs":
                return [tables.read_log(row) for row in rows]
            case _:
                return [VolumeRow(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in rows]

    def _accounts(self, query: Query, rows: Sequence[Any]) -> Sequence[Any]:
        found = [tables.read_account(row) for row in rows]
        if not found:
            return []
        names = [row.address for row in found]
        metadata = None
        if query.moment is not None:
            metadata = self._metadata_at("account", names, query)
        volumes: dict[str, dict[tuple[str, str], Volume]] = {}
        statement = queries.volumes_of(query.moment, self.ledger, queries.POSTGRES)
        for row in self._ask(statement, names):
            volume = Volume(int(row[3]), int(row[4]))
            volumes.setdefault(row[0], {})[row[1], row[2]] = volume
        return [
            Account(
                row.address,
                row.metadata if metadata is None else metadata.get(row.address, {}),
                *row[2:],
                volumes.get(row.address, {}),
            )
            for row in found
        ]

    def _metadata_at(self, kind: str, targets: list[Any], query: Query) -> dict[Any, Any]:
        statement = queries.metadata_of(kind, query.moment, self.ledger, queries.POSTGRES)
        found: dict[Any, dict[str, str]] = {}
        for target, key, value in self._ask(statement, targets):
            found.setdefault(target, {})[key] = value
        return found


def _columns(rows: Sequence[Sequence[object]], width: int) -> tuple[list[object], ...]:
    """Rows turned into columns."""
    if not rows:
        return tuple([] for _ in range(width))
    return tuple(map(list, zip(*rows, strict=True)))


def _insert(
    table: str, types: str, ledger: str, rows: Sequence[Sequence[object]], *last: object
) -> Step:
    """The statement that inserts rows into a table: the ledger, the rows' columns, what is last."""
    text, width = _insert_text(table, types, len(last))
    return text, (ledger, *last, *_columns(rows, width))


@cache
def _insert_text(table: str, types: str, last: int) -> tuple[str, int]:
    """The text of that statement, and the width of its rows.

    Amounts travel as text, and are numbers only on the server.
    """
    names = types.split()
    arrays = ", ".join("%s::text[]" if name == "numeric" else f"%s::{name}[]" for name in names)
    columns = ", ".join(f"c{at}" for at in range(len(names)))
    picked = ", ".join(
        f"u.c{at}::numeric" if name == "numeric" else f"u.c{at}" for at, name in enumerate(names)
    )
    tail = ", %s::text" * last
    text = (
        f"INSERT INTO numscript_{table} SELECT %s::text, {picked}{tail} "
        f"FROM unnest({arrays}) AS u ({columns})"
    )
    return text, len(names)


def _holding(row: Sequence[Any]) -> Holding:
    return Holding(int(row[3]), int(row[4]), None if row[5] is None else int(row[5]))
