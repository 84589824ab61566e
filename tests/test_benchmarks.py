"""The report and the comparison of the benchmarks, on results that are made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import numscript
from benchmarks import calibration, compare, growth, programs, report
from benchmarks.reference import AIMS, FIGURES
from benchmarks.results import Results, exponent, from_json, geometric_mean, together

UNIT = 0.01
"""The seconds of a unit here: a thousandth of it is ten microseconds."""


def entry(suite: str, program: str, stage: str, thousandths: float, **notes: Any) -> dict[str, Any]:
    """A benchmark as pytest-benchmark writes it, the median a tenth above the best."""
    seconds = thousandths * UNIT / 1000
    return {
        "fullname": f"benchmarks/test_{suite}.py::test_{stage}[{program}]",
        "stats": {"min": seconds, "median": 1.1 * seconds},
        "extra_info": {
            "suite": suite,
            "program": program,
            "stage": stage,
            "unit": UNIT,
            **notes,
        },
    }


def document(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "benchmarks": list(entries),
        "machine_info": {
            "node": "a-name",
            "machine": "x86_64",
            "system": "Linux",
            "python_implementation": "CPython",
            "python_version": "3.11.7",
            "cpu": {"brand_raw": "A Processor", "count": 2},
        },
        "datetime": "2026-06-01T10:00:00+00:00",
    }


def results(*entries: dict[str, Any]) -> Results:
    return from_json(document(*entries))


LEDGERS = (
    ("postgres", "disjoint, 1 thread", 0.01, 1.25),
    ("postgres", "disjoint, 16 threads", 0.05, 0.5),
    ("postgres", "hot, 16 threads", 0.04, 0.5),
    ("postgres", "bulks of 1,000", 0.2, 0.1),
    ("memory", "bulks of 1,000", 1, 0.0),
)
"""Each with its best rate, 100,000 a second being one, and its time as a multiple of pgbench's."""


def complete() -> list[dict[str, Any]]:
    """Results of everything that an aim is about; the translated runs are five times as fast."""
    rows = []
    for name, reference in FIGURES.items():
        rows += [
            entry("stages", name, "run_translated", reference.run / 5),
            entry("stages", name, "run_vm", reference.run / 2),
            entry("stages", name, "cold", 7 * (reference.parse + reference.check)),
            entry("stages", name, "warm", 0.01),
        ]
    rows += [
        entry("startup", "numscript run order.num", "process", 6000, beside=1.2),
        entry("memory", "order", "with_function", 300, bytes=20 * 1024),
        *(
            entry("ledger", program, stage, 1.0 / rate, per=1, beside=beside)
            for program, stage, rate, beside in LEDGERS
        ),
        entry("service", "postgres", "transactions", 100, beside=2.5, p50_ms=20.0, p99_ms=120.0),
        entry("service", "postgres", "bulks", 10, beside=0.2, p50_ms=30.0, p99_ms=80.0),
        *(entry("growth", "sources", "parse", n / 10, size=n) for n in growth.SIZES),
        *(entry("growth", "sources", "check", n * n / 1e4, size=n) for n in growth.SIZES),
    ]
    return rows


def test_the_exponent_is_the_slope_between_logarithms() -> None:
    assert exponent((n, 3 * n**2) for n in (100, 1000, 10_000)) == pytest.approx(2)
    assert geometric_mean([1, 4]) == pytest.approx(2)


def test_times_are_divided_by_the_unit_and_by_how_many_things_a_call_does() -> None:
    found = results(entry("stages", "sale", "run_many", 500, per=50))
    assert found.best("stages", "sale", "run_many") == pytest.approx(10)
    assert found.median("stages", "sale", "run_many") == pytest.approx(11)
    assert found.best("stages", "sale", "parse") is None


def test_of_several_runs_the_middle_one_counts() -> None:
    runs = [results(entry("stages", "sale", "parse", figure)) for figure in (12, 10, 11)]
    assert together(runs).best("stages", "sale", "parse") == pytest.approx(11)
    assert together(runs[:2]).best("stages", "sale", "parse") == pytest.approx(10)


