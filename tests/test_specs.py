from __future__ import annotations

import json
from typing import Any

import pytest

import numscript
from numscript.inputs import InputError, Inputs, load_inputs, read_json
from numscript.specs import (
    Specs,
    SpecsResult,
    Status,
    kinds_named,
    load_specs,
    run_specs,
    sum_movements,
)

SCRIPT = """
vars {
  monetary $price
  string $tag = meta(@orders:1, "tag")
}
send $price ( source = { @alice @bob } destination = @carol )
set_tx_meta("tag", $tag)
set_account_meta(@carol, "paid", $price)
"""
OUTER = {
    "balances": [
        {"account": "alice", "asset": "USD/2", "amount": 30},
        {"account": "bob", "asset": "USD/2", "amount": 70},
    ],
    "variables": {"price": "USD/2 100"},
    "metadata": {"orders:1": {"tag": "outer", "more": ""}},
}


def row(account: str, amount: int, **more: str) -> dict[str, object]:
    return {"account": account, "asset": "USD/2", "amount": amount, **more}


def posting(source: str, amount: int, destination: str = "carol") -> dict[str, object]:
    return {"source": source, "destination": destination, "asset": "USD/2", "amount": amount}


def specs_of(*cases: dict[str, Any], **outer: object) -> Specs:
    named = [{"it": f"case {number}", **case} for number, case in enumerate(cases)]
    return load_specs(json.dumps({**OUTER, **outer, "testCases": named}))


def run(*cases: dict[str, Any], **outer: object) -> SpecsResult:
    return run_specs(SCRIPT, specs_of(*cases, **outer))


def expectation(case: dict[str, Any]) -> list[str]:
    """What of a case is not met."""
    [outcome] = run(case).outcomes
    assert (outcome.status is Status.PASSED) == (not outcome.mismatches)
    return [mismatch.expectation for mismatch in outcome.mismatches]


def test_every_expectation_can_be_met() -> None:
    case = {
        "expect.postings": [posting("alice", 30), posting("bob", 70)],
        "expect.movements": [posting("bob", 70), posting("alice", 30)],
        "expect.endBalances": [row("carol", 100), row("bob", 0), row("alice", 0)],
        "expect.endBalances.include": [row("carol", 100)],
        "expect.txMetadata": {"tag": "outer"},
        "expect.metadata": {"carol": {"paid": "USD/2 100"}},
        "expect.error.missingFunds": False,
        "expect.error.negativeAmount": None,
    }
    assert expectation(case) == []


@pytest.mark.parametrize(
    "case",
    [
        {"expect.postings": [posting("bob", 70), posting("alice", 30)]},
        {"expect.postings": []},
        {"expect.movements": [posting("bob", 70)]},
        {"expect.movements": [posting("bob", 70), posting("alice", 31)]},
        {"expect.endBalances": [row("carol", 100), row("bob", 0)]},
        {"expect.endBalances.include": [row("carol", 99)]},
        {"expect.endBalances.include": [row("carol", 100, color="RED")]},
        {"expect.txMetadata": {}},
        {"expect.txMetadata": {"tag": "outer", "other": ""}},
        {"expect.metadata": {"carol": {"paid": "100"}}},
    ],
)
def test_every_expectation_can_fail(case: dict[str, Any]) -> None:
    assert expectation(case) == list(case)


def test_null_is_as_good_as_left_out() -> None:
    case = {"expect.postings": None, "balances": None, "variables": None, "metadata": None}
    assert expectation(case) == []


def test_the_case_overrides_the_outer_inputs_key_by_key() -> None:
    inner = {
        "balances": [row("alice", 5), row("alice", 9, color="RED"), row("dave", 1)],
        "variables": {"price": "USD/2 75", "unused": 1},
        "metadata": {"orders:1": {"tag": "inner"}},
    }
    [outcome] = run(inner).outcomes
    assert outcome.status is Status.PASSED
    assert outcome.result is not None
    assert [posting.amount for posting in outcome.result.postings] == [5, 70]
    assert outcome.result.tx_metadata == {"tag": "inner"}
    assert outcome.inputs.balances == {
        ("alice", "USD/2", ""): 5,
        ("bob", "USD/2", ""): 70,
        ("alice", "USD/2", "RED"): 9,
        ("dave", "USD/2", ""): 1,
    }
    assert outcome.inputs.metadata["orders:1"] == {"tag": "inner", "more": ""}


