"""Traces, as a collector receives them from a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.service.receivers import answering, until
from tests.service.servers import postings
from tests.service.test_serve import free_port, serving

SERVER, ERROR = 2, 2
"""The kind of a span, and the status of one, as the protocol numbers them."""
PATH = "/v2/{ledger}/transactions"


class Collector:
    """Takes what is exported, and keeps the spans and what they are of."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resource: dict[str, str] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    collector.resource = attributes(group.resource)
                    for scope in group.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def of(self, number: str) -> Any:
        """The span of a request."""
        spans = {attributes(span)["numscript.request_id"]: span for span in self.spans}
        return spans.get(number)


def attributes(row: Any) -> dict[str, Any]:
    return {
        pair.key: pair.value.int_value if pair.value.HasField("int_value")
        else pair.value.string_value
        for pair in row.attributes
    }  # fmt: skip


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    with answering(collector.server):
        yield collector


@contextmanager
def tracing(folder: Path, endpoint: str, *more: str, **variables: str) -> Iterator[str]:
    """The address of a server that sends its spans somewhere."""
    arguments = ("--storage", f"sqlite:///{folder}/b.db", "--traces", *more)
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50", **variables
    }  # fmt: skip
    with serving(folder, *arguments, **variables) as (url, process):
        yield url
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_call_is_a_span_at_the_collector(tmp_path: Path, workers: str) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    caller = {"traceparent": f"00-{trace}-{parent}-01", "X-Request-Id": "paid"}
    with collecting() as collector:
        with tracing(tmp_path, collector.url, "--workers", workers) as url:

            def send(method: str, path: str, number: str, body: Any = None, **more: Any) -> None:
                headers = {"X-Request-Id": number, **more}
                httpx.request(method, url + path, json=body, headers=headers, timeout=60)

            send("POST", "/v2/main", "made")
            body = {"postings": postings("world bob 5 USD"), "metadata": {"secret": "hidden"}}
            send("POST", "/v2/main/transactions?force=hidden", "paid", body, **caller)
            poor = {"postings": postings("poor bob 5 USD")}
            send("POST", "/api/ledger/v2/main/transactions", "refused", poor)
            send("GET", "/no/such/path/at/all", "lost")
            send("PROPFIND", "/v2/main", "odd")
            until(lambda: collector.of("odd"), 20)
        # What is sent last is sent before the server is gone.
        until(lambda: len(collector.spans) >= 5, 5)
        found = {name: collector.of(name) for name in ("made", "paid", "refused", "lost", "odd")}
        assert collector.resource["service.name"] == "numscript"
    paid = found["paid"]
    assert paid.name == f"POST {PATH}"
    assert paid.kind == SERVER
    assert (paid.trace_id.hex(), paid.parent_span_id.hex()) == (trace, parent)
    assert paid.end_time_unix_nano > paid.start_time_unix_nano
    assert attributes(paid) == {
        "http.request.method": "POST", "http.route": PATH, "http.response.status_code": 200,
        "numscript.ledger": "main", "numscript.request_id": "paid",
    }  # fmt: skip
    assert attributes(found["made"])["http.response.status_code"] == 204
    refused = attributes(found["refused"])
    assert refused["http.response.status_code"] == 400
    assert refused["error.type"] == "INSUFFICIENT_FUND"
    assert refused["http.route"] == PATH
    # What callers do wrong is no error of the server.
    assert found["refused"].status.code != ERROR
    assert found["lost"].name == "GET"
    assert attributes(found["lost"])["http.response.status_code"] == 404
    assert found["odd"].name == "HTTP"
    assert "hidden" not in str(found)


def test_a_fault_of_the_server_is_an_error_with_its_exception(tmp_path: Path) -> None:
    with collecting() as collector:
        with tracing(tmp_path, collector.url, OTEL_SERVICE_NAME="books") as url:
            httpx.post(f"{url}/v2/main").raise_for_status()
            (tmp_path / "b.db").write_bytes(b"this is no database any more" * 1000)
            for left in ("b.db-wal", "b.db-shm"):
                (tmp_path / left).unlink(missing_ok=True)
            answer = httpx.get(f"{url}/v2/main/accounts", headers={"X-Request-Id": "broken"})
            assert answer.status_code >= 500, answer.text
            until(lambda: collector.of("broken"), 20)
        assert collector.resource["service.name"] == "books"
    span = collector.of("broken")
    assert span.status.code == ERROR
    assert attributes(span)["http.response.status_code"] == answer.status_code
    assert attributes(span)["error.type"] == "INTERNAL"
    (event,) = span.events
    assert event.name == "exception"
    assert "StorageError" in attributes(event)["exception.type"]


def test_a_collector_that_is_down_changes_no_answer(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with tracing(tmp_path, nowhere, OTEL_EXPORTER_OTLP_TIMEOUT="1") as url:
        body = {"postings": postings("world bob 1 USD")}
        for _ in range(5):
            httpx.post(f"{url}/quickstart/transactions", json=body).raise_for_status()


def test_what_is_missing_to_trace_is_said_at_the_start(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None; import numscript.cli as n; n.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "--storage", "memory:", "--traces"],
        capture_output=True, text=True, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "`opentelemetry.sdk" in done.stderr
    assert "pip install 'numscript[server,traces]'" in done.stderr
