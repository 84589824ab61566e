"""Completion, hover, outline and quick fixes in spec files."""

from __future__ import annotations

import json
import re

import pytest
from numscript_lsp import json_tree
from numscript_lsp.features.completion import plain
from numscript_lsp.features.outline import Entry
from numscript_lsp.features.records import Edit
from numscript_lsp.features.specs_actions import specs_actions
from numscript_lsp.features.specs_completion import KEY_DOCS, complete_specs
from numscript_lsp.features.specs_hover import hover_specs
from numscript_lsp.features.specs_outline import outline_specs, search_specs
from numscript_lsp.features.specs_script import specs_findings
from numscript_lsp.names import Names

import numscript
from numscript import Script
from numscript.inputs import INPUT_KEYS
from numscript.specs import CASE_KEYS, load_specs
from tests.lsp.features.marked import marked
from tests.lsp.features.test_code_actions import apply_edits

SCRIPT = Script(
    """
    vars {
      account $seller
      monetary $price
      portion $fee
      account $bank = meta($seller, "bank")
    }
    send $price (
      source = { max [EUR/2 5] from @users:ana @world }
      destination = { $fee to $seller remaining to $bank }
    )
    set_tx_meta("kind", 1)
    set_account_meta($seller, "seen", 1)
    """,
    "sale.num",
)
CHECKED = numscript.check(SCRIPT)
NAMES = Names(("users:ana", "shop"), ("EUR/2", "USD/2"))


# --- completion -------------------------------------------------------------------------------


def offered(text: str) -> list[str]:
    text, (at, _) = marked(text)
    found = complete_specs(text, json_tree.read_tree(text), at, CHECKED, NAMES)
    return [item.label for item in found.items]


def completed(text: str, label: str) -> str:
    """The text after taking a suggestion, its places filled with what they propose."""
    text, (at, _) = marked(text)
    found = complete_specs(text, json_tree.read_tree(text), at, CHECKED, NAMES)
    item = next(item for item in found.items if item.label == label)
    new = plain(item.text) if item.snippet else item.text
    return text[: item.span.start] + new + text[item.span.end :]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("{¦}", [*INPUT_KEYS, "testCases"]),
        ('{"¦"}', [*INPUT_KEYS, "testCases"]),
        (
            '{"vari¦ables": {}, "balances": []}',
            ["variables", "metadata", "featureFlags", "testCases"],
        ),
        ('{"variables": {¦', ["seller", "price", "fee"]),
        ('{"variables": {"price": "EUR/2 1", ¦', ["seller", "fee"]),
        ('{"variables": {"seller": ¦', ["world", "users:ana", "shop"]),
        ('{"variables": {"price": "¦"', ["EUR/2 100"]),
        ('{"balances": [{¦', ["account", "asset", "color", "amount"]),
        ('{"balances": [{"account": "¦', ["world", "users:ana", "shop"]),
        ('{"balances": [{"asset": "U¦S"', ["EUR/2", "USD/2"]),
        ('{"balances": [¦', ["a row"]),
        ('{"testCases": [¦', ["a case"]),
        ('{"metadata": {¦', ["world", "users:ana", "shop"]),
        ('{"metadata": {"shop": {¦', ["bank"]),
        ('{"testCases": [{¦', list(CASE_KEYS)),
        ('{"testCases": [{"skip": ¦', ["true", "false"]),
        ('{"testCases": [{"expect.txMetadata": {¦', ["kind"]),
        ('{"testCases": [{"expect.metadata": {"shop": {¦', ["seen"]),
        ('{"testCases": [{"expect.postings": [{"source": "w¦', ["world", "users:ana", "shop"]),
        (
            '{"testCases": [{"expect.postings": [{"source": "world", ¦',
            ["destination", "asset", "color", "amount"],
        ),
        ("¦", []),
        ('{"balances": [] ¦', []),
    ],
)
def test_what_may_stand_at_a_place_is_offered(text: str, labels: list[str]) -> None:
    assert sorted(offered(text)) == sorted(labels)


