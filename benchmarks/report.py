"""Writes docs/performance.md from the JSON of the last run of the benchmarks, or of several.

    pytest benchmarks --benchmark-json=.benchmarks/last.json
    python -m benchmarks.report

Given several files it takes of each benchmark the run in the middle.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.growth import FITTED_FROM, SIZES
from benchmarks.reference import AIMS, DRAFT_RUNS, FIGURES
from benchmarks.results import LAST, Results, exponent, geometric_mean, read

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

STAGES = {
    "parse": "parse",
    "check": "check",
    "compile": "compile",
    "translate": "translate",
    "cold": "text to program, cold",
    "warm": "text to program, warm",
    "cold_run": "text to result, cold",
    "resolve": "resolve",
    "execute": "execute (VM)",
    "run_vm": "run, VM",
    "run_translated": "run, translated",
    "run_many": "`run_many`, per run",
}
GROWN = ("parse", "check", "compile", "translate", "run_vm", "run_translated")
MISSING = "-"
BUSY = 1.3
"""How far above the best unit the one in the middle is where the machine has other work to do."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table whose first column is text and whose others are figures."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines] + [""]


def figure(value: float | None) -> str:
    """A figure with three digits that count, or a dash."""
    if value is None:
        return MISSING
    for bound, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= bound:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


def quotient(above: float | None, below: float | None) -> float | None:
    """One figure by another, where both were measured."""
    return None if above is None or not below else above / below


# --- figures of aims --------------------------------------------------------------------------


def times_as_fast(results: Results, program: str, stage: str) -> float | None:
    """How many times as fast as the reference a program runs."""
    return quotient(FIGURES[program].run, results.best("stages", program, stage))


def cold_multiple(results: Results, program: str) -> float | None:
    """Text to program, as a multiple of the reference's parse and check."""
    figures = FIGURES[program]
    cold = results.best("stages", program, "cold")
    return quotient(cold, figures.parse + figures.check)


def mean_of(figures: Iterable[float | None]) -> float | None:
    """The geometric mean, where all were measured."""
    known = [value for value in figures if value is not None]
    return geometric_mean(known) if len(known) == len(FIGURES) else None


def exponents(results: Results) -> dict[tuple[str, str], float]:
    """The exponent of each stage in each direction of growth."""
    found = {}
    for program in results.programs("growth"):
        for stage in GROWN:
            points = [
                (size, time)
                for size in SIZES
                if size >= FITTED_FROM
                and (time := results.best("growth", program, stage, size)) is not None
            ]
            if len(points) > 1:
                found[program, stage] = exponent(points)
    return found


def reached(results: Results) -> dict[str, float | None]:
    """The figure of each aim, None where something was not measured."""
    warm = [
        quotient(results.best("stages", name, "warm"), results.best("stages", name, "cold"))
        for name in results.programs("stages")
    ]
    parts = [100 * part for part in warm if part is not None]
    runs = [row.beside for row in results.rows.values() if row.program.startswith("numscript run ")]
    order = results.find("memory", "order", "with_function")
    slopes = exponents(results)
    return {
        "translated": mean_of(times_as_fast(results, name, "run_translated") for name in FIGURES),
        "vm": mean_of(times_as_fast(results, name, "run_vm") for name in FIGURES),
        "cold": mean_of(cold_multiple(results, name) for name in FIGURES),
        "warm": max(parts) if parts else None,
        "startup": max(runs, default=None),
        "memory": order.bytes / 1024 if order else None,
        "growth": max(slopes.values()) if slopes else None,
        **reached_by_ledgers(results),
    }


def reached_by_ledgers(results: Results) -> dict[str, float | None]:
    """The figures of the aims that are about ledgers."""

    def seconds(program: str, stage: str) -> float | None:
        row = results.find("ledger", program, stage)
        return row.median if row else None

    one = results.find("ledger", "postgres", "disjoint, 1 thread")
    cold, hot = (seconds("postgres", f"{name}, 16 threads") for name in ("disjoint", "hot"))
    return {
        "commits": quotient(1, one.beside) if one else None,
        "threads": quotient(one.median if one else None, cold),
        "hot": quotient(hot, cold),
        "bulks": quotient(1, seconds("postgres", "bulks of 1,000")),
        "memory_ledger": quotient(1, seconds("memory", "bulks of 1,000")),
    }


