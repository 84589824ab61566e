"""Lists, filters, pages and points in time: one suite over every storage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from numscript import errors
from numscript.ledger import (
    DeleteMetadata,
    Ledger,
    LedgerError,
    Page,
    Post,
    Posting,
    SetMetadata,
    Transaction,
)
from numscript.storage import Storage, open_storage
from numscript.storage.filters import matches
from tests.storage.backends import START, Clock

ACCOUNTS = (
    "users:1",
    "users:2",
    "users:1:main",
    "users:22:main",
    "fees",
    "Shop_1",
    "users:1-a:main:x",
)
LONG = "ü" * 5000
DAY = timedelta(days=1)


def books(storage: Storage, name: str) -> Ledger:
    """Some months of business, the same every time."""
    ledger = Ledger(storage, name, clock=Clock())
    random = Random(7)
    for number in range(60):
        postings = [
            Posting(
                random.choice(("world", *ACCOUNTS)),
                random.choice(ACCOUNTS),
                random.choice((0, 5, 70, 10**25)),
                random.choice(("USD/2", "EUR", "EUR/2")),
                random.choice(("", "", "RED")),
            )
            for _ in range(random.randint(1, 3))
        ]
        ledger.post(
            postings,
            force=True,
            reference=f"order-{number}" if number % 3 else None,
            metadata={
                "kind": random.choice(("sale", "gift_10%", "")),
                f"k{number % 4}": "x" * number,
            },
            timestamp=START + random.randint(-30, 5) * DAY,
        )
        if number % 7 == 3:
            ledger.revert(number - 2 if number > 3 else 1, force=True)
        if number % 5 == 0:
            ledger.set_metadata(ACCOUNTS[number % 7], {"tier": random.choice(("gold", "tin"))})
        if number % 11 == 4:
            ledger.delete_metadata(ACCOUNTS[number % 7], "tier")
            ledger.set_metadata(number, {"kind": "changed"})
            ledger.delete_metadata(number - 1, "k1")
    ledger.set_metadata("only:metadata", {"tier": "gold"})
    ledger.set_metadata(9, {"long": LONG})
    return ledger


@pytest.fixture(scope="module")
def kept() -> dict[int, Ledger]:
    return {}


@pytest.fixture
def full(storage: Storage, name: str) -> Ledger:
    return books(storage, name)


def of(row: Any, role: int | None = None) -> set[str]:
    return {name for p in row.postings for name in (p[:2] if role is None else p[role : role + 1])}


TRANSACTIONS: list[tuple[object, Callable[[Any], object]]] = [
    (None, lambda _: True),
    ({}, lambda _: True),
    ({"$match": {"id": 7}}, lambda t: t.id == 7),
    ({"$in": {"id": [3, 99, 5]}}, lambda t: t.id in (3, 5)),
    ({"$gte": {"id": 20}}, lambda t: t.id >= 20),
    ({"$gt": {"id": 10**40}}, lambda _: False),
    ({"$match": {"reference": "order-4"}}, lambda t: t.reference == "order-4"),
    ({"$like": {"reference": "order-_"}}, lambda t: t.reference and len(t.reference) == 7),
    ({"$like": {"reference": "ORDER-%"}}, lambda _: False),
    ({"$in": {"reference": ["order-1", "order-2"]}},
     lambda t: t.reference in ("order-1", "order-2")),
    ({"$in": {"reference": []}}, lambda _: False),
    ({"$not": {"$match": {"reference": "order-4"}}}, lambda t: t.reference != "order-4"),
    ({"$match": {"account": "fees"}}, lambda t: "fees" in of(t)),
    ({"$match": {"source": "fees"}}, lambda t: "fees" in of(t, 0)),
    ({"$match": {"destination": "fees"}}, lambda t: "fees" in of(t, 1)),
    ({"$match": {"account": "users:"}}, lambda t: of(t) & {"users:1", "users:2"}),
    ({"$match": {"source": "users:..."}}, lambda t: any(a.startswith("users:") for a in of(t, 0))),
    ({"$match": {"account": "users::main"}}, lambda t: of(t) & {"users:1:main", "users:22:main"}),
    ({"$match": {"account": "users::main:..."}}, lambda t: "users:1-a:main:x" in of(t)),
    ({"$match": {"account": "users.1"}}, lambda _: False),
    ({"$match": {"account": "users:1-a:..."}}, lambda t: "users:1-a:main:x" in of(t)),
    ({"$match": {"account": ":1..."}}, lambda _: False),
    ({"$match": {"account": "user.:"}}, lambda _: False),
    ({"$match": {"account": ":::"}}, lambda t: "users:1-a:main:x" in of(t)),
    ({"$match": {"account": "::main"}}, lambda t: of(t) & {"users:1:main", "users:22:main"}),
    ({"$like": {"account": "users:_:main"}}, lambda t: "users:1:main" in of(t)),
    ({"$in": {"account": ["fees", "nobody"]}}, lambda t: "fees" in of(t)),
    ({"$not": {"$match": {"account": "world"}}}, lambda t: "world" not in of(t)),
    ({"$match": {"metadata[kind]": "sale"}}, lambda t: t.metadata.get("kind") == "sale"),
    ({"$match": {"metadata[k1]": "x" * 57}}, lambda t: t.metadata.get("k1") == "x" * 57),
    ({"$match": {"metadata[k2]": "x" * 50}}, lambda t: t.metadata.get("k2") == "x" * 50),
    ({"$in": {"metadata[long]": ["x", LONG]}}, lambda t: t.metadata.get("long") == LONG),
    ({"$match": {"metadata[long]": LONG}}, lambda t: t.metadata.get("long") == LONG),
    ({"$like": {"metadata[kind]": "gift\\_10\\%"}}, lambda t: t.metadata.get("kind") == "gift_10%"),
    ({"$like": {"metadata[kind]": "%\\"}}, lambda _: False),
    ({"$in": {"metadata[kind]": ["sale", ""]}}, lambda t: t.metadata.get("kind") in ("sale", "")),
    ({"$exists": {"metadata": "k1"}}, lambda t: "k1" in t.metadata),
    ({"$not": {"$exists": {"metadata": "k1"}}}, lambda t: "k1" not in t.metadata),
    ({"$match": {"reverted": True}}, lambda t: t.reverted),
    ({"$match": {"reverted": False}}, lambda t: not t.reverted),
    ({"$gte": {"reverted_at": "2026-01-01T00:00:20Z"}},
     lambda t: t.reverted_at and t.reverted_at >= START + timedelta(seconds=20)),
    ({"$not": {"$lt": {"reverted_at": "2026-01-01T00:00:20Z"}}},
     lambda t: not (t.reverted_at and t.reverted_at < START + timedelta(seconds=20))),
    ({"$lt": {"timestamp": "2025-12-20T01:00:00+01:00"}}, lambda t: t.timestamp < START - 12 * DAY),
    ({"$gt": {"inserted_at": "2026-01-01T00:00:30Z"}},
     lambda t: t.inserted_at > START + timedelta(seconds=30)),
    ({"$lte": {"updated_at": "2026-01-01T00:00:30Z"}},
     lambda t: t.updated_at <= START + timedelta(seconds=30)),
    ({"$gt": {"updated_at": "2026-01-01T00:00:30Z"}},
     lambda t: t.updated_at > START + timedelta(seconds=30)),
    ({"$match": {"updated_at": "2026-01-01T00:00:26Z"}},
     lambda t: t.updated_at == START + timedelta(seconds=26)),
    ({"$not": {"$lt": {"updated_at": "2026-01-01T00:00:38Z"}}},
     lambda t: t.updated_at >= START + timedelta(seconds=38)),
    ({"$and": [{"$match": {"account": "fees"}}, {"$or": [
        {"$match": {"metadata[kind]": "sale"}}, {"$match": {"reverted": True}}]}]},
     lambda t: "fees" in of(t) and (t.metadata.get("kind") == "sale" or t.reverted)),
    ({"$or": [{"$match": {"account": "fees"}}, {"$match": {"account": "Shop_1"}}]},
     lambda t: of(t) & {"fees", "Shop_1"}),
]  # fmt: skip


def euros(row: Any, color: str = "") -> int | None:
    volume = row.volumes.get(("EUR", color))
    return None if volume is None else volume.balance


ACCOUNT_FILTERS: list[tuple[object, Callable[[Any], object]]] = [
    (None, lambda _: True),
    ({"$match": {"address": "users:1"}}, lambda a: a.address == "users:1"),
    ({"$match": {"address": "users:"}}, lambda a: a.address in ("users:1", "users:2")),
    ({"$match": {"address": "users:..."}}, lambda a: a.address.startswith("users:")),
    ({"$match": {"address": "..."}}, lambda _: True),
    ({"$match": {"address": ""}}, lambda a: ":" not in a.address),
    ({"$like": {"address": "%s"}}, lambda a: a.address.endswith("s")),
    ({"$in": {"address": ["fees", "Shop_1"]}}, lambda a: a.address in ("fees", "Shop_1")),
    ({"$match": {"metadata[tier]": "gold"}}, lambda a: a.metadata.get("tier") == "gold"),
    ({"$exists": {"metadata": "tier"}}, lambda a: "tier" in a.metadata),
    ({"$gte": {"balance[EUR]": 0}}, lambda a: (e := euros(a)) is not None and e >= 0),
    ({"$lt": {"balance[EUR]": "-5"}}, lambda a: (e := euros(a)) is not None and e < -5),
    ({"$gt": {"balance[EUR]": 10**25}}, lambda a: (e := euros(a)) is not None and e > 10**25),
    ({"$lt": {"balance[EUR RED]": 0}}, lambda a: (e := euros(a, "RED")) is not None and e < 0),
    ({"$exists": {"balance": "EUR RED"}}, lambda a: euros(a, "RED") is not None),
    ({"$match": {"balance": 5}}, lambda a: any(v.balance == 5 for v in a.volumes.values())),
    ({"$not": {"$lt": {"balance": 0}}}, lambda a: all(v.balance >= 0 for v in a.volumes.values())),
    ({"$lt": {"first_usage": "2025-12-06T00:00:00Z"}}, lambda a: a.first_usage < START - 26 * DAY),
    ({"$gt": {"insertion_date": "2026-01-01T00:00:05Z"}},
     lambda a: a.inserted_at > START + timedelta(seconds=5)),
    ({"$gt": {"updated_at": "2026-01-01T00:00:05Z"}},
     lambda a: a.updated_at > START + timedelta(seconds=5)),
    ({"$lte": {"updated_at": "2026-01-01T00:00:25Z"}},
     lambda a: a.updated_at <= START + timedelta(seconds=25)),
]  # fmt: skip

MOMENTS: list[dict[str, Any]] = [
    {},
    {"pit": START - 10 * DAY},
    {"pit": START + timedelta(seconds=40)},
    {"pit": START + timedelta(seconds=40), "by_insertion": True},
    {"pit": START - 365 * DAY},
]


@pytest.mark.parametrize("when", MOMENTS, ids=["now", "early", "later", "inserted", "before"])
def test_filters_of_transactions(full: Ledger, when: dict[str, Any]) -> None:
    everything = full.transactions(limit=1000, **when).items
    at = when.get("pit")
    if at is None:
        assert len(everything) == full.stats().transactions
    for filter_, expected in TRANSACTIONS:
        found = full.transactions(filter_, limit=1000, **when).items
        assert found == tuple(t for t in everything if expected(t)), filter_
        assert full.count("transactions", filter_, **when) == len(found)


@pytest.mark.parametrize("when", MOMENTS, ids=["now", "early", "later", "inserted", "before"])
def test_filters_of_accounts(full: Ledger, when: dict[str, Any]) -> None:
    everything = full.accounts(limit=1000, **when).items
    assert [row.address for row in everything] == sorted(row.address for row in everything)
    for filter_, expected in ACCOUNT_FILTERS:
        found = full.accounts(filter_, limit=1000, **when).items
        assert found == tuple(a for a in everything if expected(a)), filter_
        assert full.count("accounts", filter_, **when) == len(found)


@pytest.mark.parametrize("when", MOMENTS, ids=["now", "early", "later", "inserted", "before"])
def test_volumes_are_those_of_the_accounts(full: Ledger, when: dict[str, Any]) -> None:
    accounts = {row.address: row for row in full.accounts(limit=1000, **when)}

    def rows(*names: str) -> list[tuple[str, str, str, int, int]]:
        return sorted((n, *k, *v) for n in names for k, v in accounts[n].volumes.items())

    assert list(full.volumes(limit=1000, **when)) == rows(*accounts)
    assert full.count("volumes", **when) == len(rows(*accounts))
    users = [name for name in accounts if name.startswith("users:")]
    assert list(full.volumes({"$match": {"account": "users:..."}}, **when)) == rows(*users)
    gold = {n for n, row in accounts.items() if row.metadata.get("tier") == "gold"}
    assert list(full.volumes({"$match": {"metadata[tier]": "gold"}}, **when)) == rows(*gold)
    low = [row for row in rows(*accounts) if row[1:3] == ("EUR", "") and row[3] - row[4] < 0]
    assert list(full.volumes({"$lt": {"balance[EUR]": 0}}, **when)) == low
    early = [n for n, row in accounts.items() if (row.first_usage or START) < START - 26 * DAY]
    assert list(full.volumes({"$lt": {"first_usage": START - 26 * DAY}}, **when)) == rows(*early)
    for depth in (1, 2):
        sums: dict[tuple[str, str, str], list[int]] = {}
        for name, asset, color, input_, output in rows(*accounts):
            key = (":".join(name.split(":")[:depth]), asset, color)
            total = sums.setdefault(key, [0, 0])
            total[0] += input_
            total[1] += output
        grouped = sorted((*key, *total) for key, total in sums.items())
        assert list(full.volumes(group=depth, limit=1000, **when)) == grouped
        assert (
            list(paged(lambda depth=depth, **how: full.volumes(group=depth, **how, **when), 3))
            == grouped
        )
    totals: dict[str, int] = {}
    for _, asset, _, input_, output in rows(*users):
        totals[asset] = totals.get(asset, 0) + input_ - output
    assert full.aggregate({"$match": {"address": "users:..."}}, **when) == totals
    assert not any(full.aggregate(**when).values())
    for name in ("users:1", "fees"):
        if name in accounts:
            assert full.account(name, **when) == accounts[name]
            assert full.balances(name, **when) == accounts[name].balances


@pytest.mark.parametrize("when", MOMENTS[:4], ids=["now", "early", "later", "inserted"])
def test_a_moment_is_as_it_was_by_the_transactions(full: Ledger, when: dict[str, Any]) -> None:
    at, by = when.get("pit"), "inserted_at" if when.get("by_insertion") else "timestamp"
    sums: dict[tuple[str, str, str], list[int]] = {}
    for row in full.transactions(limit=1000):
        if at is None or getattr(row, by) <= at:
            for source, destination, amount, asset, color in row.postings:
                sums.setdefault((source, asset, color), [0, 0])[1] += amount
                sums.setdefault((destination, asset, color), [0, 0])[0] += amount
    expected = sorted((*key, *total) for key, total in sums.items())
    assert list(full.volumes(limit=1000, **when)) == expected


def paged(page: Callable[..., Any], size: int) -> list[Any]:
    rows: list[Any] = []
    cursor = None
    while True:
        found = page(limit=size, cursor=cursor)
        rows += found.items
        cursor = found.next
        if cursor is None:
            return rows
        assert len(found) == size


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_neither_repeat_nor_skip(full: Ledger, size: int, descending: bool) -> None:
    for order in ("id", "timestamp", "inserted_at", "updated_at"):
        rows = paged(
            lambda order=order, **how: full.transactions(order=order, descending=descending, **how),
            size,
        )
        keys = [(getattr(row, order), row.id) for row in rows]
        assert keys == sorted(keys, reverse=descending)
        assert len(keys) == len(set(keys)) == full.stats().transactions
    for order in ("address", "first_usage", "insertion_date", "updated_at"):
        rows = paged(
            lambda order=order, **how: full.accounts(order=order, descending=descending, **how),
            size,
        )
        assert len({row.address for row in rows}) == len(rows) == full.stats().accounts
    logs = paged(lambda **how: full.logs(descending=descending, **how), size)
    ids = list(range(1, full.stats().logs + 1))
    assert [log.id for log in logs] == (ids[::-1] if descending else ids)
    assert paged(lambda **how: full.volumes(descending=descending, **how), size) == sorted(
        full.volumes(limit=1000), reverse=descending
    )


@pytest.mark.parametrize("size", [1, 7, 50])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_lead_back_the_way_they_came(full: Ledger, size: int, descending: bool) -> None:
    lists: list[Callable[..., Any]] = [full.logs, full.volumes]
    lists += [partial(full.transactions, order=order) for order in ("id", "timestamp")]
    lists += [partial(full.accounts, order=order) for order in ("address", "updated_at")]
    lists.append(partial(full.transactions, {"$match": {"account": "users:..."}}))
    for listed in lists:
        there = [listed(limit=size, descending=descending)]
        while there[-1].next is not None:
            there.append(listed(limit=size, descending=descending, cursor=there[-1].next))
        back = [there[-1]]
        while back[-1].previous is not None:
            back.append(listed(limit=size, descending=descending, cursor=back[-1].previous))
        assert [page.items for page in back[::-1]] == [page.items for page in there]
        assert there[0].previous is None
        if len(there) > 1:
            assert back[-1].has_more
            again = listed(limit=size, descending=descending, cursor=back[-1].next)
            assert again.items == there[1].items


@settings(max_examples=60, deadline=None)
@given(data=strategies.data())
def test_any_walk_over_pages_shows_neighbours(data: strategies.DataObject) -> None:
    """Forwards and backwards in pages of any size, while others write: no record is left out
    between two pages, none is there twice."""
    ledger = Ledger(open_storage("memory:"), "main", clock=Clock())
    start = datetime(2026, 6, 1, tzinfo=UTC)

    def post() -> None:
        day = data.draw(strategies.integers(0, 5))
        ledger.post([Posting("world", "a", 1, "X")], timestamp=start + day * DAY)

    for _ in range(data.draw(strategies.integers(1, 12))):
        post()
    descending = data.draw(strategies.booleans())

    def look(cursor: str | None) -> Page[Transaction]:
        size = data.draw(strategies.integers(1, 5))
        way: dict[str, Any] = {"order": "timestamp", "descending": descending}
        return ledger.transactions(**way, limit=size, cursor=cursor)

    page = look(None)
    for _ in range(8):
        forwards = data.draw(strategies.booleans())
        cursor = page.next if forwards else page.previous
        if cursor is None:
            continue
        before = page
        page = look(cursor)
        whole = ledger.transactions(order="timestamp", descending=descending).items
        ids = [row.id for row in whole]
        seen = [row.id for row in ((*before, *page) if forwards else (*page, *before))]
        if len(before) and len(page):
            first = ids.index(seen[0])
            known = [number for number in ids[first:] if number in seen]
            assert known == seen
            edge = (before[-1], page[0]) if forwards else (page[-1], before[0])
            assert ids.index(edge[1].id) == ids.index(edge[0].id) + 1
        if data.draw(strategies.booleans()):
            post()


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("when", MOMENTS[1:4], ids=["early", "later", "inserted"])
def test_pages_by_the_last_change_before_a_point_in_time(
    full: Ledger, when: dict[str, Any], descending: bool
) -> None:
    lists: list[tuple[str, Callable[..., Any]]] = [
        ("id", full.transactions), ("address", full.accounts),
    ]  # fmt: skip
    for key, listed in lists:
        expected = sorted(
            listed(limit=1000, **when),
            key=lambda row: (row.updated_at, getattr(row, key)),
            reverse=descending,
        )
        assert len(expected) > 5
        way = {"order": "updated_at", "descending": descending, **when}
        assert list(paged(partial(listed, **way), 3)) == expected


def test_what_was_read_then_is_read_again_by_its_insertion(storage: Storage, name: str) -> None:
    """Every read as of a time is what was read at that time, whatever was written since."""
    ledger = Ledger(storage, name, clock=Clock())
    sale = [Posting("world", "a", 5, "EUR"), Posting("a", "b:1", 2, "EUR")]
    acts: list[Callable[[], Any]] = [
        lambda: ledger.post(sale, metadata={"x": "1"}, account_metadata={"a": {"x": "1"}}),
        lambda: ledger.post(sale, timestamp=START + DAY, account_metadata={"a": {}, "c": {}}),
        lambda: ledger.set_metadata(1, {"x": "2", "y": "2"}),
        lambda: ledger.set_metadata("b:1", {"x": "2"}),
        lambda: ledger.delete_metadata(1, "x"),
        lambda: ledger.delete_metadata(2, "nothing"),
        lambda: ledger.delete_metadata("a", "x"),
        lambda: ledger.delete_metadata("a", "x"),
        lambda: ledger.revert(1),
        lambda: ledger.delete_metadata("c", "nothing"),
        lambda: ledger.set_metadata(1, {"x": "3"}),
        lambda: ledger.post(sale, account_metadata={"a": {}, "b:1": {"x": "4"}}),
        lambda: ledger.bulk(
            [SetMetadata(2, {"x": "5"}), DeleteMetadata(2, "x"), SetMetadata("b:1", {"x": "5"})]
        ),
        lambda: ledger.revert(2),
        lambda: ledger.set_metadata("c", {"x": "6"}),
    ]
    then = []
    for act in acts:
        act()
        (last,) = ledger.logs(limit=1)
        then.append((last.date, ledger.transactions().items, ledger.accounts().items))
    for at, transactions, accounts in then:
        when: dict[str, Any] = {"pit": at, "by_insertion": True}
        assert ledger.transactions(**when).items == transactions
        assert ledger.accounts(**when).items == accounts
    assert ledger.verify() == []


def test_in_memory_few_records_are_looked_at_for_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(open_storage("memory:"), "main", clock=Clock())
    ledger.bulk([Post([Posting("world", f"a:{number}", 1, "X")]) for number in range(500)])
    looked: list[object] = []

    def count(*given: Any) -> bool:
        looked.append(given)
        return matches(*given)

    monkeypatch.setattr("numscript.storage.memory.matches", count)
    both = {"$and": [{"$gte": {"balance": 1}}, {"$match": {"address": "a:7"}}]}
    here = ledger.transactions(limit=1, cursor=ledger.transactions(limit=250).next)
    looked.clear()
    for when in ({}, {"pit": START + DAY}, {"pit": START + DAY, "by_insertion": True}):
        acts: list[Callable[..., Any]] = [
            partial(ledger.accounts, {"$match": {"address": "a:7"}}),
            partial(ledger.accounts, {"$in": {"address": ["a:7", "a:9", "nobody"]}}),
            partial(ledger.accounts, both),
            partial(ledger.aggregate, {"$match": {"account": "a:7"}}),
            partial(ledger.transactions, {"$match": {"id": 7}}),
            partial(ledger.transactions, {"$in": {"id": [7, 0, 10**9, 7]}}, descending=False),
            partial(ledger.transactions, limit=2),
            partial(ledger.transactions, limit=2, cursor=here.next),
        ]
        for act in acts:
            assert act(**when)
            assert 0 < len(looked) <= 3
            looked.clear()


def test_volumes_of_an_interval(full: Ledger) -> None:
    since, until = START - 12 * DAY, START - 3 * DAY
    rows = full.transactions(limit=1000).items
    for by, how in (("timestamp", {}), ("inserted_at", {"by_insertion": True})):
        if how:
            since, until = START + timedelta(seconds=12), START + timedelta(seconds=50)
        for start, end in ((since, until), (since, None), (None, until)):
            sums: dict[tuple[str, str, str], list[int]] = {}
            for row in rows:
                at = getattr(row, by)
                if (start is None or at >= start) and (end is None or at <= end):
                    for source, destination, amount, asset, color in row.postings:
                        sums.setdefault((source, asset, color), [0, 0])[1] += amount
                        sums.setdefault((destination, asset, color), [0, 0])[0] += amount
            expected = sorted((*key, *total) for key, total in sums.items())
            assert expected
            found = full.volumes(since=start, pit=end, limit=1000, **how)  # type: ignore[arg-type]  # flags
            assert list(found) == expected
            users = [row for row in expected if str(row[0]).startswith("users:")]
            tree = {"$match": {"account": "users:..."}}
            assert list(full.volumes(tree, since=start, pit=end, **how)) == users  # type: ignore[arg-type]  # flags
            sold: dict[str, int] = {}
            for row_ in found:
                if row_.account.startswith("users:"):
                    sold[row_.asset] = sold.get(row_.asset, 0) + row_.balance
            assert full.aggregate(tree, since=start, pit=end, **how) == sold


def test_a_page_stays_where_it_was_while_others_write(full: Ledger) -> None:
    page = full.transactions(order="timestamp", limit=10)
    full.post([Posting("world", "late", 1, "EUR")], timestamp="2099-01-01T00:00:00Z")
    following = full.transactions(order="timestamp", limit=1000, cursor=page.next)
    ids = [row.id for row in (*page, *following)]
    assert sorted(ids) == list(range(1, full.stats().transactions))


def test_filters_of_logs(full: Ledger) -> None:
    logs = full.logs(limit=1000).items
    at = START + timedelta(seconds=30)
    for filter_, expected in (
        ({"$match": {"type": "SET_METADATA"}}, lambda log: log.type == "SET_METADATA"),
        ({"$in": {"type": ["SET_METADATA", "X"]}}, lambda log: log.type == "SET_METADATA"),
        ({"$gte": {"date": at}}, lambda log: log.date >= at),
        ({"$lt": {"id": 9}}, lambda log: log.id < 9),
        ({"$match": {"idempotency_key": "k"}}, lambda _: False),
    ):
        found = full.logs(filter_, limit=1000).items
        assert found == tuple(filter(expected, logs))
        assert full.count("logs", filter_) == len(found)
    with pytest.raises(LedgerError, match="`aggregate` is none of accounts"):
        full.count("aggregate")


@pytest.mark.parametrize(
    ("filter_", "said"),
    [
        ({"address": "bob"}, "no operator `address`"),
        ({"$match": {"account": "a", "id": 1}}, "one field"),
        ({"$match": {"id": 1}, "$gt": {"id": 1}}, "one operator"),
        ({"$near": {"id": 1}}, "no operator `$near`"),
        ({"$match": {"address": "bob"}}, "no field `address`"),
        ({"$lt": {"account": "bob"}}, "cannot be used"),
        ({"$match": {"metadata": "x"}}, "by key"),
        ({"$match": {"id[x]": 1}}, "no keys"),
        ({"$match": {"id": "x"}}, "whole number"),
        ({"$match": {"id": True}}, "whole number"),
        ({"$match": {"reverted": "yes"}}, "true or false"),
        ({"$match": {"reference": 7}}, "text"),
        ({"$match": {"reference": "a\0b"}}, "stored"),
        ({"$in": {"account": "bob"}}, "list"),
        ({"$in": {"account": ["users:"]}}, "whole addresses"),
        ({"$and": []}, "not empty"),
        ({"$and": {"$match": {"id": 1}}}, "list"),
        ([], "one operator"),
        ("x", "one operator"),
        ({"$exists": {"metadata[a]": "b"}}, "is written"),
    ],
)
def test_bad_filters_say_what_is_wrong(ledger: Ledger, filter_: object, said: str) -> None:
    with pytest.raises(LedgerError) as raised:
        ledger.transactions(filter_)
    assert isinstance(raised.value.kind, errors.InvalidFilter)
    assert said in raised.value.kind.message


def test_filters_are_bounded(ledger: Ledger) -> None:
    deep: object = {"$match": {"id": 1}}
    for _ in range(60):
        deep = {"$not": deep}
    wide = {"$or": [{"$match": {"id": n}} for n in range(501)]}
    for filter_ in (deep, wide):
        with pytest.raises(LedgerError) as raised:
            ledger.transactions(filter_)
        assert isinstance(raised.value.kind, errors.InvalidFilter)
    assert not ledger.transactions({"$or": [{"$match": {"id": n}} for n in range(500)]}).items


@pytest.mark.parametrize("text", ["'; DROP TABLE numscript_logs; --", "%sx", "?", "$1", '"', "\\"])
def test_values_are_never_sql(full: Ledger, text: str) -> None:
    for operator in ("$match", "$like"):
        for field in ("reference", f"metadata[{text}]", "metadata[kind]", "account"):
            assert full.transactions({operator: {field: text}}).items == ()
    assert full.accounts({"$exists": {"metadata": text}}).items == ()
    assert full.verify() == []


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "bnVsbA", "WyJ0cmFuc2FjdGlvbnMiLCAiaWQiLCAxLCAiMyJd"]
)
def test_a_bad_cursor_is_refused(ledger: Ledger, cursor: str) -> None:
    with pytest.raises(LedgerError) as raised:
        ledger.transactions(cursor=cursor)
    assert isinstance(raised.value.kind, errors.InvalidCursor)


def test_a_cursor_is_of_one_list(full: Ledger) -> None:
    cursor = full.transactions(limit=1).next
    for act in (
        lambda: full.accounts(cursor=cursor),
        lambda: full.transactions(cursor=cursor, order="timestamp"),
        lambda: full.transactions(cursor=cursor, descending=False),
    ):
        with pytest.raises(LedgerError):
            act()


def test_an_unused_account_is_empty(ledger: Ledger) -> None:
    account = ledger.account("nobody")
    assert (account.address, account.metadata, account.volumes) == ("nobody", {}, {})
    assert account.first_usage is None
    assert ledger.balances("nobody") == {}
