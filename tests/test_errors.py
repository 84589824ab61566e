"""Laws over the catalogue of errors: every kind has a page, and the page's example is run.

The rule for the one example of a page, by how it is fenced:

* ```numscript: `check` reports this kind. Of syntax (1xx) it is the first, since one slip in the
  text may bring others behind it; of names and types (2xx) it is the only error; of lints (3xx)
  there is nothing else.
* ```numscript for the kinds of execution (4xx): a run, with the inputs in the ```json behind it if
  there are any, raises this kind. Whatever error `check` reports is this kind too, so that a
  mistake has one name whether it is found early or late.
* ```python: it is executed, and raises a NumscriptError whose first kind is this one.
"""

from __future__ import annotations

import inspect
import json
import re
import string
from typing import Any

import pytest

import numscript
from numscript import errors
from numscript.diagnostics import Failure, Kind, Severity
from numscript.errors import CATALOGUE

KINDS = list(CATALOGUE.values())
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

RUN_TIME_NAMES = """
    MissingFundsErr NegativeAmountErr NegativeBalanceError InvalidUnboundedInSendAll
    InvalidAllotmentInSendAll InvalidAllotmentSum MismatchedCurrencyError MissingVariableErr
    InvalidTypeErr InvalidMonetaryLiteral InvalidNumberLiteral BadPortionParsingErr
    InvalidAccountName InvalidAsset InvalidColor MetadataNotFound InvalidNestedMeta TypeError
    UnboundVariableErr UnboundFunctionErr BadArityErr CannotCastToString DivideByZero
    ExperimentalFeature InvalidFeature InvalidUnboundedAddressInScalingAddress
    QueryBalanceError QueryMetadataError ParseError
"""
STATIC_NAMES = """
    Parsing InvalidType DuplicateVariable UnboundVariable TypeMismatch AssetMismatch
    RemainingIsNotLast BadAllotmentSum DivByZero UnknownFunction BadArity
    InvalidUnboundedAccount InvalidFeature UnusedVar FixedPortionVariable RedundantRemaining
    InvalidWorldOverdraft NoAllotmentInSendAll EmptiedAccount UnboundedAccountIsNotLast
    BoundAsset
"""
ONE_MISTAKE = (
    ("Parsing", "ParseError"),
    ("InvalidType", "InvalidTypeErr"),
    ("UnboundVariable", "UnboundVariableErr"),
    ("TypeMismatch", "TypeError"),
    ("UnknownFunction", "UnboundFunctionErr"),
    ("BadArity", "BadArityErr"),
    ("AssetMismatch", "MismatchedCurrencyError"),
    ("BadAllotmentSum", "InvalidAllotmentSum"),
    ("DivByZero", "DivideByZero"),
    ("InvalidUnboundedAccount", "InvalidUnboundedInSendAll"),
    ("NoAllotmentInSendAll", "InvalidAllotmentInSendAll"),
)
"""Names that the reference has for one mistake: found by the check, found by the run."""


def page(kind: type[Kind]) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def blocks(kind: type[Kind]) -> list[tuple[str, str]]:
    """Language and text of what is fenced on the page."""
    return [(match[1], match[2]) for match in FENCE.finditer(page(kind))]


