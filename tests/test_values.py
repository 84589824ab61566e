"""Values given from outside: what is read, what is refused, and that printing reads back."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numscript import Account, Asset, Monetary, Portion, Type
from numscript.diagnostics import Failure
from numscript.values import MAX_DIGITS, percentage, read

numbers = st.integers(-(10**60), 10**60)
assets = st.from_regex(r"[A-Z][A-Z0-9]{0,5}(/[0-9]{1,2})?", fullmatch=True)
accounts = st.from_regex(r"[a-zA-Z0-9_-]{1,5}(:[a-zA-Z0-9_-]{1,5}){0,2}", fullmatch=True)
portions = st.fractions(0, 1)


def refusal(kind: Type, value: object) -> str:
    """The code of what is wrong with a value."""
    with pytest.raises(Failure) as raised:
        read(kind, value)
    assert raised.value.kind.message
    return raised.value.kind.code


# --- there and back ---------------------------------------------------------------------------


@given(numbers)
def test_a_number_reads_back(number: int) -> None:
    assert read(Type.NUMBER, str(number)) == read(Type.NUMBER, number) == number
    if number >= 0:
        assert read(Type.NUMBER, f"+{number}") == number


@given(assets, numbers)
def test_a_monetary_reads_back(asset: str, amount: int) -> None:
    monetary = Monetary(asset, amount)
    assert str(monetary) == f"{asset} {amount}"
    mapping = {"asset": asset, "amount": amount}
    for given_as in (str(monetary), monetary, mapping, {"asset": asset, "amount": str(amount)}):
        assert read(Type.MONETARY, given_as) == monetary


@given(portions)
def test_a_portion_reads_back(fraction: Fraction) -> None:
    portion = Portion.of(fraction.numerator, fraction.denominator)
    assert (portion.numerator, portion.denominator) == fraction.as_integer_ratio()
    for given_as in (str(portion), portion, fraction):
        assert read(Type.PORTION, given_as) == portion


@given(st.integers(0, 10**9), st.integers(0, 12))
def test_a_percentage_is_exact(digits: int, decimals: int) -> None:
    text = f"{digits:0{decimals + 1}}"
    text = text if decimals == 0 else f"{text[:-decimals]}.{text[-decimals:]}"
    exact = Fraction(digits, 100 * 10**decimals)
    assert Fraction(*percentage(text)) == exact
    if exact <= 1:
        assert Fraction(*read(Type.PORTION, f"{text}%")) == exact  # type: ignore[misc]


@given(accounts)
def test_an_account_reads_back(account: str) -> None:
    assert read(Type.ACCOUNT, account) == read(Type.ACCOUNT, Account(account)) == account


@given(assets)
def test_an_asset_reads_back(asset: str) -> None:
    assert read(Type.ASSET, asset) == read(Type.ASSET, Asset(asset)) == asset


@given(st.text())
def test_a_string_reads_back(text: str) -> None:
    assert read(Type.STRING, text) == text


@given(st.integers(-50, 50), st.integers(-50, 50).filter(bool))
def test_a_portion_is_in_lowest_terms(numerator: int, denominator: int) -> None:
    portion = Portion.of(numerator, denominator)
    assert Fraction(*portion) == Fraction(numerator, denominator)
    assert tuple(portion) == Fraction(numerator, denominator).as_integer_ratio()


def test_a_portion_needs_something_below_the_line() -> None:
    with pytest.raises(ZeroDivisionError):
        Portion.of(1, 0)


# --- what is read and what is not -------------------------------------------------------------

ACCEPTED: list[tuple[Type, object, object]] = [
    (Type.NUMBER, "0", 0),
    (Type.NUMBER, "-0", 0),
    (Type.NUMBER, "+5", 5),
    (Type.NUMBER, "007", 7),
    (Type.NUMBER, "9" * MAX_DIGITS, int("9" * MAX_DIGITS)),
    (Type.PORTION, "1/3", Portion(1, 3)),
    (Type.PORTION, "1 / 3", Portion(1, 3)),
    (Type.PORTION, "2/4", Portion(1, 2)),
    (Type.PORTION, "0/7", Portion(0, 1)),
    (Type.PORTION, "12.5%", Portion(1, 8)),
    (Type.PORTION, "100%", Portion(1, 1)),
    (Type.PORTION, "0.0%", Portion(0, 1)),
    (Type.PORTION, 1, Portion(1, 1)),
    (Type.PORTION, 0, Portion(0, 1)),
    (Type.MONETARY, "USD/2 100", Monetary("USD/2", 100)),
    (Type.MONETARY, "USD -5", Monetary("USD", -5)),
    (Type.MONETARY, "COIN +5", Monetary("COIN", 5)),
    (Type.ACCOUNT, "users:001", "users:001"),
    (Type.ACCOUNT, "a-b_C:0", "a-b_C:0"),
    (Type.ASSET, "USD", "USD"),
    (Type.ASSET, "USD/2", "USD/2"),
    (Type.ASSET, "A" * 17, "A" * 17),
    (Type.ASSET, "USD_TEST/6", "USD_TEST/6"),
    (Type.STRING, "", ""),
]
REFUSED: list[tuple[Type, object, str]] = [
    (Type.NUMBER, "", "NUM410"),
    (Type.NUMBER, "1.0", "NUM410"),
    (Type.NUMBER, "1e3", "NUM410"),
    (Type.NUMBER, " 1", "NUM410"),
    (Type.NUMBER, "1_000", "NUM410"),
    (Type.NUMBER, "- 1", "NUM410"),
    (Type.NUMBER, "١", "NUM410"),
    (Type.NUMBER, "1\n", "NUM410"),
    (Type.NUMBER, 1.0, "NUM417"),
    (Type.NUMBER, True, "NUM417"),
    (Type.NUMBER, None, "NUM417"),
    (Type.NUMBER, [1], "NUM417"),
    (Type.NUMBER, "9" * (MAX_DIGITS + 1), "NUM108"),
    (Type.PORTION, "3/2", "NUM411"),
    (Type.PORTION, "101%", "NUM411"),
    (Type.PORTION, "-1/2", "NUM411"),
    (Type.PORTION, "1/0", "NUM411"),
    (Type.PORTION, "1//2", "NUM411"),
    (Type.PORTION, "1  / 2", "NUM411"),
    (Type.PORTION, "50", "NUM411"),
    (Type.PORTION, ".5%", "NUM411"),
    (Type.PORTION, Fraction(3, 2), "NUM411"),
    (Type.PORTION, -1, "NUM411"),
    (Type.PORTION, 0.5, "NUM417"),
    (Type.PORTION, True, "NUM417"),
    (Type.MONETARY, "USD/2", "NUM409"),
    (Type.MONETARY, "USD/2  100", "NUM409"),
    (Type.MONETARY, "USD/2 100 ", "NUM409"),
    (Type.MONETARY, "100USD", "NUM409"),
    (Type.MONETARY, "usd 100", "NUM413"),
    (Type.MONETARY, "USD/2 ten", "NUM410"),
    (Type.MONETARY, {"asset": "USD/2"}, "NUM409"),
    (Type.MONETARY, {"asset": "USD/2", "amount": 1, "note": ""}, "NUM409"),
    (Type.MONETARY, {"asset": "USD/2", "amount": 1.5}, "NUM417"),
    (Type.MONETARY, {"asset": 2, "amount": 1}, "NUM417"),
    (Type.MONETARY, 100, "NUM417"),
    (Type.ACCOUNT, "", "NUM412"),
    (Type.ACCOUNT, "@a", "NUM412"),
    (Type.ACCOUNT, "a::b", "NUM412"),
    (Type.ACCOUNT, "a:", "NUM412"),
    (Type.ACCOUNT, "a b", "NUM412"),
    (Type.ACCOUNT, "a\n", "NUM412"),
    (Type.ACCOUNT, "é", "NUM412"),
    (Type.ACCOUNT, 7, "NUM417"),
    (Type.ASSET, "usd", "NUM413"),
    (Type.ASSET, "A" * 18, "NUM413"),
    (Type.ASSET, "USD/", "NUM413"),
    (Type.ASSET, "USD/1234567", "NUM413"),
    (Type.ASSET, "USD/2\n", "NUM413"),
    (Type.ASSET, 2, "NUM417"),
    (Type.STRING, 7, "NUM417"),
    (Type.STRING, None, "NUM417"),
]


def name(item: object) -> str:
    return ascii(item)[:30]


@pytest.mark.parametrize(("kind", "value", "expected"), ACCEPTED, ids=name)
def test_what_is_read(kind: Type, value: object, expected: object) -> None:
    found = read(kind, value)
    assert found == expected
    assert isinstance(found, type(expected))


@pytest.mark.parametrize(("kind", "value", "code"), REFUSED, ids=name)
def test_what_is_refused(kind: Type, value: object, code: str) -> None:
    assert refusal(kind, value) == code


def test_any_mapping_will_do_for_a_monetary() -> None:
    class Row(Mapping[str, object]):
        def __getitem__(self, key: str) -> object:
            return {"asset": "USD/2", "amount": 7}[key]

        def __iter__(self) -> object:  # type: ignore[override]
            return iter(("asset", "amount"))

        def __len__(self) -> int:
            return 2

    assert read(Type.MONETARY, Row()) == Monetary("USD/2", 7)


def test_a_long_value_is_shown_in_short() -> None:
    with pytest.raises(Failure) as raised:
        read(Type.NUMBER, ["x" * 1000])
    assert len(raised.value.kind.message) < 150
