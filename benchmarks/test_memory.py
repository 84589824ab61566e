"""What a compiled program holds, alone and with the function that it was translated to."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

import numscript
from benchmarks.conftest import Measure
from benchmarks.programs import OWN, SHARED, Case, load
from numscript import Program

KEPT = 50
"""How many programs, each from a text of its own, the bytes are the mean of."""

NUMBERS = count()


def _compiled(case: Case) -> Program:
    """A program from a text that no other program has."""
    return numscript.compile(f"{case.text}// {next(NUMBERS)}")


def _after_run(case: Case) -> Program:
    program = _compiled(case)
    program.run(case.variables, case.store, engine="vm")
    return program


def _with_function(case: Case) -> Program:
    program = _compiled(case)
    program.run(case.variables, case.store, engine="translated")
    return program


def bytes_of_one(make: Callable[[Case], Program], case: Case) -> float:
    """The bytes that stay allocated for each program made, its text among them."""
    make(case)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [make(case) for _ in range(KEPT)]
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / len(kept)


MAKERS = {"alone": _compiled, "after_run": _after_run, "with_function": _with_function}


@pytest.mark.parametrize("what", MAKERS)
@pytest.mark.parametrize("name", [*SHARED, *OWN])
def test_memory(measure: Measure, name: str, what: str) -> None:
    case = load(name)
    if case is None:
        pytest.skip("the shared programs are not there; set NUMSCRIPT_SHARED to their folder")
    size = bytes_of_one(MAKERS[what], case)
    notes: dict[str, Any] = {"suite": "memory", "program": name, "stage": what, "bytes": size}
    measure(MAKERS[what], case, **notes)
