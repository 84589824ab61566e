"""The canonical encoding and the hash chain, with the test vectors of docs/ledger.md."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numscript.ledger import Ledger, Posting
from numscript.ledger.chain import (
    canonical,
    hash_log,
    load,
    read_log,
    write_log,
    write_metadata,
    write_transaction,
)
from numscript.storage import open_storage

DOCS = Path(__file__).parents[2] / "docs" / "ledger.md"
VECTORS = re.search(r"```ndjson\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
assert VECTORS is not None
LINES = VECTORS[1].strip().split("\n")


def test_the_published_vectors_hold() -> None:
    """Worked out here from the words of the document alone."""
    previous = bytes(32)
    for line in LINES:
        row = json.loads(line)
        stated = row.pop("hash")
        text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(previous + text.encode()).digest()
        assert digest.hex() == stated
        previous = digest


def test_the_published_vectors_are_what_a_ledger_writes() -> None:
    times = iter(datetime(2026, 1, 1, 12, second, tzinfo=UTC) for second in range(10))
    ledger = Ledger(open_storage("memory:"), "main", clock=lambda: next(times))
    ledger.post(
        [Posting("world", "users:1", 10**20, "USD/2"), Posting("users:1", "fees", 5, "USD/2")],
        reference='order "7"',
        metadata={"é": "tab\t", "b": "2"},
        account_metadata={"users:1": {"tier": "gold"}},
        timestamp="2025-12-31T23:59:59.5+01:00",
        idempotency_key="key-1",
    )
    ledger.post([Posting("world", "users:1", 1, "USD/2", "RED")])
    ledger.set_metadata("users:1", {"a": "☕"})
    ledger.revert(2)
    ledger.delete_metadata(1, "b")
    assert list(ledger.export()) == [f"{line}\n" for line in LINES]


def test_a_line_is_read_back_as_it_was() -> None:
    previous = ""
    for line in LINES:
        log = read_log(line)
        assert write_log(log) == line
        assert hash_log(previous, log) == log.hash
        previous = log.hash


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.dictionaries(texts, texts), texts, st.integers(0, 10**30))
def test_what_is_written_by_hand_is_canonical(
    metadata: dict[str, str], reference: str, amount: int
) -> None:
    assert write_metadata(metadata) == canonical(metadata)
    posting = Posting("a", "b", amount, "USD/2", "RED")
    text = write_transaction(7, (posting, posting), metadata, reference, "x")
    assert canonical(load(text)) == text
    assert json.loads(text)["metadata"] == metadata


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "7", '{"id":1}', '{"id":1,"id":2}', '{"id":1.0}', '{"id":NaN}',
     LINES[0].replace('"id":1,', '"id":true,'),
     LINES[0].replace('"id":1,', f'"id":{"9" * 5000},'),
     LINES[0].replace("12:01:00.000000Z", "12:01:00Z"),
     LINES[0].replace('"type"', '"kind"')],
)  # fmt: skip
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_log(line)
