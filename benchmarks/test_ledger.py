"""Commits of a ledger: one at a time, by threads, in bulks, over each storage.

On Postgres each round stands between two runs of pgbench on the same server with as many clients,
and how many times as long as a transaction of pgbench one of the ledger takes is the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

import numscript
from benchmarks.conftest import Measure
from benchmarks.servers import storage_url
from numscript.ledger import Ledger, Run
from numscript.storage import open_storage

BACKENDS = ("postgres", "sqlite", "memory")
SCRIPT = """\
vars { account $from account $to monetary $sum }
send $sum ( source = $from destination = $to )
"""
SUM = {"asset": "USD/2", "amount": 1}
CUSTOMERS = 100
"""How many accounts each thread pays to in turn, where they are disjoint."""
ROUNDS = 5
COUNTS = {
    "postgres": {1: 200, 4: 800, 16: 2400, 50: 2000, 1000: 4000},
    "sqlite": {1: 200, 4: 400, 16: 1600, 50: 2000, 1000: 4000},
    "memory": {1: 4000, 4: 4000, 16: 4000, 50: 4000, 1000: 8000},
}
"""How many transactions a round has, by threads or by the size of a bulk: about half a second."""

numbers = count()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ledger(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A ledger whose shops have all the funds that are needed."""
    url = storage_url(backend, tmp_path, lambda: request.getfixturevalue("pgbench").url)
    storage = open_storage(url)
    made = Ledger(storage, f"l{next(numbers)}")
    for number in range(16):
        posting = {"source": "world", "destination": f"shop:{number}", "asset": "USD/2"}
        made.post([{**posting, "amount": 10**12}])
    yield made
    storage.close()


@pytest.mark.parametrize("accounts", ["disjoint", "hot"])
@pytest.mark.parametrize("threads", [1, 4, 16])
def test_commits(
    measure: Measure,
    ledger: Ledger,
    backend: str,
    beside: Callable[[int, int], Callable[[], object] | None],
    threads: int,
    accounts: str,
) -> None:
    """One transaction a commit for its caller; `hot` is one account that all of them pay to."""
    program = numscript.compile(SCRIPT)
    transactions = COUNTS[backend][threads]

    def work(number: int) -> None:
        for at in range(transactions // threads):
            to = "hot" if accounts == "hot" else f"users:{number}:{at % CUSTOMERS}"
            ledger.run(program, {"from": f"shop:{number}", "to": to, "sum": SUM})

    def together() -> None:
        started = [Thread(target=work, args=(number,)) for number in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()

    before = ledger.stats().transactions
    measure(
        together if threads > 1 else lambda: work(0),
        beside=beside(threads, transactions),
        rounds=ROUNDS,
        suite="ledger",
        program=backend,
        stage=f"{accounts}, {threads} thread{'s' if threads > 1 else ''}",
        per=transactions,
    )
    assert (ledger.stats().transactions - before) % transactions == 0


@pytest.mark.parametrize("size", [50, 1000])
def test_bulks(
    measure: Measure,
    ledger: Ledger,
    backend: str,
    beside: Callable[[int, int], Callable[[], object] | None],
    size: int,
) -> None:
    """Many transactions a commit, beside one client of pgbench."""
    program = numscript.compile(SCRIPT)
    transactions = COUNTS[backend][size]
    bulk = [
        Run(program, {"from": "shop:0", "to": f"users:0:{at % CUSTOMERS}", "sum": SUM})
        for at in range(size)
    ]

    def work() -> None:
        for _ in range(transactions // size):
            assert all(result.ok for result in ledger.bulk(bulk))

    measure(
        work,
        beside=beside(1, transactions),
        rounds=ROUNDS,
        suite="ledger",
        program=backend,
        stage=f"bulks of {size:,}",
        per=transactions,
    )
