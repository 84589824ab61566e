"""What the stages of a run hand on: `ResolvedProgram`, then `ExecutionResult` with its postings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numscript.bytecode.program import Program
    from numscript.runtime.store import BalanceKey


class Posting(NamedTuple):
    """One movement: an amount, in the asset's smallest unit, from an account to another."""

    source: str
    destination: str
    amount: int
    asset: str
    color: str = ""

    def to_dict(self) -> dict[str, str | int]:
        """The posting with the reference's keys; the color only where there is one."""
        row: dict[str, str | int] = {
            "source": self.source,
            "destination": self.destination,
            "amount": self.amount,
            "asset": self.asset,
        }
        if self.color:
            row["color"] = self.color
        return row


def new_posting(fields: tuple[str, str, int, str, str]) -> Posting:
    """A posting from its fields in order; takes half the time of calling `Posting`."""
    return _new_tuple(Posting, fields)


_new_tuple = tuple.__new__


class Needs(NamedTuple):
    """What a run reads: balances by account, asset and colour, and metadata by account and key.

    Of a program without variables a part may be `$name`, the variable it comes from, or None
    where it is only known during the run.
    """

    balances: tuple[tuple[str | None, str | None, str | None], ...]
    metadata: tuple[tuple[str | None, str | None], ...]


class ResolvedProgram(NamedTuple):
    """A program with all that it reads: everything that `execute` needs.

    slots: the table of resources, filled as far as it is known; balances: what was read;
    metadata: text by account and key.
    """

    program: Program
    slots: list[Any]
    balances: dict[BalanceKey, int]
    metadata: dict[tuple[str, str], str]

    @property
    def needs(self) -> Needs:
        """What was read."""
        return Needs(tuple(self.balances), tuple(self.metadata))

    @property
    def variables(self) -> dict[str, object]:
        """The values of the supplied variables."""
        start = len(self.program.constants)
        return {
            variable.name: self.slots[start + place]
            for place, variable in enumerate(self.program.supplied)
        }


def new_resolved(
    fields: tuple[Program, list[Any], dict[BalanceKey, int], dict[tuple[str, str], str]],
) -> ResolvedProgram:
    """A resolved program from its fields in order."""
    return _new_tuple(ResolvedProgram, fields)


class ExecutionResult(NamedTuple):
    """What a run yields: postings in order, metadata as text, and what was printed."""

    postings: tuple[Posting, ...]
    tx_metadata: dict[str, str]
    account_metadata: dict[str, dict[str, str]]
    printed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The result with the reference's keys."""
        return {
            "postings": [posting.to_dict() for posting in self.postings],
            "txMeta": dict(self.tx_metadata),
            "accountsMeta": {name: dict(items) for name, items in self.account_metadata.items()},
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """The result as JSON text; amounts are JSON integers of any size."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)


def end_balances(
    balances: Mapping[BalanceKey, int], postings: tuple[Posting, ...]
) -> dict[BalanceKey, int]:
    """Balances after postings, of every account that had one or was part of a posting."""
    after = dict(balances)
    for source, destination, amount, asset, color in postings:
        taken, given = (source, asset, color), (destination, asset, color)
        after[taken] = after.get(taken, 0) - amount
        after[given] = after.get(given, 0) + amount
    return after