def test_end_balances_count_every_given_row_and_colour() -> None:
    given = [*OUTER["balances"], row("zoe", 0), row("bob", 3, color="RED")]
    after = [row("alice", 0), row("bob", 0), row("zoe", 0), row("bob", 3, color="RED")]
    result = run({"expect.endBalances": [*after, row("carol", 100)]}, balances=given)
    assert result.ok


@pytest.mark.parametrize(
    ("case", "passes"),
    [
        ({"expect.error.missingFunds": True}, True),
        ({"expect.error": "NUM401"}, True),
        ({"expect.error": "missingfunds"}, True),
        ({"expect.error": "MissingFundsErr"}, True),
        ({"expect.error": "NUM402", "expect.error.missingFunds": True}, True),
        ({"expect.error.negativeAmount": True}, False),
        ({"expect.error": "NUM406"}, False),
        ({}, False),
        ({"expect.postings": []}, False),
    ],
)
def test_a_run_that_fails_is_held_against_the_expected_error(
    case: dict[str, Any], passes: bool
) -> None:
    [outcome] = run({"variables": {"price": "USD/2 101"}, **case}).outcomes
    assert (outcome.status is Status.PASSED) == passes
    assert [m.expectation for m in outcome.mismatches] == ([] if passes else ["expect.error"])
    assert outcome.error is not None
    assert outcome.error.kind.code == "NUM401"


def test_an_expected_error_that_does_not_come_is_a_failure() -> None:
    [outcome] = run({"expect.error": "MissingFunds", "expect.postings": []}).outcomes
    [mismatch] = outcome.mismatches
    assert mismatch[:3] == ("expect.error", ["NUM401"], None)


def test_any_error_fails_only_its_case() -> None:
    result = run({"variables": {"price": "nonsense"}}, {}, {"metadata": {"orders:1": {"tag": ""}}})
    assert [outcome.status for outcome in result.outcomes] == ["failed", "passed", "passed"]
    assert result.count(Status.FAILED) == 1
    assert not result.ok


def test_a_script_that_does_not_compile_fails_its_cases_unless_they_expect_it() -> None:
    result = run_specs("send", specs_of({}, {"expect.error": "ParseError"}))
    assert result.refusal is not None
    assert [outcome.status for outcome in result.outcomes] == ["failed", "passed"]


def test_a_compiled_program_can_be_given_and_flags_are_those_of_the_file() -> None:
    text = "send [USD/2 1] ( source = oneof { @alice @world } destination = @carol )"
    flags = ["experimental-oneof"]
    assert not run_specs(text, specs_of({})).ok
    assert run_specs(text, specs_of({}, featureFlags=flags)).ok
    assert run_specs(numscript.compile(text, flags), specs_of({})).ok


def test_focus_and_skip() -> None:
    result = run({"focus": True}, {}, {"focus": True, "skip": True})
    assert [outcome.status for outcome in result.outcomes] == ["passed", "skipped", "skipped"]
    assert not result.ok
    assert not run({"focus": True}).ok
    assert not run({"skip": True}).ok
    assert run({"skip": False, "focus": None}).ok


def test_postings_are_aligned_by_what_they_have_in_common() -> None:
    wanted = [posting("zoe", 1), posting("alice", 31), posting("bob", 70)]
    [outcome] = run({"expect.postings": wanted}).outcomes
    [mismatch] = outcome.mismatches
    assert [(row.cells[0], row.expected, row.received, row.word) for row in mismatch.rows] == [
        ("zoe", 1, None, "missing"),
        ("alice", 31, 30, "different"),
        ("bob", 70, 70, ""),
    ]
    assert mismatch.expected == wanted
    assert not mismatch.reordered
    [outcome] = run({"expect.postings": [posting("bob", 70), posting("alice", 30)]}).outcomes
    assert outcome.mismatches[0].reordered


def test_long_lists_of_postings_are_compared_in_time() -> None:
    text = "send [X 1] ( source = @world destination = @a )\n" * 1500
    wanted = [{"source": "world", "destination": "b", "asset": "X", "amount": 1}] * 1501
    specs = load_specs(json.dumps({"testCases": [{"it": "is long", "expect.postings": wanted}]}))
    [outcome] = run_specs(text, specs).outcomes
    assert len(outcome.mismatches[0].rows) == 3001


def test_movements_are_sums() -> None:
    text = "send [X 1] ( source = @world destination = @a )\n" * 3
    assert sum_movements(numscript.compile(text).run().postings) == {("world", "a", "X", ""): 3}