# --- parts of the page ------------------------------------------------------------------------


def machine_lines(results: Results) -> list[str]:
    """What was measured on, without names."""
    info = results.machine
    cpu = info.get("cpu", {})
    units = results.units
    spread = median(row.median / row.best for row in results.rows.values())
    model = cpu.get("brand_raw", "unknown processor")
    python = f"{info.get('python_implementation')} {info.get('python_version')}"
    low, middle, high = (f"{pick(units) * 1e3:.2f} ms" for pick in (min, median, max))
    above = f"{100 * (spread - 1):.0f} %"
    busy = []
    if median(units) > BUSY * min(units):
        busy = ["- The machine was busy with other work: any figure may be a quarter off."]
    return [
        "## Where and when",
        "",
        f"- {model}, {cpu.get('count', '?')} cores, {info.get('machine')}",
        f"- {python}, {info.get('system')}",
        f"- {results.date}",
        f"- One unit was {low} at best, {middle} in the middle, {high} at worst.",
        f"- Of {len(results.rows)} benchmarks the median was above the best by {above} (median).",
        *busy,
        "",
    ]


METHOD = """\
## What is measured, and how

Times are **thousandths of a unit**. The unit is one pass of a fixed loop of dict and integer work
(`benchmarks/calibration.py`), measured in slices between the rounds of each benchmark, the best
time of each slice; a time divided by it carries over to other machines better than milliseconds
do. Each benchmark is timed in many short rounds with the garbage collector on. Where one figure is
given it is the best round, where there are two the second is the median: the best is what the
work costs, the median what the machine made of it that day. What takes longer than 5 ms is hardly
ever left undisturbed: there each round is divided by the unit as it was right before and after it,
and the median of that is given. Of several runs of the suite the one in the middle counts,
benchmark by benchmark.

The reference is Formance's interpreter in Go (June 2026), measured with the same loop. Its *run*
binds variables, reads balances from a list and executes, from a parsed program; ours does the same
from a compiled one. `python -m benchmarks.compare` estimates the noise of each figure where it
matters, between two commits.

`make bench` measures everything anew and writes this page.
"""


def aims_lines(results: Results) -> list[str]:
    """The aims with what was reached."""
    rows = []
    figures = reached(results)
    for key, aim in AIMS.items():
        value = figures[key]
        marks = [f"{'below' if aim.below else 'at least'} {m:g}{aim.unit}" for m in aim[1:3]]
        if value is None:
            rows.append([aim.what, *marks, MISSING, "not measured"])
            continue
        if aim.met(value, aim.aim):
            word = "met"
        elif aim.met(value, aim.floor):
            word = "floor met, aim not met"
        else:
            word = "**not met**"
        rows.append([aim.what, *marks, figure(value) + aim.unit, word])
    return ["## Aims", "", *table(["", "floor", "aim", "measured", ""], rows)]


def reference_lines(results: Results) -> list[str]:
    """Beside the reference, on the programs that its figures belong to."""
    lines = ["## Beside the reference", ""]
    if all(results.find("stages", name, "run_vm") is None for name in FIGURES):
        return [*lines, "Not measured: the programs that its figures belong to were not there.", ""]
    rows = []
    for name, reference in FIGURES.items():
        best = {stage: results.best("stages", name, stage) for stage in STAGES}
        rows.append(
            [
                name,
                figure(reference.run),
                figure(best["run_vm"]),
                figure(times_as_fast(results, name, "run_vm")),
                figure(best["run_translated"]),
                figure(times_as_fast(results, name, "run_translated")),
                figure(best["run_many"]),
            ]
        )
    ways = ("run_vm", "run_translated")
    vm, translated = (
        mean_of(times_as_fast(results, name, way) for name in FIGURES) for way in ways
    )
    rows.append(
        ["geometric mean", "", "", f"**{figure(vm)}**", "", f"**{figure(translated)}**", ""]
    )
    head = ["run", "reference", "VM", "times as fast", "translated", "times as fast", "`run_many`"]
    lines += table(head, rows)
    marks = []
    for name, draft in DRAFT_RUNS.items():
        run, many = (results.best("stages", name, way) for way in ("run_translated", "run_many"))
        marks.append(f"`{name}` {draft} (here {figure(run)}, in `run_many` {figure(many)})")
    lines += [f"A register machine that the reference is drafting: {', '.join(marks)}.", ""]
    rows = []
    for name, reference in FIGURES.items():
        parse, check, cold = (
            results.best("stages", name, stage) for stage in ("parse", "check", "cold")
        )
        rows.append(
            [
                name,
                figure(reference.parse),
                figure(parse),
                figure(reference.check),
                figure(check),
                figure(reference.parse + reference.check),
                figure(cold),
                figure(cold_multiple(results, name)),
            ]
        )
    mean = mean_of(cold_multiple(results, name) for name in FIGURES)
    rows.append(["geometric mean", *[""] * 6, f"**{figure(mean)}**"])
    head = ["text to program", "parse: reference", "ours", "check: reference", "ours"]
    head += ["both: reference", "parse, check, compile: ours", "multiple"]
    return lines + table(head, rows)


