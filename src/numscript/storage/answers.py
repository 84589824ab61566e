"""What a database's rows answer to a query: the records of its resource, in its order.

The same for every database; what differs is given: how to ask, and how a list is handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from numscript.storage import queries, tables
from numscript.storage.filters import Query
from numscript.storage.protocol import Account, AccountRow, Transaction, Volume, VolumeRow

Ask: TypeAlias = Callable[[str, Sequence[object]], Sequence[Any]]
"""Asks the database: a statement, its parameters written `?`, and their values; gives rows."""


def select(
    query: Query,
    ledger: str,
    writing: queries.Writing,
    ask: Ask,
    listed: Callable[[list[Any]], Any],
) -> Sequence[Any]:
    """What a query asks for. `listed` makes a list of texts or ids one parameter."""

    def metadata_at(kind: str, targets: list[Any]) -> dict[Any, dict[str, str]]:
        statement = queries.metadata_of(kind, query.moment, ledger, writing)
        found: dict[Any, dict[str, str]] = {}
        for target, key, value in ask(statement.text, (*statement.values, listed(targets))):
            found.setdefault(target, {})[key] = value
        return found

    def transactions(found: list[Transaction]) -> Sequence[Transaction]:
        if query.moment is None or not found:
            return found
        at, metadata = query.moment.at, metadata_at("transaction", [row.id for row in found])
        return [tables.at_moment(row, at, metadata.get(row.id, {})) for row in found]

    def accounts(found: list[AccountRow]) -> Sequence[Account]:
        if not found:
            return []
        names = [row.address for row in found]
        metadata = None if query.moment is None else metadata_at("account", names)
        volumes: dict[str, dict[tuple[str, str], Volume]] = {}
        statement = queries.volumes_of(query.moment, ledger, writing)
        for row in ask(statement.text, (*statement.values, listed(names))):
            volumes.setdefault(row[0], {})[row[1], row[2]] = Volume(int(row[3]), int(row[4]))
        return [
            Account(
                row.address,
                row.metadata if metadata is None else metadata.get(row.address, {}),
                *row[2:],
                volumes.get(row.address, {}),
            )
            for row in found
        ]

    rows = ask(*queries.compile_query(query, ledger, writing))
    match query.resource:
        case "transactions":
            return transactions([tables.read_transaction(row) for row in rows])
        case "accounts":
            return accounts([tables.read_account(row) for row in rows])
        case "logs":
            return [tables.read_log(row) for row in rows]
        case _:
            return [VolumeRow(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in rows]
