"""Diagnostics of spec files: by themselves, and against their script."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from numscript_lsp import json_tree
from numscript_lsp.features.diagnostics import Finding
from numscript_lsp.features.specs_format import format_findings
from numscript_lsp.features.specs_script import script_findings

import numscript
from numscript import Severity
from numscript.inputs import InputError
from numscript.specs import load_specs
from tests.material import CONFORMANCE, ROOT

CASE = '{"it": "a"}'


def of_file(text: str) -> list[tuple[str, str]]:
    """What is marked and the first line of what is said of it."""
    return shown(text, format_findings(text, json_tree.read_tree(text)))


def against(script: str, text: str) -> list[tuple[str, str]]:
    checked = numscript.check(script)
    return shown(text, script_findings(json_tree.read_tree(text), checked))


def shown(text: str, found: object) -> list[tuple[str, str]]:
    assert not isinstance(found, (str, bytes))
    rows: list[Finding] = list(found)  # type: ignore[call-overload]
    return [(text[f.span.start : f.span.end], f.message.split("\n")[0]) for f in rows]


def case(**keys: object) -> str:
    """A spec file with one case that has these keys; `__` stands for a dot."""
    rows = {key.replace("__", "."): value for key, value in keys.items()}
    return json.dumps({"testCases": [{"it": "a", **rows}]})


# --- by themselves ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        ("[]", "[]", "a spec file must be a JSON object"),
        ("{}", "{", "it has no cases; list at least one in `testCases`"),
        ('{"testCases": []}', "[]", "it has no cases; list at least one in `testCases`"),
        ('{"testCases": [1]}', "1", "a case must be a JSON object"),
        (
            f'{{"balnces": [], "testCases": [{CASE}]}}',
            '"balnces"',
            "there is no key `balnces`; is `balances` meant?",
        ),
        ('{"testCases": [{}]}', "{", "the name of the case, `it`, is missing"),
        ('{"testCases": [{"it": 1}]}', "1", "the name of the case, `it`, must be text"),
        (case(skip="no"), '"no"', "`skip` must be true or false"),
        (case(expect__error="Mising"), '"Mising"', "there is no error `Mising`"),
        (case(balances=[{"account": "a"}]), '{"account": "a"}', "`asset` is missing"),
        (case(balances=[1]), "1", "a row must be a JSON object, not 1"),
        (case(balances={}), "{}", "`balances` must be a list of rows"),
        (case(variables={"a": [1]}), "[1]", "the value of `a` must be text, a whole number"),
        (case(metadata={"a": {"b": 1}}), '{"b": 1}', "the value of `b` must be text, not 1"),
        (case(expect__txMetadata={"b": 1}), '{"b": 1}', "the value of `b` must be text, not 1"),
        (
            f'{{"featureFlags": ["experimental-oneoff"], "testCases": [{CASE}]}}',
            '"experimental-oneoff"',
            "there is no feature `experimental-oneoff`; is `experimental-oneof` meant?",
        ),
        (
            case(balances=[{"account": "@a", "asset": "USD", "amount": 1}]),
            '"@a"',
            "accounts stand here without their `@`: @a",
        ),
        (
            case(
                expect__postings=[{"source": "a", "destination": "b", "asset": "usd", "amount": 1}]
            ),
            '"usd"',
            "`usd` is not an asset",
        ),
        (f'{{"testCases": [{CASE}, {CASE}]}}', '"a"', "another case has the same name"),
        (case(balances=[], variables={"n": 1.5}), "1.5", "`1.5` is not a whole number"),
        (f'{{"testCases": [{CASE}], "testCases": [{CASE}]}}', '"testCases"', "the key `testCases`"),
        (f'{{"testCases": [{CASE},]}}', "]", "this is not valid JSON"),
        ('{"testCases" [', "[", "this is not valid JSON: a `:` is expected here"),
        ("{\n", "", "this is not valid JSON"),
    ],
)
def test_what_the_format_does_not_allow_is_marked(text: str, marked: str, message: str) -> None:
    found = of_file(text)
    assert any(m == marked and said.startswith(message) for m, said in found), found


def test_two_rows_for_the_same_are_told_with_the_first() -> None:
    row = {"account": "a", "asset": "USD", "amount": 1}
    text = case(balances=[row, row])
    (found,) = format_findings(text, json_tree.read_tree(text))
    assert found.message == "two rows are given for the same"
    assert [text[span.start : span.end] for span, _ in found.related] == [json.dumps(row)]


def test_cases_that_do_not_run_are_faded() -> None:
    text = '{"testCases": [{"it": "a", "focus": true}, {"it": "b"}, {"it": "c", "skip": true}]}'
    found = [*format_findings(text, json_tree.read_tree(text))]
    assert [(f.severity, f.unnecessary) for f in found] == [
        (Severity.WARNING, False),
        (Severity.HINT, True),
        (Severity.HINT, True),
    ]


def test_expectations_beside_an_error_are_faded() -> None:
    assert of_file(case(expect__error="NUM401", expect__postings=[])) == [
        ('"expect.postings"', "this is never looked at: the case expects an error")
    ]


SPEC_FILES = sorted(
    [*CONFORMANCE.rglob("*.specs.json"), *(ROOT / "examples").rglob("*.specs.json")]
)


def test_files_that_can_be_run_have_no_errors() -> None:
    for path in SPEC_FILES:
        text = path.read_text(encoding="utf-8")
        found = [*format_findings(text, json_tree.read_tree(text))]
        assert [f for f in found if f.severity is Severity.ERROR] == [], path


def test_there_is_an_error_exactly_where_the_file_cannot_be_run() -> None:
    chance = random.Random(7)
    refused = 0
    for _ in range(1500):
        text = chance.choice(SPEC_FILES).read_text(encoding="utf-8")
        text = mutated(text, chance)
        found = [*format_findings(text, json_tree.read_tree(text))]
        wrong = [f for f in found if f.severity is Severity.ERROR]
        assert bool(wrong) == is_refused(text), (wrong, text)
        refused += bool(wrong)
    assert 300 < refused < 1400


def is_refused(text: str) -> bool:
    try:
        load_specs(text)
    except InputError:
        return True
    return False


def mutated(text: str, chance: random.Random) -> str:
    """A text with one small change: a stretch less, a sign more, a word for another."""
    start = chance.randrange(len(text))
    match chance.randrange(4):
        case 0:
            return text[:start] + text[start + chance.randrange(1, 12) :]
        case 1:
            return text[:start] + chance.choice('{}[],:"1x\n') + text[start:]
        case 2:
            words = ['"account"', '"amount"', '"it"', '"skip"', "100", '"USD/2"', "true", "1.5"]
            return text.replace(chance.choice(words), chance.choice(words), 1)
        case _:
            return text[:start]


# --- against the script -----------------------------------------------------------------------

SALE = """
vars {
  account $seller
  monetary $price
  account $bank = meta(@orders:1, "bank")
}
send $price (
  source = { max [USD/2 50] from @users:ana @world }
  destination = { 1/2 to $seller remaining to $bank }
)
"""


def sale(**keys: object) -> str:
    variables = {"seller": "shop", "price": "USD/2 100"}
    rows = {key.replace("__", "."): value for key, value in keys.items()}
    return json.dumps({"variables": variables, "testCases": [{"it": "a", **rows}]})


def row(account: str) -> dict[str, object]:
    return {"account": account, "asset": "USD/2", "amount": 1}


def posting(source: str, destination: str) -> dict[str, object]:
    return {"source": source, "destination": destination, "asset": "USD/2", "amount": 1}


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        (
            sale(variables={"sellr": "a"}),
            '"sellr"',
            "the script declares no variable `$sellr`; did you mean `seller`?",
        ),
        (
            sale(variables={"zzz": "a"}),
            '"zzz"',
            "the script declares no variable `$zzz`; the value is ignored",
        ),
        (
            sale(variables={"bank": "a"}),
            '"bank"',
            "the script works `$bank` out itself: the value is ignored",
        ),
        (sale(variables={"price": "100USD"}), '"100USD"', "`100USD` is not a monetary"),
        (sale(variables={"price": "EUR 1"}), '"EUR 1"', "the script can only use `$price` with"),
        (sale(variables={"seller": "the shop"}), '"the shop"', "`the shop` is not the address"),
        (case(variables={"seller": "b"}), '"a"', "the variable `$price` (monetary) has no value"),
        (
            sale(balances=[row("users:anna")]),
            '"users:anna"',
            "the script never looks at `@users:anna`; did you mean `users:ana`?",
        ),
        (
            sale(expect__postings=[posting("users:ana", "shp")]),
            '"shp"',
            "the script never names `@shp`; did you mean `shop`?",
        ),
        (
            sale(expect__metadata={"nobody": {}}),
            '"nobody"',
            "the script never names `@nobody`",
        ),
    ],
)
def test_what_does_not_fit_the_script_is_marked(text: str, marked: str, message: str) -> None:
    found = against(SALE, text)
    assert any(m == marked and said.startswith(message) for m, said in found), found


@pytest.mark.parametrize(
    "text",
    [
        sale(),
        sale(variables={"price": "100USD"}, expect__error="InvalidMonetaryLiteral"),
        sale(variables={"price": {"asset": "USD/2", "amount": 1}}),
        sale(balances=[row("users:ana")], expect__postings=[posting("world", "shop")]),
        sale(metadata={"orders:1": {"bank": "b"}}, expect__postings=[posting("world", "b")]),
        sale(balances=[row("users:ana")], expect__endBalances=[row("users:ana"), row("shop")]),
    ],
)
def test_what_fits_is_left_alone(text: str) -> None:
    assert against(SALE, text) == []


def test_a_variable_that_no_case_gives_is_missed_once() -> None:
    text = '{"variables": {"seller": "s"}, "testCases": [{"it": "a"}, {"it": "b"}]}'
    assert against(SALE, text) == [
        ('"variables"', "the variable `$price` (monetary) has no value in any case")
    ]


def test_a_case_that_expects_a_variable_to_be_missing_is_left_alone() -> None:
    text = case(expect__error="NUM408", variables={"seller": "s"})
    assert against(SALE, text) == []


def test_accounts_with_variables_in_them_are_known_by_their_form() -> None:
    script = "vars { string $id } send [USD/2 1] ( source = @world destination = @users:$id:main )"
    text = case(
        variables={"id": "7"},
        expect__postings=[posting("world", "users:7:main"), posting("world", "users:7")],
    )
    assert [marked for marked, _ in against(script, text)] == ['"users:7"']


def test_balances_that_are_never_looked_at_are_faded() -> None:
    text = sale(balances=[row("elsewhere")])
    (found,) = script_findings(json_tree.read_tree(text), numscript.check(SALE))
    assert found.severity is Severity.HINT
    assert found.unnecessary


def test_of_a_script_that_cannot_be_read_nothing_is_said() -> None:
    assert against("send [", sale(variables={"zzz": 1})) == []


@pytest.mark.parametrize("folder", [CONFORMANCE, ROOT / "examples"])
def test_good_spec_files_have_no_warnings(folder: Path) -> None:
    on_purpose = {"variables/values-nobody-declared-are-ignored.num.specs.json"}
    found = set()
    for path in sorted(folder.rglob("*.specs.json")):
        script = path.with_name(path.name.removesuffix(".specs.json"))
        text = path.read_text(encoding="utf-8")
        flags = json.loads(text).get("featureFlags") or ()
        checked = numscript.check(script.read_bytes().decode("utf-8"), flags)
        rows = [
            finding.message
            for finding in script_findings(json_tree.read_tree(text), checked)
            if finding.severity <= Severity.WARNING
        ]
        if rows:
            found.add(str(path.relative_to(folder)))
    assert found <= on_purpose
