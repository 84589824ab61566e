"""What is seen of the service from outside: logs, metrics, traces. None of them holds a secret.

A line of the log names the call's route, ledger and outcome, never its query, headers or body.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from time import time
from typing import Any, TypeAlias

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

LOG = logging.getLogger("numscript.service")
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which several workers keep their counts."""
encode = msgspec.json.Encoder(enc_hook=str).encode
Fields: TypeAlias = "Mapping[str, object]"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Shown(logging.Formatter):
    """Writes a record as a line of its own form."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and what was raised, if anything was."""
        raised = self.formatException(record.exc_info) if record.exc_info else ""
        fields = getattr(record, "fields", {})
        return self.line(record.created, record.levelname, record.getMessage(), fields, raised)

    def line(self, at: float, level: str, message: str, fields: Fields, raised: str = "") -> str:
        """The line of a message. at: in seconds since 1970."""
        raise NotImplementedError


class Lines(Shown):
    """Writes a record as a line of JSON."""

    def line(self, at: float, level: str, message: str, fields: Fields, raised: str = "") -> str:
        """The line of a message."""
        date = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        row: dict[str, object] = {
            "time": f"{date[:-6]}Z", "level": level.lower(), "message": message, **fields
        }  # fmt: skip
        if raised:
            row["exception"] = raised
        try:
            return encode(row).decode()
        except UnicodeEncodeError:  # half of a pair of code units, in a name that a token gives
            return json.dumps(row, default=str)


class Sentences(Shown):
    """Writes a record for people."""

    def line(  # people look at the lines as they come
        self,
        at: float,  # noqa: ARG002
        level: str,
        message: str,
        fields: Fields,
        raised: str = "",
    ) -> str:
        """The line of a message."""
        rows = {name: str(value) for name, value in fields.items()}
        told = " ".join(f"{k}={v if v.isprintable() else repr(v)}" for k, v in rows.items())
        text = f"{level.lower():7} {message} {told}".rstrip()
        return f"{text}\n{raised}" if raised else text


def start_logging(*, as_json: bool) -> None:
    """Have all logs written to the error output."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines() if as_json else Sentences())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").disabled = True


def log_call(message: str, fields: Fields, *, failed: bool = False) -> None:
    """Write a line about a call."""
    level = logging.ERROR if failed else logging.INFO
    if not LOG.isEnabledFor(level):
        return
    handlers = logging.root.handlers
    handler = handlers[0] if len(handlers) == 1 else None
    if isinstance(handler, logging.StreamHandler) and isinstance(handler.formatter, Shown):
        # Our own handler shows none of what a record would have to find out about the process.
        name = logging.getLevelName(level)
        line = handler.formatter.line(time(), name, message, fields)
        with handler.lock or nullcontext():
            handler.stream.write(f"{line}\n")
            handler.flush()
    else:
        LOG.log(level, message, extra={"fields": fields})


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
        self.streams = Gauge(
            "numscript_event_streams", "Streams of events that are open.", registry=self.registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self.deliveries = Counter(
            "numscript_webhook_deliveries", "Events posted to webhooks.", ("outcome",),
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