BAD = [
    ([], "a spec file must be a JSON object, not a list"),
    ({"testCases": {}}, "testCases: the cases must be a list, not an object"),
    ({"testCases": []}, "it has no cases; list at least one in `testCases`"),
    ({"testCases": [1]}, "testCases[0]: a case must be a JSON object, not 1"),
    ({"testCases": [{}]}, "testCases[0]: the name of the case, `it`, is missing"),
    ({"testCases": [{"it": 1}]}, "testCases[0]: the name of the case, `it`, must be text"),
    ({"variable": {}}, "there is no key `variable`; is `variables` meant?"),
    ({"zzz": {}}, "there is no key `zzz`; the keys are `balances`, `variables`, `metadata`"),
]
BAD_CASES: list[tuple[dict[str, Any], str]] = [
    ({"expect.error.misingFunds": True}, ": there is no key `expect.error.misingFunds`; is `exp"),
    ({"focus": 1}, ": `focus` must be true or false, not 1"),
    ({"expect.error": True}, ": `expect.error` must be the name or code of an error"),
    ({"expect.error": "NUM4O1"}, ".expect.error: there is no error `NUM4O1`; is `NUM4"),
    ({"expect.error": "?"}, ".expect.error: there is no error `?`; `numscript explain` lists"),
    ({"balances": [row("a", 1), row("a", 2)]}, ".balances[1]: two rows are given for @a in USD/2"),
    (
        {"expect.endBalances": [row("a", 1, color="RED"), row("a", 2, color="RED")]},
        ".expect.endBalances[1]: two rows are given for @a in USD/2 of color RED",
    ),
    (
        {"expect.movements": [posting("a", 1), posting("a", 2)]},
        ".expect.movements: two rows have the same source, destination, asset and color",
    ),
    ({"expect.postings": {}}, ".expect.postings: this must be a list of postings, not an object"),
    ({"expect.postings": [[]]}, ".expect.postings[0]: a row must be a JSON object, not a list"),
    ({"expect.postings": [{}]}, ".expect.postings[0]: `source` is missing"),
    ({"expect.txMetadata": {"a": 1}}, ".expect.txMetadata: the value of `a` must be text, not 1"),
    ({"variables": {"a": []}}, ".variables: the value of `a` must be text, a whole number"),
]


@pytest.mark.parametrize(
    ("tree", "reason"),
    [*BAD, *(({"testCases": [{"it": "", **c}]}, f"testCases[0]{r}") for c, r in BAD_CASES)],
)
def test_a_spec_file_of_the_wrong_form_says_what_and_where(tree: object, reason: str) -> None:
    with pytest.raises(InputError) as raised:
        load_specs(json.dumps(tree))
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000),
        ("1E+3", 1000),
        ("-1.50e2", -150),
        ("2.0", 2),
        ("-0.0", 0),
        ("0e999999999999", 0),
        ("1000e-3", 1),
        ("1e30", 10**30),
        ("123456789012345678901234567890.0", 123456789012345678901234567890),
        ("9" * 4000, int("9" * 4000)),
    ],
)
def test_numbers_are_exact(text: str, value: int) -> None:
    number = read_json(text)
    assert number == value
    assert type(number) is int


@pytest.mark.parametrize(
    "text", ["1.5", "1e-1", "10.01e1", "Infinity", "-NaN", "9" * 4001, "1e4000"]
)
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_json(text)


def test_an_error_tells_its_place() -> None:
    with pytest.raises(InputError) as raised:
        read_json('{\n "a": [1 2]}')
    assert raised.value.located("x.json") == (
        "x.json:2:10: this is not valid JSON: a `,` or the end of the list or object is expected "
        "here"
    )


def test_inputs_go_to_json_and_back() -> None:
    inputs = load_inputs(json.dumps({**OUTER, "featureFlags": ["experimental-oneof"]}))
    assert load_inputs(json.dumps(inputs.to_dict())) == inputs
    assert Inputs().to_dict() == {}
    assert inputs.merged(Inputs()) == inputs
    assert Inputs().merged(inputs) == inputs


def test_kinds_have_several_names() -> None:
    [kind] = kinds_named(" num406 ")
    assert kinds_named("InvalidAllotmentSum") == kinds_named("badallotmentsum") == (kind,)
    assert len(kinds_named("ParseError")) > 5
    assert kinds_named("nothing") == ()
