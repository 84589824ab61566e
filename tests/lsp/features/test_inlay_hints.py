"""Inlay hints: assets, the share that remains, names of parameters."""

from __future__ import annotations

from textwrap import dedent

import pytest
from numscript_lsp.features.inlay_hints import InlayHint, inlay_hints, portion_text

import numscript
from numscript import Portion, Span

SPLIT = "send [USD/2 100] ( source = @world destination = {{ {} }} )"


def shown(text: str, *, within: Span | None = None) -> str:
    """The script with the hints in it, each in angle quotes."""
    text = dedent(text).strip()
    for hint in reversed(inlay_hints(numscript.check(text), within)):
        text = f"{text[: hint.offset]}‹{hint.label}›{text[hint.offset :]}"
    return text


def test_the_asset_that_is_forced_stands_behind_the_declaration() -> None:
    assert shown(
        """
        vars {
          monetary $price
          monetary $held = balance(@escrow, EUR/2)
          asset $any
        }
        send $price ( source = { max [USD/2 5] from @a @b } destination = @c )
        """
    ).startswith(
        "vars {\n  monetary $price‹: USD/2›\n"
        "  monetary $held = balance(@escrow, EUR/2)\n  asset $any\n"
    )


@pytest.mark.parametrize(
    ("clauses", "hint"),
    [
        ("1/2 to @a 1/3 to @b remaining to @c", "= 1/6"),
        ("9.3% to @a remaining kept", "= 90.7%"),
        ("0.125% to @a remaining kept", "= 99.875%"),
        ("50% to @a 1/3 to @b remaining kept", "= 1/6"),
        ("100% to @a remaining kept", "= 0%"),
        ("2% to @a $fee to @b remaining kept", "= 98% - $fee"),
        ("$fee to @a remaining kept", "= 1 - $fee"),
    ],
)
def test_remaining_shows_its_exact_share(clauses: str, hint: str) -> None:
    text = SPLIT.format(clauses)
    assert f"remaining‹{hint}›" in shown(f"vars {{ portion $fee }}\n{text}")


@pytest.mark.parametrize(
    "clauses",
    ["remaining to @a", "3/2 to @a remaining kept", "remaining to @a 1/2 to @b remaining kept"],
)
def test_there_is_no_hint_where_there_is_no_share_to_show(clauses: str) -> None:
    assert "‹" not in shown(SPLIT.format(clauses))


def test_the_share_of_a_source_is_shown_too() -> None:
    text = "send [USD/2 1] ( source = { 1/4 from @a remaining from @b } destination = @c )"
    assert "remaining‹= 3/4› from @b" in shown(text)


def test_parameters_are_named_where_the_argument_does_not_say_it() -> None:
    text = 'set_account_meta(@orders:1, "status", "paid")'
    assert shown(text) == 'set_account_meta(@orders:1, ‹key:›"status", ‹value:›"paid")'


def test_only_what_is_in_sight_is_worked_out() -> None:
    text = 'set_tx_meta("a", 1)\nset_tx_meta("b", 2)'
    assert shown(text, within=Span(20, 39)) == (
        'set_tx_meta("a", 1)\nset_tx_meta(‹key:›"b", ‹value:›2)'
    )


def test_a_hint_says_more_when_asked() -> None:
    (hint,) = inlay_hints(numscript.check(SPLIT.format("3/8 to @a remaining kept")))
    assert hint == InlayHint(hint.offset, "= 5/8", "The share that is left: 5/8, 62.5%.")


@pytest.mark.parametrize(
    ("portion", "text"),
    [((1, 1), "100%"), ((0, 1), "0%"), ((1, 8), "12.5%"), ((1, 1000), "0.1%"), ((1, 3), "1/3")],
)
def test_a_percentage_is_written_where_it_is_exact(portion: tuple[int, int], text: str) -> None:
    assert portion_text(Portion(*portion), as_percentage=True) == text
