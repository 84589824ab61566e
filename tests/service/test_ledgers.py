"""Ledgers as the service shows them, also those that it did not create."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from numscript.ledger import Ledger
from numscript.service.settings import Settings
from numscript.storage import open_storage
from tests.service.servers import Api, running


def test_a_ledger_that_others_created_was_added_when_its_log_began(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    began = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    with open_storage(url) as storage:
        times = iter([began, datetime(2025, 1, 1, tzinfo=UTC)])
        storage.create_ledger("old", began)
        old = Ledger(storage, "old", create=False, clock=lambda: next(times))
        for at in ("a", "b"):
            old.post([{"source": "world", "destination": at, "amount": 1, "asset": "USD"}])
        storage.create_ledger("empty", began)
    before = datetime.now(UTC)
    with running(Settings(url)) as server:
        api = Api(server)
        api.call("POST", "/v2/new", status=204)
        shown = api.call("GET", "/v2/old")["data"]
        assert shown["addedAt"] == "2024-02-29T12:30:00Z"
        info = api.call("GET", "/v2/old/_info")["data"]
        assert info["storage"]["migrations"][0]["date"] == "2024-02-29T12:30:00Z"
        # Of an empty one nothing is known but that it is there.
        empty = api.call("GET", "/v2/empty")["data"]["addedAt"]
        assert before <= datetime.fromisoformat(empty) <= datetime.now(UTC)
        rows = api.call("GET", "/v2")["cursor"]["data"]
        assert [row["name"] for row in rows] == ["old", "empty", "new"]
        assert rows[0] == shown
        api.close()


def test_a_ledger_keeps_its_number_whatever_others_are_created(api: Api, name: str) -> None:
    number = api.call("GET", "/v2/{l}")["data"]["id"]
    assert 0 < number < 2**53
    api.call("POST", f"/v2/{name}-2", status=204)
    assert api.call("GET", "/v2/{l}")["data"]["id"] == number
    assert api.call("GET", f"/v2/{name}-2")["data"]["id"] != number
    listed = api.call("GET", "/v2", {"$match": {"id": number}})["cursor"]["data"]
    assert [row["name"] for row in listed] == [api.ledger]


def test_the_names_of_other_ledgers_are_not_given_away(memory: Api) -> None:
    memory.call("POST", "/v2/salaries", status=204)
    for name in ("salarie", "nothing-like-it"):
        path = f"/v2/{name}/transactions"
        error = memory.call("GET", path, status=404, code="LEDGER_NOT_FOUND")
        assert "salaries" not in error["errorMessage"]
        assert f"`POST /v2/{name}` creates it" in error["errorMessage"]


def test_the_gateway_leads_to_the_console_with_a_slash_only(memory: Api) -> None:
    assert memory.send("GET", "/api/ledger").status_code == 404
    answer = memory.http.get("/api/ledger/", follow_redirects=False)
    assert answer.status_code == 307
    assert memory.http.get("/api/ledger/", follow_redirects=True).status_code == 200
