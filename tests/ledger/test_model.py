"""A ledger against a plain model of it: the same random requests on every storage at once.

The model is dictionaries and sums; what it says, each storage must say, and the storages must
agree with each other to the last byte of their logs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from numscript.diagnostics import NumscriptError
from numscript.ledger import (
    DeleteMetadata,
    Ledger,
    Post,
    Posting,
    Request,
    Revert,
    Run,
    SetMetadata,
)
from numscript.storage import Storage, open_storage
from tests.storage.backends import START, Clock

NAMES = st.sampled_from(["world", "a", "b", "b:1", "b:1:x"])
ASSETS = st.sampled_from(["USD/2", "EUR"])
POSTING = st.builds(
    Posting, NAMES, NAMES, st.sampled_from([0, 1, 50, 10**20]), ASSETS,
    st.sampled_from(["", "RED"]),
)  # fmt: skip
POSTINGS = st.one_of(*(st.tuples(*[POSTING] * count) for count in (1, 2, 3)))
KEYS = st.sampled_from([None, None, None, "k1", "k2", "k3"])
DATES = st.sampled_from([None, None, START - timedelta(days=3), START + timedelta(hours=1)])
WORDS = st.sampled_from(["x", "y"])
METADATA = st.sampled_from([{}, {"x": "x"}, {"y": "x"}, {"x": "y", "y": "y"}])
TARGETS = st.one_of(NAMES, st.integers(1, 6))
LABELS = st.sampled_from([{}, {}, {"a": {}}, {"b:1": {"x": "x"}, "c": {}}])
SCRIPT = """
vars { account $from account $to monetary $sum }
send $sum ( source = { $from @b:1 allowing overdraft up to [USD/2 5] } destination = $to )
set_account_meta($to, "x", "paid")
"""
REQUESTS: st.SearchStrategy[Request] = st.one_of(
    st.builds(
        Post, POSTINGS, KEYS, METADATA, LABELS, DATES, KEYS, st.booleans(), rule=st.none()
    ),
    st.builds(
        lambda source, to, amount, key: Run(
            SCRIPT, {"from": source, "to": to, "sum": f"USD/2 {amount}"}, idempotency_key=key
        ),
        st.sampled_from(["a", "b"]), NAMES, st.integers(0, 60), KEYS,
    ),
    st.builds(Revert, st.integers(1, 8), st.booleans(), st.booleans(), st.just({}), KEYS),
    st.builds(SetMetadata, TARGETS, METADATA.filter(bool), KEYS),
    st.builds(DeleteMetadata, TARGETS, WORDS, KEYS),
)  # fmt: skip

SEVERAL = st.one_of(*(st.tuples(*[REQUESTS] * count) for count in (1, 2, 4)))


class Model:
    """The books as plain rows: what was posted, and what was said of whom, each with its dates."""

    def __init__(self) -> None:
        self.posted: list[tuple[datetime, datetime, tuple[Posting, ...]]] = []
        self.said: list[tuple[datetime, str | int, str, str | None]] = []
        self.reverted: dict[int, datetime] = {}

    def volumes(self, at: datetime | None, by_insertion: bool) -> list[tuple[Any, ...]]:
        sums: dict[tuple[str, str, str], list[int]] = {}
        for timestamp, inserted_at, postings in self.posted:
            if at is None or (inserted_at if by_insertion else timestamp) <= at:
                for source, destination, amount, asset, color in postings:
                    sums.setdefault((source, asset, color), [0, 0])[1] += amount
                    sums.setdefault((destination, asset, color), [0, 0])[0] += amount
        return sorted((*key, *total) for key, total in sums.items())

    def metadata(self, target: str | int, at: datetime | None) -> dict[str, str]:
        found = {
            key: value
            for date, about, key, value in self.said
            if about == target and (at is None or date <= at)
        }
        return {key: value for key, value in found.items() if value is not None}

    def updated_at(self, target: str | int, inserted_at: datetime, at: datetime | None) -> datetime:
        dates = [date for date, about, _, _ in self.said if about == target]
        if target in self.reverted:
            dates.append(self.reverted[int(target)])
        return max([inserted_at, *(date for date in dates if at is None or date <= at)])


class Machine(RuleBasedStateMachine):
    """Does the same on all storages."""

    storages: dict[str, Storage]

    def __init__(self) -> None:
        super().__init__()
        name = f"m-{uuid4().hex[:12]}"
        self.ledgers = [Ledger(storage, name, clock=Clock()) for storage in self.storages.values()]
        self.model = Model()

    def all(self, act: Any) -> Any:
        """The one answer of all storages."""
        answers = []
        for ledger in self.ledgers:
            try:
                answers.append(act(ledger))
            except NumscriptError as error:
                answers.append(error.kind)
        assert all(answer == answers[0] for answer in answers), answers
        return answers[0]

    @rule(requests=SEVERAL, atomic=st.booleans())
    def bulk(self, requests: tuple[Request, ...], atomic: bool) -> None:
        def act(ledger: Ledger) -> list[Any]:
            done = ledger.bulk(requests, atomic=atomic, continue_on_failure=not atomic)
            return [(row.transaction, row.log, row.error and row.error.kind) for row in done]

        for request, (transaction, log, _) in zip(requests, self.all(act), strict=True):
            self.learn(request, transaction, log)

    @rule(request=REQUESTS)
    def single(self, request: Request) -> None:
        ((transaction, log, _),) = self.all(
            lambda ledger: [
                (row.transaction, row.log, row.error and row.error.kind)
                for row in ledger.bulk([request])
            ]
        )
        self.learn(request, transaction, log)

    def learn(self, request: Request, transaction: Any, log: Any) -> None:
        if transaction is not None and not transaction.replayed:
            inserted_at = transaction.inserted_at
            self.model.posted.append((transaction.timestamp, inserted_at, transaction.postings))
            assert transaction.id == len(self.model.posted)
            for key, value in transaction.metadata.items():
                self.model.said.append((inserted_at, transaction.id, key, value))
            if transaction.reverts is not None:
                self.model.reverted[transaction.reverts] = inserted_at
            if isinstance(request, Post):
                for address, items in request.account_metadata.items():
                    for key, value in items.items():
                        self.model.said.append((inserted_at, address, key, value))
            if isinstance(request, Run):
                to = str(request.variables["to"])
                self.model.said.append((inserted_at, to, "x", "paid"))
        elif log is not None and not log.replayed:
            if isinstance(request, SetMetadata):
                for key, value in request.metadata.items():
                    self.model.said.append((log.date, request.target, key, value))
            elif isinstance(request, DeleteMetadata):
                self.model.said.append((log.date, request.target, request.key, None))

    @rule(seconds=st.one_of(st.none(), st.integers(-300_000, 60)), by_insertion=st.booleans())
    def look(self, seconds: int | None, by_insertion: bool) -> None:
        at = None if seconds is None else START + timedelta(seconds=seconds)
        when: dict[str, Any] = {} if at is None else {"pit": at, "by_insertion": by_insertion}
        volumes = self.all(lambda ledger: list(ledger.volumes(limit=1000, **when)))
        assert volumes == self.model.volumes(at, by_insertion)
        for account in self.all(lambda ledger: ledger.accounts(**when).items):
            assert account.metadata == self.model.metadata(account.address, at)
            updated_at = self.model.updated_at(account.address, account.inserted_at, at)
            assert account.updated_at == updated_at
        for row in self.all(lambda ledger: ledger.transactions(limit=1000, **when).items):
            assert row.metadata == self.model.metadata(row.id, at)
            assert row.updated_at == self.model.updated_at(row.id, row.inserted_at, at)
        assert not any(self.all(lambda ledger: ledger.aggregate(**when)).values())

    @invariant()
    def logs_agree(self) -> None:
        self.all(lambda ledger: list(ledger.export()))

    def teardown(self) -> None:
        assert self.all(lambda ledger: ledger.verify()) == []
        lines = list(self.ledgers[0].export())
        copy = Ledger(open_storage("memory:"), "copy")
        copy.import_(lines)
        assert list(copy.export()) == lines


def test_all_storages_do_what_the_model_does(
    postgres: Storage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("model") / "books.db"
    sqlite = open_storage(f"sqlite:///{path}")
    Machine.storages = {
        "memory": open_storage("memory:"), "sqlite": sqlite, "postgres": postgres,
    }  # fmt: skip
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=15,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    sqlite.close()
