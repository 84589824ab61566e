"""Starting and stopping the server: `serve` runs it until it is told to stop."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from importlib.util import find_spec
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from starlette.types import ASGIApp

from numscript.collector import collect_seldom
from numscript.service.application import create_application
from numscript.service.settings import Settings
from numscript.service.telemetry import LOG, SHARED, start_logging

HANDED_ON = "NUMSCRIPT_SERVE_SETTINGS"
"""The variable by which the workers get the settings of the process that started them."""
GRACE = 30
"""In seconds: how long calls that are under way may still take when the server is stopped."""


class BadAddress(ValueError):  # noqa: N818 - what it is about
    """The address cannot be listened at."""


def read_bind(bind: str) -> tuple[str, int]:
    """The host and port of an address such as `[::1]:3068`. Raises BadAddress."""
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise BadAddress(f"`{bind}` is no address such as 127.0.0.1:3068")
    return host, int(port)


def is_local(host: str) -> bool:
    """Whether only this machine reaches an address."""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def listen(bind: str) -> socket.socket:
    """A socket at an address. Raises BadAddress."""
    host, port = read_bind(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as problem:
        found.close()
        reason = problem.strerror or str(problem)
        raise BadAddress(f"cannot listen at {bind}: {reason.lower()}") from None
    return found


def serve(settings: Settings, listener: socket.socket) -> None:
    """Answer calls until SIGTERM or SIGINT; those under way are finished first."""
    options: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": True,
        # Anybody could say to come from elsewhere.
        "proxy_headers": False,
        "timeout_graceful_shutdown": GRACE,
        "timeout_keep_alive": 30,
        "backlog": 2048,
        "lifespan": "on",
        "h11_max_incomplete_event_size": 1 << 16,
        "ws": "websockets-sansio" if find_spec("websockets") else "none",
        "ws_max_size": 4 << 20,
    }
    if settings.workers == 1:
        start_logging(as_json=settings.json_logs)
        # uvicorn finishes what is under way, and then raises the signal again for us.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        application = create_application(settings)
        collect_seldom()
        server = uvicorn.Server(uvicorn.Config(application, **options))
        server.run(sockets=[listener])
        if not server.started:
            raise SystemExit(3)
        return
    start_logging(as_json=settings.json_logs)
    with tempfile.TemporaryDirectory(prefix="numscript-metrics-") as folder:
        os.environ[SHARED] = folder
        serve_by_workers(settings, listener, options)


def end(_number: int, _frame: FrameType | None) -> None:
    """End this process as one that was told to stop, and did."""
    raise SystemExit(0)


def serve_by_workers(settings: Settings, listener: socket.socket, options: dict[str, Any]) -> None:
    """Have several processes answer calls until SIGTERM or SIGINT."""
    from uvicorn.supervisors import Multiprocess

    os.environ[HANDED_ON] = msgspec.json.encode(settings._asdict()).decode()
    config = uvicorn.Config(
        f"{__name__}:worker_application", factory=True, workers=settings.workers, **options
    )
    Multiprocess(config, sockets=[listener]).run()


def worker_application() -> ASGIApp:
    """The application of one of several worker processes."""
    given = msgspec.json.decode(os.environ[HANDED_ON])
    several = ("origins", "webhooks", "webhook_events")
    settings = Settings(**given | {name: tuple(given[name]) for name in several})
    start_logging(as_json=settings.json_logs)
    stop_with_parent()
    application = create_application(settings)
    collect_seldom()
    return application


def stop_with_parent() -> None:
    """Have this worker stop as if told to when the process that started it is gone.

    That one tells its workers to stop, unless it is killed: then they would go on, and keep the
    address taken.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        LOG.warning("the process that started this worker is gone: the worker stops")
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
