"""The service over HTTP: `numscript serve` in a process of its own, over each storage.

The callers run on the same machine and take their share of it. On Postgres each round stands
between two runs of pgbench on the same server with as many clients as there are callers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.callers import call_together, percentile, request
from benchmarks.conftest import Measure
from benchmarks.servers import Service, service, storage_url

BACKENDS = ("postgres", "sqlite", "memory")
CONNECTIONS = 32
BULK_CONNECTIONS = 4
BULK = 50
SHOPS = 16
CUSTOMERS = 100
"""How many accounts each caller pays to in turn."""
ROUNDS = 4
CALLS = {"transactions": 960, "bulks": 60, "accounts": 960}
"""How many calls a round has: about a second, or less."""

numbers = count()


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def served(
    backend: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Service]:
    """A service over a storage of each kind."""
    folder: Path = tmp_path_factory.mktemp("service")
    url = storage_url(backend, folder, lambda: request.getfixturevalue("pgbench").url)
    with service(url, folder / "log") as made:
        yield made


@pytest.fixture
def ledger(served: Service) -> str:
    """The path of a new ledger whose shops have all the funds that are needed."""
    path = f"/v2/l{next(numbers)}"
    call_together(served.port, [[request("POST", path)]], wanted=204)
    funds = [transaction("world", f"shop:{number}", 10**12) for number in range(SHOPS)]
    call_together(served.port, [[request("POST", f"{path}/transactions", new) for new in funds]])
    return path


def transaction(source: str, destination: str, amount: int = 1) -> dict[str, object]:
    """A new transaction with one posting."""
    posting = {"source": source, "destination": destination, "amount": amount, "asset": "USD/2"}
    return {"postings": [posting], "metadata": {}}


def payment(caller: int, at: int) -> dict[str, object]:
    """A payment of one caller."""
    return transaction(f"shop:{caller % SHOPS}", f"users:{caller}:{at % CUSTOMERS}")


def requests_of(kind: str, ledger: str, caller: int, calls: int) -> list[bytes]:
    """What one caller sends in a round."""
    match kind:
        case "transactions":
            path = f"{ledger}/transactions"
            return [request("POST", path, payment(caller, at)) for at in range(calls)]
        case "bulks":
            bulk = [
                {"action": "CREATE_TRANSACTION", "data": payment(caller, at)} for at in range(BULK)
            ]
            return [request("POST", f"{ledger}/_bulk", bulk)] * calls
        case _:
            path = f"{ledger}/accounts/shop:{caller % SHOPS}?expand=volumes"
            return [request("GET", path)] * calls


@pytest.mark.parametrize("kind", CALLS)
def test_calls(
    measure: Measure,
    benchmark: BenchmarkFixture,
    backend: str,
    served: Service,
    ledger: str,
    beside: Callable[[int, int], Callable[[], object] | None],
    kind: str,
) -> None:
    callers = BULK_CONNECTIONS if kind == "bulks" else CONNECTIONS
    each = CALLS[kind] // callers
    lists = [requests_of(kind, ledger, caller, each) for caller in range(callers)]
    per = each * callers * (BULK if kind == "bulks" else 1)
    waits: list[float] = []
    measure(
        lambda: waits.extend(call_together(served.port, lists)),
        beside=beside(callers, per),
        rounds=ROUNDS,
        suite="service",
        program=backend,
        stage=kind,
        per=per,
    )
    benchmark.extra_info.update(
        p50_ms=1000 * percentile(waits, 50), p99_ms=1000 * percentile(waits, 99)
    )