def test_flags_and_errors_are_offered() -> None:
    assert "experimental-oneof" in offered('{"featureFlags": ["¦"]}')
    errors = offered('{"testCases": [{"expect.error": "¦"')
    assert "MissingFunds" in errors
    assert "UnusedVariable" not in errors
    assert "UnknownLedger" not in errors


@pytest.mark.parametrize(
    ("text", "label", "after"),
    [
        ("{¦}", "variables", '{"variables": {  }}'),
        ('{"¦"}', "balances", '{"balances"}'),
        ('{"bal¦": []}', "balances", '{"balances": []}'),
        ("{bal¦}", "balances", '{"balances": []}'),
        ('{"variables": {¦}}', "price", '{"variables": {"price": "EUR/2 100"}}'),
        ('{"variables": {"seller": ¦}}', "shop", '{"variables": {"seller": "shop"}}'),
        ('{"variables": {"seller": "s¦x"}}', "shop", '{"variables": {"seller": "shop"}}'),
        (
            '{"balances": [¦]}',
            "a row",
            '{"balances": [{ "account": "account", "asset": "EUR/2", "amount": 100 }]}',
        ),
    ],
)
def test_a_suggestion_goes_in_with_what_belongs_to_it(text: str, label: str, after: str) -> None:
    assert completed(text, label) == after


def test_every_key_of_the_format_is_documented() -> None:
    assert {*INPUT_KEYS, "testCases", *CASE_KEYS} <= set(KEY_DOCS)


def test_completion_answers_everywhere_in_any_text() -> None:
    text = json.dumps({"variables": {"a": 1}, "testCases": [{"it": "x", "expect.postings": []}]})
    for end in range(len(text) + 1):
        for cut in (text, text[:end]):
            complete_specs(cut, json_tree.read_tree(cut), end, CHECKED, NAMES)


# --- hover ------------------------------------------------------------------------------------

SPECS = json.dumps(
    {
        "variables": {"seller": "shop", "price": "EUR/2 100", "fee": "1/2"},
        "metadata": {"shop": {"bank": "bank"}},
        "featureFlags": ["experimental-oneof"],
        "testCases": [
            {"it": "is good", "expect.postings": []},
            {"it": "fails well", "expect.error": "MissingFunds", "skip": True},
        ],
    },
    indent=1,
)


def said(word: str) -> str:
    at = SPECS.index(word) + 2
    found = hover_specs(SPECS, json_tree.read_tree(SPECS), at, CHECKED)
    return found.text if found is not None else ""


def test_a_variable_shows_its_type_and_asset() -> None:
    assert "monetary $price" in said('"price"')
    assert "`EUR/2`" in said('"price"')
    assert "account $seller" in said('"seller"')


def test_a_key_shows_what_it_is_for() -> None:
    assert said('"expect.postings"') == KEY_DOCS["expect.postings"]
    assert said('"shop": {') == ""


def test_a_case_shows_what_comes_of_it_now() -> None:
    text = said('"is good"')
    assert text.startswith("This case fails.")
    assert re.search(r"world +shop +EUR/2 .*50", text)


def test_an_error_shows_what_it_is() -> None:
    assert said('"MissingFunds"').startswith("**NUM401**: missing funds")


def test_a_flag_shows_what_it_switches_on() -> None:
    assert said('"experimental-oneof"').startswith("Switches on")


# --- outline ----------------------------------------------------------------------------------


def names(entries: tuple[Entry, ...]) -> list[object]:
    rows: list[object] = []
    for entry in entries:
        inner = names(entry.children)
        rows.append((entry.name, inner) if inner else entry.name)
    return rows


def test_the_outline_has_the_inputs_and_the_cases() -> None:
    assert names(outline_specs(json_tree.read_tree(SPECS))) == [
        ("variables", ["seller", "price", "fee"]),
        ("metadata", ["shop"]),
        ("featureFlags", ["experimental-oneof"]),
        ("testCases", ["is good", "fails well"]),
    ]


