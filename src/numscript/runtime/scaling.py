"""Conversion between precisions of an asset, so that no unit is lost (language: scaling)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from numscript import errors
from numscript.diagnostics import Failure
from numscript.values import MAX_BITS, MAX_DIGITS

MAX_SHIFT = 1000
"""The greatest difference of precisions that is converted, in decimals."""


class Conversion(NamedTuple):
    """An amount of one precision that is converted."""

    asset: str
    amount: int


def split_scale(asset: str) -> tuple[str, int]:
    """An asset's name and its number of decimals: `USD/2` is USD and 2.

    What no ledger accepts counts as very fine, and so is never converted.
    """
    name, _, decimals = asset.partition("/")
    if len(decimals) > 6 or not (decimals or "0").isdecimal():
        return name, 10**7
    return name, int(decimals or 0)


def find_conversions(
    wanted: int | None, asset: str, holdings: Iterable[tuple[str, int]]
) -> tuple[list[Conversion], int]:
    """What to convert so that `wanted` of an asset is covered (all, where None), and its total.

    `holdings` are the account's balances in all precisions of the asset. They are tried from the
    finest to the coarsest. Of each, the whole number of its units that covers what is missing is
    converted, at most what it holds; a balance below zero holds nothing.
    """
    _, scale = split_scale(asset)
    others: list[tuple[int, str, int]] = []
    for name, amount in holdings:
        _, other = split_scale(name)
        if other != scale:
            others.append((other, name, amount))
        elif wanted is not None:
            wanted -= amount
    conversions: list[Conversion] = []
    total = 0
    for other, name, amount in sorted(others, key=lambda row: (-row[0], row[1])):
        if wanted is not None and total >= wanted:
            break
        if amount <= 0:
            continue
        if abs(scale - other) > MAX_SHIFT:
            raise Failure(errors.AmountTooLarge(source=name, target=asset, limit=MAX_SHIFT))
        # One unit of `name` is up / down units of `asset`.
        up, down = 10 ** max(0, scale - other), 10 ** max(0, other - scale)
        covered = amount * up // down
        if wanted is not None:
            covered = min(covered, wanted - total)
        units = -(-covered * down // up)
        if units:
            conversions.append(Conversion(name, units))
            total += units * up // down
            if total.bit_length() > MAX_BITS:
                raise Failure(errors.AmountTooLarge(source=name, target=asset, limit=MAX_DIGITS))
    return conversions, total
