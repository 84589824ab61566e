"""What a ledger does, whole over every storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import numscript
from numscript import errors
from numscript.diagnostics import Kind
from numscript.ledger import (
    DeleteMetadata,
    Ledger,
    LedgerError,
    Post,
    Posting,
    Request,
    Revert,
    Run,
    SetMetadata,
    Transaction,
)
from numscript.storage import Storage, open_storage
from tests.storage.backends import START, Clock

SALE = "send [USD/2 100] ( source = @world destination = @alice )"
PAY = """
vars { account $to monetary $sum }
send $sum ( source = @alice destination = $to )
"""


def world(to: str = "alice", amount: int = 100, asset: str = "USD/2", color: str = "") -> Posting:
    return Posting("world", to, amount, asset, color)


def refused(kind: type[Kind], act: Callable[[], object]) -> Kind:
    """The kind that an act is refused with."""
    with pytest.raises(numscript.NumscriptError) as raised:
        act()
    found = raised.value.kind
    assert type(found) is kind
    return found


def unchanged(ledger: Ledger, act: Callable[[], object]) -> None:
    before = list(ledger.export()), ledger.accounts().items
    act()
    assert (list(ledger.export()), ledger.accounts().items) == before
    assert ledger.verify() == []


def test_a_script_becomes_a_transaction(ledger: Ledger) -> None:
    done = ledger.run(SALE, reference="r1", metadata={"kind": "sale"})
    assert done.id == 1
    assert done.postings == (world(),)
    assert (done.reference, done.metadata) == ("r1", {"kind": "sale"})
    assert done.timestamp == done.inserted_at
    assert not done.reverted
    assert done.volumes == {("world", "USD/2", ""): (0, 100), ("alice", "USD/2", ""): (100, 0)}
    assert ledger.transaction(1) == done
    assert ledger.balances("alice") == {"USD/2": 100}
    assert ledger.aggregate() == {"USD/2": 0}
    assert ledger.stats() == (1, 2, 1)
    assert ledger.verify() == []


def test_a_script_sees_what_was_committed_before(ledger: Ledger) -> None:
    ledger.run(SALE)
    ledger.run(PAY, {"to": "bob", "sum": "USD/2 70"})
    refused(errors.MissingFunds, lambda: ledger.run(PAY, {"to": "bob", "sum": "USD/2 31"}))
    ledger.run(PAY, {"to": "bob", "sum": "USD/2 30"})
    assert ledger.balances("bob") == {"USD/2": 100}
    assert [row.id for row in ledger.transactions()] == [3, 2, 1]
    assert ledger.verify() == []


def test_a_script_reads_and_writes_metadata(ledger: Ledger) -> None:
    ledger.set_metadata("shop", {"fee": "10%"})
    done = ledger.run(
        """
        vars { portion $fee = meta(@shop, "fee") }
        send [USD/2 100] ( source = @world destination = { $fee to @fees remaining to @shop } )
        set_tx_meta("fee", $fee)
        set_account_meta(@shop, "last", "sale")
        """,
        account_metadata={"shop": {"seen": "yes"}, "other": {"a": "b"}},
    )
    assert [row.amount for row in done.postings] == [10, 90]
    assert done.metadata == {"fee": "1/10"}
    assert ledger.account("shop").metadata == {"fee": "10%", "last": "sale", "seen": "yes"}
    assert ledger.account("other").metadata == {"a": "b"}
    assert ledger.verify() == []


def test_overdrafts_are_what_the_script_allows(ledger: Ledger) -> None:
    script = """
    send [USD/2 60] ( source = @credit allowing overdraft up to [USD/2 100] destination = @bob )
    """
    ledger.run(script)
    unchanged(ledger, lambda: refused(errors.MissingFunds, lambda: ledger.run(script)))
    ledger.post([world("credit", 10)])
    assert ledger.balances("credit") == {"USD/2": -50}
    ledger.post([Posting("credit", "bob", 5, "USD/2")], force=True)
    assert ledger.balances("credit") == {"USD/2": -55}
    assert ledger.verify() == []


def test_plain_postings_draw_on_those_before_them(ledger: Ledger) -> None:
    ledger.post(
        [world(), Posting("alice", "bob", 100, "USD/2"), Posting("bob", "eve", 40, "USD/2")]
    )
    assert ledger.balances("bob") == {"USD/2": 60}
    short = [Posting("bob", "eve", 60, "USD/2"), Posting("bob", "eve", 1, "USD/2")]
    kind = refused(errors.InsufficientFunds, lambda: ledger.post(short))
    assert kind.fields == {"account": "bob", "asset": "USD/2", "needed": 1, "available": 0}
    assert ledger.balances("bob") == {"USD/2": 60}
    ledger.post(short, force=True)
    assert ledger.balances("bob") == {"USD/2": -1}
    ledger.post([{"source": "world", "destination": "bob", "amount": 0, "asset": "USD/2"}])
    ledger.post([Posting("bob", "bob", 0, "USD/2")])
    assert ledger.verify() == []


def test_colours_have_balances_of_their_own(ledger: Ledger) -> None:
    ledger.post([world(color="RED"), world(amount=7)])
    short = [Posting("alice", "bob", 8, "USD/2")]
    assert refused(errors.InsufficientFunds, lambda: ledger.post(short)).fields["available"] == 7
    ledger.post([Posting("alice", "bob", 30, "USD/2", "RED")])
    assert ledger.balances("alice") == {"USD/2": 7}
    assert ledger.balances("alice", color="RED") == {"USD/2": 70}
    assert ledger.balances("alice", color=None) == {"USD/2": 77}
    assert ledger.transaction(2).postings[0].color == "RED"
    done = ledger.run(
        '#![feature("experimental-asset-colors")] '
        'send [USD/2 20] ( source = @bob \\ "RED" destination = @eve )'
    )
    assert done.postings == (Posting("bob", "eve", 20, "USD/2", "RED"),)
    assert ledger.verify() == []


def test_amounts_are_exact_at_any_size(ledger: Ledger) -> None:
    big = 10**300 + 7
    ledger.post([world(amount=big), world(amount=2**63), world(amount=1)])
    ledger.post([Posting("alice", "bob", big, "USD/2")])
    assert ledger.balances("alice") == {"USD/2": 2**63 + 1}
    assert ledger.balances("bob") == {"USD/2": big}
    assert ledger.aggregate({"$match": {"address": "bob"}}) == {"USD/2": big}
    assert ledger.transaction(1).volumes["world", "USD/2", ""].output == big + 2**63 + 1
    assert ledger.verify() == []


def test_a_dry_run_leaves_no_trace(ledger: Ledger) -> None:
    ledger.run(SALE)

    def act() -> None:
        tried = ledger.run(SALE, reference="r", idempotency_key="k", dry_run=True)
        assert (tried.id, tried.volumes["alice", "USD/2", ""].balance) == (2, 200)
        assert ledger.post([world("new")], dry_run=True).id == 2
        assert ledger.revert(1, dry_run=True).reverts == 1

    unchanged(ledger, act)
    assert ledger.run(SALE, reference="r", idempotency_key="k").id == 2


def test_what_a_script_prints_is_given_to_its_caller(ledger: Ledger) -> None:
    script = f'print "one"\nprint [USD/2 7]\n{SALE}'
    done = ledger.run(script, idempotency_key="k")
    assert done.printed == ("one", "USD/2 7")
    assert done.to_dict()["printed"] == ["one", "USD/2 7"]
    assert ledger.run(script, dry_run=True).printed == done.printed
    (result,) = ledger.bulk([Run(script)])
    assert result.transaction is not None
    assert result.transaction.printed == done.printed
    # It is not part of the books.
    assert ledger.run(script, idempotency_key="k").printed == ()
    assert ledger.transaction(1).printed == ()
    assert ledger.verify() == []


def test_an_account_never_seen_has_no_dates(ledger: Ledger) -> None:
    account = ledger.account("nobody")
    assert (account.first_usage, account.inserted_at, account.updated_at) == (None, None, None)


def test_a_reserved_name_is_told_as_such(storage: Storage) -> None:
    kind = refused(errors.InvalidRequest, lambda: Ledger(storage, "_info"))
    assert kind.fields == {"part": "ledger name", "reason": "`_info` is reserved"}


def test_a_transaction_is_reverted_once(ledger: Ledger) -> None:
    ledger.post([world(), Posting("alice", "bob", 40, "USD/2")], timestamp="2025-05-05T00:00:00Z")
    back = ledger.revert(1, at_effective_date=True, metadata={"why": "error"})
    assert back.postings == (
        Posting("bob", "alice", 40, "USD/2"),
        Posting("alice", "world", 100, "USD/2"),
    )
    assert back.metadata == {"why": "error", "com.formance.spec/state/reverts": "1"}
    assert back.timestamp == datetime(2025, 5, 5, tzinfo=UTC)
    first = ledger.transaction(1)
    assert (first.reverted, first.reverted_by, first.reverted_at) == (True, 2, back.inserted_at)
    assert first.to_dict()["revertedBy"] == 2
    assert back.to_dict()["reverts"] == 1
    assert not {"reverts", "revertedBy", "printed"} & set(ledger.run(SALE, dry_run=True).to_dict())
    assert refused(errors.AlreadyReverted, lambda: ledger.revert(1)).fields == {"id": 1, "by": 2}
    assert refused(errors.UnknownTransaction, lambda: ledger.revert(9)).fields["id"] == 9
    again = ledger.revert(2)
    assert again.postings == first.postings
    assert ledger.balances("bob") == {"USD/2": 40}
    assert ledger.verify() == []


def test_a_revert_takes_no_account_below_zero(ledger: Ledger) -> None:
    ledger.post([world()])
    ledger.post([Posting("alice", "bob", 60, "USD/2")])
    kind = refused(errors.InsufficientFunds, lambda: ledger.revert(1))
    assert kind.fields == {"account": "alice", "asset": "USD/2", "needed": 100, "available": 40}
    ledger.revert(1, force=True)
    assert ledger.balances("alice") == {"USD/2": -60}
    assert ledger.verify() == []


def test_references_are_unique(ledger: Ledger) -> None:
    ledger.run(SALE, reference="r")

    def act() -> None:
        kind = refused(errors.DuplicateReference, lambda: ledger.run(SALE, reference="r"))
        assert kind.fields == {"name": "r", "id": 1}

    unchanged(ledger, act)


def test_an_idempotency_key_gives_the_first_result_again(ledger: Ledger) -> None:
    first = ledger.run(PAY.replace("@alice", "@world"), {"to": "bob", "sum": "USD/2 5"},
                       idempotency_key="k", reference="r")  # fmt: skip
    ledger.set_metadata(1, {"later": "yes"})
    ledger.revert(1, idempotency_key="back")

    def act() -> None:
        again = ledger.run(PAY.replace("@alice", "@world"),
                           {"sum": {"asset": "USD/2", "amount": 5}, "to": "bob"},
                           idempotency_key="k", reference="r")  # fmt: skip
        assert again == first._replace(replayed=True)
        assert ledger.revert(1, idempotency_key="back").replayed
        for other in (
            lambda: ledger.run(SALE, idempotency_key="k"),
            lambda: ledger.revert(2, idempotency_key="k"),
            lambda: ledger.set_metadata("a", {"b": "c"}, idempotency_key="k"),
        ):
            assert refused(errors.IdempotencyConflict, other).fields == {"key": "k"}

    unchanged(ledger, act)


def test_a_request_that_failed_keeps_no_key(ledger: Ledger) -> None:
    poor = [Posting("bob", "eve", 1, "USD/2")]
    refused(errors.InsufficientFunds, lambda: ledger.post(poor, idempotency_key="k"))
    assert not ledger.post([world()], idempotency_key="k").replayed


def test_metadata_is_set_and_deleted(ledger: Ledger) -> None:
    ledger.run(SALE)
    log = ledger.set_metadata("alice", {"a": "1", "b": "2"}, idempotency_key="k")
    assert ledger.set_metadata("alice", {"a": "1", "b": "2"}, idempotency_key="k").replayed
    ledger.set_metadata("alice", {"a": "ü\n\u2028"})
    ledger.delete_metadata("alice", "b")
    ledger.delete_metadata("alice", "never there")
    ledger.set_metadata(1, {"t": "1"})
    ledger.set_metadata(1, {"u": "2"})
    ledger.delete_metadata(1, "t")
    assert log.type == "SET_METADATA"
    assert ledger.account("alice").metadata == {"a": "ü\n\u2028"}
    assert ledger.transaction(1).metadata == {"u": "2"}
    ledger.set_metadata("unused", {"x": "y"})
    assert ledger.account("unused").metadata == {"x": "y"}
    refused(errors.UnknownTransaction, lambda: ledger.set_metadata(7, {"a": "b"}))
    assert ledger.verify() == []


def test_metadata_of_script_and_caller_do_not_collide(ledger: Ledger) -> None:
    script = SALE + ' set_tx_meta("k", "")'
    kind = refused(errors.MetadataOverride, lambda: ledger.run(script, metadata={"k": "v"}))
    assert kind.fields == {"key": "k"}
    assert ledger.run(script, metadata={"l": "v"}).metadata == {"k": "", "l": "v"}


def test_timestamps_are_given_or_now(ledger: Ledger) -> None:
    east = datetime.fromisoformat("2020-02-03T04:05:06.123456+02:00")
    early = ledger.run(SALE, timestamp=east)
    assert early.timestamp == datetime(2020, 2, 3, 2, 5, 6, 123456, tzinfo=UTC)
    assert ledger.run(SALE, timestamp="2099-01-01T00:00:00Z").timestamp.year == 2099
    assert ledger.account("alice").first_usage == early.timestamp
    assert ledger.transaction(1) == early
    assert ledger.verify() == []


def test_the_log_never_goes_back_in_time(storage: Storage, name: str) -> None:
    times = [START + timedelta(seconds=s) for s in (9, 8, 10)]
    ledger = Ledger(storage, name, clock=iter([START, *times]).__next__)
    assert [ledger.run(SALE).inserted_at.second for _ in times] == [9, 9, 10]


BAD: list[tuple[str, Callable[[Ledger], object]]] = [
    ("amount", lambda b: b.post([Posting("world", "a", -1, "USD/2")])),
    ("amount", lambda b: b.post([{**world()._asdict(), "amount": 1.5}])),
    ("amount", lambda b: b.post([world(amount=10**4001)])),
    ("amount", lambda b: b.post([world(amount=True)])),
    ("asset", lambda b: b.post([world(asset="usd")])),
    ("color", lambda b: b.post([world(color="red")])),
    ("source", lambda b: b.post([Posting("a b", "a", 1, "USD/2")])),
    ("destination", lambda b: b.post([Posting("a", "", 1, "USD/2")])),
    ("destination", lambda b: b.post([Posting("a", "x" * 2000, 1, "USD/2")])),
    ("posting", lambda b: b.post([{"source": "a"}])),
    ("posting", lambda b: b.post([{**world()._asdict(), "fee": 1}])),
    ("reference", lambda b: b.post([world()], reference="")),
    ("reference", lambda b: b.post([world()], reference="x" * 256)),
    ("idempotency key", lambda b: b.post([world()], idempotency_key="\ud800")),
    ("metadata `a`", lambda b: b.post([world()], metadata={"a": 1})),  # type: ignore[dict-item]
    ("metadata `a`", lambda b: b.post([world()], metadata={"a": "\0"})),
    ("metadata key", lambda b: b.post([world()], metadata={"": "a"})),
    ("account metadata", lambda b: b.post([world()], account_metadata={"a b": {"c": "d"}})),
    ("timestamp", lambda b: b.post([world()], timestamp="yesterday")),
    ("timestamp", lambda b: b.post([world()], timestamp=datetime(2026, 1, 1))),
    ("target", lambda b: b.set_metadata("a b", {"c": "d"})),
    ("metadata", lambda b: b.set_metadata("a", {})),
    ("id", lambda b: b.revert("1")),  # type: ignore[arg-type]
    ("force flag", lambda b: b.run(SALE, force=True)),
    ("script", lambda b: b.run(7)),  # type: ignore[arg-type]
    ("limit", lambda b: b.transactions(limit=0)),
    ("order", lambda b: b.transactions(order="reference")),
    ("bulk", lambda b: b.bulk([], atomic=True, continue_on_failure=True)),
    ("ledger name", lambda b: Ledger(b.storage, "a b")),
    ("ledger name", lambda b: Ledger(b.storage, "_info")),
]


@pytest.mark.parametrize(("part", "act"), BAD, ids=[f"{n}-{p}" for n, (p, _) in enumerate(BAD)])
def test_what_cannot_be_kept_is_refused(
    ledger: Ledger, part: str, act: Callable[[Ledger], object]
) -> None:
    assert refused(errors.InvalidRequest, lambda: act(ledger)).fields["part"] == part
    assert ledger.stats() == (0, 0, 0)


def test_what_scripts_are_refused_with(ledger: Ledger) -> None:
    refused(errors.UnexpectedToken, lambda: ledger.run("send send"))
    refused(errors.UnboundVariable, lambda: ledger.run("print $x"))
    refused(errors.MissingVariable, lambda: ledger.run(PAY, {"to": "bob"}))
    refused(errors.NoPostings, lambda: ledger.run('set_tx_meta("a", "b")'))
    refused(errors.NoPostings, lambda: ledger.post([]))
    assert ledger.stats() == (0, 0, 0)


def test_ids_have_no_gaps_after_failures(ledger: Ledger) -> None:
    for number in range(5):
        ledger.run(SALE)
        refused(errors.InsufficientFunds, lambda: ledger.post([Posting("x", "y", 1, "USD/2")]))
        assert ledger.transactions()[0].id == number + 1


def test_a_bulk_sees_its_own_elements(ledger: Ledger) -> None:
    results = ledger.bulk(
        [
            Post([world()], idempotency_key="k"),
            Run(PAY, {"to": "bob", "sum": "USD/2 60"}),
            SetMetadata("bob", {"a": "b"}),
            Run('vars { string $s = meta(@bob, "a") } ' + SALE + ' set_tx_meta("s", $s)'),
            DeleteMetadata("bob", "a"),
            Revert(2),
            Post([world()], idempotency_key="k"),
        ]
    )
    assert all(result.ok for result in results)
    transactions = [result.transaction for result in results]
    assert [row and row.id for row in transactions] == [1, 2, None, 3, None, 4, 1]
    assert transactions[6] is not None
    assert transactions[6].replayed
    assert transactions[3] is not None
    assert transactions[3].metadata == {"s": "b"}
    assert ledger.balances("alice") == {"USD/2": 200}
    assert ledger.account("bob").metadata == {}
    assert ledger.verify() == []


def test_a_bulk_stops_goes_on_or_is_undone(ledger: Ledger) -> None:
    good, bad = Post([world()]), Post([Posting("x", "y", 1, "USD/2")])
    wrong = Post([world(amount=-1)])

    def codes(**how: bool) -> list[str]:
        done = ledger.bulk([good, wrong, good, bad, good], **how)
        return ["" if result.error is None else result.error.kind.code for result in done]

    assert codes(atomic=True) == ["NUM515", "NUM509", "NUM515", "NUM515", "NUM515"]
    assert ledger.stats() == (0, 0, 0)
    assert codes() == ["", "NUM509", "NUM515", "NUM515", "NUM515"]
    assert codes(continue_on_failure=True) == ["", "NUM509", "", "NUM501", ""]
    assert ledger.stats() == (4, 2, 4)
    assert ledger.bulk([]) == []
    assert ledger.verify() == []


def test_what_is_done_together_stands_each_for_itself(ledger: Ledger) -> None:
    good, poor = Post([world()]), Post([Posting("eve", "bob", 1, "USD/2")])
    requests: list[Request] = [
        good,
        poor,
        Post([world()], reference="r"),
        Post([world()], reference="r"),
        Post([world()], idempotency_key="k"),
        Post([world()], idempotency_key="k"),
        Post([Posting("no account", "bob", 1, "USD/2")]),
        Revert(1),
        SetMetadata("bob", {"tier": "gold"}),
    ]
    done = ledger.together(requests)
    kinds = [type(row).__name__ for row in done]
    assert kinds == [
        *("Transaction", "LedgerError", "Transaction", "LedgerError"),
        *("Transaction", "Transaction", "LedgerError", "Transaction", "Log"),
    ]
    assert [row.id for row in done if isinstance(row, Transaction)] == [1, 2, 3, 3, 4]
    assert ledger.together([]) == []
    (refusal,) = ledger.together([poor])
    assert isinstance(refusal, LedgerError)
    assert ledger.stats()[:1] == (4,)
    assert ledger.verify() == []


@pytest.mark.parametrize("junk", [1, None, {"action": "POST"}, "send"])
def test_a_bulk_of_what_is_no_request_says_what_is_one(ledger: Ledger, junk: Any) -> None:
    with pytest.raises(TypeError, match="give a Run, Post, Revert, SetMetadata or DeleteMetadata"):
        ledger.bulk([Post([world()]), junk])
    assert ledger.stats().logs == 0


def test_an_atomic_bulk_that_fails_late_leaves_nothing(ledger: Ledger) -> None:
    ledger.post([world()], reference="first")
    bulk: list[Request] = [
        Post([world("bob")], reference="r", idempotency_key="k"),
        SetMetadata("bob", {"a": "b"}),
        SetMetadata(1, {"a": "b"}),
        Revert(1),
        Post([Posting("bob", "eve", 101, "USD/2")]),
    ]
    unchanged(ledger, lambda: ledger.bulk(bulk, atomic=True))
    results = ledger.bulk([*bulk[:2], Post([Posting("bob", "eve", 99, "USD/2")])], atomic=True)
    assert all(result.ok for result in results)
    assert ledger.verify() == []


def test_ledgers_are_apart(storage: Storage, name: str) -> None:
    one, other = Ledger(storage, name), Ledger(storage, f"{name}-2")
    one.run(SALE, reference="r", idempotency_key="k")
    assert other.run(SALE, reference="r", idempotency_key="k").id == 1
    assert Ledger(storage, name).balances("alice") == {"USD/2": 100}
    assert {name, f"{name}-2"} <= set(storage.ledgers())
    kind = refused(errors.UnknownLedger, lambda: Ledger(storage, f"{name}-3", create=False))
    assert kind.fields["suggestion"].startswith("did you mean")  # type: ignore[attr-defined]


def test_a_log_is_exported_and_imported(storage: Storage, ledger: Ledger, name: str) -> None:
    fill(ledger)
    lines = list(ledger.export())
    copy = Ledger(storage, f"{name}-copy")
    assert copy.import_(lines) == len(lines)
    assert list(copy.export()) == lines
    assert copy.transactions().items == ledger.transactions().items
    assert copy.accounts().items == ledger.accounts().items
    assert copy.verify() == []
    assert copy.post([world()]).id == ledger.stats().transactions + 1
    refused(errors.LedgerNotEmpty, lambda: copy.import_(lines))


def fill(ledger: Ledger) -> None:
    """One of each kind of change."""
    ledger.run(SALE, reference="r", idempotency_key="k", metadata={"é": '"\\\n'})
    ledger.post([world(color="RED")], timestamp="2020-01-01T00:00:00Z",
                account_metadata={"z": {"a": "b"}})  # fmt: skip
    ledger.post([Posting("poor", "eve", 9, "EUR")], force=True)
    ledger.set_metadata("alice", {"a": "1"})
    ledger.set_metadata(1, {"a": "1"})
    ledger.delete_metadata("alice", "a")
    ledger.delete_metadata(1, "é")
    ledger.revert(3, force=True, idempotency_key="back")
    ledger.revert(4, force=True, at_effective_date=True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda lines: [*lines[:3], lines[3].replace('"1"', '"2"'), *lines[4:]], "NUM511"),
        (lambda lines: [*lines[:3], *lines[4:]], "NUM511"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "NUM511"),
        (lambda lines: [*lines, lines[-1]], "NUM511"),
        (lambda lines: [*lines[:2], lines[2][:40]], "NUM512"),
        (lambda lines: [*lines[:2], "7"], "NUM512"),
        (lambda lines: [*lines[:2], "[" * 5000], "NUM512"),
    ],
)
def test_a_damaged_log_imports_nothing(
    storage: Storage, ledger: Ledger, name: str,
    change: Callable[[list[str]], list[str]], code: str,
) -> None:  # fmt: skip
    fill(ledger)
    copy = Ledger(storage, f"{name}-copy")
    with pytest.raises(LedgerError) as raised:
        copy.import_(change(list(ledger.export())))
    assert raised.value.kind.code == code
    assert copy.stats() == (0, 0, 0)
    assert copy.verify() == []


def test_a_log_is_imported_with_its_ledger(storage: Storage, ledger: Ledger, name: str) -> None:
    fill(ledger)
    copy = Ledger.imported(storage, f"{name}-copy", ledger.export())
    assert list(copy.export()) == list(ledger.export())
    assert copy.verify() == []
    assert copy.post([world()]).id == ledger.stats().transactions + 1
    refused(errors.LedgerNotEmpty, lambda: Ledger.imported(storage, copy.name, ledger.export()))
    assert copy.stats().logs == ledger.stats().logs + 1
    assert Ledger.imported(storage, f"{name}-none", []).stats() == (0, 0, 0)
    assert {f"{name}-copy", f"{name}-none"} <= set(storage.ledgers())


def test_of_several_imports_of_one_ledger_one_is_taken(
    storage: Storage, ledger: Ledger, name: str
) -> None:
    fill(ledger)
    lines = list(ledger.export())

    def take(number: int) -> object:
        try:
            return Ledger.imported(storage, f"{name}-copy", lines[: number + 1]).name
        except LedgerError as error:
            return type(error.kind)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(take, range(4)))
    assert (found.count(f"{name}-copy"), found.count(errors.LedgerNotEmpty)) == (1, 3)
    count = found.index(f"{name}-copy") + 1
    assert list(Ledger(storage, f"{name}-copy").export()) == lines[:count]


def test_a_log_is_imported_into_a_ledger_that_is_empty(
    storage: Storage, ledger: Ledger, name: str
) -> None:
    fill(ledger)
    empty = Ledger(storage, f"{name}-copy")
    Ledger.imported(storage, empty.name, ledger.export())
    assert list(empty.export()) == list(ledger.export())


@pytest.mark.parametrize("size", [0, 1, 2500])
def test_a_refused_import_leaves_no_ledger(
    storage: Storage, ledger: Ledger, name: str, size: int
) -> None:
    """Wherever it breaks off: in the first batch, or when others were sent to the database."""
    ledger.bulk([Post([world()]) for _ in range(size)])
    target = f"{name}-copy"
    before = storage.ledgers()

    def interrupted() -> Iterator[str]:
        yield from ledger.export()
        raise KeyboardInterrupt

    acts: list[tuple[type[BaseException], Iterable[str]]] = [
        (LedgerError, [*ledger.export(), "not a line"]),
        (TypeError, [*ledger.export(), 7]),  # type: ignore[list-item]  # what is refused
        (TypeError, "no lines"),
        (KeyboardInterrupt, interrupted()),
    ]
    for problem, lines in acts:
        with pytest.raises(problem):
            Ledger.imported(storage, target, lines)
        assert storage.ledgers() == before
    for bad in ("a b", "_info"):
        with pytest.raises(LedgerError):
            Ledger.imported(storage, bad, ledger.export())
    assert storage.ledgers() == before
    assert Ledger.imported(storage, target, ledger.export()).stats().logs == size


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not a line", "line 4 is no line of a log: it is no JSON at column 1"),
        ('{"data":{"a', "line 4 is no line of a log: it breaks off at column 10"),
        ('{"data":', "line 4 is no line of a log: it breaks off at column 9"),
        ('{"id":1,"id":2}', "line 4 is no line of a log: an object has the same key twice"),
        (f'{{"id":{"9" * 5000}}}', "line 4 is no line of a log: it has a number of 5000 digits"),
    ],
)
def test_a_bad_line_is_named_by_its_place_in_the_file(
    ledger: Ledger, name: str, storage: Storage, line: str, said: str
) -> None:
    fill(ledger)
    copy = Ledger(storage, f"{name}-copy")
    first, *rest = ledger.export()
    kind = refused(errors.InvalidLogLine, lambda: copy.import_(["", first, "\n", line, *rest]))
    assert kind.message == said
    assert copy.import_(["\n", first, "", *rest]) == 1 + len(rest)


def test_an_export_written_to_a_file_is_imported_from_it(
    ledger: Ledger, name: str, storage: Storage, tmp_path: Path
) -> None:
    fill(ledger)
    path = tmp_path / "books.ndjson"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(ledger.export())
    copy = Ledger(storage, f"{name}-copy")
    with path.open(encoding="utf-8") as file:
        assert copy.import_(file) == ledger.stats().logs
    assert list(copy.export()) == list(ledger.export())


def test_an_import_of_what_are_no_lines_of_text_says_what_is_wanted(ledger: Ledger) -> None:
    given: list[tuple[Any, str]] = [
        ("{}\n", "splitlines"),
        (b"{}\n", "splitlines"),
        ([b"{}\n"], "line 1 is bytes, no text: open the file as text"),
    ]
    for lines, said in given:
        with pytest.raises(TypeError, match=said):
            ledger.import_(lines)


def test_a_ledger_of_no_storage_says_what_is_wanted() -> None:
    wrong: Any
    for wrong in ("sqlite:///books.db", Path("books.db")):
        with pytest.raises(TypeError, match="open_storage"):
            Ledger(wrong, "main")


def test_long_work_tells_how_far_it_is(storage: Storage, ledger: Ledger, name: str) -> None:
    posts = [Post([world()]) for _ in range(1500)]
    ledger.bulk(posts)
    told: list[int] = []
    assert ledger.verify(progress=told.append) == []
    assert (sum(told), len(told) > 1) == (1500, True)
    told.clear()
    assert Ledger(storage, f"{name}-copy").import_(ledger.export(), progress=told.append) == 1500
    assert (sum(told), len(told) > 1) == (1500, True)


def test_verifying_needs_no_more_memory_for_a_longer_log(tmp_path: Path) -> None:
    import tracemalloc

    ledger = Ledger(open_storage(f"sqlite:///{tmp_path / 'books.db'}"), "main", clock=Clock())

    def peak() -> int:
        tracemalloc.start()
        try:
            assert ledger.verify() == []
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def post(first: int, last: int) -> None:
        for start in range(first, last, 1000):
            numbers = range(start, start + 1000)
            results = ledger.bulk([Post([world()], f"r-{n}", {"n": str(n)}) for n in numbers])
            assert all(result.ok for result in results)

    post(0, 2000)
    short = peak()
    post(2000, 8000)
    assert peak() < 1.3 * short


def test_several_ledgers_objects_share_a_committer(storage: Storage, name: str) -> None:
    clock = Clock()
    one, other = Ledger(storage, name, clock=clock), Ledger(storage, name, clock=clock)
    assert one._committer is other._committer
    assert isinstance(other.run(SALE), Transaction)
