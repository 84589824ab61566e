"""How Postgres answers queries: no filter reads a table from end to end, none has lost its index.

On a few thousand transactions; `python -m benchmarks.million` does the same on a million.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from benchmarks.business import Business
from benchmarks.plans import Plan, plans, questions
from numscript.ledger import Ledger
from numscript.storage import open_storage
from tests.storage.test_opening import fresh_database

SIZE = 4000
Plans = dict[str, list[Plan]]


@pytest.fixture(scope="module")
def explained(postgres_url: str) -> Iterator[Plans]:
    """The plans of all questions, by their words."""
    url, drop = fresh_database(postgres_url)
    storage = open_storage(url)
    business = Business()
    ledger = Ledger(storage, "main", clock=business.clock)
    while business.done < SIZE:
        assert all(result.ok for result in ledger.bulk(business.requests(100)))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        asked = questions(SIZE)
        yield {question.words: plans(ledger, connection, question) for question in asked}
    storage.close()
    drop()


def test_no_question_reads_a_table_from_end_to_end(explained: Plans) -> None:
    assert len(explained) > 300
    assert all(explained.values()), "a question was not overheard"
    scans = {words: [p.scanned for p in found if p.scanned] for words, found in explained.items()}
    assert {words: tables for words, tables in scans.items() if tables} == {}


def test_every_index_is_walked_for_something(explained: Plans, postgres_url: str) -> None:
    """A question that is written so that it no longer fits its index leaves that one idle."""
    storage = open_storage(postgres_url)
    storage.close()
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename LIKE 'numscript_%' AND "
            "tablename NOT IN ('numscript_schema', 'numscript_ledgers')"
        ).fetchall()
    walked = {name for found in explained.values() for plan in found for name in plan.indexes}
    assert {name for (name,) in rows} - walked == set()


RARE = {
    "transactions: id $match 77": "transactions_pkey",
    "transactions: reference $match order-777": "transactions_ledger_reference_key",
    "transactions: account $match users:50000:wallet": "moves_pkey",
    "transactions: account $match users:50000:": "moves_pkey",
    "transactions: account $in ['users:50000:wallet', 'shops:7', 'nobody']": "moves_pkey",
    "transactions: metadata[campaign] $match c-7": "transaction_metadata_by_value",
    "transactions: metadata[campaign] $match c-7, pit effective": "transaction_metadata_by_value",
    "transactions: metadata $exists nothing": "transaction_metadata_by_key",
    "transactions: metadata $exists nothing, pit inserted": "transaction_metadata_by_key",
    "accounts: metadata[tier] $match none": "account_metadata_by_value",
    "accounts: metadata[tier] $match none, pit effective": "account_metadata_by_value",
    "accounts: balance[EUR/2] $lt -10000000": "volumes_by_balance",
    "accounts: address $match users:50000:": "accounts_pkey",
    "volumes: account $match users:50000:wallet, pit effective": "moves_pkey",
    "volumes: metadata[tier] $match none, pit inserted": "account_metadata_by_value",
    "volumes: balance[EUR/2] $lt -10000000": "volumes_by_balance",
    "logs: type $match SET_METADATA": "logs_by_type",
    "logs: idempotency_key $match k": "logs_ledger_idempotency_key_key",
}


@pytest.mark.parametrize("words", RARE)
def test_what_is_rare_is_found_by_its_index(explained: Plans, words: str) -> None:
    page = explained[words][0]
    assert f"numscript_{RARE[words]}" in page.indexes
    assert page.read <= 3 * page.rows + 100


def test_a_page_by_insertion_starts_at_its_moment(explained: Plans) -> None:
    page = explained["transactions: by id, pit inserted"][0]
    assert (page.rows, page.read < 110) == (101, True)


@pytest.mark.parametrize("when", ["", ", pit effective", ", pit inserted"])
def test_what_changed_late_is_found_by_its_index_also_as_of_then(
    explained: Plans, when: str
) -> None:
    (page,) = [
        found[0]
        for words, found in explained.items()
        if re.fullmatch(rf"accounts: updated_at \$gt [^,]+{when}", words)
    ]
    assert "numscript_accounts_by_update" in page.indexes
