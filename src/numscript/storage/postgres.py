"""The storage on a Postgres server, through psycopg 3 and its pool.

A commit takes one round trip where the caller knows the ledger's head, and what it needs as of
then: begin, move the head from the one that is known (or fail whole), write all, commit. Else it
takes two: the first begins, locks the head and reads all that was asked for behind that lock (each
statement sees what was committed before it). Both are pipelines of a constant number of
statements, whatever the number of rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from os import urandom
from typing import Any, TypeVar

import psycopg
from psycopg import errors as sql_errors
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from numscript import errors
from numscript.diagnostics import StorageError
from numscript.runtime.store import BalanceKey, MetadataQuery
from numscript.storage import batches, queries, tables
from numscript.storage.answers import select
from numscript.storage.filters import Query
from numscript.storage.memory import unknown_ledger
from numscript.storage.pipeline import Connection, Pipeline, Step, is_readable, send
from numscript.storage.protocol import (
    NOTHING,
    Changes,
    Closing,
    Found,
    Head,
    HeadMoved,
    Known,
    Log,
    Session,
    TryAgain,
    Wanted,
    balances_of,
    metadata_of,
)

MAX_CONNECTIONS = 16
MAX_BATCHES = 4
"""How many batches may be under way, so that they do not pile up."""
CONNECT_TIMEOUT = 10
"""In seconds: how long to wait for a server, or for a connection to be free."""
SMALL = 25
"""Up to how many lines of the log a batch waits for the commit that probably follows."""
SETTLE_TIMEOUT = 10.0
"""In seconds: how long to ask what became of a commit whose connection was lost."""
T = TypeVar("T")
NOTHING_FOUND = Found({}, {}, {}, {}, {})

READ_TRIES = 5
IDLE = TransactionStatus.IDLE
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
NO_BEGIN = ""
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
READING = (
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), "
    "set_config('enable_seqscan', 'off', true)"
)
HOLD = "SELECT 1 FROM numscript_ledgers WHERE ledger = %s FOR UPDATE"
NEW_LEDGER = "INSERT INTO numscript_ledgers VALUES (%s, %s, 0, 0, '', NULL) ON CONFLICT DO NOTHING"
HEAD = (
    "SELECT last_transaction, last_log, last_hash, last_date, fence FROM numscript_ledgers "
    "WHERE ledger = %s"
)


class PostgresStorage(Closing):
    """Ledgers on a server. May be used by several threads and processes at once.

    The URL is what libpq takes: `postgresql://user:password@host:port/database?option=value`.
    """

    distant = True

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._url = url
        self.read_only = read_only
        self.url = _without_password(url)
        self._fences: dict[str, int] = {}
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
            reason = " ".join(str(problem).split())
            raise StorageError.of(errors.CannotOpen(url=self.url, reason=reason)) from problem

    def _configure(self, connection: Connection) -> None:
        """Have the statements of commits planned once: planning them costs more than they do."""
        connection.execute("SET default_transaction_isolation = 'read committed'")
        if self.read_only:
            connection.execute("SET default_transaction_read_only = on")
        if self.plans:
            connection.execute("SET plan_cache_mode = force_generic_plan")

    def _migrate(self, connection: Connection, steps: list[list[str]]) -> None:
        """Do the migrations that are missing; the version's row is locked meanwhile."""
        version = self._version(connection)
        if version == len(steps):
            return
        if self.read_only and version < len(steps):
            raise tables.no_books(self.url, version)
        if version > len(steps):
            raise StorageError.of(errors.NewerSchema(found=version, known=len(steps)))
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
            done = connection.execute(NEW_LEDGER, (name, tables.to_micros(at)))
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
        except PoolTimeout as problem:
            reason = (
                f"within {CONNECT_TIMEOUT} seconds the server took no new connection, and none of "
                f"the {MAX_CONNECTIONS} of this process became free"
            )
            raise StorageError.of(errors.StorageUnavailable(reason=reason)) from problem
        except PoolClosed as problem:
            raise StorageError.of(errors.StorageUnavailable(reason="it was closed")) from problem
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        """Give a connection back; one that is broken is replaced."""
        if not connection.closed and connection.pgconn.transaction_status != IDLE:
            try:
                send(connection, [("ROLLBACK", ())])
            except psycopg.Error:
                connection.close()
        self._connections.putconn(connection)

    @contextmanager
    def write(
        self,
        ledger: str,
        wanted: Wanted = NOTHING,
        known: Known | None = None,
        create: datetime | None = None,
    ) -> Iterator[Session]:
        """A session that holds the ledger's head, or goes on from one that is known."""
        fence = self._fences.get(ledger)
        with translated(), self._connection() as connection:
            session = PostgresSession(self, connection, ledger)
            if known is None or fence is None:
                self._fences[ledger] = session.lock(wanted, create)
            else:
                session.go_on(known, fence, wanted)
            try:
                yield session
            finally:
                session.leave()

    @contextmanager
    def read(self, ledger: str, wanted: Wanted = NOTHING) -> Iterator[Session]:
        """A session that reads the ledger as it was when it began."""
        with final(), translated(), ExitStack() as stack:
            for attempt in range(READ_TRIES):
                connection = stack.enter_context(self._connection())
                session = PostgresSession(self, connection, ledger)
                try:
                    session.look(wanted)
                    break
                except (psycopg.OperationalError, sql_errors.InvalidSqlStatementName):
                    # Nothing was given to anybody yet: another connection may do.
                    if attempt == READ_TRIES - 1:
                        raise
                    stack.close()
            yield session

    def find(self, ledger: str, wanted: Wanted) -> Found:
        """Read a batch, in one round trip."""
        return self._do(lambda link: PostgresSession(self, link, ledger).glance(wanted))

    def settle(self, ledger: str, log: int, writer: str, problem: Exception) -> None:
        """Find out what became of a commit whose connection was lost.

        Whoever committed holds the head until it is over, so behind that lock the log tells. What
        the server may still have to read fails, since the fence is another by then. Comes back if
        it was committed; raises TryAgain if it was not, and can be done again; StorageError
        (OutcomeUnknown) if the server stays away.
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
                        connection.execute(
                            "UPDATE numscript_ledgers SET fence = fence + 1 WHERE ledger = %s",
                            (ledger,),
                        )
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
    except sql_errors.DivisionByZero as problem:
        raise HeadMoved from problem
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
    line = str(problem).strip().partition("\n")[0]
    return " ".join(line.split()) or type(problem).__name__


class PostgresSession:
    """One transaction of the server on one ledger."""

    head: Head
    found = NOTHING_FOUND
    holds = True
    fence = 0
    pending = False
    begun: Callable[[], None] | None = None

    def __init__(self, storage: PostgresStorage, connection: Connection, ledger: str) -> None:
        self.storage = storage
        self.connection = connection
        self.ledger = ledger
        self.writer = ""
        self.pipeline: Pipeline | None = None
        self.batches = 0
        self.last_log = 0
        self.until_moved = 0
        self.kept: list[Step] = []

    def lock(self, wanted: Wanted, create: datetime | None) -> int:
        """Begin to write, behind the head's lock; gives the fence."""
        steps: list[Step] = [(BEGIN, ()), (f"{HEAD} FOR UPDATE", (self.ledger,))]
        if create is not None:
            steps.insert(1, (NEW_LEDGER, (self.ledger, tables.to_micros(create))))
        return self._open(steps, wanted)

    def look(self, wanted: Wanted) -> None:
        """Begin to read."""
        steps: list[Step] = [(BEGIN_READING, ()), (HEAD, (self.ledger,))]
        if self.storage.plans:
            # Queries are planned for what they ask, and keep to the rows of their ledger.
            steps.insert(1, (READING, ()))
        self._open(steps, wanted)

    def glance(self, wanted: Wanted) -> Found:
        """Read a batch, and end."""
        steps: list[Step] = [(BEGIN_READING, ()), (HEAD, (self.ledger,))]
        self._open(steps, wanted, [("COMMIT", ())])
        return self.found

    def go_on(self, known: Known, fence: int, wanted: Wanted) -> None:
        """Begin from a head that is known, without asking. What is read is newer than that."""
        if is_readable(self.connection):
            # Nobody asked, so the server said goodbye: better known before anything is sent.
            self.connection.close()
            raise TryAgain
        self.holds = False
        self.head, self.pending, self.begun = known
        self.fence = fence
        if wanted is not NOTHING:
            self.found = self.find(wanted)

    def _open(self, steps: list[Step], wanted: Wanted, end: Sequence[Step] = ()) -> int:
        """Begin, read the head and what is wanted; gives the fence."""
        before = len(steps) - 1
        head, *rows = self._send([*steps, *batches.reads(self.ledger, wanted), *end])[before:]
        if not head:
            known = self._send([("SELECT ledger FROM numscript_ledgers", ())])[0]
            raise unknown_ledger(self.ledger, [name for (name,) in known])
        ((transaction, log, hash_, date, self.fence),) = head
        self.head = Head(transaction, log, hash_, tables.instant_or_none(date))
        self.found = batches.found(wanted, rows)
        return self.fence

    def _send(self, steps: Sequence[Step]) -> list[list[Any]]:
        """Send statements in one round trip; the rows of each."""
        if self.pipeline is not None:
            self._finish()
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
        reads = batches.reads(self.ledger, wanted)
        return batches.found(wanted, self._send(reads) if reads else [])

    def logs(self, after: int, limit: int) -> Sequence[Log]:
        """Lines of the log behind an id, in order."""
        text = f"SELECT {tables.LOG_COLUMNS} FROM numscript_logs "
        text += "WHERE ledger = %s AND id > %s ORDER BY id LIMIT %s"
        rows = self._send([(text, (self.ledger, after, limit))])[0]
        return [tables.read_log(row) for row in rows]

    # --- writing ---

    def append(self, changes: Changes) -> None:
        """Send a batch, or begin to; the commit, or one of the next ones, waits for it.

        A first one that is small is kept: if the commit follows, all is sent at once.
        """
        if self.kept:
            self._begin(BEGIN)
        if self.batches >= MAX_BATCHES:
            self._finish()
        self.writer = self.writer or urandom(16).hex()
        steps = batches.writes(self.ledger, changes, self.fence, self.writer)
        if self.last_log or self.holds:
            self._add(steps)
        else:
            self.kept = steps
            if len(changes.logs) > SMALL or not self.storage.plans:
                self._begin(BEGIN)
        self.last_log = changes.head.log
        self.batches += 1

    def _begin(self, begin: str) -> None:
        """Send the first batch, which moves the head; it is ours as soon as that has run."""
        (move, *steps), self.kept = self.kept, []
        if not begin and not self.pending and self.begun is None:
            # Nobody waits for the head alone, and one statement takes less time than several.
            self._add([batches.combined(move, steps)])
            return
        first: list[Step] = [(begin, ())] if begin else []
        if self.pending:
            # Each statement sees what was committed before it: the next one, what this waits for.
            first.append((HOLD, (self.ledger,)))
        first.append(move)
        self._add(first)
        if self.begun is not None and self.pipeline is not None:
            self.until_moved = len(first)
            self.pipeline.report()
        self._add(steps)

    def _add(self, steps: Sequence[Step]) -> None:
        """Send statements without waiting for what comes of them."""
        if self.pipeline is None:
            self.pipeline = Pipeline(self.connection)
        self.pipeline.add(steps)

    def _finish(self) -> None:
        """Wait for what is under way."""
        pipeline, self.pipeline, self.batches, self.until_moved = self.pipeline, None, 0, 0
        if pipeline is not None:
            pipeline.finish()

    def leave(self) -> None:
        """Leave the connection as it must be for whoever has it next."""
        if self.pipeline is not None and not self.connection.closed:
            with suppress(psycopg.Error):
                self._finish()

    def commit(self) -> None:
        """Commit, and wait for all that was sent."""
        try:
            if self.kept:
                # What stands between two ends of a pipeline is a transaction by itself.
                self._begin(NO_BEGIN)
            else:
                self._add([("COMMIT", ())])
            self._tell_begun()
            self._finish()
        except (sql_errors.SerializationFailure, sql_errors.DeadlockDetected):
            raise
        except (psycopg.OperationalError, psycopg.InterfaceError) as problem:
            unclear = isinstance(problem, sql_errors.StatementCompletionUnknown)
            if not self.connection.closed and not unclear:
                raise
            self.storage.settle(self.ledger, self.last_log, self.writer, problem)

    def _tell_begun(self) -> None:
        """Wait until the head is ours, and tell whoever goes on from where it is."""
        pipeline, begun = self.pipeline, self.begun
        if begun is not None and pipeline is not None and pipeline.wait_for(self.until_moved):
            begun()

    # --- queries ---

    def select(self, query: Query) -> Sequence[Any]:
        """What a query asks for."""
        return select(query, self.ledger, queries.POSTGRES, self._ask, list)

    def count(self, query: Query) -> int:
        """How many records a query finds, on all its pages."""
        return int(self._ask(*queries.compile_count(query, self.ledger, queries.POSTGRES))[0][0])

    def _ask(self, text: str, values: Sequence[object]) -> Sequence[Any]:
        return self.connection.execute(text.replace("?", "%s").encode(), values).fetchall()
