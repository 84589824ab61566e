"""What stands on the translator's stack: Python expressions, and their worth where it is known."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from numscript.bytecode.program import Allotment
from numscript.values import Monetary, Portion


class _Unknown:
    """The worth of an expression that only the run can tell."""


UNKNOWN = _Unknown()


class Expr(NamedTuple):
    """A Python expression, and its worth where that is known now."""

    code: str
    value: object = UNKNOWN

    @property
    def known(self) -> bool:
        """Whether its worth is known now."""
        return self.value is not UNKNOWN


class Money(NamedTuple):
    """A monetary, as its two parts."""

    asset: Expr
    amount: Expr


class Shares(NamedTuple):
    """An allotment: a constant, or portions that are still to be added up."""

    allotment: Allotment | None
    portions: tuple[Expr, ...] = ()
    remaining: int = 0


Entry: TypeAlias = Expr | Money | Shares


def literal(value: object) -> Expr:
    """A constant."""
    return Expr(repr(value), value)


def constant_entry(value: object) -> Entry:
    """A constant of the program."""
    if isinstance(value, Monetary):
        return Money(literal(value.asset), literal(value.amount))
    if isinstance(value, Allotment):
        return Shares(value)
    if isinstance(value, Portion):
        return Expr(f"Portion({value.numerator}, {value.denominator})", value)
    return literal(value)


ZERO = literal(0)


class Untranslatable(Exception):  # noqa: N818 - the machine takes over; nobody is told
    """The program is left to the machine."""