def test_foreign_benchmarks_are_left_out() -> None:
    foreign = entry("stages", "sale", "parse", 10)
    foreign["extra_info"] = {}
    assert results(foreign).rows == {}


def test_the_aims_say_what_is_met() -> None:
    found = report.reached(results(*complete()))
    assert found == {
        "translated": pytest.approx(5),
        "vm": pytest.approx(2),
        "cold": pytest.approx(7),
        "warm": pytest.approx(100 * 0.01 / (7 * 2.88)),
        "startup": pytest.approx(1.2),
        "memory": pytest.approx(20),
        "growth": pytest.approx(2),
        "commits": pytest.approx(0.8),
        "threads": pytest.approx(5),
        "hot": pytest.approx(1.25),
        "bulks": pytest.approx(20_000 / 1.1),
        "memory_ledger": pytest.approx(100_000 / 1.1),
        "served": pytest.approx(1000 / 1.1),
        "served_slow": pytest.approx(120),
        "served_bulks": pytest.approx(10_000 / 1.1),
    }
    assert found.keys() == AIMS.keys()
    lines = report.aims_lines(results(*complete()))
    verdicts = [line.split("|")[-2].strip() for line in lines if line.startswith("| ")][2:]
    assert verdicts == [
        "floor met, aim not met",
        "met",
        "**not met**",
        "met",
        "met",
        "met",
        "**not met**",
        "met",
        "met",
        "**not met**",
        "met",
        "met",
        "**not met**",
        "**not met**",
        "met",
    ]
    text = "\n".join(report.ledger_lines(results(*complete())))
    assert "| disjoint, 1 thread | 909 | 1,136 | 0.800 | - | - |" in text
    assert "| postgres, transactions | 909 | 2,273 | 0.400 | 20.0 | 120 | 100 |" in "\n".join(
        report.service_lines(results(*complete()))
    )
    assert "| bulks of 1,000 | 18,182 | 1,818 | 10.0 | 90,909 | 1.00 |" in text


def test_what_was_not_measured_is_said_so() -> None:
    some = results(entry("stages", "transfer", "parse", 10))
    assert set(report.reached(some).values()) == {None}
    text = report.page(some)
    assert text.count("not measured") == len(AIMS)
    assert "the programs that its figures belong to were not there" in text


def test_the_page_names_the_machine_but_not_its_name() -> None:
    text = report.page(results(*complete()))
    for words in ("A Processor, 2 cores", "CPython 3.11.7, Linux", "2026-06-01", "| **2.00** |"):
        assert words in text
    assert "a-name" not in text
    assert text.endswith("|\n")
    assert text.count("\n# ") == 0


def test_a_busy_machine_is_said_to_be_one() -> None:
    calm = results(entry("stages", "transfer", "parse", 10))
    assert "busy" not in report.page(calm)
    busy = calm._replace(units=[UNIT, 2 * UNIT, 2 * UNIT])
    assert "- The machine was busy" in report.page(busy)


def test_every_table_is_square() -> None:
    widths: list[int] = []
    for line in [*report.page(results(*complete())).splitlines(), ""]:
        if line.startswith("|"):
            widths.append(line.count("|"))
        else:
            assert len(set(widths)) <= 1
            widths = []


def test_the_report_reads_files_and_writes_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "performance.md"
    run = tmp_path / "run.json"
    run.write_text(json.dumps(document(*complete())), "utf-8")
    assert report.main([str(run), str(run), "--output", str(page)]) == 0
    assert page.read_text("utf-8").startswith("# Performance\n")
    assert report.main([str(tmp_path / "none.json"), "--output", str(page)]) == 2
    run.write_text(json.dumps(document()), "utf-8")
    assert report.main([str(run), "--output", str(page)]) == 2
    assert "no results" in capsys.readouterr().err


def side(*figures: float, held: float = 0) -> list[Results]:
    return [results(entry("stages", "sale", "parse", f, bytes=held)) for f in figures]