def stages_lines(results: Results) -> list[str]:
    """Every stage of every program."""
    programs = results.programs("stages")
    rows = []
    for stage, words in STAGES.items():
        rows.append([words, *(_best_and_median(results, name, stage) for name in programs)])
    lines = ["## Stage by stage", "", "Best and median, thousandths of a unit.", ""]
    lines += table(["", *programs], rows)
    rows = []
    for name in programs:
        translate, vm, quick = (
            results.best("stages", name, stage)
            for stage in ("translate", "run_vm", "run_translated")
        )
        saved = None if vm is None or quick is None else vm - quick
        rows.append([name, figure(translate), figure(saved), figure(quotient(translate, saved))])
    head = ["", "to translate", "saved by each run", "runs that pay for it"]
    return [*lines, *table(head, rows)]


def _best_and_median(results: Results, program: str, stage: str) -> str:
    best, middle = (find("stages", program, stage) for find in (results.best, results.median))
    return MISSING if best is None else f"{figure(best)} ({figure(middle)})"


def memory_lines(results: Results) -> list[str]:
    """The memory of programs."""
    stages = ("alone", "after_run", "with_function")
    rows = []
    for name in results.programs("memory"):
        found = [results.find("memory", name, stage) for stage in stages]
        rows.append([name, *(figure(row.bytes / 1024) if row else MISSING for row in found)])
    lines = ["## Memory", "", "KB (1024 bytes) that stay allocated per compiled program, its text"]
    lines += ["included, as `tracemalloc` counts them: the mean of 50 programs.", ""]
    head = ["", "compiled", "after a run on the VM", "with its translated function"]
    return lines + table(head, rows)


def startup_lines(results: Results) -> list[str]:
    """Whole processes."""
    rows = []
    for name in results.programs("startup"):
        row = results.find("startup", name, "process")
        assert row is not None
        best = results.best("startup", name, "process")
        times = [f"{seconds * 1e3:.1f}" for seconds in (row.best, row.median)]
        rows.append([f"`{name}`", *times, figure(best), figure(row.beside)])
    lines = [
        "## Whole processes",
        "",
        "From start to exit, modules compiled, disk cache warm; each in",
    ]
    lines += ["turn with `python -c 'import click'`, of which the last column is the multiple.", ""]
    head = ["", "best, ms", "median, ms", "thousandths of a unit", "multiple"]
    return lines + table(head, rows)


LEDGER = """\
## Ledgers

Transactions a second, the median of rounds. On Postgres (a server of its own, `fsync` and
`synchronous_commit` on) each round stands between two runs of pgbench on the same server, its
built-in script like TPC-B with as many clients, with one for bulks; *of pgbench* is the rate
divided by that of pgbench then. Beside the other storages the unit runs. A transaction is a run of
a compiled script with one posting; *disjoint* threads pay to accounts of their own, *hot* ones all
to one. `docs/ledger-plans.md` is about a million of them.
"""


