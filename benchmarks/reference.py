"""What the reference needs, in thousandths of a unit, and what numscript aims at.

The figures are of Formance's Go interpreter of June 2026, measured with the loop of
`calibration.py` in the same run, the best of many runs each. They belong to five programs that
lie outside this repository; where those are not found, nothing is compared.
"""

from __future__ import annotations

from typing import NamedTuple


class Figures(NamedTuple):
    """Thousandths of a unit: the tree, its static analysis, and a run from a parsed program."""

    parse: float
    check: float
    run: float


FIGURES = {
    "simple": Figures(2.80, 0.08, 0.566),
    "capped": Figures(6.70, 0.33, 1.475),
    "sale": Figures(11.01, 0.84, 3.775),
    "waterfall": Figures(22.85, 1.47, 10.449),
    "order": Figures(29.50, 1.92, 4.783),
}

DRAFT_RUNS = {"simple": 0.09, "capped": 0.24}
"""A register machine that the reference is drafting; it covers part of the language."""


class Aim(NamedTuple):
    """What is wanted of one figure: at least `floor`, better `aim`; or, if `below`, at most."""

    what: str
    floor: float
    aim: float
    unit: str
    below: bool

    def met(self, figure: float, mark: float) -> bool:
        """Whether a figure reaches a mark."""
        return figure < mark if self.below else figure >= mark


AIMS = {
    "translated": Aim(
        "Resolve and execute, translated: times as fast as the reference (geometric mean)",
        4, 8, "x", below=False,
    ),
    "vm": Aim(
        "Resolve and execute on the stack machine: times as fast as the reference (geometric mean)",
        1, 2, "x", below=False,
    ),
    "cold": Aim(
        "Text to program, cold: multiple of the reference's parse and check (geometric mean)",
        6, 3, "x", below=True,
    ),
    "warm": Aim(
        "Text to program, warm in the process: part of cold (worst program)",
        2, 2, "%", below=True,
    ),
    "startup": Aim(
        "`numscript run`, whole process, warm disk cache: multiple of `import click`",
        1.8, 1.3, "x", below=True,
    ),
    "memory": Aim(
        "Memory of the program `order` with its function", 60, 60, " KB", below=True
    ),
    "growth": Aim("The largest growth exponent", 1.1, 1.1, "", below=True),
    "commits": Aim(
        "Ledger on Postgres, one thread: times the rate of one client of pgbench",
        0.8, 0.8, "x", below=False,
    ),
    "threads": Aim(
        "Ledger on Postgres, 16 threads on one ledger: times the rate of one thread",
        4, 4, "x", below=False,
    ),
    "hot": Aim(
        "Ledger on Postgres, 16 threads on one hot account: times the time of disjoint accounts",
        1.1, 1.1, "x", below=True,
    ),
    "bulks": Aim(
        "Ledger on Postgres, bulks of 1,000: transactions a second",
        10_000, 10_000, "", below=False,
    ),
    "memory_ledger": Aim(
        "Ledger in memory, bulks of 1,000: transactions a second",
        50_000, 50_000, "", below=False,
    ),
    "served": Aim(
        "Service on Postgres, 32 connections: transactions a second",
        1_500, 1_500, "", below=False,
    ),
    "served_slow": Aim(
        "Service on Postgres, 32 connections: 99 of 100 transactions", 100, 100, " ms", below=True
    ),
    "served_bulks": Aim(
        "Service on Postgres, bulks of 50: transactions a second",
        6_000, 6_000, "", below=False,
    ),
}  # fmt: skip