def test_a_regression_is_beyond_threshold_and_noise() -> None:
    [change] = compare.changes(side(10, 10.1, 9.9, 10, 14), side(12, 12, 12))
    assert change.part == pytest.approx(0.2)
    assert change.noise == pytest.approx(0.01)
    assert change.verdict(0.05) == "SLOWER"
    assert change.verdict(0.25) == ""


def test_one_run_that_was_disturbed_is_no_regression() -> None:
    [change] = compare.changes(side(10, 10, 10), side(10, 10, 20))
    assert change.verdict(0.05) == ""


def test_noise_hides_a_change() -> None:
    [change] = compare.changes(side(8, 10, 12), side(12, 12, 12))
    assert change.noise == pytest.approx(0.2)
    assert change.verdict(0.05) == ""


def test_what_got_faster_is_no_regression() -> None:
    [change] = compare.changes(side(20, 20), side(10, 10))
    assert change.verdict(0.05) == "faster"


def test_memory_is_compared_too() -> None:
    found = compare.changes(side(10, 10, held=1000), side(10, 10, held=1100))
    assert [change.verdict(0.05) for change in found] == ["", "SLOWER"]
    assert "[bytes]" in found[1].name
    table = compare.show(found, 0.05)
    assert "+10.0%" in table
    assert len(table.splitlines()) == 3


def test_benchmarks_of_one_side_only_are_not_compared() -> None:
    other = [results(entry("stages", "sale", "check", 10))]
    assert compare.changes(side(10, 10), other) == []


@pytest.mark.parametrize(("new", "status"), [(10.0, 0), (13.0, 1)])
def test_the_comparison_fails_on_a_regression_that_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], new: float, status: int
) -> None:
    chosen: list[list[str]] = []

    def run(variables: dict[str, str], what: list[str], _seconds: float, path: Path) -> Results:
        path.touch()
        chosen.append(list(what))
        return side(new if variables["side"] == "new" else 10)[0]

    names = iter(("old", "new"))
    monkeypatch.setattr(compare, "environment", lambda _tree: {"side": next(names)})
    monkeypatch.setattr(compare, "run", run)
    assert compare.main([".", "--runs", "2"]) == status
    again = ["benchmarks/test_stages.py::test_parse[sale]"]
    assert chosen == [["benchmarks", "-k", "test_stages"]] * 4 + [again] * 4 * status
    assert f"{status} of 1 figures are worse" in capsys.readouterr().out


def test_the_comparison_needs_commits_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["no-such-commit", "--runs", "2"]) == 2
    assert "no-such-commit" in capsys.readouterr().err


def test_the_help_of_the_comparison_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        compare.main(["--help"])
    assert "python -m benchmarks.compare main HEAD" in capsys.readouterr().out


def test_the_unit_is_always_the_same_work() -> None:
    assert calibration.loop() == 8_921_577_217


def test_the_unit_can_be_measured_in_slices() -> None:
    unit = calibration.Unit()
    assert unit.seconds > 0
    before = unit.seconds
    unit.measure()
    assert unit.seconds <= before


@pytest.mark.parametrize("name", programs.OWN)
def test_the_programs_run_alike_on_both_engines(name: str) -> None:
    case = programs.load(name)
    assert case is not None
    program = numscript.compile(case.text)
    runs = [program.run(case.variables, case.store, engine=e) for e in ("vm", "translated")]
    assert runs[0] == runs[1]
    assert runs[0].postings


@pytest.mark.parametrize("size", [1, 2, 10])
@pytest.mark.parametrize("dimension", growth.DIMENSIONS)
def test_the_grown_scripts_are_sound_and_run_in_full(dimension: str, size: int) -> None:
    grown = growth.DIMENSIONS[dimension](size)
    assert not any(d.severity.name == "ERROR" for d in numscript.check(grown.text).diagnostics)
    case = programs.Case(grown.text, grown.variables, grown.balances, {})
    result = numscript.compile(grown.text).run(case.variables, case.store)
    assert len(result.postings) == grown.postings
