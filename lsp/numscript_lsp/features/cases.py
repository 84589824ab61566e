"""Running the cases of a spec file from an editor, and the lenses that offer it."""

from __future__ import annotations

from typing import NamedTuple

from numscript import render
from numscript.diagnostics import Severity
from numscript.inputs import InputError
from numscript.script import Script, Span
from numscript.specs import Outcome, Specs, Status, load_specs, run_specs
from numscript_lsp.features.diagnostics import Finding
from numscript_lsp.features.specs_tree import cases_of, member_of
from numscript_lsp.json_tree import Object, Value

RUN_CASE = "numscript.runCase"
TEST_FILE = "numscript.testFile"


class CaseResult(NamedTuple):
    """What came of a case: its number, what a machine reads, and the same for a person."""

    number: int
    outcome: Outcome
    text: str

    @property
    def status(self) -> Status:
        """What became of the case."""
        return self.outcome.status

    def to_dict(self) -> dict[str, object]:
        """The result as a command answers with it."""
        tree = render.outcome_dict(self.outcome)
        return {"case": self.number, **tree, "text": self.text}


class FileResult(NamedTuple):
    """What came of running a spec file, or one case of it.

    problem: why nothing was run, or nothing; script, specs: the texts that were run.
    """

    results: tuple[CaseResult, ...]
    script: str
    specs: str
    problem: str = ""

    def is_of(self, script: str, specs: str) -> bool:
        """Whether it is about these texts, as they are."""
        return self.script == script and self.specs == specs

    def to_dict(self) -> dict[str, object]:
        """The result as a command answers with it."""
        passed = all(result.status is Status.PASSED for result in self.results)
        tree: dict[str, object] = {
            "ok": passed and not self.problem,
            "cases": [result.to_dict() for result in self.results],
        }
        return {**tree, "error": self.problem} if self.problem else tree


def run_file(script: Script, specs_text: str) -> FileResult:
    """Run all cases of a spec file, as `numscript test` does."""
    return _run(script, specs_text, None)


def run_case(script: Script, specs_text: str, case: int | str) -> FileResult:
    """Run one case, by its number from 0 or its name, whatever `focus` and `skip` say."""
    return _run(script, specs_text, case)


def _run(script: Script, specs_text: str, wanted: int | str | None) -> FileResult:
    try:
        specs = load_specs(specs_text.removeprefix("\ufeff"))
    except InputError as problem:
        return FileResult((), script.text, specs_text, str(problem))
    numbers = range(len(specs.cases))
    chosen = [n for n in numbers if wanted in (None, n) or specs.cases[n].it == wanted]
    if not chosen:
        return FileResult((), script.text, specs_text, f"there is no case {wanted!r}")
    if wanted is not None:
        one = specs.cases[chosen[0]]._replace(focus=False, skip=False)
        specs, chosen = Specs(specs.inputs, (one,)), chosen[:1]
    outcomes = run_specs(script, specs).outcomes
    results = [
        CaseResult(number, outcome, case_text(outcome))
        for number, outcome in zip(chosen, outcomes, strict=True)
    ]
    return FileResult(tuple(results), script.text, specs_text)


def case_text(outcome: Outcome) -> str:
    """What came of a case, for a person: the postings, or what is not as expected."""
    if outcome.status is Status.SKIPPED:
        return ""
    if outcome.status is Status.FAILED:
        return render.outcome(outcome, color=False)
    if outcome.result is not None:
        return render.result(outcome.result, color=False)
    return "" if outcome.error is None else f"fails as expected: {outcome.error.diagnostics[0]}"


# --- lenses -----------------------------------------------------------------------------------


class Lens(NamedTuple):
    """A command above a place, with its title and arguments."""

    span: Span
    title: str
    command: str
    arguments: tuple[object, ...]


def script_lenses(
    first: Span, specs_uri: str, tree: Value | None, last: FileResult | None, *, fresh: bool
) -> list[Lens]:
    """Above a script: test its spec file, with what came of it last; `first` is the first word."""
    count = len(cases_of(tree))
    if not count:
        return []
    title = f"Test file: {render.counted(count, 'case')}"
    if last is not None:
        title = f"Test file: {_summary(last, count)}{_age(fresh)}"
    return [Lens(first, title, TEST_FILE, (specs_uri,))]


def specs_lenses(
    specs_uri: str, tree: Value | None, last: FileResult | None, *, fresh: bool
) -> list[Lens]:
    """Above the cases of a spec file: test all; above each: run it; with what came of it last."""
    if not isinstance(tree, Object):
        return []
    member, cases = member_of(tree, "testCases"), cases_of(tree)
    if member is None or not cases:
        return []
    results = {result.number: result for result in (last.results if last else ())}
    title = "Test file"
    if last is not None and len(last.results) == len(cases):
        title = f"Test file: {_summary(last, len(cases))}{_age(fresh)}"
    lenses = [Lens(member.key.span, title, TEST_FILE, (specs_uri,))]
    for case in cases:
        result = results.get(case.number)
        title = "Run case"
        if result is not None:
            title = f"Run case: {result.status}{_age(fresh)}"
        lenses.append(Lens(case.tree.span, title, RUN_CASE, (specs_uri, case.number)))
    return lenses


def _summary(last: FileResult, count: int) -> str:
    if last.problem:
        return last.problem
    words = [str(result.status) for result in last.results]
    parts = [f"{words.count(word)} {word}" for word in dict.fromkeys(sorted(words))]
    more = count - len(words)
    return ", ".join([*parts, *([f"{more} not run"] if more > 0 else [])])


def _age(fresh: bool) -> str:
    return "" if fresh else " before the last change"


def merged(before: FileResult | None, now: FileResult) -> FileResult:
    """What is known after a run of some cases, where the rest was run on the same texts."""
    if before is None or before.problem or not before.is_of(now.script, now.specs):
        return now
    rows = {result.number: result for result in (*before.results, *now.results)}
    return now._replace(results=tuple(rows[number] for number in sorted(rows)))


def failures(tree: Value | None, last: FileResult) -> list[Finding]:
    """The cases that failed, told at their names."""
    places = {case.number: case.name_span for case in cases_of(tree)}
    return [
        Finding(
            places[result.number],
            Severity.ERROR,
            "case-failed",
            f"this case fails\n{result.text}",
            "",
        )
        for result in last.results
        if result.status is Status.FAILED and result.number in places
    ]
