"""`numscript test`: run the cases of spec files and say what differs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from numscript.cli import console, files

if TYPE_CHECKING:
    from numscript.specs import SpecsResult

SPECS = ".specs.json"
PATIENCE = 0.5
"""Seconds after which a run on a terminal starts to say how far it is."""


class TestedFile(NamedTuple):
    """A spec file that was run: its path, that of its script, the outcome, and the seconds."""

    specs: str
    script: str
    result: SpecsResult
    seconds: float


class Totals(NamedTuple):
    """How many cases there were of each status, and of how many `focus` or `skip` was said."""

    files: int
    passed: int
    failed: int
    skipped: int
    focused: int

    @property
    def cases(self) -> int:
        """How many cases there were."""
        return self.passed + self.failed + self.skipped

    @property
    def ok(self) -> bool:
        """Whether the run as a whole succeeds."""
        return not (self.failed or self.skipped or self.focused)


@click.command(short_help="Run the cases of spec files.")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--filter", "text", default="", help="Run only cases with this in their name.")
@click.option("--junit", type=click.Path(dir_okay=False), help="Write JUnit XML to this file.")
@click.option("-v", "--verbose", is_flag=True, help="Name every case, not only those that fail.")
@console.output_option
@click.pass_context
def test(
    invocation: click.Context,
    paths: tuple[str, ...],
    text: str,
    junit: str | None,
    verbose: bool,
    output: str,
) -> None:
    """Run the cases of spec files, and show what differs from what they expect.

    PATHS are scripts (x.num), spec files (x.num.specs.json), or folders that are searched for
    spec files; by default the current folder. While any case says `focus` or `skip`, the run
    fails, so that none is forgotten.

    \b
    Examples:
      numscript test scripts/
      numscript test sale.num --filter "missing funds"
      numscript test . --junit report.xml

    `numscript test-init` writes a first spec file for a script.
    """
    tested: list[TestedFile] = []
    problems: list[str] = []
    found = list(_spec_files(paths or (".",), problems))
    progress = _Progress(len(found), output)
    for number, path in enumerate(found):
        progress.say(number)
        try:
            done = _run(path, text)
        except console.BadInput as problem:
            problems.append(problem.message)
            continue
        if done is not None:
            tested.append(done)
            if output == "pretty" and (verbose or not done.result.ok):
                progress.erase()
                _show_file(done, verbose)
    progress.erase()
    if not tested and not problems:
        place = ", ".join(paths or (".",))
        if text:
            raise console.BadInput(f"no case in {place} has `{text}` in its name")
        raise console.BadInput(f"no *.num{SPECS} file was found in {place}")
    totals = _totals(tested)
    if junit is not None:
        from numscript.cli.junit import write_report

        write_report(junit, tested, problems)
    if output == "json":
        console.show_json(_plain(tested, totals, problems))
    else:
        console.show_problems(problems)
        if tested:
            _show_totals(totals)
    invocation.exit(2 if problems else int(not totals.ok))


def _spec_files(paths: tuple[str, ...], problems: list[str]) -> Iterator[str]:
    """The spec files that paths stand for; what stands for none goes to the problems."""
    seen: set[Path] = set()
    for path in _named_specs(paths, problems):
        # A script, its spec file and their folder may all be named.
        resolved = Path(path).resolve()
        if resolved not in seen:
            seen.add(resolved)
            yield path


def _named_specs(paths: tuple[str, ...], problems: list[str]) -> Iterator[str]:
    """The spec files that paths name, some perhaps twice."""
    for path in files.find_files(paths, f".num{SPECS}"):
        if path.endswith(SPECS):
            yield path
        elif not Path(path).exists():
            problems.append(f"{path}: there is no such file or folder")
        elif Path(f"{path}{SPECS}").exists():
            yield f"{path}{SPECS}"
        else:
            problems.append(
                f"{path}: it has no spec file; `numscript test-init {path}` writes a first one"
            )


def _run(path: str, text: str) -> TestedFile | None:
    """Run a spec file; None where no case has the text in its name. Raises BadInput."""
    from numscript.specs import load_specs, run_specs

    script_path = path.removesuffix(SPECS)
    specs = files.read_json_file(path, load_specs).named(text)
    script = files.read_script(script_path)
    if not specs.cases:
        return None
    start = time.perf_counter()
    result = run_specs(script, specs)
    return TestedFile(path, script_path, result, time.perf_counter() - start)


class _Progress:
    """On a terminal, a line that says how far a run is that takes long."""

    def __init__(self, total: int, output: str) -> None:
        self.total = total
        self.watched = output == "pretty" and sys.stderr.isatty() and sys.stdout.isatty()
        self.next = time.monotonic() + PATIENCE
        self.shown = False

    def say(self, number: int) -> None:
        """Say how many files are done, not too often."""
        if self.watched and time.monotonic() > self.next:
            self.next = time.monotonic() + 0.1
            self.shown = True
            click.echo(f"\r{number} of {self.total} files", err=True, nl=False)
            sys.stderr.flush()

    def erase(self) -> None:
        """Take the line away, before something else is printed."""
        if self.shown:
            self.shown = False
            click.echo("\r\x1b[K", err=True, nl=False, color=True)
            sys.stderr.flush()


def _totals(tested: list[TestedFile]) -> Totals:
    from numscript.specs import Status

    passed, failed, skipped = (
        sum(done.result.count(status) for done in tested) for status in Status
    )
    focused = sum(outcome.case.focus for done in tested for outcome in done.result.outcomes)
    return Totals(len(tested), passed, failed, skipped, focused)


def _show_file(done: TestedFile, verbose: bool) -> None:
    """The cases of a file that are worth a line, and what is the matter with them."""
    from numscript import render
    from numscript.specs import Status

    color = console.use_color()
    lines = [render.style(render.visible(done.specs), "bold", color=color)]
    words = {
        Status.PASSED: render.style("ok  ", "green", color=color),
        Status.FAILED: render.style("FAIL", "bold", "red", color=color),
        Status.SKIPPED: render.style("skip", "yellow", color=color),
    }
    refusal = done.result.refusal
    if refusal is not None and done.result.count(Status.FAILED):
        lines += ["", render.diagnostics(refusal.diagnostics, color=color), ""]
    for outcome in done.result.outcomes:
        if outcome.status is Status.PASSED and not verbose and not outcome.case.focus:
            continue
        focus = " (focus)" if outcome.case.focus else ""
        lines.append(f"{words[outcome.status]} {render.one_line(outcome.case.it)}{focus}")
        if outcome.status is Status.FAILED and refusal is None:
            lines += ["", render.outcome(outcome, color=color), ""]
    text = "\n".join(lines).rstrip("\n")
    console.show(f"{text}\n")


def _show_totals(totals: Totals) -> None:
    from numscript.render import counted, style

    color = console.use_color()
    parts = [
        style(f"{number} {word}", tone, color=color)
        for number, word, tone in (
            (totals.failed, "failed", "red"),
            (totals.skipped, "skipped", "yellow"),
            (totals.passed, "passed", "green"),
        )
        if number
    ]
    told = f"{counted(totals.cases, 'case')} in {counted(totals.files, 'file')}"
    console.show(f"{told}: {', '.join(parts)}")
    if totals.skipped or totals.focused:
        reason = "the run fails while a case says `focus` or `skip`; take it away when done"
        console.show(style(reason, "yellow", color=color))


def _plain(tested: list[TestedFile], totals: Totals, problems: list[str]) -> dict[str, object]:
    from numscript.render import outcome_dict

    tree: dict[str, object] = {
        "ok": totals.ok and not problems,
        "cases": totals.cases,
        "passed": totals.passed,
        "failed": totals.failed,
        "skipped": totals.skipped,
        "focused": totals.focused,
        "files": [
            {
                "specs": done.specs,
                "script": done.script,
                "ok": done.result.ok,
                "cases": [outcome_dict(outcome) for outcome in done.result.outcomes],
            }
            for done in tested
        ],
    }
    return {**tree, "error": "\n".join(problems)} if problems else tree