def ledger_lines(results: Results) -> list[str]:
    """Commits of ledgers over each storage, beside pgbench."""
    programs = results.programs("ledger")
    stages = dict.fromkeys(row.stage for row in results.rows.values() if row.suite == "ledger")
    rows = []
    for stage in stages:
        cells = [stage]
        for program in programs:
            row = results.find("ledger", program, stage)
            cells.append(f"{1 / row.median:,.0f}" if row else MISSING)
            if program == "postgres":
                rate = 1 / row.median * row.beside if row else None
                cells.append(f"{rate:,.0f}" if rate else MISSING)
                cells.append(figure(quotient(1, row.beside if row else None)))
            else:
                cells.append(figure(row.ratio * 1000 if row else None))
        rows.append(cells)
    head = [""]
    for program in programs:
        more = ["pgbench", "of pgbench"] if program == "postgres" else ["thousandths of a unit"]
        head += [program, *more]
    return [*LEDGER.splitlines(), "", *table(head, rows)] if rows else []


EDITOR = """\
## The language server

Milliseconds from a client's message to the answer, over a pipe, the client's own work included. A
keystroke is answered by the diagnostics of the text with it. The last two lines are whole
processes, from their start to the answer to `initialize`: a server of pygls without anything in
it, and ours.
"""


def editor_lines(results: Results) -> list[str]:
    """How long an editor waits."""
    rows = []
    for what, lines, middle, slow, aim in results.answers:
        name = f"{what}, {lines:,} lines" if lines else f"start of {what}"
        aimed = f"{aim:g}" if aim else MISSING
        word = "" if aim is None else "met" if slow < aim else "**not met**"
        rows.append([name, figure(middle), figure(slow), aimed, word])
    head = ["", "median", "95th percentile", "aim", ""]
    return [*EDITOR.splitlines(), "", *table(head, rows)] if rows else []


def growth_lines(results: Results) -> list[str]:
    """The exponents, then the times that they come from."""
    slopes = exponents(results)
    programs = results.programs("growth")
    heads = [STAGES[stage] for stage in GROWN]
    rows = []
    for program in programs:
        cells = []
        for stage in GROWN:
            slope = slopes.get((program, stage))
            text = MISSING if slope is None else f"{slope:.2f}"
            above = slope is not None and slope > AIMS["growth"].aim
            cells.append(f"**{text}**" if above else text)
        rows.append([program, *cells])
    lines = ["## Growth", "", "How the time of each stage grows with the number of something in a"]
    lines += [
        f"script: the exponent fitted over {FITTED_FROM:,} to {SIZES[-1]:,}. 1 is proportional;",
        "those above the aim are in bold. Part of what is above 1 is no property of the code: what",
        "fits into the processor's caches at 100 does not at 10,000. Very long programs are left",
        "to the machine: there the columns of the translated program end, and the fit with them.",
        "",
        *table(["", *heads], rows),
        "The times, thousandths of a unit:",
        "",
    ]
    rows = []
    for program in programs:
        for size in SIZES:
            times = [results.best("growth", program, stage, size) for stage in GROWN]
            rows.append([f"{program}, {size:,}", *map(figure, times)])
    return lines + table(["", *heads], rows)


def page(results: Results) -> str:
    """The whole page."""
    lines = [
        "# Performance",
        "",
        "<!-- Generated by benchmarks/report.py from a run of the benchmarks: do not edit. -->",
        "",
        *aims_lines(results),
        *machine_lines(results),
        *METHOD.splitlines(),
        "",
        *reference_lines(results),
        *stages_lines(results),
        *startup_lines(results),
        *memory_lines(results),
        *ledger_lines(results),
        *editor_lines(results),
        *growth_lines(results),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description="Write docs/performance.md from the results of the last run.",
    )
    parser.add_argument(
        "results",
        nargs="*",
        type=Path,
        default=[LAST],
        help=f"the JSON of one or more runs, of which the middle one counts (default: {LAST})",
    )
    parser.add_argument("--output", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args(arguments)
    try:
        results = read(options.results)
    except (OSError, ValueError, KeyError) as problem:
        sys.stderr.write(f"no results: {problem!r}\n")
        return 2
    if not results.rows:
        sys.stderr.write("no results: there are no times of these benchmarks\n")
        return 2
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page(results), "utf-8")
    sys.stdout.write(f"{options.output}: {len(results.rows)} benchmarks\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
