"""The stream of events: what it tells, where it starts, how it goes on and ends."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import httpx
import jsonschema
import pytest

from numscript.service.settings import Settings
from tests.service.receivers import read_stream, until
from tests.service.servers import Api, components, running
from tests.service.test_serve import Load, serving

HASHES = "/v2/{l}/logs?pageSize=100&sort=id:asc"


def test_each_kind_of_change_is_told_as_formance_publishes_it(api: Api) -> None:
    api.post("world bob 100 USD/2", reference="a", accountMetadata={"bob": {"k": "v"}})
    api.call("POST", "/v2/{l}/accounts/bob/metadata", {"tier": "gold"}, status=204)
    api.call("DELETE", "/v2/{l}/accounts/bob/metadata/tier", status=204)
    api.call("POST", "/v2/{l}/transactions/1/revert", status=201)
    rows = read_stream(api.url, f"/v2/{api.ledger}/events", 4)
    events = [event for _, event in rows]
    assert [number for number, _ in rows] == [1, 2, 3, 4]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4]
    assert [event["type"] for event in events] == [
        "COMMITTED_TRANSACTIONS", "SAVED_METADATA", "DELETED_METADATA", "REVERTED_TRANSACTION",
    ]  # fmt: skip
    schema = {"$ref": "#/components/schemas/Event", "components": components()}
    for event in events:
        jsonschema.validate(event, schema)
        assert (event["app"], event["version"], event["ledger"]) == ("ledger", "v2", api.ledger)
    logs = api.call("GET", HASHES)["cursor"]["data"]
    assert [event["hash"] for event in events] == [log["hash"] for log in logs]
    assert [event["date"] for event in events] == [log["date"] for log in logs]
    made, saved, deleted, reverted = (event["payload"] for event in events)
    (transaction,) = made["transactions"]
    assert made["accountMetadata"] == {"bob": {"k": "v"}}
    assert transaction["reference"] == "a"
    assert transaction["reverted"] is False
    assert transaction["postings"][0]["amount"] == 100
    assert transaction["postCommitVolumes"]["bob"]["USD/2"]["balance"] == 100
    assert transaction["preCommitVolumes"]["bob"]["USD/2"]["balance"] == 0
    assert saved == {
        "ledger": api.ledger, "targetType": "ACCOUNT", "targetId": "bob",
        "metadata": {"tier": "gold"},
    }  # fmt: skip
    assert deleted["key"] == "tier"
    assert reverted["revertedTransaction"]["id"] == 1
    assert reverted["revertedTransaction"]["reverted"] is True
    assert reverted["revertTransaction"]["id"] == 2


def test_a_stream_starts_where_it_is_asked_to(api: Api) -> None:
    for _ in range(3):
        api.post("world bob 1 USD")
    path = f"/v2/{api.ledger}/events"
    assert [number for number, _ in read_stream(api.url, f"{path}?after=2", 1)] == [3]
    assert [number for number, _ in read_stream(api.url, f"{path}?after=1", 1, last=2)] == [3]
    with httpx.stream("GET", f"{api.url}{path}?after=latest", timeout=60) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith(":")
        api.post("world bob 1 USD")
        assert next(line for line in lines if line.startswith("id")) == "id: 4"


def test_a_stream_may_be_of_some_types_only(api: Api) -> None:
    api.post("world bob 1 USD")
    api.call("POST", "/v2/{l}/accounts/bob/metadata", {"k": "v"}, status=204)
    api.call("DELETE", "/v2/{l}/accounts/bob/metadata/k", status=204)
    path = f"/v2/{api.ledger}/events"
    for query in (
        "eventTypes=SAVED_METADATA,DELETED_METADATA",
        "eventTypes=ledger.saved_metadata&eventTypes=DELETED_METADATA",
    ):
        found = read_stream(api.url, f"{path}?{query}", 2)
        assert [number for number, _ in found] == [2, 3]
    with httpx.stream("GET", f"{api.url}{path}?eventTypes=SAVED_METADATA", timeout=60) as answer:
        lines = (
            line for line in answer.iter_lines() if line and not line.startswith(("retry", ":"))
        )
        assert next(lines) == "id: 2"
        assert '"SAVED_METADATA"' in next(lines)
        # What is left out at the end moves the place at which a reader comes again.
        assert next(lines) == "id: 3"
        api.call("POST", "/v2/{l}/accounts/bob/metadata", {"k": "v"}, status=204)
        assert next(lines) == "id: 4"
        assert '"SAVED_METADATA"' in next(lines)
    api.call("GET", "/v2/{l}/events?eventTypes=SAVED", status=400, code="VALIDATION")


def test_amounts_are_exact_and_may_be_text(api: Api) -> None:
    api.call("POST", "/v2/{l}/transactions", {"postings": [
        {"source": "world", "destination": "bob", "amount": 2**80, "asset": "USD"}]})  # fmt: skip
    path = f"/v2/{api.ledger}/events"
    ((_, event),) = read_stream(api.url, path, 1)
    assert event["payload"]["transactions"][0]["postings"][0]["amount"] == 2**80
    ((_, event),) = read_stream(api.url, path, 1, as_text=True)
    assert event["payload"]["transactions"][0]["postings"][0]["amount"] == str(2**80)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v2/{l}/events?after=9", {}, 400),
        ("/v2/{l}/events?after=x", {}, 400),
        ("/v2/{l}/events", {"Last-Event-ID": "-1"}, 400),
        ("/v2/no-such/events", {}, 404),
        ("/v2/_numscript/events", {}, 404),
    ],
)
def test_a_stream_that_cannot_be_is_refused(
    api: Api, path: str, headers: dict[str, str], status: int
) -> None:
    api.call("GET", path, status=status, headers=headers)


def test_there_are_only_so_many_streams(name: str) -> None:
    with running(Settings("memory:", streams=1)) as url:
        api = Api(url, name)
        api.call("POST", "/v2/{l}", status=204)
        with httpx.stream("GET", f"{url}/v2/{name}/events", timeout=60) as answer:
            lines = answer.iter_lines()
            next(lines)
            assert "numscript_event_streams 1.0" in httpx.get(f"{url}/metrics").text
            api.call("GET", "/v2/{l}/events", status=503)
        until(lambda: "numscript_event_streams 0.0" in httpx.get(f"{url}/metrics").text)
        api.post("world bob 1 USD")
        assert len(read_stream(url, f"/v2/{name}/events", 1)) == 1
        api.close()


def test_a_stream_ends_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/b.db"
    with serving(tmp_path, "--storage", storage) as (url, process):
        httpx.post(f"{url}/v2/main").raise_for_status()
        with httpx.stream("GET", f"{url}/v2/main/events", timeout=60) as answer:
            lines = answer.iter_lines()
            next(lines)
            process.send_signal(signal.SIGTERM)
            # It ends as a body should; a connection that is cut would raise.
            assert [line for line in lines if line.startswith("id")] == []
        process.wait(20)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_readers_that_come_and_go_under_load_miss_nothing(
    tmp_path: Path, postgres_url: str, workers: str
) -> None:
    """With two processes a reader is told of what the other one commits, and in the one order."""
    ledger = f"load{workers}"
    with serving(tmp_path, "--storage", postgres_url, "--workers", workers) as (url, process):
        httpx.post(f"{url}/v2/{ledger}").raise_for_status()
        load = Load(url, callers=4, ledger=ledger)
        found: list[list[int]] = [[], [], []]
        broken: list[object] = []

        def read(at: int) -> None:
            mine = found[at]
            while len(mine) < 300:
                last = mine[-1] if mine else None
                # Each connection takes some events only, and comes again with the last id.
                rows = read_stream(url, f"/v2/{ledger}/events", 37, last=last)
                mine += [number for number, _ in rows]
                broken.extend(row for row in rows if json.dumps(row[1]["sequence"]) != str(row[0]))

        readers = [threading.Thread(target=read, args=(at,)) for at in range(3)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(120)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        load.join()
    for numbers in found:
        assert numbers == [*range(1, len(numbers) + 1)]
        assert len(numbers) >= 300
    assert not broken
