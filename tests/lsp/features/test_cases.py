"""Running cases from an editor, and the lenses above them."""

from __future__ import annotations

import json

from numscript_lsp import json_tree
from numscript_lsp.features.cases import (
    FileResult,
    Lens,
    failures,
    merged,
    run_case,
    run_file,
    script_lenses,
    specs_lenses,
)

from numscript import Script, Span
from numscript.specs import Status

SCRIPT = Script("send [USD/2 100] ( source = @world destination = @a )", "sale.num")
URI = "file:///sale.num.specs.json"


def posting(amount: int) -> dict[str, object]:
    return {"source": "world", "destination": "a", "asset": "USD/2", "amount": amount}


SPECS = json.dumps(
    {
        "testCases": [
            {"it": "good", "expect.postings": [posting(100)]},
            {"it": "bad", "expect.postings": [posting(99)]},
            {"it": "later", "skip": True},
        ]
    },
    indent=2,
)
TREE = json_tree.read_tree(SPECS)


def words(result: FileResult) -> list[str]:
    return [str(row.status) for row in result.results]


def test_a_file_runs_as_on_the_command_line() -> None:
    result = run_file(SCRIPT, SPECS)
    assert words(result) == ["passed", "failed", "skipped"]
    assert result.to_dict()["ok"] is False


def test_one_case_runs_by_its_number_or_name_even_if_it_is_skipped() -> None:
    for wanted in (2, "later"):
        result = run_case(SCRIPT, SPECS, wanted)
        assert [(row.number, row.status) for row in result.results] == [(2, Status.PASSED)]
    assert run_case(SCRIPT, SPECS, "none").problem == "there is no case 'none'"


def test_a_result_shows_what_differs() -> None:
    (row,) = run_case(SCRIPT, SPECS, 1).results
    assert "expect.postings: 1 different" in row.text
    assert "99" in row.text
    assert "100" in row.text
    tree = row.to_dict()
    assert tree["case"] == 1
    assert tree["status"] == "failed"
    assert "mismatches" in tree


def test_a_result_that_is_good_shows_the_postings() -> None:
    (row,) = run_case(SCRIPT, SPECS, 0).results
    assert row.text.splitlines()[1].split() == ["world", "a", "USD/2", "100"]


def test_an_expected_error_is_shown_with_its_place() -> None:
    specs = '{"testCases": [{"it": "a", "expect.error": "ScriptFailed"}]}'
    (row,) = run_case(Script("fail", "sale.num"), specs, 0).results
    assert row.status is Status.PASSED
    assert row.text.startswith("fails as expected: sale.num:1:1: error NUM424")


def test_a_file_that_cannot_be_read_says_why() -> None:
    result = run_file(SCRIPT, '{"testCases": []}')
    assert result.to_dict() == {
        "ok": False,
        "cases": [],
        "error": "it has no cases; list at least one in `testCases`",
    }


def test_a_script_that_does_not_compile_fails_its_cases() -> None:
    result = run_file(Script("send [", "sale.num"), SPECS)
    assert words(result) == ["failed", "failed", "skipped"]
    assert "error NUM1" in result.results[0].text


def titles(lenses: list[Lens]) -> list[str]:
    return [lens.title for lens in lenses]


def test_every_case_has_a_lens_with_what_came_of_it() -> None:
    lenses = specs_lenses(URI, TREE, None, fresh=True)
    assert titles(lenses) == ["Test file", "Run case", "Run case", "Run case"]
    assert [lens.arguments for lens in lenses] == [(URI,), (URI, 0), (URI, 1), (URI, 2)]
    result = run_file(SCRIPT, SPECS)
    assert titles(specs_lenses(URI, TREE, result, fresh=True)) == [
        "Test file: 1 failed, 1 passed, 1 skipped",
        "Run case: passed",
        "Run case: failed",
        "Run case: skipped",
    ]
    assert titles(specs_lenses(URI, TREE, result, fresh=False))[1] == (
        "Run case: passed before the last change"
    )


def test_a_script_has_a_lens_for_its_spec_file() -> None:
    first = Span(0, 4)
    (lens,) = script_lenses(first, URI, TREE, None, fresh=True)
    assert lens == Lens(first, "Test file: 3 cases", "numscript.testFile", (URI,))
    one = run_case(SCRIPT, SPECS, 0)
    (lens,) = script_lenses(first, URI, TREE, one, fresh=True)
    assert lens.title == "Test file: 1 passed, 2 not run"
    assert script_lenses(first, URI, None, None, fresh=True) == []


def test_results_of_the_same_texts_add_up() -> None:
    first, second = run_case(SCRIPT, SPECS, 0), run_case(SCRIPT, SPECS, 1)
    assert words(merged(first, second)) == ["passed", "failed"]
    changed = run_case(SCRIPT, SPECS + "\n", 1)
    assert words(merged(first, changed)) == ["failed"]
    assert not first.is_of(SCRIPT.text, SPECS + "\n")


def test_failures_are_told_at_the_names_of_their_cases() -> None:
    (found,) = failures(TREE, run_file(SCRIPT, SPECS))
    assert SPECS[found.span.start : found.span.end] == '"bad"'
    assert "1 different" in found.message
