"""The JSON that `pytest benchmarks --benchmark-json=FILE` writes, read into rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

LAST = Path(".benchmarks/last.json")
"""Where the results of the last run are looked for."""


class Row(NamedTuple):
    """One benchmark: the best and the median time of one thing, in seconds.

    test: the test that pytest knows it by; unit: the unit in turn with it; ratio: how many units
    it takes; bytes: what it found to be held, if it is about that; beside: how many times as long
    as what else ran in turn with it.
    """

    suite: str
    program: str
    stage: str
    size: int
    test: str
    best: float
    median: float
    unit: float
    ratio: float
    bytes: float
    beside: float

    @property
    def name(self) -> str:
        """What tells it from all others."""
        parts = (self.suite, self.program, str(self.size) if self.size else "", self.stage)
        return " / ".join(part for part in parts if part)


class Answer(NamedTuple):
    """How long an editor waits for something, in milliseconds.

    lines: of the script that is open, 0 where none is; aim: what the 95th percentile should stay
    below, if anything.
    """

    what: str
    lines: int
    median: float
    slow: float
    aim: float | None


class Results(NamedTuple):
    """All rows of one run of the suite, or of several taken together."""

    rows: dict[str, Row]
    units: list[float]
    machine: Mapping[str, Any]
    date: str
    answers: tuple[Answer, ...] = ()

    def find(self, suite: str, program: str, stage: str, size: int = 0) -> Row | None:
        """A row, if it was measured."""
        return self.rows.get(Row(suite, program, stage, size, "", 0, 0, 0, 0, 0, 0).name)

    def best(self, suite: str, program: str, stage: str, size: int = 0) -> float | None:
        """The best time of a row in thousandths of a unit, if it was measured."""
        row = self.find(suite, program, stage, size)
        return None if row is None else row.ratio * 1000

    def median(self, suite: str, program: str, stage: str, size: int = 0) -> float | None:
        """The median time of a row in thousandths of a unit, if it was measured."""
        row = self.find(suite, program, stage, size)
        return None if row is None else row.median / row.unit * 1000

    def programs(self, suite: str) -> list[str]:
        """The programs of a suite, in the order in which they were measured."""
        return list(dict.fromkeys(row.program for row in self.rows.values() if row.suite == suite))


def read(paths: Iterable[Path]) -> Results:
    """The results in one or more files, taken together. Raises OSError, ValueError, KeyError."""
    return together([from_json(json.loads(path.read_text("utf-8"))) for path in paths])


def from_json(document: Mapping[str, Any]) -> Results:
    """The results in a document of pytest-benchmark; benchmarks that are not ours are left out."""
    entries = [entry for entry in document["benchmarks"] if "unit" in entry["extra_info"]]
    rows = {row.name: row for row in map(_row, entries)}
    units = [row.unit for row in rows.values()]
    answers = tuple(_answer(e) for e in document["benchmarks"] if "p95_ms" in e["extra_info"])
    return Results(rows, units, document["machine_info"], document["datetime"][:10], answers)


def _answer(entry: Mapping[str, Any]) -> Answer:
    notes, middle = entry["extra_info"], 1000 * entry["stats"]["median"]
    return Answer(notes["program"], notes.get("size", 0), middle, notes["p95_ms"], notes["aim_ms"])


def _row(entry: Mapping[str, Any]) -> Row:
    notes, stats = entry["extra_info"], entry["stats"]
    per = notes.get("per", 1)
    return Row(
        notes["suite"],
        notes["program"],
        notes["stage"],
        notes.get("size", 0),
        entry["fullname"],
        stats["min"] / per,
        stats["median"] / per,
        notes["unit"],
        notes.get("ratio", stats["min"] / notes["unit"]) / per,
        notes.get("bytes", 0.0),
        notes.get("beside", 0.0),
    )


def together(runs: Sequence[Results]) -> Results:
    """Several runs as one: of each row the middle one by its ratio (the lower of two)."""
    rows: dict[str, Row] = {}
    for name in dict.fromkeys(name for run in runs for name in run.rows):
        found = [run.rows[name] for run in runs if name in run.rows]
        found.sort(key=lambda row: row.beside or row.ratio)
        rows[name] = found[(len(found) - 1) // 2]
    units = [unit for run in runs for unit in run.units]
    answers = next((run.answers for run in reversed(runs) if run.answers), ())
    return Results(rows, units, runs[-1].machine, runs[-1].date, answers)


def geometric_mean(figures: Iterable[float]) -> float:
    """The mean of ratios."""
    logs = [math.log(figure) for figure in figures]
    return math.exp(sum(logs) / len(logs))


def exponent(points: Iterable[tuple[float, float]]) -> float:
    """The exponent of growth: the slope of a straight line through (size, time), both as logs."""
    logs = [(math.log(size), math.log(time)) for size, time in points]
    mid_x = sum(x for x, _ in logs) / len(logs)
    mid_y = sum(y for _, y in logs) / len(logs)
    above = sum((x - mid_x) * (y - mid_y) for x, y in logs)
    return above / sum((x - mid_x) ** 2 for x, _ in logs)
