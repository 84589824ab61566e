"""What is seen of the service from outside: logs, metrics, traces. None of them holds a secret.

A line of the log names the call's route, ledger and outcome, never its query, headers or body.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from time import time
from typing import Any, TypeAlias, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from numscript import __version__
from numscript.service.problems import find_problem

T = TypeVar("T")
LOG = logging.getLogger("numscript.service")
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which several workers keep their counts."""
encode = msgspec.json.Encoder(enc_hook=str).encode
Fields: TypeAlias = "Mapping[str, object]"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE")
"""The methods that traces name; callers may send any word."""


class NoTraces(ValueError):  # noqa: N818 - what it is about
    """What traces need is not installed."""


class Shown(logging.Formatter, ABC):
    """Writes a record as a line of its own form."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and what was raised, if anything was."""
        raised = self.formatException(record.exc_info) if record.exc_info else ""
        fields = getattr(record, "fields", {})
        return self.line(record.created, record.levelname, record.getMessage(), fields, raised)

    @abstractmethod
    def line(self, at: float, level: str, message: str, fields: Fields, raised: str = "") -> str:
        """The line of a message. at: in seconds since 1970."""


def write_time(at: float) -> str:
    """A time, in seconds since 1970, as text in UTC."""
    date = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return f"{date[:-6]}Z"


class Lines(Shown):
    """Writes a record as a line of JSON."""

    def line(self, at: float, level: str, message: str, fields: Fields, raised: str = "") -> str:
        """The line of a message."""
        row: dict[str, object] = {
            "time": write_time(at), "level": level.lower(), "message": message, **fields
        }  # fmt: skip
        if raised:
            row["exception"] = raised
        try:
            return encode(row).decode()
        except UnicodeEncodeError:  # half of a pair of code units, in a name that a token gives
            return json.dumps(row, default=str)


class Sentences(Shown):
    """Writes a record for people."""

    def line(self, at: float, level: str, message: str, fields: Fields, raised: str = "") -> str:
        """The line of a message."""
        rows = {name: str(value) for name, value in fields.items()}
        told = " ".join(f"{k}={v if v.isprintable() else repr(v)}" for k, v in rows.items())
        text = f"{write_time(at)} {level.lower():7} {message} {told}".rstrip()
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
    """A span a call, where that is wanted and OpenTelemetry is installed. Raises NoTraces.

    Where a program set OpenTelemetry up before, as `opentelemetry-instrument` does, spans go where
    that says; else to a collector, by OTLP over HTTP. All of it is set by the variables `OTEL_*`.
    """

    def __init__(self, *, wanted: bool) -> None:
        self.tracer: Any = None
        self.own: Any = None
        if wanted:
            check_traces()
            from opentelemetry import trace

            provider: Any = trace.get_tracer_provider()
            if isinstance(provider, trace.ProxyTracerProvider):
                provider = self.own = _provider()
            self.tracer = provider.get_tracer("numscript", __version__)

    @contextmanager
    def span(
        self, method: str, path: str, number: str, ledger: str | None, headers: Mapping[str, str]
    ) -> Iterator[Callable[[T], T]]:
        """The span of a call, a child of the caller's if it sends one; it is told the answer.

        path: of the route, and so without any names; empty where there is none.
        """
        if self.tracer is None:
            yield _as_it_is
            return
        from opentelemetry import propagate, trace

        method = method if method in METHODS else "_OTHER"
        attributes = {"http.request.method": method, "numscript.request_id": number}
        if path:
            attributes["http.route"] = path
        if ledger:
            attributes["numscript.ledger"] = ledger
        with self.tracer.start_as_current_span(
            f"{'HTTP' if method == '_OTHER' else method} {path}".rstrip(),
            context=propagate.extract(headers),
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            def answered(reply: T) -> T:
                _end_span(span, getattr(reply, "status", 200))
                return reply

            try:
                yield answered
            except Exception as error:
                problem = find_problem(error)
                _end_span(span, problem.status, problem.code, error)
                raise

    def close(self) -> None:
        """Send what was not sent yet."""
        if self.own is not None:
            self.own.shutdown()


def check_traces() -> None:
    """Refuse to trace where what it needs is not installed. Raises NoTraces."""
    try:
        import opentelemetry.exporter.otlp.proto.http
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError as problem:
        raise NoTraces(
            f"`{problem.name}` is not installed, and --traces needs it: "
            "pip install 'numscript[server,traces]'"
        ) from None


def _provider() -> Any:
    """What sends spans to a collector."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource.create({"service.name": "numscript", "service.version": __version__})
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before it.
    resource = named.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _end_span(span: Any, status: int, code: str = "", error: Exception | None = None) -> None:
    """Note in a span how its call ended. What the caller did wrong is no error of the server."""
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("http.response.status_code", status)
    if code:
        span.set_attribute("error.type", code)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR, code or None))
        if error is not None:
            span.record_exception(error)


def _as_it_is(reply: T) -> T:
    return reply
