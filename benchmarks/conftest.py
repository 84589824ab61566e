"""How everything here is timed: many short rounds, between two measurements of the unit."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.calibration import Unit

if TYPE_CHECKING:
    from benchmarks.servers import PgBench

ROUND = 0.0003
"""The seconds of a round at least: short, so that some rounds are left undisturbed."""
MOST_ROUNDS = 4_000
LEAST_ROUNDS = 7
LONG = 0.5
"""A function that takes this many seconds is run three times only."""
EVERY = 0.002
"""The seconds after which part of the unit is measured, at the least."""
SHARE = 0.25
"""The time given to the unit, as a part of what is given to the benchmark."""
LONG_ROUND = 0.005
"""A round of this many seconds is hardly ever left undisturbed: each is divided by the unit as it
was right before and after it, and the median counts."""
PASSES = 4
"""How often the whole unit is run before."""


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    """What pytest itself holds is not to be walked by the garbage collector time and again."""
    gc.collect()
    gc.freeze()


class Measure(Protocol):
    """Times a function; what the report must know of it goes into the JSON with the times."""

    def __call__(
        self,
        function: Callable[..., Any],
        *args: Any,
        beside: Callable[[], object] | None = None,
        rounds: int | None = None,
        **notes: Any,
    ) -> Any: ...


@pytest.fixture
def measure(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Measure:
    """Times `function(*args)`; `per` among the notes says how many things one call does.

    The unit is measured in turn with it. With `beside`, another function, that is run in turn with
    it too, and how many times as long as that it takes is noted; where that function gives a float,
    these are its seconds. `rounds`: how many, where the time that there is does not say it.
    """
    seconds = float(request.config.getoption("benchmark_max_time"))
    pedantic: Callable[..., Any] = benchmark.pedantic

    def timed(
        function: Callable[..., Any],
        *args: Any,
        beside: Callable[[], object] | None = None,
        rounds: int | None = None,
        **notes: Any,
    ) -> Any:
        benchmark.extra_info.update(notes)
        if benchmark.disabled:
            return pedantic(function, args)
        gc.collect()
        one = _estimate(function, args)
        iterations = max(1, math.ceil(ROUND / one))
        if rounds is None:
            rounds = int(seconds / (one * iterations))
            rounds = 3 if one > LONG else min(max(rounds, LEAST_ROUNDS), MOST_ROUNDS)
        between = Between(beside)
        result = pedantic(function, args, None, None, between, rounds, 0, iterations)
        stats: Any = benchmark.stats
        info, times = benchmark.extra_info, stats.stats.data
        info["unit"] = between.unit.seconds
        if one > LONG_ROUND:
            info["ratio"] = _middle_ratio(times, between.units)
        if beside is not None:
            info["beside"] = _middle_ratio(times, between.besides)
        return result

    return timed


@pytest.fixture(scope="module")
def pgbench() -> Iterator[PgBench]:
    """pgbench on a durable Postgres of its own."""
    from benchmarks.servers import PgBench, server

    with server() as url:
        yield PgBench(url)


@pytest.fixture
def beside(backend: str, request: pytest.FixtureRequest) -> Callable[[int, int], object]:
    """What runs in turn with so many transactions by so many clients, where there is such a thing:
    it gives the seconds that pgbench would take for them."""
    if backend != "postgres":
        return lambda _clients, _transactions: None
    bench: PgBench = request.getfixturevalue("pgbench")
    return lambda clients, transactions: lambda: transactions / bench.rate(clients)


def _middle_ratio(times: list[float], others: list[float]) -> float:
    """The median of rounds, each divided by what was measured right before and after it."""
    pairs = zip(times, others, others[1:], strict=False)
    return median(2 * time / (before + after) for time, before, after in pairs)


class Between:
    """What is done after each round: part of the unit, and what else runs in turn."""

    def __init__(self, beside: Callable[[], object] | None) -> None:
        self.unit = Unit()
        self.units = [self.unit.measure(PASSES * self.unit.seconds)]
        self.beside = beside
        self.besides: list[float] = []
        self.run_beside()
        self.last = perf_counter()

    def __call__(self, *_args: object) -> None:
        spent = perf_counter() - self.last
        if spent < EVERY:
            return
        self.units.append(self.unit.measure(spent * SHARE))
        self.run_beside()
        self.last = perf_counter()

    def run_beside(self) -> None:
        """Run the other function, if there is one."""
        if self.beside is not None:
            start = perf_counter()
            told = self.beside()
            self.besides.append(told if isinstance(told, float) else perf_counter() - start)


def _estimate(function: Callable[..., Any], args: tuple[Any, ...]) -> float:
    """The seconds of one call, roughly, the first of which may be slower than the others."""
    best = math.inf
    for _ in range(3):
        start = perf_counter()
        function(*args)
        best = min(best, perf_counter() - start)
        if best > LONG / 5:
            break
    return best
