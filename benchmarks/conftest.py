"""How everything here is timed: many short rounds, between two measurements of the unit."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.calibration import Unit

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
        **notes: Any,
    ) -> Any: ...


@pytest.fixture
def measure(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Measure:
    """Times `function(*args)`; `per` among the notes says how many things one call does.

    The unit is measured in turn with it. With `beside`, another function, that is run in turn with
    it too, and its best time is noted.
    """
    seconds = float(request.config.getoption("benchmark_max_time"))
    pedantic: Callable[..., Any] = benchmark.pedantic

    def timed(
        function: Callable[..., Any],
        *args: Any,
        beside: Callable[[], object] | None = None,
        **notes: Any,
    ) -> Any:
        benchmark.extra_info.update(notes)
        if benchmark.disabled:
            return pedantic(function, args)
        gc.collect()
        one = _estimate(function, args)
        iterations = max(1, math.ceil(ROUND / one))
        rounds = int(seconds / (one * iterations))
        rounds = 3 if one > LONG else min(max(rounds, LEAST_ROUNDS), MOST_ROUNDS)
        between = Between(beside)
        result = pedantic(function, args, None, None, between, rounds, 0, iterations)
        benchmark.extra_info["unit"] = between.unit.seconds
        if beside is not None:
            benchmark.extra_info["beside"] = between.best
        return result

    return timed


class Between:
    """What is done after each round: part of the unit, and what else runs in turn."""

    def __init__(self, beside: Callable[[], object] | None) -> None:
        self.unit = Unit()
        self.unit.measure(PASSES * self.unit.seconds)
        self.beside = beside
        self.best = math.inf
        self.last = perf_counter()

    def __call__(self, *_args: object) -> None:
        spent = perf_counter() - self.last
        if spent < EVERY:
            return
        self.unit.measure(spent * SHARE)
        if self.beside is not None:
            start = perf_counter()
            self.beside()
            self.best = min(self.best, perf_counter() - start)
        self.last = perf_counter()


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
