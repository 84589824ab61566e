"""Traces: scripts against their steps in tests/golden/traces.txt, and laws of all traces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import numscript
from numscript.debugging.trace import Trace, trace
from numscript.inputs import Inputs
from numscript.script import Script
from numscript.specs import load_specs
from tests import golden
from tests.debugging.material import listed, traced
from tests.material import ABSENT, CONFORMANCE, THINNED, corpus

ENTRIES = golden.read("traces.txt")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.title)
def test_a_run_goes_by_these_clauses(entry: golden.Entry) -> None:
    assert listed(entry.script) == entry.expected


# --- laws -------------------------------------------------------------------------------------


def conformance_runs() -> Iterator[tuple[str, numscript.Program, Inputs]]:
    """Every case of the repository's suite whose script compiles."""
    for path in sorted(CONFORMANCE.rglob("*.num.specs.json")):
        specs = load_specs(path.read_text("utf-8"))
        text = path.with_name(path.name.removesuffix(".specs.json")).read_bytes().decode("utf-8")
        try:
            program = numscript.compile(text, specs.inputs.features)
        except numscript.NumscriptError:
            continue
        for case in specs.cases:
            yield f"{path.name} {case.it}", program, specs.inputs.merged(case.inputs)


def check_laws(program: numscript.Program, inputs: Inputs) -> Trace:
    """What holds of every trace: it ends as the run does, and its steps add up to that end."""
    found = trace(program, inputs.variables, inputs.store)
    last = found.state(len(found.steps) - 1)
    if found.error is not None:
        with pytest.raises(numscript.ExecutionError) as failure:
            program.run(inputs.variables, inputs.store, engine="vm")
        assert found.result is None
        assert found.error.diagnostics == failure.value.diagnostics
        assert found.steps[-1].reason == "failure"
    else:
        result = program.run(inputs.variables, inputs.store, engine="vm")
        assert found.result == result
        assert found.steps[-1].reason == "end"
        assert last.postings == result.postings
        assert last.tx_metadata == result.tx_metadata
        assert last.account_metadata == result.account_metadata
        assert last.printed == result.printed
        assert last.funds == ()
    assert {step.reason for step in found.steps[:-1]} <= {"clause", "undone"}
    stops = [step.clause for step in found.steps if step.reason == "clause"]
    assert len(stops) == len(set(stops))
    assert set(stops) <= set(found.clauses.stops)
    assert replayed(json.loads(json.dumps(found.to_dict()))) == [
        posting.to_dict() for posting in last.postings
    ]
    return found


def replayed(tree: dict[str, Any]) -> list[Any]:
    """The postings that the steps of a trace in JSON add up to."""
    postings: list[Any] = []
    balances: dict[str, int] = {}
    for step in tree["steps"]:
        for row in step.get("balances", ()):
            key = json.dumps([row["account"], row["asset"], row.get("color")])
            assert balances.get(key) == row["before"]
            balances[key] = row["after"]
            if row["after"] is None:
                del balances[key]
        assert step["postings"]["kept"] <= len(postings)
        postings = postings[: step["postings"]["kept"]] + step["postings"]["added"]
    return postings


def test_every_conformance_case_is_traced_to_its_end() -> None:
    count = 0
    for _, program, inputs in conformance_runs():
        check_laws(program, inputs)
        count += 1
    assert count > 300


@pytest.mark.skipif(not corpus(), reason=ABSENT)
def test_programs_of_the_corpus_are_traced_to_their_end() -> None:
    for case in corpus()[:: 9 * THINNED]:
        try:
            program = numscript.compile(case["script"], tuple(case["featureFlags"]))
        except numscript.NumscriptError:
            continue
        store = numscript.StaticStore(case["balances"] or (), case["metadata"] or {})
        inputs = Inputs(store.balances, case["variables"] or {}, store.metadata)
        check_laws(program, inputs)


def test_what_is_taken_is_in_the_funds_until_it_is_given() -> None:
    """At each step of a send, balances and funds together are what they were."""
    found = traced(ENTRIES[0].script)
    totals = []
    for number in range(1, len(found.steps)):
        state = found.state(number)
        totals.append(sum(state.balances.values()) + sum(size for _, _, size in state.funds))
    assert set(totals) == {60}


# --- programs and stores ----------------------------------------------------------------------


def test_a_program_from_bytes_is_traced_as_well() -> None:
    text = "send [X 1] (\n source = @world\n destination = @a\n)"
    program = numscript.Program.decode(numscript.compile(Script(text, "x.num")).encode())
    found = trace(program, {}, numscript.StaticStore())
    assert [step.clause and step.clause.title for step in found.steps] == [
        "send [X 1]",
        "@world",
        "@a",
        None,
    ]


def test_tracing_leaves_the_program_as_it_is() -> None:
    program = numscript.compile("send [X 1] ( source = @world destination = @a )")
    code = program.main
    trace(program, {}, numscript.StaticStore())
    assert program.main is code
    assert type(program.main.instructions) is tuple
    assert "plan" not in program.__dict__


class Broken:
    def get_balances(self, _query: object) -> dict[tuple[str, str, str], int]:
        raise ConnectionError("the line is cut")

    def get_metadata(self, _query: object) -> dict[str, dict[str, str]]:
        return {}


def test_a_store_that_fails_ends_the_trace() -> None:
    program = numscript.compile("send [X 1] ( source = @a destination = @b )")
    found = trace(program, {}, Broken())
    assert [step.reason for step in found.steps] == ["failure"]
    assert found.error is not None
    assert found.error.kind.code == "NUM422"
    assert found.steps[0].clause is None


def test_a_long_run_shares_what_its_steps_have_in_common() -> None:
    parts = "\n".join("max [X 1] from @world" for _ in range(3000))
    found = traced(f"send [X 3000] ( source = {{ {parts} }} destination = @a )")
    assert len(found.steps) == 3003
    middle, later = found.steps[1500].taken, found.steps[1501].taken
    assert later is not None
    assert later.front is middle


@pytest.mark.parametrize("limit", [0, 1, 4, 5, 6, 7])
def test_a_trace_can_be_limited_and_still_comes_to_the_end(limit: int) -> None:
    text = """
        send [X 5] ( source = oneof { { @a @b } { @a @c @world } } destination = @d )
        send [X 1] ( source = @world destination = @d )
    """
    program = numscript.compile(text, ("experimental-oneof",))
    store = numscript.StaticStore([{"account": "a", "asset": "X", "amount": 3}])
    whole = trace(program, {}, store)
    found = trace(program, {}, store, limit=limit)
    assert found.result == whole.result
    assert found.cut
    assert len(found.steps) in (limit + 1, limit + 2)
    last = found.state(len(found.steps) - 1)
    assert last == whole.state(len(whole.steps) - 1)
    assert json.loads(json.dumps(found.to_dict()))["cut"] is True
