"""Several statements in one round trip: pipelines on libpq, written for little else.

psycopg's own pipeline works through the network at every statement and looks at every value's
type, which costs ten times the time of the statements themselves here. This one sends prepared
statements whose parameters are text, waits once, and reads all results. It keeps libpq's rules
through `psycopg.pq`, and psycopg's errors.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Any, TypeAlias

import psycopg
from psycopg import errors as sql_errors
from psycopg.pq import ExecStatus, PipelineStatus

Step: TypeAlias = tuple[str, Sequence[object]]
"""A statement, its parameters written `%s`, with their values: None, str, int, or lists of them."""

NUMBERS = frozenset((20, 21, 23))
"""The types of columns that are whole numbers: int8, int2, int4."""
DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that knows which statements it has prepared."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.prepared: set[bytes] = set()


@lru_cache(maxsize=1024)
def _numbered(text: str) -> tuple[bytes, bytes]:
    """A statement as the server takes it, and the name it is prepared under."""
    pieces = text.split("%s")
    numbered = pieces[0] + "".join(f"${at}{piece}" for at, piece in enumerate(pieces[1:], start=1))
    return numbered.encode(), f"numscript_{next(_numbers)}".encode()


_numbers = count(1)


class Pipeline:
    """Statements on their way. What there is of them is sent on while more are added."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.asked: list[tuple[bytes, bool]] = []
        self.rows: list[list[tuple[Any, ...]]] = []
        self.read = 0
        self.problem: psycopg.Error | None = None
        self.ended = False
        connection.pgconn.enter_pipeline_mode()

    def add(self, steps: Sequence[Step]) -> None:
        """Add statements; they run as they arrive. Raises psycopg's errors, of sending only."""
        connection, pgconn, asked = self.connection, self.connection.pgconn, self.asked
        try:
            for text, values in steps:
                statement, name = _numbered(text)
                new = name not in connection.prepared and all(name != known for known, _ in asked)
                if new:
                    pgconn.send_prepare(name, statement)
                pgconn.send_query_prepared(name, list(map(_parameter, values)))
                asked.append((name, new))
        except BaseException:
            connection.close()
            raise

    def report(self) -> None:
        """Have the server tell of what was added so far as soon as it has run."""
        self.connection.pgconn.send_flush_request()

    def wait_for(self, count: int) -> bool:
        """Wait until so many statements have run; whether all of them went well.

        Nothing can be added after that. Raises psycopg's errors, of the connection only.
        """
        try:
            if not self.ended:
                self.ended = True
                self.connection.pgconn.pipeline_sync()
                _wait(self.connection, writes=True)
            for name, new in self.asked[self.read : count]:
                self._receive(name, new=new)
            self.read = max(self.read, count)
        except BaseException:
            self.connection.close()
            raise
        return self.problem is None

    def finish(self) -> list[list[tuple[Any, ...]]]:
        """Wait until all has run; gives the rows of each. Raises psycopg's errors.

        What stops half-way leaves the connection closed, since nobody could tell its answers apart.
        """
        connection = self.connection
        self.wait_for(len(self.asked))
        try:
            result = _next(connection)
            if result is None or result.status != ExecStatus.PIPELINE_SYNC:
                raise psycopg.OperationalError("the pipeline came to no end")
            aborted = connection.pgconn.pipeline_status == PipelineStatus.ABORTED
            assert not aborted or self.problem is not None
            connection.pgconn.exit_pipeline_mode()
        except BaseException:
            connection.close()
            raise
        if isinstance(self.problem, sql_errors.InvalidSqlStatementName):
            connection.close()
        if self.problem is not None:
            raise self.problem
        return self.rows

    def _receive(self, name: bytes, *, new: bool) -> None:
        """Take the results of one statement."""
        connection = self.connection
        for part in (True, False) if new else (False,):
            result = _next(connection)
            if result is None or result.status not in DONE:
                if self.problem is None and result is not None:
                    self.problem = sql_errors.error_from_result(result)
            elif part:
                connection.prepared.add(name)
            else:
                self.rows.append(_rows(result) if result.status == ExecStatus.TUPLES_OK else [])
            # A null result stands behind each.
            if result is not None:
                _next(connection)


def send(connection: Connection, steps: Sequence[Step]) -> list[list[tuple[Any, ...]]]:
    """Send statements in one round trip; gives the rows of each. Raises psycopg's errors."""
    pipeline = Pipeline(connection)
    pipeline.add(steps)
    return pipeline.finish()


def is_readable(connection: Connection) -> bool:
    """Whether the server sent something that nobody asked for."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def _next(connection: Connection) -> Any:
    """The next result; other threads may run meanwhile."""
    if connection.pgconn.is_busy():
        _wait(connection, writes=False)
    return connection.pgconn.get_result()


def _wait(connection: Connection, *, writes: bool) -> None:
    """Wait until all is sent, or until the next result is here."""
    pgconn = connection.pgconn
    poll = select.poll()
    while True:
        unsent = bool(pgconn.flush()) if writes else False
        if writes and not unsent:
            return
        poll.register(pgconn.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
        poll.poll()
        pgconn.consume_input()
        if not writes and not pgconn.is_busy():
            return


def _rows(result: Any) -> list[tuple[Any, ...]]:
    """The rows of a result: whole numbers as such, the rest as text."""
    height = result.ntuples
    if not height:
        return []
    value = result.get_value
    columns = [(at, result.ftype(at) in NUMBERS) for at in range(result.nfields)]
    rows = []
    for row in range(height):
        values: list[Any] = []
        for at, number in columns:
            raw = value(row, at)
            if raw is None:
                values.append(None)
            else:
                values.append(int(raw) if number else raw.decode())
        rows.append(tuple(values))
    return rows


def _parameter(value: Any) -> bytes | None:
    """A parameter as text."""
    if type(value) is str:
        return value.encode()
    if value is None:
        return None
    if not isinstance(value, list):
        return b"%d" % value
    return f"{{{_elements(value)}}}".encode()


def _elements(values: list[Any]) -> str:
    """The elements of an array, as the server reads them: of one kind, they are written at once."""
    kinds = set(map(type, values))
    if kinds == {str}:
        # No text of the server's can hold what stands between them here.
        joined = "\0".join(values)
        if joined.count("\0") == len(values) - 1:
            return f'"{_escaped(joined)}"'.replace("\0", '","')
    elif kinds == {int}:
        return ",".join(map(str, values))
    return ",".join(map(_element, values))


def _element(value: object) -> str:
    """An element of an array."""
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    return "NULL" if value is None else str(value)


def _escaped(text: str) -> str:
    """A text as it stands between quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
