"""Completion: what is offered at a cursor, in whole text and in broken."""

from __future__ import annotations

import pytest
from numscript_lsp.features.completion import Suggestions, complete, documentation, plain
from numscript_lsp.names import Names

import numscript
from numscript.prelude import BUILTINS, FEATURES, TYPES
from tests.lsp.features.marked import checked, marked
from tests.material import conformance_scripts

SEEN = Names(("bank", "users:001"), ("EUR/2",))
DECLARED = "vars { account $a monetary $m portion $p asset $s number $n string $t }\n"


def offered(text: str, *features: str) -> Suggestions:
    text, cursor = marked(text)
    return complete(checked(text, *features), cursor.start, SEEN)


def labels(text: str, *features: str) -> list[str]:
    return [item.label for item in offered(text, *features).items]


def chosen(text: str, label: str) -> str:
    """The text after a suggestion was taken."""
    items = {item.label: item for item in offered(text).items}
    plain_text, _ = marked(text)
    item = items[label]
    inserted = plain(item.text) if item.snippet else item.text
    return plain_text[: item.span.start] + inserted + plain_text[item.span.end :]


OTHERS = set(FEATURES) - {"experimental-oneof"}
SEND = "send [USD/2 9] ( source = "
SAVE = "save [USD/2 9] from "


@pytest.mark.parametrize(
    ("text", "expected", "not_expected"),
    [
        # statements
        ("¦", {"send", "send split", "save", "vars", "set_tx_meta", "#![feature]"}, {"max"}),
        ("se¦", {"send", "set_account_meta"}, {"source"}),
        ("fail ¦", {"send", "save"}, {"vars", "#![feature]"}),
        ("vars { } ¦", {"send"}, {"vars", "#![feature]"}),
        ("save [USD/2 1] from @a ¦", {"send", "save"}, {"@bank"}),
        # vars
        ("vars { ¦", set(TYPES), {"send", "balance"}),
        ("vars { account $a ¦ }", set(TYPES), {"send"}),
        ("vars { account ¦ }", set(), {"account", "$a"}),
        ("vars { monetary $m = ¦ }", {"balance", "overdraft", "meta"}, {"get_asset", "account"}),
        ("vars { account $a asset $s = get¦ }", {"get_asset", "meta"}, {"balance"}),
        ("vars { account $a monetary $m = balance(¦", {"$a", "@bank", "@world"}, {"$m", "meta"}),
        ("vars { asset $s monetary $m = balance(@a, ¦) }", {"$s", "EUR/2"}, {"@bank", "$m"}),
        ("vars { monetary $m = balance(@a, ¦) asset $late }", {"EUR/2"}, {"$late"}),
        # values by type
        (f"{DECLARED}send ¦", {"$m", "[EUR/2 100]", "[EUR/2 *]"}, {"$a", "$n", "@bank"}),
        (f"{DECLARED}send [¦", {"$s", "EUR/2"}, {"$m", "@bank"}),
        (f"{DECLARED}send [USD/2 ¦", {"$n"}, {"$m", "$s", "USD/2"}),
        (f"{DECLARED}send [USD/2 (1 + ¦", {"$n"}, {"$m", "$s"}),
        (f"{DECLARED}send $m - ¦", {"$m"}, {"$n", "$a"}),
        (f'{DECLARED}set_tx_meta("k", ¦', {"$a", "$m", "$p", "$s", "$n", "$t"}, {"send"}),
        (f"{DECLARED}set_account_meta(¦", {"$a", "@bank"}, {"$m", "$t"}),
        (f"{DECLARED}set_account_meta(@a, ¦", {"$t"}, {"$a", "@bank"}),
        (f"{DECLARED}{SAVE}¦", {"$a", "@bank"}, {"$m", "max", "oneof"}),
        # sends
        ("send [USD/2 9] ¦", set(), {"source", "send"}),
        ("send [USD/2 9] ( ¦", {"source", "destination"}, {"send", "max"}),
        ("send [USD/2 9] ( source = @a ¦", {"destination", "with scaling through"}, {"source"}),
        (f"{SEND}@a ¦", {"allowing unbounded overdraft", "allowing overdraft up to"}, {"from"}),
        (f"{SEND}@a allowing ¦", {"unbounded", "overdraft"}, {"destination"}),
        (f"{DECLARED}{SEND}¦", {"$a", "@bank", "@world", "max", "oneof"}, {"$p", "remaining"}),
        (f"{DECLARED}{SEND}{{ ¦", {"$a", "$p", "max", "oneof", "remaining"}, {"$m", "kept"}),
        (f"{DECLARED}{SEND}{{ 1/2 from @b ¦", {"$p", "remaining"}, {"$a", "max", "oneof"}),
        (f"{DECLARED}{SEND}max ¦", {"$m", "[USD/2 100]"}, {"$a", "max"}),
        (f"{DECLARED}{SEND}max $m from ¦", {"$a", "@bank", "max", "oneof"}, {"$m"}),
        (f"{DECLARED}{SEND}@a allowing overdraft up to ¦", {"$m"}, {"$a"}),
        (f"{DECLARED}{SEND}@a with scaling through ¦", {"$a", "@bank"}, {"$m", "max"}),
        (f"{DECLARED}{SEND}@a \\ ¦", {"$t"}, {"$a", "@bank"}),
        (f"{DECLARED}{SEND}@a destination = ¦", {"$a", "@bank", "oneof"}, {"max", "$m"}),
        (f"{SEND}@a destination = {{ ¦", {"max", "remaining to", "remaining kept"}, {"@bank"}),
        (f"{DECLARED}{SEND}@a destination = {{ 1/2 to @b ¦", {"$p", "remaining to"}, {"max"}),
        (f"{SEND}@a destination = {{ max [USD/2 1] ¦", {"to", "kept"}, {"from"}),
        (f"{SEND}@a destination = {{ 1/2 to ¦", {"@bank", "oneof"}, {"kept"}),
        # names
        (f"{SEND}@¦", {"@bank", "@users:001", "@world"}, {"max", "oneof"}),
        (f"{SEND}@users:¦", {"@users:001"}, {"@bank"}),
        (f"{SEND}@b¦ destination = @zoo )", {"@bank"}, {"@b", "@zoo"}),
        (f"{DECLARED}{SEND}$¦", {"$a"}, {"$m", "@bank"}),
        (f"{DECLARED}{SEND}@users:$¦", {"$a", "$n", "$t"}, {"$m", "@bank"}),
        # flags
        ("#![feature(¦", set(FEATURES), {"send"}),
        ('#![feature("¦', set(FEATURES), {"send"}),
        (
            '#![feature("experimental-oneof", "exp¦")]',
            set(FEATURES) - {"experimental-oneof"},
            set(),
        ),
        # where nothing is offered
        ("// se¦", set(), {"send"}),
        ("/* se¦ */", set(), {"send"}),
        ('set_tx_meta("se¦', set(), {"send", "@bank", "experimental-oneof"}),
        # behind what is broken
        (f"{SEND}foo bar ) {DECLARED}{SEND}¦", {"@bank", "max"}, {"send"}),
        (f"send [USD/2 ( source = @a ) send ( {SEND}@a destination = ¦", {"@bank"}, {"max"}),
        ("vars { monetary $m = } send ¦", {"$m"}, set()),
    ],
)
def test_what_fits_is_offered(text: str, expected: set[str], not_expected: set[str]) -> None:
    found = labels(text)
    assert expected <= set(found), f"not offered: {expected - set(found)}"
    assert not not_expected & set(found)
    assert len(found) == len(set(found))


