"""Hover and signatures: what is said of what stands at a cursor."""

from __future__ import annotations

import pytest
from numscript_lsp.features.hover import decimal, hover, hundredths
from numscript_lsp.features.signature import signature

from numscript import Portion
from tests.lsp.features.marked import checked, marked
from tests.material import conformance_scripts

TEXT = """\
#![feature("experimental-oneof")]
vars {
  monetary $cap = balance(@a, USD/2)
  account $payer
  portion $tip
  monetary $given
}
send [USD/2 12345] (
  source = {
    1/3 from {
      @a
      max [USD/2 10] from @b allowing overdraft up to [USD/2 5]
      @world
    }
    remaining from $payer
  }
  destination = {
    12.5% to @x
    $tip to @z
    remaining to {
      max $cap to @y
      max $given to @w
      remaining kept
    }
  }
)
send [USD/2 *] (
  source = oneof { @bank @spare }
  destination = oneof { max [USD/2 5] to @q remaining to @r }
)
"""


@pytest.mark.parametrize(
    ("word", "place", "said"),
    [
        ("experimental-oneof", '"experimental-oneof"', ["Switches on `oneof"]),
        ("monetary $cap", "monetary", ["an amount of an asset"]),
        ("$cap =", "$cap", ["monetary $cap = balance(@a, USD/2)", "Its asset is `USD/2`"]),
        ("balance", "balance", ["-> monetary", "an error where it is negative"]),
        ("USD/2)", "USD/2", ["1/100 of one USD"]),
        ("12345", "[USD/2 12345]", ["123.45 USD"]),
        ("1/3 from", "1/3", ["about 33.3333%", "Of [USD/2 12345]: 41.15 USD."]),
        ("remaining from", "remaining", ["`2/3` = about 66.6666%", "82.30 USD"]),
        ("12.5%", "12.5%", ["`1/8` = 12.5%", "15.43 USD, and perhaps one of the units"]),
        ("remaining to {", "remaining", ["stands for the rest"]),
        ("@a\n", "@a", ["Gives its `USD/2` as far as it is above zero.", "Exactly `1/3`"]),
        ("@b allowing", "@b", ["up to `[USD/2 5]`", "At most `[USD/2 10]`", "after `@a`"]),
        ("@world", "@world", ["never runs out", "as much `USD/2` as is asked"]),
        ("$payer\n  }", "$payer", ["Given by the caller", "Gives its", "the other portions leave"]),
        ("@x", "@x", ["Receives `USD/2`", "Exactly `12.5%` of what arrives"]),
        ("@z", "@z", ["Exactly `$tip`"]),
        ("@y", "@y", ["At most `$cap`"]),
        ("@w\n", "@w", ["At most `$given`", "After the clauses before it"]),
        ("@bank", "@bank", ["Used only if it can give all"]),
        ("@spare", "@spare", ["Used only if none before it can give all"]),
        ("@q", "@q", ["if the cap is high enough"]),
        ("@r", "@r", ["if no cap before is high enough"]),
        ("send [USD/2 *]", "send", ["moves funds"]),
        ("kept", "kept", ["leaves the funds where they came from"]),
    ],
)
def test_what_is_said(word: str, place: str, said: list[str]) -> None:
    start = TEXT.index(word)
    found = hover(checked(TEXT), start + 1)
    assert found is not None
    assert TEXT[found.span.start : found.span.end] == place
    for part in said:
        assert part in found.text


@pytest.mark.parametrize("text", ["¦", "send [USD/2 1] ¦ (", "// vars¦", 'print "send¦"'])
def test_nothing_is_said_of_nothing(text: str) -> None:
    text, cursor = marked(text)
    assert hover(checked(text), cursor.start) is None


def test_a_variable_that_is_not_declared_is_said_to_be_so() -> None:
    text, cursor = marked("send $wh¦at (")
    found = hover(checked(text), cursor.start)
    assert found is not None
    assert "is not declared" in found.text


@pytest.mark.parametrize(
    ("amount", "asset", "shown"),
    [
        (123456, "USD/2", "1,234.56 USD"),
        (5, "USD/2", "0.05 USD"),
        (-5, "USD/2", "-0.05 USD"),
        (1000, "JPY", "1,000 JPY"),
        (7, "BTC/8", "0.00000007 BTC"),
    ],
)
def test_amounts_get_their_point(amount: int, asset: str, shown: str) -> None:
    assert decimal(amount, asset) == shown


def test_portions_in_hundredths() -> None:
    assert hundredths(Portion.of(1, 8)) == "12.5%"
    assert hundredths(Portion.of(1, 1)) == "100%"
    assert hundredths(Portion.of(1, 7)) == "about 14.2857%"


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("vars { monetary $m = balance(¦", "balance", 0),
        ("vars { monetary $m = balance(@a¦", "balance", 0),
        ("vars { monetary $m = balance(@a, ¦ send [USD/2 1] (", "balance", 1),
        ('set_account_meta(@a, "k", [USD/2 (1 + 2)] ¦)', "set_account_meta", 2),
        ('set_tx_meta("k", balance(@a, USD/2)¦', "set_tx_meta", 1),
        ('set_tx_meta("k", balance(@a, USD¦', "balance", 1),
    ],
)
def test_the_signature_of_the_call_at_hand(text: str, name: str, argument: int) -> None:
    text, cursor = marked(text)
    found = signature(checked(text), cursor.start)
    assert found is not None
    assert (found.builtin.name, found.argument) == (name, argument)
    for (start, end), (parameter, _) in zip(
        found.parameters, found.builtin.parameters, strict=True
    ):
        assert found.builtin.signature[start:end].startswith(f"{parameter}: ")


@pytest.mark.parametrize(
    "text", ["send (¦", "foo(¦", 'set_tx_meta("k", 1)¦', "send [USD/2 (1 + ¦", "¦"]
)
def test_no_signature_where_nothing_known_is_called(text: str) -> None:
    text, cursor = marked(text)
    assert signature(checked(text), cursor.start) is None


def test_every_place_of_every_script_can_be_looked_at() -> None:
    for _, text, flags in conformance_scripts():
        program = checked(text, *flags)
        for offset in range(0, len(text) + 1, 3):
            found = hover(program, offset)
            if found is not None:
                assert found.span.start <= offset <= found.span.end
                assert found.text.strip() == found.text
