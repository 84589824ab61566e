"""Real servers on free ports, and a client that holds every answer to the OpenAPI document."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest
import uvicorn

from numscript.service import console
from numscript.service.application import all_routes, create_application
from numscript.service.openapi import make_document
from numscript.service.settings import Settings

DOCUMENT = ("/openapi.json", "/swagger.json", "/docs", *(route.path for route in console.ROUTES))
"""What is not in the document."""


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The address of a server in a thread of this process."""
    application = create_application(settings)
    config = uvicorn.Config(application, log_config=None, lifespan="on", ws="websockets-sansio")
    server = uvicorn.Server(config)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    assert server.started
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@cache
def document() -> dict[str, Any]:
    """The document, as servers serve it: without the routes of its own."""
    return make_document(route for route in all_routes() if route.path not in DOCUMENT)


@cache
def routes() -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    """The routes of the document: what paths fit, the method, the operation."""
    found = []
    for path, methods in document()["paths"].items():
        pattern = re.compile(re.sub(r"{\w+}", "[^/]+", path.replace("{key}", ".*")))
        found += [(pattern, method, operation) for method, operation in methods.items()]
    return found


@cache
def components() -> dict[str, Any]:
    schemas: dict[str, Any] = document()["components"]
    return schemas


def check_answer(method: str, path: str, response: httpx.Response) -> None:
    """Hold an answer to what the document says of its route."""
    path = path.partition("?")[0].removeprefix("/api/ledger")
    fitting = [
        operation
        for pattern, known, operation in routes()
        if known == method.lower() and pattern.fullmatch(path)
    ]
    if not fitting:
        return
    operation = fitting[0]
    answers = operation["responses"]
    if "security" not in operation and str(response.status_code) not in answers:
        return
    assert str(response.status_code) in answers, (method, path, response.status_code, response.text)
    content = answers[str(response.status_code)].get("content")
    if content is None or not response.content:
        assert not response.content, (path, response.text)
        return
    media = response.headers["content-type"].partition(";")[0]
    assert media in {known.partition(";")[0] for known in content}
    if media == "application/json":
        schema = {**content[media]["schema"], "components": components()}
        jsonschema.validate(msgspec.json.decode(response.content), schema)


class Api:
    """Calls one ledger of a server, and holds every answer to the document."""

    def __init__(self, url: str, ledger: str = "main") -> None:
        self.url = url
        self.ledger = ledger
        self.http = httpx.Client(base_url=url, timeout=60)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        status: int | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """What comes back, read exactly; text and bytes are sent as they are."""
        response = self.send(method, path, body, headers=headers)
        if status is None:
            assert response.status_code < 300, response.text
        else:
            assert response.status_code == status, response.text
        tree: Any = None
        if response.headers.get("content-type") == "application/json":
            tree = msgspec.json.decode(response.content)
        if code is not None:
            assert tree["errorCode"] == code, tree
            assert tree["errorMessage"], tree
        return tree

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer as it comes."""
        path = path.replace("{l}", self.ledger)
        content = body if isinstance(body, (str, bytes)) else None
        if body is not None and content is None:
            content = msgspec.json.encode(body)
        response = self.http.request(method, path, content=content, headers=dict(headers or {}))
        assert response.headers["x-request-id"]
        check_answer(method, path, response)
        return response

    def post(self, *rows: str, **more: object) -> Any:
        """A transaction of version 2: rows such as `world bank 100 USD/2`."""
        body = {"postings": postings(*rows), "metadata": {}, **more}
        return self.call("POST", "/v2/{l}/transactions", body)["data"]

    def close(self) -> None:
        self.http.close()


def postings(*rows: str) -> list[dict[str, object]]:
    """Postings from rows such as `world bank 100 USD/2`."""
    found: list[dict[str, object]] = []
    for row in rows:
        source, destination, amount, asset = row.split()
        found.append(
            {"source": source, "destination": destination, "amount": int(amount), "asset": asset}
        )
    return found


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path: Path = tmp_path_factory.mktemp("service") / "books.db"
    with running(Settings(f"sqlite:///{path}", bulk=100)) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server(postgres_url: str) -> Iterator[str]:
    with running(Settings(postgres_url, bulk=100)) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest) -> str:
    """The address of a server over each storage."""
    return str(request.getfixturevalue(f"{request.param}_server"))


@pytest.fixture
def api(server: str, name: str) -> Iterator[Api]:
    """A new ledger of version 2."""
    api = Api(server, name)
    api.call("POST", "/v2/{l}", status=204)
    yield api
    api.close()


@pytest.fixture
def memory(name: str) -> Iterator[Api]:
    """A new ledger of a server of its own."""
    with running(Settings("memory:", bulk=5, body=10_000, script=500)) as url:
        api = Api(url, name)
        api.call("POST", "/v2/{l}", status=204)
        yield api
        api.close()