def test_variables_come_before_names_and_names_before_words() -> None:
    found = labels(f"{DECLARED}{SEND}¦ destination = @shop )")
    assert found[:2] == ["$a", "@shop"]
    assert found.index("@bank") < found.index("max")


def test_the_asset_that_is_sent_comes_first() -> None:
    found = labels("send [GBP/2 9] ( source = max [¦")
    assert found == ["GBP/2", "EUR/2"]
    assert labels("send [GBP/2 9] ( source = max ¦") == ["[GBP/2 100]"]


def test_calls_are_offered_where_the_script_may_hold_them() -> None:
    text = "vars { } send ¦"
    assert "balance" not in labels(text)
    assert "balance" in labels(text, "experimental-mid-script-function-call")


@pytest.mark.parametrize(
    ("text", "label", "after"),
    [
        (f"{SEND}@us¦ers:9 )", "@users:001", f"{SEND}@users:001 )"),
        ("send [EU¦", "EUR/2", "send [EUR/2"),
        ("vars { num¦ }", "number", "vars { number }"),
        ("vars { string $who } print @users:$w¦", "$who", "vars { string $who } print @users:$who"),
        ('#![feature("¦")]', "experimental-oneof", '#![feature("experimental-oneof")]'),
        ("#![feature(¦)]", "experimental-oneof", '#![feature("experimental-oneof")]'),
        (f"{SEND}@a des¦", "destination", f"{SEND}@a destination = "),
        (
            "vars { monetary $m = bal¦ }",
            "balance",
            "vars { monetary $m = balance(account, asset) }",
        ),
    ],
)
def test_what_is_taken_stands_in_place_of_the_word(text: str, label: str, after: str) -> None:
    assert chosen(text, label) == after


@pytest.mark.parametrize(
    "label", ["send", "send all", "send in order", "send split", "send capped", "#![feature]"]
)
def test_skeletons_are_scripts_without_mistakes(label: str) -> None:
    assert numscript.check(chosen("¦", label)).diagnostics == ()


@pytest.mark.parametrize("label", ["save", "vars", "set_tx_meta", "set_account_meta"])
def test_statements_to_fill_in_can_be_read(label: str) -> None:
    codes = {row.code for row in numscript.check(chosen("¦", label)).diagnostics}
    assert not any(code.startswith("NUM1") for code in codes - {"NUM101"})


def test_no_more_names_are_offered_than_can_be_looked_at() -> None:
    text, cursor = marked(f"{SEND}@¦")
    many = Names(tuple(f"a:{number}" for number in range(1000)))
    found = complete(checked(text), cursor.start, many)
    assert not found.whole
    assert len(found.items) == 100
    text, cursor = marked(f"{SEND}@a:99¦")
    assert len(complete(checked(text), cursor.start, many).items) == 11


def test_what_is_offered_is_explained() -> None:
    for name in BUILTINS:
        assert BUILTINS[name].doc in documentation(name, "function")
    assert "exact fraction" in documentation("portion", "type")
    assert "oneof" in documentation("experimental-oneof", "flag")
    assert "below zero" in documentation("allowing overdraft up to", "snippet")
    assert documentation("@bank", "account") == ""


def test_every_place_of_every_script_can_be_asked_about() -> None:
    """At each token's start what stands there is among what is offered, if it is a keyword."""
    for name, text, flags in conformance_scripts()[::4]:
        program = checked(text, *flags)
        _, starts, ends, _ = program.parsed.tokens
        for start, end in zip(starts, ends, strict=True):
            word = text[start:end]
            found = complete(program, start, SEEN)
            if word in ("source", "destination", "max", "send", "save", "kept"):
                words = {part for item in found.items for part in item.label.split()}
                assert word in words, (name, start, word)
