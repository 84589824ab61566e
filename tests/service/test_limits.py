"""The limits, each with its error, and what the server says of itself."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from numscript.ledger import Ledger
from numscript.service.settings import Settings
from numscript.service.v2.bulk import STREAM
from tests.service.servers import Api, postings, running

BODY = {"postings": postings("world bob 1 USD")}


def test_a_body_that_is_too_large_is_refused(memory: Api) -> None:
    large = {**BODY, "metadata": {"k": "x" * 10_000}}
    error = memory.call("POST", "/v2/{l}/transactions", large, status=413, code="VALIDATION")
    assert "10000 bytes" in error["errorMessage"]

    def parts() -> Any:
        for _ in range(20):
            yield b"x" * 1000

    answer = memory.http.post(f"/v2/{memory.ledger}/transactions", content=parts())
    assert answer.status_code == 413
    elements = [{"action": "CREATE_TRANSACTION", "data": large}]
    memory.call("POST", "/v2/{l}/_bulk", elements, status=413, code="VALIDATION")


def test_a_script_that_is_too_long_is_refused(memory: Api) -> None:
    script = "send [USD 1] ( source = @world destination = @bob )\n" * 20
    body = {"script": {"plain": script}}
    memory.call("POST", "/v2/{l}/transactions", body, status=400, code="COMPILATION_FAILED")
    memory.call("POST", "/{l}/transactions", body, status=400, code="COMPILATION_FAILED")
    schema = {"chart": {"world": {}}, "transactions": {"t": {"script": script}}}
    memory.call("POST", "/v2/{l}/schemas/1", schema, status=400, code="VALIDATION")


def test_a_bulk_that_is_too_long_is_refused_unless_it_is_streamed(memory: Api) -> None:
    element = {"action": "CREATE_TRANSACTION", "data": BODY}
    memory.call("POST", "/v2/{l}/_bulk", [element] * 6, status=413, code="BULK_SIZE_EXCEEDED")
    body = json.dumps(element).encode() * 6
    memory.call("POST", "/v2/{l}/_bulk", body, headers={"Content-Type": STREAM})


class Slow:
    """Makes every transaction wait until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        together = Ledger.together

        def slow(*given: Any, **more: Any) -> Any:
            self.go.wait(30)
            return together(*given, **more)

        monkeypatch.setattr(Ledger, "together", slow)


def test_a_call_that_takes_too_long_is_answered_and_still_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow(monkeypatch)
    with running(Settings("memory:", timeout=0.2)) as url:
        api = Api(url)
        api.call("POST", "/v2/{l}", status=204)
        error = api.call("POST", "/v2/{l}/transactions", BODY, status=504, code="TIMEOUT")
        assert "Idempotency-Key" in error["errorMessage"]
        slow.go.set()
        while not api.call("GET", "/v2/{l}/stats")["data"]["transactions"]:
            time.sleep(0.01)
        api.close()


def test_more_calls_than_may_be_under_way_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    with running(Settings("memory:", concurrency=2)) as url, ThreadPoolExecutor(2) as threads:
        api = Api(url)
        api.call("POST", "/v2/{l}", status=204)
        path = "/v2/{l}/transactions"
        sent = [threads.submit(api.send, "POST", path, BODY) for _ in range(2)]
        end = time.monotonic() + 20
        while "under_way 2.0" not in api.send("GET", "/metrics").text:
            assert time.monotonic() < end
            time.sleep(0.01)
        answer = api.send("GET", path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert api.send("GET", "/_healthcheck").status_code == 200
        slow.go.set()
        assert [future.result().status_code for future in sent] == [200, 200]
        assert api.send("GET", path).status_code == 200
        api.close()


def test_callers_that_call_too_often_are_told_to_wait() -> None:
    with running(Settings("memory:", rate=5)) as url:
        api = Api(url)
        statuses = [api.send("GET", "/v2").status_code for _ in range(12)]
        assert statuses[:5] == [200] * 5
        assert 429 in statuses
        answer = next(a for a in iter(lambda: api.send("GET", "/v2"), None) if a.status_code == 429)
        assert int(answer.headers["retry-after"]) >= 1
        assert api.send("GET", "/_healthcheck").status_code == 200
        api.close()


def test_pages_of_other_sites_may_call_only_if_they_are_named() -> None:
    asked = {"Origin": "https://books.example", "Access-Control-Request-Method": "POST"}
    with running(Settings("memory:")) as url:
        answer = httpx.get(f"{url}/v2", headers=asked)
        assert "access-control-allow-origin" not in answer.headers
    with running(Settings("memory:", origins=("https://books.example",))) as url:
        answer = httpx.options(f"{url}/v2/main", headers=asked)
        assert answer.headers["access-control-allow-origin"] == "https://books.example"
        other = httpx.options(f"{url}/v2/main", headers={**asked, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


def test_strict_schemas_ask_for_a_version() -> None:
    with running(Settings("memory:", strict=True)) as url:
        api = Api(url)
        api.call("POST", "/v2/{l}", status=204)
        api.call("POST", "/v2/{l}/transactions", BODY)
        chart: dict[str, Any] = {"world": {}, "bob": {}}
        templates = {"pay": {"script": "send [USD 1] ( source = @world destination = @bob )"}}
        api.call("POST", "/v2/{l}/schemas/1", {"chart": chart}, status=204)
        api.call("POST", "/v2/{l}/schemas/2", {"chart": chart, "transactions": templates},
                 status=204)  # fmt: skip
        path = "/v2/{l}/transactions"
        api.call("POST", path, BODY, status=400, code="SCHEMA_NOT_SPECIFIED")
        api.call("POST", f"{path}?schemaVersion=1", BODY)
        api.call("POST", f"{path}?schemaVersion=2", BODY, status=400, code="VALIDATION")
        api.call("POST", f"{path}?schemaVersion=2", {"script": {"template": "pay"}})
        info = api.call("GET", "/v2/_info")["data"]["config"]
        assert info["schemaEnforcementMode"] == "strict"
        old = api.call("GET", "/_info")["data"]["config"]
        assert old["schemaEnforcementMode"] == "strict"
        api.close()


def test_health_readiness_and_metrics(memory: Api) -> None:
    for path in ("/_healthcheck", "/_health", "/_/healthcheck", "/_ready"):
        assert set(memory.call("GET", path).values()) == {"OK"}
    memory.call("GET", "/v2/{l}")
    text = memory.send("GET", "/metrics").text
    assert 'numscript_requests_total{route="getLedger",status="200"}' in text
    with running(Settings("memory:", metrics=False)) as url:
        assert httpx.get(f"{url}/metrics").status_code == 404


def test_a_request_keeps_its_own_id_if_that_is_a_plain_one(memory: Api) -> None:
    answer = memory.send("GET", "/v2", headers={"X-Request-Id": "order-7"})
    assert answer.headers["x-request-id"] == "order-7"
    answer = memory.send("GET", "/v2", headers={"X-Request-Id": 'a"b'})
    assert answer.headers["x-request-id"] != 'a"b'


def test_what_goes_wrong_on_our_side_is_told_by_its_number(
    memory: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Ledger, "stats", broken)
    error = memory.call("GET", "/v2/{l}/stats", status=500, code="INTERNAL",
                        headers={"X-Request-Id": "n-1"})  # fmt: skip
    assert "n-1" in error["errorMessage"]
    assert "secret" not in error["errorMessage"]
    assert any("secret" in str(record.exc_info) for record in caplog.records)
    answer = memory.send("GET", "/{l}/stats")
    assert (answer.status_code, answer.content) == (500, b"")
