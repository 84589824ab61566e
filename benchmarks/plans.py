"""The plans of queries on Postgres: what every kind of filter makes the server do.

Each question is asked through the ledger, so that what is explained is what is run: the page
itself, and where it needs them the volumes and the metadata of its records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg

from benchmarks.business import CUSTOMERS, PACE, START
from numscript.ledger import Ledger
from numscript.storage import batches
from numscript.storage.pipeline import Step
from numscript.storage.postgres import READING, PostgresSession
from numscript.storage.protocol import Wanted

FILLED = (
    "logs",
    "transactions",
    "moves",
    "volumes",
    "accounts",
    "account_metadata",
    "transaction_metadata",
)
"""The tables that grow with a ledger."""
EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "


class Question(NamedTuple):
    """Something asked of a ledger. words: for people, JSON of the filter among them."""

    words: str
    ask: Callable[[Ledger], object]


class Plan(NamedTuple):
    """What the server did for one statement.

    indexes: those it walked, in order; scanned: filled tables that it read from end to end; rows:
    how many came out; read: how many rows it looked at in tables and indexes; pages: of 8 KB, in
    memory or not; milliseconds: without the way to the server.
    """

    indexes: tuple[str, ...]
    scanned: tuple[str, ...]
    rows: int
    read: int
    pages: int
    milliseconds: float


def explain(connection: psycopg.Connection[Any], text: str, values: Sequence[object]) -> Plan:
    """What the server does for a statement, as it is run with its values."""
    row = connection.execute((EXPLAIN + text).encode(), values).fetchone()
    assert row is not None
    tree = row[0][0]
    nodes = list(_nodes(tree["Plan"]))
    named = [node["Index Name"] for node in nodes if "Index Name" in node]
    scanned = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
    read = sum(_looked_at(node) for node in nodes if "Scan" in node["Node Type"])
    root = tree["Plan"]
    pages = root.get("Shared Hit Blocks", 0) + root.get("Shared Read Blocks", 0)
    return Plan(
        tuple(dict.fromkeys(named)),
        tuple(name for name in scanned if name.removeprefix("numscript_") in FILLED),
        int(root["Actual Rows"]),
        read,
        pages,
        tree["Execution Time"],
    )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


def _looked_at(node: dict[str, Any]) -> int:
    """The rows that a scan looked at, those that it then left out among them."""
    removed = sum(node.get(f"Rows Removed by {by}", 0) for by in ("Filter", "Index Recheck"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"] + 0.5)


def plans(ledger: Ledger, connection: psycopg.Connection[Any], question: Question) -> list[Plan]:
    """The plans of all statements of a question."""
    with _overheard() as statements:
        question.ask(ledger)
    with connection.transaction():
        connection.execute(READING)
        return [explain(connection, text, values) for text, values in statements]


@contextmanager
def _overheard() -> Iterator[list[tuple[str, tuple[object, ...]]]]:
    """All that sessions ask meanwhile, by queries and in batches."""
    heard: list[tuple[str, tuple[object, ...]]] = []
    ask, reads = PostgresSession._ask, batches.reads

    def overhear(session: PostgresSession, text: str, values: Sequence[object]) -> Sequence[Any]:
        heard.append((text.replace("?", "%s"), tuple(values)))
        return ask(session, text, values)

    def overhear_batch(ledger: str, wanted: Wanted) -> list[Step]:
        steps = reads(ledger, wanted)
        heard.extend((text, tuple(values)) for text, values in steps)
        return steps

    PostgresSession._ask = overhear  # type: ignore[method-assign,assignment]  # for a while
    batches.reads = overhear_batch
    try:
        yield heard
    finally:
        PostgresSession._ask = ask  # type: ignore[method-assign]  # as it was
        batches.reads = reads


# --- the questions ----------------------------------------------------------------------------


def questions(transactions: int) -> list[Question]:
    """Every kind of filter and order, now and at points in time, for a ledger of the business."""
    middle = START + transactions // 2 * PACE
    moments: dict[str, dict[str, Any]] = {
        "": {},
        "effective": {"pit": middle},
        "inserted": {"pit": middle, "by_insertion": True},
    }
    found = []
    for when, moment in moments.items():
        suffix = f", pit {when}" if when else ""
        for resource, filters in _filters(transactions).items():
            for words, tree in filters.items():
                found.append(_listed(resource, f"{words}{suffix}", tree, moment))
        for resource, orders in ORDERS.items():
            for order in orders:
                found.append(_listed(resource, f"by {order}{suffix}", None, moment, order=order))
                found.append(_second(resource, f"by {order}, 2nd page{suffix}", moment, order))
        found += _single(suffix, moment)
    for words, tree in _log_filters(transactions).items():
        found.append(_listed("logs", words, tree, {}))
    return found


ORDERS = {
    "transactions": ("id", "timestamp", "inserted_at", "updated_at"),
    "accounts": ("address", "first_usage", "insertion_date", "updated_at"),
}


def _listed(
    resource: str, words: str, tree: object, moment: dict[str, Any], **how: Any
) -> Question:
    return Question(
        f"{resource}: {words}", lambda ledger: getattr(ledger, resource)(tree, **moment, **how)
    )


def _second(resource: str, words: str, moment: dict[str, Any], order: str) -> Question:
    def ask(ledger: Ledger) -> object:
        page = getattr(ledger, resource)(order=order, limit=50, **moment)
        return getattr(ledger, resource)(order=order, limit=50, cursor=page.next, **moment)

    return Question(f"{resource}: {words}", ask)


def _single(suffix: str, moment: dict[str, Any]) -> list[Question]:
    """What is asked of one account, and sums."""
    customer = f"users:{CUSTOMERS // 2}:wallet"
    return [
        Question(f"account(customer){suffix}", lambda ledger: ledger.account(customer, **moment)),
        Question(
            f"aggregate: a customer{suffix}",
            lambda ledger: ledger.aggregate({"$match": {"account": customer}}, **moment),
        ),
        Question(
            f"volumes: one shop, group=1{suffix}",
            lambda ledger: ledger.volumes({"$match": {"account": "shops:7"}}, group=1, **moment),
        ),
    ]


def _filters(transactions: int) -> dict[str, dict[str, object]]:
    """Filters by resource, each by how it is written."""
    customer = f"users:{CUSTOMERS // 2}"
    day = (START + transactions // 2 * PACE).isoformat()
    late = (START + (transactions - 100) * PACE).isoformat()
    addresses = ({"$match": customer + ":wallet"}, {"$match": customer + ":"},
                 {"$match": "users:..."}, {"$match": "shops:"}, {"$match": f"{customer}:..."},
                 {"$match": "users::wallet"}, {"$match": ":7"},
                 {"$in": [customer + ":wallet", "shops:7", "nobody"]},
                 {"$like": "users:5000%"}, {"$like": "%7:wallet"})  # fmt: skip
    metadata = ({"$match": {"metadata[tier]": "gold"}}, {"$in": {"metadata[tier]": ["gold", "x"]}},
                {"$like": {"metadata[tier]": "go%"}}, {"$exists": {"metadata": "tier"}},
                {"$not": {"$exists": {"metadata": "tier"}}},
                {"$not": {"$match": {"metadata[tier]": "gold"}}},
                {"$match": {"metadata[tier]": "none"}})  # fmt: skip
    balances: tuple[dict[str, Any], ...] = (
        {"$lt": {"balance[EUR/2]": -10_000_000}}, {"$gt": {"balance[USD/2]": 1_000_000}},
        {"$match": {"balance[EUR/2]": 0}}, {"$gte": {"balance": 100_000_000}},
        {"$exists": {"balance": "USD/2"}}, {"$exists": {"balance": "XAU"}},
    )  # fmt: skip

    def over(field: str) -> list[dict[str, Any]]:
        return [{sign: {field: value}} for row in addresses for sign, value in row.items()]

    of_transactions: list[dict[str, Any]] = [
        {"$match": {"id": 77}}, {"$in": {"id": [3, 5, transactions]}}, {"$lt": {"id": 1000}},
        {"$match": {"reference": "order-777"}}, {"$like": {"reference": "order-77%"}},
        {"$in": {"reference": ["order-1", "order-2"]}},
        {"$not": {"$match": {"reference": "order-7"}}},
        *over("account"),
        {"$match": {"source": customer + ":wallet"}}, {"$match": {"source": "users:..."}},
        {"$match": {"destination": "shops:7"}}, {"$match": {"destination": "shops:"}},
        {"$not": {"$match": {"account": "world"}}},
        {"$lt": {"timestamp": day}}, {"$gte": {"timestamp": late}},
        {"$gt": {"inserted_at": late}}, {"$lt": {"updated_at": day}},
        {"$match": {"reverted": True}}, {"$match": {"reverted": False}},
        {"$gt": {"reverted_at": late}},
        {"$match": {"metadata[campaign]": "c-7"}}, {"$match": {"metadata[kind]": "sale"}},
        {"$match": {"metadata[campaign]": "none"}},
        {"$in": {"metadata[campaign]": ["c-7", "c-8"]}}, {"$like": {"metadata[campaign]": "c-7%"}},
        {"$like": {"metadata[campaign]": "%-7"}},
        {"$exists": {"metadata": "campaign"}}, {"$exists": {"metadata": "nothing"}},
        {"$not": {"$exists": {"metadata": "kind"}}},
        {"$and": [{"$match": {"account": "shops:7"}}, {"$match": {"metadata[campaign]": "c-7"}}]},
        {"$or": [{"$match": {"account": "shops:7"}}, {"$match": {"metadata[campaign]": "c-7"}}]},
        {"$or": [{"$match": {"source": "shops:7"}}, {"$match": {"destination": "shops:8"}}]},
    ]  # fmt: skip
    of_accounts: list[dict[str, Any]] = [
        *over("address"), *metadata, *balances, {"$not": balances[0]},
        {"$lt": {"first_usage": START.isoformat()}}, {"$gt": {"first_usage": late}},
        {"$gt": {"insertion_date": day}}, {"$gt": {"updated_at": late}},
        {"$or": [metadata[0], balances[0]]}, {"$and": [metadata[0], balances[0]]},
    ]  # fmt: skip
    of_volumes: list[dict[str, Any]] = [
        *over("account"), *metadata, *balances, {"$not": balances[0]},
        {"$gt": {"first_usage": late}},
    ]  # fmt: skip
    rows = {"transactions": of_transactions, "accounts": of_accounts, "volumes": of_volumes}
    return {name: {_words(tree): tree for tree in trees} for name, trees in rows.items()}


def _log_filters(transactions: int) -> dict[str, object]:
    late = (START + (transactions - 100) * PACE).isoformat()
    hour = [(START + (transactions // 2 + minutes) * PACE).isoformat() for minutes in (0, 60)]
    trees: list[dict[str, Any]] = [
        {"$and": [{"$gte": {"date": hour[0]}}, {"$lt": {"date": hour[1]}}]},
        {"$match": {"id": 77}}, {"$lt": {"id": 100}}, {"$gt": {"date": late}},
        {"$match": {"type": "SET_METADATA"}}, {"$in": {"type": ["SET_METADATA", "X"]}},
        {"$like": {"type": "SET%"}}, {"$match": {"idempotency_key": "k"}},
        {"$not": {"$match": {"type": "NEW_TRANSACTION"}}},
    ]  # fmt: skip
    return {_words(tree): tree for tree in trees}


def _words(tree: object) -> str:
    """A filter in the fewest signs that people can read."""
    assert isinstance(tree, dict)
    ((operator, inside),) = tree.items()
    if operator in ("$and", "$or"):
        return f"({f' {operator} '.join(map(_words, inside))})"
    if operator == "$not":
        return f"$not {_words(inside)}"
    ((field, value),) = inside.items()
    return f"{field} {operator} {value}"
