"""Shares to the last unit: portions to an allotment, and an allotment of an amount."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from numscript import errors
from numscript.bytecode.program import Allotment
from numscript.diagnostics import Failure
from numscript.values import Portion, sum_text


def make_allotment(portions: Sequence[Portion], remaining: int) -> Allotment:
    """Portions as shares of one whole; `remaining` is the place of the rest, from 1, or 0.

    Raises Failure(InvalidAllotmentSum) where they do not make a whole: without `remaining` their
    sum must be 1, with it at most 1, and none may be negative.
    """
    denominator = lcm(*(portion.denominator for portion in portions))
    shares = [p.numerator * (denominator // p.denominator) for p in portions]
    missing = denominator - sum(shares)
    if missing < 0 or (missing and not remaining) or (shares and min(shares) < 0):
        total = Portion.of(denominator - missing, denominator)
        reason = ", and one is negative" if shares and min(shares) < 0 else ""
        raise Failure(errors.InvalidAllotmentSum(sum=sum_text(total), reason=reason))
    if remaining:
        shares.insert(remaining - 1, missing)
    return Allotment(tuple(shares), denominator)


def allocate(amount: int, allotment: Allotment) -> list[int]:
    """The shares of an amount: each rounded down, then one unit more to the first ones."""
    return split(amount, allotment.numerators, allotment.denominator)


def split(amount: int, numerators: Sequence[int], denominator: int) -> list[int]:
    """The shares of an amount by numerators over a common denominator."""
    shares = [amount * numerator // denominator for numerator in numerators]
    for place in range(amount - sum(shares)):
        shares[place] += 1
    return shares


def share(amount: int, portions: Sequence[Portion], remaining: int) -> list[int]:
    """The shares of an amount by portions. Raises Failure where they do not make a whole."""
    return allocate(amount, make_allotment(portions, remaining))