def kinds(kinds: list[type[Kind]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=[kind.code for kind in kinds])


def run(script: str, inputs: dict[str, Any]) -> numscript.ExecutionResult:
    program = numscript.compile(script, inputs.get("features", ()))
    store = numscript.StaticStore(inputs.get("balances", ()), inputs.get("metadata"))
    return program.run(inputs.get("variables", {}), store)


@kinds(KINDS)
def test_the_example_on_the_page_gives_exactly_this_code(kind: type[Kind]) -> None:
    (language, example), *others = blocks(kind)
    assert [name for name, _ in others] in ([], ["json"])
    if language == "python":
        assert not others
        with pytest.raises(numscript.NumscriptError) as raised:
            exec(compile(example, kind.code, "exec"), {})
        assert raised.value.kind.code == kind.code
        return
    assert language == "numscript"
    inputs = json.loads(others[0][1]) if others else {}
    assert set(inputs) <= {"variables", "balances", "metadata", "features"}
    found = numscript.check(example, inputs.get("features", ())).diagnostics
    if kind.code < "NUM4":
        assert not inputs
        found = tuple(d for d in found if kind.code[3] == "3" or d.severity is Severity.ERROR)
        codes = [d.code for d in found]
        assert (codes[:1] if kind.code[3] == "1" else codes) == [kind.code]
        return
    assert {d.code for d in found if d.severity is Severity.ERROR} <= {kind.code}
    with pytest.raises(numscript.ExecutionError) as raised:
        run(example, inputs)
    (stopped,) = raised.value.diagnostics
    assert stopped.code == kind.code
    assert stopped.span.start < stopped.span.end <= len(example), "the error has no place"


@kinds([kind for kind in KINDS if kind.code < "NUM3"])
def test_what_refuses_a_script_is_raised_by_compile(kind: type[Kind]) -> None:
    ((language, example), *_) = blocks(kind)
    if language == "python":
        return
    expected = numscript.ParseError if kind.code < "NUM2" else numscript.CheckError
    with pytest.raises(expected) as raised:
        numscript.compile(example)
    assert raised.value.kind.code == kind.code
    found = numscript.check(example).errors
    assert [str(d) for d in raised.value.diagnostics] == [str(d) for d in found]


@kinds([kind for kind in KINDS if kind.code.startswith("NUM3")])
def test_what_only_advises_does_not_stop_compile(kind: type[Kind]) -> None:
    ((_, example),) = blocks(kind)
    numscript.compile(example)


@kinds(KINDS)
def test_a_page_says_what_is_wrong_then_shows_it(kind: type[Kind]) -> None:
    text = page(kind)
    assert re.fullmatch(r"NUM[1-6]\d\d", kind.code)
    assert re.fullmatch(r"[a-z][a-z ]+", kind.title)
    summary = text.split("\n\n")[0]
    assert summary[0].isupper() or summary[0] == "`"
    assert summary.endswith(".")
    assert not text.startswith("```")
    assert all(name in ("numscript", "json", "python") for name, _ in blocks(kind))


@kinds(KINDS)
def test_a_kind_says_what_to_do(kind: type[Kind]) -> None:
    """By its hint, by the page's last words, or by a rule stated before the example."""
    prose = [part for part in FENCE.sub("", page(kind)).split("\n\n") if part.strip()]
    assert kind.hint_text or len(prose) > 1 or kind.text.startswith("expected"), (
        f"{kind.__name__} needs a hint, or a sentence on its page on what to do"
    )


@kinds(KINDS)
def test_the_text_uses_the_fields_and_nothing_else(kind: type[Kind]) -> None:
    fields = set(kind.__annotations__) | ({"text"} if kind.code in SHADOWED else set())
    used = {
        name
        for template in (kind.text, kind.hint_text)
        for _, name, _, _ in string.Formatter().parse(template)
        if name is not None
    }
    assert used == fields


SHADOWED = {"NUM409", "NUM410", "NUM411"}
"""Kinds with a field `text`, which hides the template of the same name: it is not annotated."""


@kinds(KINDS)
def test_a_name_says_the_same_as_its_title(kind: type[Kind]) -> None:
    words = re.findall(r"[A-Z][a-z]+", kind.__name__)
    assert "".join(words) == kind.__name__
    assert " ".join(words).lower() == kind.title or set(words) <= set(kind.title.title().split()), (
        f"{kind.__name__} is titled {kind.title!r}"
    )


def test_codes_are_unique_grouped_and_in_order() -> None:
    classes = [
        item
        for item in vars(errors).values()
        if isinstance(item, type) and issubclass(item, Kind) and item is not Kind
    ]
    codes = [kind.code for kind in classes]
    assert len(set(codes)) == len(codes)
    assert codes == sorted(codes), "a code stands out of order"
    assert list(CATALOGUE) == codes
    by_stage: dict[str, list[int]] = {}
    for code in codes:
        by_stage.setdefault(code[3], []).append(int(code[4:]))
    for numbers in by_stage.values():
        assert numbers == list(range(1, len(numbers) + 1)), "numbers never move or return"


def test_severities_follow_the_groups() -> None:
    for kind in KINDS:
        if kind.code[3] != "3":
            assert kind.severity is Severity.ERROR, kind.code


def test_the_names_of_the_reference_are_each_in_one_kind() -> None:
    owners: dict[str, list[type[Kind]]] = {}
    for kind in KINDS:
        for name in kind.reference:
            owners.setdefault(name, []).append(kind)
    shared = {"Parsing", "ParseError"}
    for name in shared:
        assert owners.pop(name) == [kind for kind in KINDS if kind.code < "NUM2"]
    listed = {*RUN_TIME_NAMES.split(), *STATIC_NAMES.split()} - shared
    assert listed - set(owners) == set()
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}
    assert set(owners) - listed == {"InternalError"}


@pytest.mark.parametrize(("early", "late"), ONE_MISTAKE)
def test_a_mistake_has_one_kind_whether_found_early_or_late(early: str, late: str) -> None:
    for kind in KINDS:
        assert (early in kind.reference) == (late in kind.reference)


COLORS = '#![feature("experimental-asset-colors")] '
SEND = "send [USD/2 10] ( source = {} destination = {} )"


