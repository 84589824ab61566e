"""Each stage alone, then the ways through all of them: text to program, and to result."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

import numscript
from benchmarks.conftest import Measure
from benchmarks.programs import OWN, SHARED, Case, load
from numscript import Program, Script, StaticStore, execute
from numscript.analysis.checker import check
from numscript.bytecode.compiler import compile_program
from numscript.runtime.translator import translate
from numscript.syntax.parser import parse

ROWS = 50
"""The sets of variables of one `run_many`: few, so that some rounds are left undisturbed."""

NUMBERS = count()
"""Names for scripts that no cache has seen."""


class Subject:
    """A program with what each of its stages works on."""

    def __init__(self, name: str, case: Case) -> None:
        self.name = name
        self.case = case
        self.script = Script(case.text)
        self.parsed = parse(self.script)
        self.checked = check(self.parsed)
        self.program = compile_program(self.checked, Program)
        self.store: StaticStore = case.store

    def text_to_program(self) -> Program:
        """Compile the text as one that was never seen."""
        return numscript.compile(Script(self.case.text, f"{next(NUMBERS)}"))

    def text_to_result(self) -> numscript.ExecutionResult:
        """Compile and run the text as one that was never seen."""
        return self.text_to_program().run(self.case.variables, self.store)

    def run(self, engine: numscript.embedding.Engine) -> Callable[[], numscript.ExecutionResult]:
        """One run on an engine, as a caller writes it."""
        run, variables, store = self.program.run, self.case.variables, self.store
        return lambda: run(variables, store, engine=engine)

    def run_many(self) -> None:
        """Many runs in one go."""
        deque(self.program.run_many([self.case.variables] * ROWS, self.store), maxlen=0)


@pytest.fixture(params=[*SHARED, *OWN])
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each of the programs."""
    case = load(request.param)
    if case is None:
        pytest.skip("the shared programs are not there; set NUMSCRIPT_SHARED to their folder")
    return Subject(request.param, case)


def _notes(subject: Subject, stage: str, per: int = 1) -> dict[str, Any]:
    return {"suite": "stages", "program": subject.name, "stage": stage, "per": per}


def test_parse(measure: Measure, subject: Subject) -> None:
    parsed = measure(parse, subject.script, **_notes(subject, "parse"))
    assert not parsed.diagnostics


def test_check(measure: Measure, subject: Subject) -> None:
    measure(check, subject.parsed, **_notes(subject, "check"))


def test_compile(measure: Measure, subject: Subject) -> None:
    measure(compile_program, subject.checked, Program, **_notes(subject, "compile"))


def test_translate(measure: Measure, subject: Subject) -> None:
    assert measure(translate, subject.program, **_notes(subject, "translate")) is not None


def test_resolve(measure: Measure, subject: Subject) -> None:
    notes = _notes(subject, "resolve")
    measure(subject.program.resolve, subject.case.variables, subject.store, **notes)


def test_execute(measure: Measure, subject: Subject) -> None:
    resolved = subject.program.resolve(subject.case.variables, subject.store)
    assert measure(execute, resolved, **_notes(subject, "execute")).postings


def test_run_vm(measure: Measure, subject: Subject) -> None:
    assert measure(subject.run("vm"), **_notes(subject, "run_vm")).postings


def test_run_translated(measure: Measure, subject: Subject) -> None:
    result = measure(subject.run("translated"), **_notes(subject, "run_translated"))
    assert result == subject.run("vm")()


def test_run_many(measure: Measure, subject: Subject) -> None:
    measure(subject.run_many, **_notes(subject, "run_many", per=ROWS))


def test_text_to_program_cold(measure: Measure, subject: Subject) -> None:
    measure(subject.text_to_program, **_notes(subject, "cold"))


def test_text_to_program_warm(measure: Measure, subject: Subject) -> None:
    numscript.compile(subject.case.text)
    measure(numscript.compile, subject.case.text, **_notes(subject, "warm"))


def test_text_to_result_cold(measure: Measure, subject: Subject) -> None:
    assert measure(subject.text_to_result, **_notes(subject, "cold_run")).postings
