"""What is seen of the service from outside: logs, metrics, traces. None of them holds a secret.

A line of the log names the call's route, ledger and outcome, never its query, headers or body.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

LOG = logging.getLogger("numscript.service")
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which several workers keep their counts."""
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Lines(logging.Formatter):
    """Writes a record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC)
        row: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        row |= getattr(record, "fields", {})
        if record.exc_info:
            row["exception"] = self.formatException(record.exc_info)
        return json.dumps(row, ensure_ascii=False, default=str)


class Sentences(logging.Formatter):
    """Writes a record for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        rows = {name: str(value) for name, value in getattr(record, "fields", {}).items()}
        fields = " ".join(f"{k}={v if v.isprintable() else repr(v)}" for k, v in rows.items())
        text = f"{record.levelname.lower():7} {record.getMessage()} {fields}".rstrip()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def start_logging(*, as_json: bool) -> None:
    """Have all logs written to the error output."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines() if as_json else Sentences())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").disabled = True


def log_call(message: str, fields: dict[str, object], *, failed: bool = False) -> None:
    """Write a line about a call."""
    LOG.log(logging.ERROR if failed else logging.INFO, message, extra={"fields": fields})


class Metrics:
    """Counts calls, by route and outcome, and how long they took, in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "numscript_requests", "Requests answered.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "numscript_request_seconds", "How long answers took.", ("route",),
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.under_way = Gauge(
            "numscript_requests_under_way", "Requests being worked on.", registry=self.registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self.refused = Counter(
            "numscript_requests_refused", "Requests refused before any work.", ("reason",),
            registry=self.registry,
        )  # fmt: skip

        self.known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count a call."""
        found = self.known.get((route, status))
        if found is None:
            found = self.calls.labels(route, str(status)), self.seconds.labels(route)
            self.known[route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def text(self) -> bytes:
        """All of it, in the text form of Prometheus; of all workers together."""
        registry = self.registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(registry)


class Traces:
    """A span a call, where OpenTelemetry is installed and wanted."""

    def __init__(self, *, wanted: bool) -> None:
        self.tracer: Any = None
        if wanted:
            from opentelemetry import trace

            self.tracer = trace.get_tracer("numscript")

    @contextmanager
    def span(self, route: str, number: str, headers: dict[str, str]) -> Iterator[Any]:
        """The span of a call, a child of the caller's if it sends one."""
        if self.tracer is None:
            yield None
            return
        from opentelemetry import propagate, trace

        with self.tracer.start_as_current_span(
            route, context=propagate.extract(headers), kind=trace.SpanKind.SERVER
        ) as span:
            span.set_attribute("numscript.request_id", number)
            yield span
