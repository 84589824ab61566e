"""The six types of value: how each is written, read and printed.

Whole numbers and exact fractions only. A fraction is a pair in lowest terms rather than a
`fractions.Fraction`, whose import (decimal, numbers) would triple the time to start a run.
Text is read by the rules of the reference's `parseVar` and printed as its values print.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import gcd
from typing import Any, NamedTuple, TypeAlias

from numscript import errors
from numscript.diagnostics import Failure
from numscript.prelude import Type

MAX_DIGITS = 4000
"""The longest whole number that is read, in digits. CPython itself prints up to 4,300."""
MAX_ACCOUNT = 10_000
"""The longest account that is put together from parts, in characters: parts can double it."""
MAX_BITS = MAX_DIGITS * 3322 // 1000
"""The same for numbers that come as ints: their digits are not counted, for that is slow."""


class Account(str):
    """An address such as `users:001`, without the `@`."""

    __slots__ = ()


class Asset(str):
    """An asset such as `USD/2`."""

    __slots__ = ()


class Monetary(NamedTuple):
    """An amount, in the asset's smallest unit, of an asset."""

    asset: str
    amount: int

    def __str__(self) -> str:
        return f"{self.asset} {self.amount}"


class Portion(NamedTuple):
    """An exact fraction in lowest terms; make one with `Portion.of`."""

    numerator: int
    denominator: int

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @classmethod
    def of(cls, numerator: int, denominator: int) -> Portion:
        """The fraction in lowest terms, its denominator positive. Raises ZeroDivisionError."""
        if denominator == 0:
            raise ZeroDivisionError
        common = gcd(numerator, denominator)
        if denominator < 0:
            common = -common
        return cls(numerator // common, denominator // common)


def add_portions(left: Portion, right: Portion) -> Portion:
    """The exact sum of two portions."""
    if left.denominator == right.denominator:
        return Portion.of(left.numerator + right.numerator, left.denominator)
    return Portion.of(
        left.numerator * right.denominator + right.numerator * left.denominator,
        left.denominator * right.denominator,
    )


def sum_text(portion: Portion) -> str:
    """A sum of portions as a message can show it."""
    if portion.denominator.bit_length() <= 200:
        return str(portion)
    return "less than 1" if portion.numerator < portion.denominator else "more than 1"


Value: TypeAlias = str | int | Monetary | Portion
"""A value at run time: accounts, assets and strings are text; what a value is, its type tells."""

is_account = re.compile(r"[a-zA-Z0-9_-]++(?::[a-zA-Z0-9_-]++)*+").fullmatch
is_asset = re.compile(r"[A-Z][A-Z0-9]{0,16}(?:_[A-Z]{1,16})?(?:/[0-9]{1,6})?").fullmatch
is_color = re.compile(r"[A-Z]*").fullmatch
_is_number = re.compile(r"[+-]?[0-9]+").fullmatch
_is_percentage = re.compile(r"([0-9]+)(?:\.([0-9]+))?%").fullmatch
_is_fraction = re.compile(r"([0-9]+)[ \t\n\f\r]?/[ \t\n\f\r]?([0-9]+)").fullmatch


def read_digits(digits: str) -> int:
    """A run of digits, with or without a sign. Raises Failure(NumberTooLong)."""
    if len(digits) > MAX_DIGITS:
        raise Failure(errors.NumberTooLong(digits=len(digits), limit=MAX_DIGITS))
    return int(digits)


def held(number: int) -> int:
    """A number that came as an int, if it is not too long. Raises Failure(NumberTooLong)."""
    if number.bit_length() > MAX_BITS:
        raise too_long(number)
    return number


def percentage(text: str) -> Portion:
    """The portion that a percentage without its `%` stands for: `12.5` is 1/8."""
    whole, _, decimals = text.partition(".")
    return Portion.of(read_digits(whole + decimals), 10 ** (2 + len(decimals)))


def read_number(value: object) -> int:
    """A number from an int or from decimal digits with an optional sign."""
    if isinstance(value, int) and not isinstance(value, bool):
        return held(value)
    if isinstance(value, str):
        if _is_number(value) is None:
            raise Failure(errors.InvalidNumber(text=value))
        return read_digits(value)
    raise _wrong(Type.NUMBER, value)


def read_account(value: object) -> str:
    """An account from its address without the `@`."""
    if type(value) is str and is_account(value) is not None:
        return value
    if not isinstance(value, str):
        raise _wrong(Type.ACCOUNT, value)
    if is_account(value) is None:
        raise Failure(errors.InvalidAccount(name=value))
    return str(value)


def too_long(number: int) -> Failure:
    """What to raise of a number that has grown beyond what can be written."""
    digits = number.bit_length() * 1233 // 4096
    digits += abs(number) >= 10**digits
    return Failure(errors.NumberTooLong(digits=digits, limit=MAX_DIGITS))


def text_of(value: Value) -> str:
    """A value as text. Raises Failure(NumberTooLong): additions may make numbers that are."""
    try:
        return str(value)
    except ValueError:
        numbers = value if isinstance(value, tuple) else (value,)
        raise too_long(max(n for n in numbers if isinstance(n, int))) from None


def join_account(pieces: Sequence[str | int]) -> str:
    """The account of pieces of text and numbers. Raises Failure."""
    texts = [text_of(piece) for piece in pieces]
    length = sum(map(len, texts))
    if length > MAX_ACCOUNT:
        raise Failure(errors.AccountTooLong(length=length, limit=MAX_ACCOUNT))
    name = "".join(texts)
    if is_account(name) is None:
        raise Failure(errors.InvalidAccount(name=name))
    return name


def read_asset(value: object) -> str:
    """An asset from its name."""
    if not isinstance(value, str):
        raise _wrong(Type.ASSET, value)
    if is_asset(value) is None:
        raise Failure(errors.InvalidAsset(name=value))
    return str(value)


def read_string(value: object) -> str:
    """A string as it is."""
    if not isinstance(value, str):
        raise _wrong(Type.STRING, value)
    return str(value)


def read_portion(value: object) -> Portion:
    """A portion between 0 and 1 from `1/3`, `1 / 3`, `12.5%`, a Fraction or a Portion."""
    if isinstance(value, str):
        portion = _portion_from_text(value)
    elif (isinstance(value, Portion) or _is_rational(value)) and not isinstance(value, bool):
        rational: Any = value
        portion = Portion.of(held(int(rational.numerator)), held(int(rational.denominator)))
    else:
        raise _wrong(Type.PORTION, value)
    if not 0 <= portion.numerator <= portion.denominator:
        raise Failure(errors.InvalidPortion(text=str(value), reason="it must be between 0 and 1"))
    return portion


def read_monetary(value: object) -> Monetary:
    """A monetary from `USD/2 100` (one space), `{"asset": ..., "amount": ...}` or a Monetary."""
    if type(value) is dict and len(value) == 2:
        asset, number = value.get("asset"), value.get("amount")
        whole = type(number) is int and number.bit_length() <= MAX_BITS
        if whole and type(asset) is str and _named(asset):
            return _new_monetary(Monetary, (asset, number))
    if isinstance(value, str):
        asset, space, amount = value.partition(" ")
        if amount.isdecimal() and amount.isascii() and len(value) < MAX_DIGITS and _named(asset):
            return _new_monetary(Monetary, (asset, int(amount)))
        if not space or " " in amount:
            raise Failure(errors.InvalidMonetary(text=value))
        # The reference finds fault with the amount first.
        number = read_number(amount)
        return Monetary(read_asset(asset), number)
    if isinstance(value, Monetary):
        return Monetary(read_asset(value.asset), read_number(value.amount))
    if isinstance(value, Mapping):
        if set(value) != {"asset", "amount"}:
            raise Failure(errors.InvalidMonetary(text=_shown(value)))
        number = read_number(value["amount"])
        return Monetary(read_asset(value["asset"]), number)
    raise _wrong(Type.MONETARY, value)


_new_monetary = tuple.__new__


@lru_cache(maxsize=256)
def _named(asset: str) -> bool:
    """Whether it is the name of an asset. A program meets few assets, and these again and again."""
    return is_asset(asset) is not None


READERS: dict[str, Callable[[object], Value]] = {
    Type.ACCOUNT: read_account,
    Type.ASSET: read_asset,
    Type.MONETARY: read_monetary,
    Type.NUMBER: read_number,
    Type.PORTION: read_portion,
    Type.STRING: read_string,
}
"""How a value that was given from outside is read, by type; each raises Failure."""


def read(kind: str, value: object) -> Value:
    """A value given from outside, read as a type. Raises Failure with what is wrong."""
    return READERS[kind](value)


@lru_cache(maxsize=256)
def _portion_from_text(text: str) -> Portion:
    # A program meets few portions, and these again and again.
    match = _is_percentage(text)
    if match is not None:
        return percentage(text[:-1])
    match = _is_fraction(text)
    if match is None:
        reason = "it must look like 1/3 or 12.5%"
        raise Failure(errors.InvalidPortion(text=text, reason=reason))
    numerator, denominator = read_digits(match[1]), read_digits(match[2])
    if denominator == 0:
        raise Failure(errors.InvalidPortion(text=text, reason="it divides by zero"))
    return Portion.of(numerator, denominator)


def _is_rational(value: object) -> bool:
    """Whether it is a Fraction or an int: an exact number with a numerator and a denominator."""
    return hasattr(value, "numerator") and hasattr(value, "denominator")


def _shown(value: object) -> str:
    """A value as a message can show it, whatever it is."""
    try:
        shown = repr(value)
    except Exception:
        return "a value that cannot be shown"
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _wrong(expected: Type, value: object) -> Failure:
    given = f"{_shown(value)} ({type(value).__name__})"
    return Failure(errors.InvalidVariable(expected=str(expected), given=given))
