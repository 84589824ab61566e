"""The unit in which times are stated: one pass of a small fixed loop, as fast as it goes here.

Machines differ, and one machine differs from moment to moment. A time divided by that of a loop
of plain dict and integer work, measured in turn with it in the same process, carries over. The
loop does what the loop does that the reference's figures were measured against, step by step, so
that those figures can be divided by: never change it.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

STEPS = 20_000
SLICES = 20


def loop() -> int:
    """The work of one unit: 20,000 postings on fifty accounts, and a sum over the balances."""
    ledger: dict[tuple[str, str], int] = {}
    checksum = 0
    for amount in range(STEPS):
        account = ("a%d" % (amount % 50), "USD/2")  # noqa: UP031 - part of the work
        ledger[account] = ledger.get(account, 0) + amount
        checksum += ledger[account] // 3
    return checksum


def slices() -> Iterator[tuple[int, float]]:
    """The loop over and over, a slice at a time: the number of each slice, and its seconds."""
    while True:
        ledger: dict[tuple[str, str], int] = {}
        checksum = 0
        for number in range(SLICES):
            first = number * STEPS // SLICES
            start = perf_counter()
            for amount in range(first, first + STEPS // SLICES):
                account = ("a%d" % (amount % 50), "USD/2")  # noqa: UP031 - part of the work
                ledger[account] = ledger.get(account, 0) + amount
                checksum += ledger[account] // 3
            yield number, perf_counter() - start


class Unit:
    """The unit, measured slice by slice between other things.

    It is the sum of the best time of each slice: what is measured beside it has short rounds, and
    both must have the same chance to be left undisturbed for once.
    """

    def __init__(self) -> None:
        self.best = [float("inf")] * SLICES
        self.next = slices()

    def measure(self, seconds: float = 0.0) -> float:
        """Run at least one slice, and on for some seconds; the unit as it was during them."""
        count = total = 0.0
        while True:
            number, spent = next(self.next)
            self.best[number] = min(self.best[number], spent)
            count += 1
            total += spent
            if total >= seconds:
                return total / count * SLICES

    @property
    def seconds(self) -> float:
        """The seconds of one unit; first runs the slices that were never run."""
        while float("inf") in self.best:
            self.measure()
        return sum(self.best)


def unit(passes: int = 30) -> float:
    """The seconds of one unit here and now: the best of many passes."""
    best = float("inf")
    for _ in range(passes):
        start = perf_counter()
        loop()
        best = min(best, perf_counter() - start)
    return best


if __name__ == "__main__":
    print(f"one unit here: {unit() * 1e3:.3f} ms")  # noqa: T201 - what it is run for