def test_places_of_names_lie_inside_what_they_name() -> None:
    """Editors refuse an outline in which they do not."""
    waiting = list(outline_specs(json_tree.read_tree(SPECS)))
    while waiting:
        entry = waiting.pop()
        assert entry.span.start <= entry.name_span.start <= entry.name_span.end <= entry.span.end
        assert entry.name
        waiting += entry.children


def test_cases_are_found_by_their_names() -> None:
    found = search_specs(json_tree.read_tree(SPECS), "fwell")
    assert [(entry.name, entry.detail) for entry in found] == [("fails well", "skip")]


# --- quick fixes ------------------------------------------------------------------------------


def fixed(text: str) -> dict[str, str]:
    """The texts after each fix for what is wrong at the cursor; each does away with it."""
    text, span = marked(text)
    tree = json_tree.read_tree(text)
    made = {}
    for action in specs_actions(text, tree, CHECKED, span):
        after = apply_edits(text, tuple(Edit(*edit) for edit in action.edits))
        left = specs_findings(after, json_tree.read_tree(after), CHECKED)
        assert action.fixes not in left, after
        assert len(left) < len(specs_findings(text, tree, CHECKED)), after
        load_specs(after)
        made[action.title] = after
    return made


GIVEN = '"variables": {"seller": "s", "price": "EUR/2 1", "fee": "1/2"}'


@pytest.mark.parametrize(
    ("text", "title", "after"),
    [
        (
            (
                '{"variables": {"seler¦": "s", "price": "EUR/2 1", "fee": "1/2"},'
                ' "testCases": [{"it": "a", "expect.error": "NUM408"}]}'
            ),
            "Change to `seller`",
            (
                '{"variables": {"seller": "s", "price": "EUR/2 1", "fee": "1/2"},'
                ' "testCases": [{"it": "a", "expect.error": "NUM408"}]}'
            ),
        ),
        (
            f'{{{GIVEN}, "testCases": [{{"it": "a", "expect.po¦sting": []}}]}}',
            "Change to `expect.postings`",
            f'{{{GIVEN}, "testCases": [{{"it": "a", "expect.postings": []}}]}}',
        ),
        (
            '{"testCases": [{"it": "¦a", "variables": {"seller": "s", "price": "EUR/2 1"}}]}',
            "Give `$fee` a value for this case",
            (
                '{"testCases": [{"it": "a", "variables": { "fee": "1/2","seller": "s",'
                ' "price": "EUR/2 1"}}]}'
            ),
        ),
        (
            '{"testCases": [{"it": "¦a", "variables": {"seller": "s", "price": "EUR/2 1"}}]}',
            "Give `$fee` a value for all cases",
            (
                '{ "variables": { "fee": "1/2" },"testCases": [{"it": "a", "variables":'
                ' {"seller": "s", "price": "EUR/2 1"}}]}'
            ),
        ),
        (
            f'{{{GIVEN}, "testCases": [{{"it": "a", "focus¦": true}}]}}',
            "Take `focus` away",
            f'{{{GIVEN}, "testCases": [{{"it": "a"}}]}}',
        ),
        (
            f'{{{GIVEN[:-1]}, "bank¦": "b"}}, "testCases": [{{"it": "a"}}]}}',
            "Take the value away",
            f'{{{GIVEN}, "testCases": [{{"it": "a"}}]}}',
        ),
        (
            f'{{{GIVEN}, "metadata": {{"¦@shop": {{}}}}, "testCases": [{{"it": "a"}}]}}',
            "Change to `shop`",
            f'{{{GIVEN}, "metadata": {{"shop": {{}}}}, "testCases": [{{"it": "a"}}]}}',
        ),
    ],
)
def test_what_is_wrong_in_a_spec_file_can_be_mended(text: str, title: str, after: str) -> None:
    made = fixed(text)
    assert made[title] == after
