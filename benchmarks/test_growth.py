"""What each stage costs as a script grows in one direction."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from benchmarks.conftest import Measure
from benchmarks.growth import DIMENSIONS, SIZES
from numscript import Program, Script, StaticStore
from numscript.analysis.checker import check
from numscript.bytecode.compiler import compile_program
from numscript.embedding import Engine
from numscript.runtime.translator import translate
from numscript.syntax.parser import parse

STAGES = ("parse", "check", "compile", "run_vm", "translate", "run_translated")


class Subject:
    """A grown script with what each stage works on."""

    def __init__(self, dimension: str, size: int) -> None:
        self.grown = DIMENSIONS[dimension](size)
        self.script = Script(self.grown.text)
        self.parsed = parse(self.script)
        assert not self.parsed.diagnostics
        self.checked = check(self.parsed)
        self.program = compile_program(self.checked, Program)
        self.store = StaticStore(self.grown.balances)
        self.is_translated = translate(self.program) is not None

    def function(self, stage: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The function of a stage with its arguments."""
        if stage == "parse":
            return parse, (self.script,)
        if stage == "check":
            return check, (self.parsed,)
        if stage == "compile":
            return compile_program, (self.checked, Program)
        if stage == "translate":
            return translate, (self.program,)
        engine: Engine = "vm" if stage == "run_vm" else "translated"
        program, store, variables = self.program, self.store, self.grown.variables
        assert len(program.run(variables, store, engine=engine).postings) == self.grown.postings
        return lambda: program.run(variables, store, engine=engine), ()


@lru_cache(maxsize=1)
def _subject(dimension: str, size: int) -> Subject:
    return Subject(dimension, size)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_growth(measure: Measure, dimension: str, size: int, stage: str) -> None:
    subject = _subject(dimension, size)
    if stage in ("translate", "run_translated") and not subject.is_translated:
        pytest.skip("so long a program is left to the machine")
    function, args = subject.function(stage)
    notes: dict[str, Any] = {"suite": "growth", "program": dimension, "stage": stage, "size": size}
    measure(function, *args, **notes)
