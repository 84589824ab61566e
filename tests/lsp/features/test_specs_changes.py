"""A change of a script's variables reaches its spec file, so that the cases run as before."""

from __future__ import annotations

import json

import pytest
from numscript_lsp import json_tree
from numscript_lsp.features.actions import Given
from numscript_lsp.features.code_actions import code_actions
from numscript_lsp.features.specs_changes import specs_edits

import numscript
from numscript.specs import load_specs, run_specs
from tests.lsp.features.marked import marked
from tests.lsp.features.test_code_actions import apply_edits, send

POSTING = {"source": "world", "destination": "b", "asset": "USD/2", "amount": 100}


def specs(**variables: object) -> str:
    return json.dumps(
        {
            "variables": variables,
            "testCases": [
                {"it": "a", "expect.movements": [POSTING]},
                {"it": "b", "variables": variables, "expect.movements": [POSTING]},
            ],
        }
    )


CAPPED = "{ max [USD/2 500] from @world @a }"


@pytest.mark.parametrize(
    ("text", "title", "before"),
    [
        (
            "vars {\n  monetary $x¦\n}\n" + send(source=CAPPED, sent="$x"),
            "Declare `number $x` and write `[USD/2 $x]`",
            specs(x="USD/2 100"),
        ),
        (
            "vars {\n  monetary $x¦\n}\n" + send(source=CAPPED, sent="$x"),
            "Declare `number $x` and write `[USD/2 $x]`",
            specs(x={"asset": "USD/2", "amount": 100}),
        ),
        (
            "vars {\n  asset $x¦\n  number $n\n}\n" + send(source=CAPPED, sent="[$x $n]"),
            "Write `USD/2` instead of `$x`",
            specs(x="USD/2", n=100),
        ),
        (
            "vars {\n  string $x¦\n}\n" + send(source="@world"),
            "Take the declaration of `$x` away",
            specs(x="text"),
        ),
        (
            "vars {\n  portion $x\n}\n" + send("{ 1/2 to @b $x¦ to @b }", "@world"),
            "Write `remaining` instead",
            specs(x="1/2"),
        ),
        (
            send("«@b»", "@world"),
            "Have the caller give it, as `account $b`",
            specs(),
        ),
        (
            send(source="@world", sent="«[USD/2 100]»"),
            "Have the caller give it, as `monetary $amount`",
            '{"testCases": [{"it": "a"}]}',
        ),
        (
            send(source="@world", sent="[USD/2 «100»]"),
            "Have the caller give it, as `number $number`",
            specs(),
        ),
        (
            send("{ «1/3» to @b remaining to @b }", "@world"),
            "Have the caller give it, as `portion $share`",
            specs(),
        ),
        (
            send("{ «12.5%» to @b remaining to @b }", "@world"),
            "Have the caller give it, as `portion $share`",
            specs(),
        ),
    ],
)
def test_the_cases_pass_before_and_after(text: str, title: str, before: str) -> None:
    text, span = marked(text)
    assert run_specs(text, load_specs(before)).ok
    actions = code_actions(numscript.check(text), span)
    action = next(action for action in actions if action.title == title)
    assert action.given is not None
    after = apply_edits(before, specs_edits(json_tree.read_tree(before), action.given))
    assert after != before
    changed = apply_edits(text, action.edits)
    result = run_specs(changed, load_specs(after))
    assert result.ok, (changed, after)
    declared = numscript.check(changed).variables
    assert all(set(case.inputs.variables) <= set(declared) for case in load_specs(after).cases)


def test_what_a_run_must_work_out_gives_no_value() -> None:
    text, span = marked(send(sent="«balance(@a, USD/2)»"))
    given = [a.given for a in code_actions(numscript.check(text), span) if "caller" in a.title]
    assert given == [None]


def test_without_a_spec_file_there_is_nothing_to_change() -> None:
    assert specs_edits(None, Given("x", "gone")) == ()
