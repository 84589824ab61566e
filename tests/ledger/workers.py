"""What the processes of the concurrency and kill tests do. Run as `python -m tests.ledger.workers`.

Arguments: the work, the URL, the ledger, the worker's number, how often. Each acknowledged
transaction is a line on standard output.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import partial

from numscript import errors
from numscript.diagnostics import Kind, NumscriptError
from numscript.ledger import Ledger, Posting
from numscript.storage import open_storage

ALLOWED = (errors.InsufficientFunds, errors.MissingFunds)
DEBIT = """
send [USD/2 10] ( source = @fresh allowing overdraft up to [USD/2 100] destination = @sink )
"""


def transfers(ledger: Ledger, worker: int, count: int) -> None:
    """Random postings among twenty accounts."""
    chance = random.Random(worker)
    for _ in range(count):
        source, destination = chance.sample(range(20), 2)
        amount = chance.randint(1, 200)
        posting = Posting(f"a:{source}", f"a:{destination}", amount, "USD/2")
        tell(partial(ledger.post, [posting]))


def debits(ledger: Ledger, worker: int, count: int) -> None:
    """Debits of one new account, within its overdraft."""
    del worker
    for _ in range(count):
        tell(lambda: ledger.run(DEBIT))


def opposite(ledger: Ledger, worker: int, count: int) -> None:
    """Postings from one account to another, or the other way round."""
    pair = ("x", "y") if worker % 2 else ("y", "x")
    for _ in range(count):
        tell(lambda: ledger.post([Posting(*pair, 1, "USD/2")]))


def same_key(ledger: Ledger, worker: int, count: int) -> None:
    """One request under one key."""
    del worker
    for _ in range(count):
        tell(lambda: ledger.post([Posting("a:0", "b", 1000, "USD/2")], idempotency_key="k"))


def reverts(ledger: Ledger, worker: int, count: int) -> None:
    """Reverts of the first transaction."""
    del worker
    for _ in range(count):
        tell(lambda: ledger.revert(1, force=True), errors.AlreadyReverted)


def references(ledger: Ledger, worker: int, count: int) -> None:
    """One reference, by many."""
    del worker
    for _ in range(count):
        tell(lambda: ledger.post([Posting("world", "b", 1, "USD/2")], reference="r"),
             errors.DuplicateReference)  # fmt: skip


def endless(ledger: Ledger, worker: int, count: int) -> None:
    """Postings with references of their own, until somebody stops it."""
    number = 0
    while number < count:
        number += 1
        reference = f"w{worker}-{number}"
        done = ledger.post([Posting("world", f"a:{number % 5}", 1, "USD/2")], reference=reference)
        sys.stdout.write(f"{done.id} {reference}\n")
        sys.stdout.flush()


def tell(act: Callable[[], object], *expected: type[Kind]) -> None:
    """Say what came of an act."""
    try:
        done = act()
    except NumscriptError as error:
        if not isinstance(error.kind, (*ALLOWED, *expected)):
            raise
        sys.stdout.write(f"refused {error.kind.code}\n")
    else:
        sys.stdout.write(f"done {done.id}\n")  # type: ignore[attr-defined]  # a transaction


WORKS = {
    work.__name__: work
    for work in (transfers, debits, opposite, same_key, reverts, references, endless)
}


def main() -> None:
    name, url, ledger, worker, count = sys.argv[1:]
    storage = open_storage(url)
    WORKS[name](Ledger(storage, ledger), int(worker), int(count))
    storage.close()


if __name__ == "__main__":
    main()