@pytest.mark.parametrize(
    ("early", "declared", "late", "value"),
    [
        ("{ max [EUR/2 5] from @world @a }", "monetary $v", "{ max $v from @world @a }", "EUR/2 5"),
        ("{ 1/2 from @a 1/3 from @b }", "portion $v", "{ $v from @a 1/3 from @b }", "1/2"),
        ("{ 1/0 from @a remaining from @b }", "number $v", "{ 1/$v from @a remaining from @b }", 0),
        ('@a \\ "red"', "string $v", "@a \\ $v", "red"),
    ],
)
def test_a_mistake_in_a_source_is_the_same_when_a_variable_hides_it(
    early: str, declared: str, late: str, value: object
) -> None:
    written_out = COLORS + SEND.format(early, "@c")
    hidden = f"{COLORS} vars {{ {declared} }} {SEND.format(late, '@c')}"
    check_one_mistake(written_out, hidden, {"v": value})


@pytest.mark.parametrize(
    ("early", "declared", "late", "value"),
    [
        ("[USD/2 -10]", "number $v", "[USD/2 $v]", "-10"),
        ("[USD/2 *]", "asset $v", "[$v *]", "USD/2"),
    ],
)
def test_a_mistake_in_a_sent_value_is_the_same_when_a_variable_hides_it(
    early: str, declared: str, late: str, value: object
) -> None:
    send = "send {} ( source = {} destination = @b )"
    written_out = send.format(early, "@world")
    hidden = f"vars {{ account $a {declared} }} {send.format(late, '$a')}"
    check_one_mistake(written_out, hidden, {"v": value, "a": "world"})


def check_one_mistake(written_out: str, hidden: str, variables: dict[str, object]) -> None:
    (early,) = numscript.check(written_out).errors
    assert numscript.check(hidden).errors == ()
    for script in (written_out, hidden):
        with pytest.raises(numscript.ExecutionError) as late:
            numscript.compile(script).run(variables)
        assert late.value.kind.code == early.code


def test_a_diagnostic_as_text_and_as_json() -> None:
    script = numscript.Script("send [USD/2 10] (\n  source = $a\n  destination = @b\n)", "pay.num")
    (found,) = numscript.check(script).diagnostics
    assert str(found) == "pay.num:2:12: error NUM203: the variable `$a` is not declared"
    assert found.to_dict() == {
        "code": "NUM203",
        "severity": "error",
        "message": "the variable `$a` is not declared",
        "hint": "declare it in `vars`",
        "file": "pay.num",
        "start": {"line": 2, "column": 12},
        "end": {"line": 2, "column": 14},
        "fields": {"name": "a", "suggestion": "declare it in `vars`"},
    }
    json.dumps(found.to_dict())


def test_a_kind_is_equal_by_its_data() -> None:
    one = errors.MissingFunds(asset="USD/2", needed=10, available=3)
    assert one == errors.MissingFunds(asset="USD/2", needed=10, available=3)
    assert one != errors.MissingFunds(asset="USD/2", needed=10, available=4)
    assert one != errors.NegativeAmount(asset="USD/2", amount=1)
    assert hash(one) == hash(errors.MissingFunds(asset="USD/2", needed=10, available=3))
    assert repr(one) == "MissingFunds(asset='USD/2', needed=10, available=3)"
    assert one.fields == {"asset": "USD/2", "needed": 10, "available": 3}
    assert Failure(one).kind is one


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        ("vars { money $a } send $a ( source = @a destination = @b )", "did you mean `monetary`?"),
        ("vars { blob $a } print $a", "the types are account, asset, monetary"),
        (
            "vars { monetary $price } send $pirce ( source = @world destination = @b )",
            "did you mean `$price`?",
        ),
        ('set_txmeta("a", "b")', "did you mean `set_tx_meta`?"),
        ("balance(@a, USD/2)", "`balance` stands in an expression"),
        ('print set_tx_meta("a", 1)', "`set_tx_meta` is a statement of its own"),
        ('#![feature("experimental-onof")]', 'did you mean `"experimental-oneof"`?'),
    ],
)
def test_hints_name_what_was_probably_meant(script: str, hint: str) -> None:
    assert any(d.hint.startswith(hint) for d in numscript.check(script).diagnostics)


def test_a_missing_variable_names_the_one_that_was_probably_meant() -> None:
    program = numscript.compile(
        "vars { monetary $price } send $price ( source = @world destination = @b )"
    )
    with pytest.raises(numscript.ExecutionError) as raised:
        program.run({"prise": "USD/2 1"})
    assert raised.value.diagnostics[0].hint == "`prise` was given: is it meant?"


@pytest.mark.parametrize(
    ("declared", "value", "message"),
    [
        ("monetary", "100USD", "`100USD` is not a monetary"),
        ("number", "{ten}", "`{ten}` is not a whole number"),
        ("portion", "{", "`{` is not a portion: it must look like 1/3 or 12.5%"),
    ],
)
def test_a_message_holds_the_bad_text_whatever_is_in_it(
    declared: str, value: str, message: str
) -> None:
    program = numscript.compile(f"vars {{ {declared} $v }} print $v")
    with pytest.raises(numscript.ExecutionError) as raised:
        program.run({"v": value})
    assert raised.value.diagnostics[0].message == message
