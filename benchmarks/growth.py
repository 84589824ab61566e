"""Scripts that grow in one direction, to see how the cost of each stage grows with them.

Every script is run in full: each source gives, each destination receives, each branch is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

SIZES = (1, 10, 100, 316, 1_000, 3_162, 10_000)
"""The sizes measured, by half steps of ten from 100 on."""
FITTED_FROM = 100
"""The exponents are fitted from this size on; below it fixed costs show."""


class Grown(NamedTuple):
    """A script of some size with the inputs of its run."""

    text: str
    variables: dict[str, object]
    balances: list[dict[str, object]]
    postings: int


def _send(amount: str, source: str, destination: str) -> str:
    return f"send {amount} (\n  source = {source}\n  destination = {destination}\n)\n"


def _block(lines: list[str], word: str = "") -> str:
    return word + "{\n    " + "\n    ".join(lines) + "\n  }"


def _held(account: str, amount: int = 1) -> dict[str, object]:
    return {"account": account, "asset": "USD/2", "amount": amount}


def sources(size: int) -> Grown:
    """Sources in order, each with one unit, all of them needed."""
    accounts = [f"from:{number}" for number in range(size)]
    text = _send(f"[USD/2 {size}]", _block([f"@{name}" for name in accounts]), "@to")
    return Grown(text, {}, [_held(name) for name in accounts], size)


def clauses(size: int) -> Grown:
    """Capped clauses of a destination, each filled, before `remaining`."""
    capped = [f"max [USD/2 1] to @to:{number}" for number in range(size)]
    text = _send(f"[USD/2 {size + 1}]", "@world", _block([*capped, "remaining to @rest"]))
    return Grown(text, {}, [], size + 1)


def shares(size: int) -> Grown:
    """Equal shares of an allotment, with a unit left over by rounding."""
    items = [f"1/{size} to @to:{number}" for number in range(size)]
    return Grown(_send(f"[USD/2 {3 * size + 1}]", "@world", _block(items)), {}, [], size)


def branches(size: int) -> Grown:
    """Branches of a `oneof`, of which only the last has enough."""
    accounts = [f"from:{number}" for number in range(size)]
    source = _block([f"@{name}" for name in accounts], "oneof ")
    text = '#![feature("experimental-oneof")]\n' + _send("[USD/2 2]", source, "@to")
    balances = [_held(name) for name in accounts[:-1]]
    return Grown(text, {}, [*balances, _held(accounts[-1], 2)], 1)


def statements(size: int) -> Grown:
    """Sends one after the other, each between two accounts of its own."""
    sends = [_send("[USD/2 1]", f"@from:{n}", f"@to:{n}") for n in range(size)]
    return Grown("".join(sends), {}, [_held(f"from:{n}") for n in range(size)], size)


def variables(size: int) -> Grown:
    """Variables that are supplied, each the account of one source in order."""
    names = [f"v{number}" for number in range(size)]
    head = "vars {\n" + "".join(f"  account ${name}\n" for name in names) + "}\n"
    text = head + _send(f"[USD/2 {size}]", _block([f"${name}" for name in names]), "@to")
    values: dict[str, object] = {name: f"from:{name}" for name in names}
    return Grown(text, values, [_held(f"from:{name}") for name in names], size)


def terms(size: int) -> Grown:
    """Terms of a sum whose worth only the run can tell."""
    total = " + ".join(["$n"] * size)
    text = "vars { number $n }\n" + _send(f"[USD/2 {total}]", "@world", "@to")
    return Grown(text, {"n": "2"}, [], 1)


DIMENSIONS: dict[str, Callable[[int], Grown]] = {
    "sources": sources,
    "destination clauses": clauses,
    "allotment shares": shares,
    "oneof branches": branches,
    "statements": statements,
    "variables": variables,
    "terms of a sum": terms,
}
