"""A receiver of webhooks, and a reader of streams: both know nothing of the server's code."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

import httpx

Answer = Callable[[dict[str, Any]], int]


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not come about in time"
        sleep(0.02)


class Receiver:
    """Takes webhooks, and answers each as it is told: with a status, or not at all (0)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.lock = threading.Lock()
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver.lock:
                    receiver.deliveries.append((headers, body))
                    status = receiver.answer(json.loads(body))
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status in (301, 307):
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/events"

    @property
    def events(self) -> list[dict[str, Any]]:
        with self.lock:
            return [json.loads(body) for _, body in self.deliveries]

    def sequences(self, ledger: str = "main") -> list[int]:
        return [row["sequence"] for row in self.events if row["ledger"] == ledger]


@contextmanager
def answering(server: ThreadingHTTPServer) -> Iterator[None]:
    """Have a server answer in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def receiving(answer: Answer = lambda _: 200) -> Iterator[Receiver]:
    receiver = Receiver(answer)
    with answering(receiver.server):
        yield receiver


def read_stream(
    url: str, path: str, count: int, *, last: int | None = None, as_text: bool = False
) -> list[tuple[int, dict[str, Any]]]:
    """So many events of a stream, with their ids; fewer where the stream ends."""
    found: list[tuple[int, dict[str, Any]]] = []
    headers = {"Formance-Bigint-As-String": "true"} if as_text else {}
    if last is not None:
        headers["Last-Event-ID"] = str(last)
    with httpx.stream("GET", url + path, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream"
        number = 0
        for line in answer.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: "):
                found.append((number, json.loads(line[6:])))
                if len(found) == count:
                    break
    return found
