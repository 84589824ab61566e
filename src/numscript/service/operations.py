"""The routes of whoever operates the server: health, readiness, versions, metrics."""

from __future__ import annotations

from numscript import __version__
from numscript.diagnostics import NumscriptError
from numscript.service import records
from numscript.service.calls import Call, Reply
from numscript.service.problems import not_found
from numscript.service.registry import NAME
from numscript.service.routes import Route

SERVER = "ledger"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
Health = dict[str, str]


def is_alive(_call: Call) -> Reply:
    """That the process answers, whatever its storage does."""
    return Reply(200, {"ledger": "OK"})


def is_ready(call: Call) -> Reply:
    """Whether calls can be answered: the storage can be read."""
    try:
        with call.state.storage.read(NAME):
            pass
    except NumscriptError as error:
        return Reply(503, {"storage": error.kind.title})
    return Reply(200, {"storage": "OK"})


def running(_call: Call) -> Reply:
    """The server and its version."""
    return Reply(200, records.Running(SERVER, __version__))


def versions(_call: Call) -> Reply:
    """The versions, as Formance's gateway gives them."""
    ledger = records.Component(SERVER, f"v{__version__}", health=True)
    return Reply(200, records.Versions("local", "local", [ledger]))


def metrics(call: Call) -> Reply:
    """The metrics, in the text form of Prometheus."""
    if not call.state.settings.metrics:
        raise not_found("metrics are switched off here")
    return Reply(200, call.state.metrics.text(), media=METRICS)


OPERATIONS = (
    Route("GET", "/_healthcheck", "isAlive", "Whether the server answers.", is_alive, None,
          answer=Health),
    Route("GET", "/_health", "health", "As /_healthcheck.", is_alive, None, answer=Health),
    Route("GET", "/_/healthcheck", "healthcheck", "As /_healthcheck.", is_alive, None,
          answer=Health),
    Route("GET", "/_ready", "isReady", "Whether the server can work.", is_ready, None,
          answer=Health, errors=((503, "INTERNAL"),)),
    Route("GET", "/_/info", "getRunning", "The server and its version.", running, None,
          answer=records.Running),
    Route("GET", "/versions", "getVersions", "The services at this address.", versions, None,
          answer=records.Versions),
    Route("GET", "/_/metrics", "getMetrics", "Metrics for Prometheus.", metrics, None,
          answer=str, media=METRICS),
    Route("GET", "/metrics", "metrics", "Metrics for Prometheus.", metrics, None, answer=str,
          media=METRICS),
)  # fmt: skip
"""The routes that need no ledger."""
