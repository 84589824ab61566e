"""Writes of one ledger that come at the same time, and are done together."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from numscript.ledger import Ledger
from numscript.service.settings import Settings
from numscript.service.state import State
from numscript.storage.pipeline import Pipeline
from tests.service.servers import Api, postings, running

GOOD = {"postings": postings("world bob 1 USD")}
POOR = {"postings": postings("eve bob 1 USD")}
SCRIPT = {
    "script": {
        "plain": "vars { account $to } send [USD 1] ( source = @world destination = $to )",
        "vars": {"to": "ann"},
    }
}


class Together:
    """Holds the first group up until it is let go, and keeps how many were in each.

    third: is set when a third group is begun.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.third = threading.Event()
        self.sizes: list[int] = []
        together = Ledger.together

        def slow(ledger: Ledger, requests: Any, passed: Any) -> Any:
            self.sizes.append(len(requests))
            if len(self.sizes) == 3:
                self.third.set()
            self.go.wait(30)
            return together(ledger, requests, passed)

        monkeypatch.setattr(Ledger, "together", slow)


def under_way(api: Api, count: int) -> None:
    """Wait until so many calls are on their way."""
    end = time.monotonic() + 20
    while f"under_way {count}.0" not in api.send("GET", "/metrics").text:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_calls_that_come_together_are_answered_each_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = Together(monkeypatch)
    calls: list[tuple[object, dict[str, str], int, str]] = [
        (GOOD, {}, 200, ""),
        (POOR, {}, 400, "INSUFFICIENT_FUND"),
        (SCRIPT, {}, 200, ""),
        ({"postings": []}, {}, 400, "NO_POSTINGS"),
        (b"{", {}, 400, "VALIDATION"),
        ({**GOOD, "reference": "r"}, {}, 200, ""),
        ({**GOOD, "reference": "r"}, {}, 409, "CONFLICT"),
        (GOOD, {"Idempotency-Key": "k"}, 200, ""),
        (GOOD, {"Idempotency-Key": "k"}, 200, ""),
        (POOR, {"Idempotency-Key": "k"}, 400, "VALIDATION"),
    ]
    with running(Settings("memory:")) as url, ThreadPoolExecutor(1 + len(calls)) as threads:
        api = Api(url)
        api.call("POST", "/v2/{l}", status=204)
        first = threads.submit(api.send, "POST", "/v2/{l}/transactions", GOOD)
        under_way(api, 1)
        path, sent = "/v2/{l}/transactions", []
        for at, (body, headers, _, _) in enumerate(calls, start=2):
            sent.append(threads.submit(api.send, "POST", path, body, headers=headers))
            under_way(api, at)
        held.go.set()
        assert first.result().status_code == 200
        answers = [future.result() for future in sent]
        assert [answer.status_code for answer in answers] == [call[2] for call in calls]
        codes = ["" if a.status_code == 200 else a.json()["errorCode"] for a in answers]
        assert codes == [call[3] for call in calls]
        hits = [at for at, answer in enumerate(answers) if "idempotency-hit" in answer.headers]
        assert hits == [8]
        # Two of them had nothing to commit.
        assert held.sizes == [1, len(calls) - 2]
        assert api.call("GET", "/v2/{l}/stats")["data"]["transactions"] == 5
        api.close()


def test_the_next_group_is_planned_while_a_distant_storage_commits_one(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    held = Together(monkeypatch)
    finish = Pipeline.finish

    def wait_for_the_next(pipeline: Pipeline) -> Any:
        if len(held.sizes) == 2:
            assert held.third.wait(20), "nobody planned the next group"
        return finish(pipeline)

    with running(Settings(postgres_url)) as url, ThreadPoolExecutor(4) as threads:
        api = Api(url, f"l{time.time_ns()}")
        api.call("POST", "/v2/{l}", status=204)
        path, sent = "/v2/{l}/transactions", []
        for at in range(3):
            sent.append(threads.submit(api.send, "POST", path, GOOD))
            under_way(api, at + 1)
        monkeypatch.setattr(Pipeline, "finish", wait_for_the_next)
        held.go.set()
        assert sent[0].result().status_code == 200
        sent.append(threads.submit(api.send, "POST", path, GOOD))
        assert [future.result().json()["data"]["id"] for future in sent] == [1, 2, 3, 4]
        assert held.sizes == [1, 2, 1]
        api.close()


def test_those_who_follow_a_ledger_are_told_of_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(State, "committed", lambda _, ledger: told.append(ledger))
    with running(Settings("memory:")) as url:
        api = Api(url)
        api.call("POST", "/v2/{l}", status=204)
        told.clear()
        api.call("POST", "/v2/{l}/transactions", GOOD)
        assert told == ["main"]
        api.close()


def test_an_accident_with_a_group_is_told_to_all_of_it_and_leaves_the_next_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = Ledger.together

    def broken(_ledger: Ledger, _requests: Any, _passed: Any) -> Any:
        raise ZeroDivisionError

    with running(Settings("memory:")) as url:
        api = Api(url)
        api.call("POST", "/v2/{l}", status=204)
        monkeypatch.setattr(Ledger, "together", broken)
        api.call("POST", "/v2/{l}/transactions", GOOD, status=500, code="INTERNAL")
        monkeypatch.setattr(Ledger, "together", together)
        api.call("POST", "/v2/{l}/transactions", GOOD)
        assert api.call("GET", "/v2/{l}/stats")["data"]["transactions"] == 1
        api.close()


def test_a_ledger_that_is_held_up_does_not_hold_up_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = Together(monkeypatch)
    with running(Settings("memory:")) as url, ThreadPoolExecutor(1) as threads:
        slow, quick = Api(url, "slow"), Api(url, "quick")
        for api in (slow, quick):
            api.call("POST", "/v2/{l}", status=204)
        first = threads.submit(slow.send, "POST", "/v2/{l}/transactions", GOOD)
        under_way(slow, 1)
        element = {"action": "CREATE_TRANSACTION", "data": GOOD}
        quick.call("POST", "/v2/{l}/_bulk", [element])
        assert quick.call("GET", "/v2/{l}/stats")["data"]["transactions"] == 1
        held.go.set()
        assert first.result().status_code == 200
        slow.close()
        quick.close()
