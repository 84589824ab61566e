"""The document says what there is, and the page of it needs nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from numscript.service.application import all_routes
from numscript.service.problems import CODES, KINDS
from tests.service.servers import DOCUMENT, Api


@pytest.fixture(scope="module")
def document(sqlite_server: str) -> Any:
    api = Api(sqlite_server)
    found = api.call("GET", "/openapi.json")
    api.close()
    return found


def test_every_route_is_in_the_document(document: Any) -> None:
    shown = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    expected = {(route.method, route.path) for route in all_routes()}
    assert shown == {row for row in expected if row[1] not in DOCUMENT}


def test_the_document_is_of_version_3_1_and_refers_to_what_it_has(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    names = re.findall(r"'#/components/schemas/([^']+)'", str(document))
    assert names
    assert set(names) <= set(document["components"]["schemas"])
    operations = [row for methods in document["paths"].values() for row in methods.values()]
    assert len({row["operationId"] for row in operations}) == len(operations)


def test_every_route_of_a_ledger_needs_a_scope() -> None:
    for route in all_routes():
        guarded = "{ledger}" in route.path or route.path.startswith("/v2")
        alone = ("/_info", "/console/check", "/console/run")
        assert (route.scope is not None) == (guarded or route.path in alone), route.path
        if route.scope is not None and route.method in ("GET", "HEAD"):
            assert route.scope == "ledger:read"


def test_errors_have_published_codes_only() -> None:
    used = {code for route in all_routes() for _, code in route.errors}
    assert used | {answer.code for answer in KINDS.values()} <= set(CODES)


def test_the_page_asks_no_other_host(sqlite_server: str) -> None:
    api = Api(sqlite_server)
    answer = api.send("GET", "/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"(https?:)?//\w+\.\w+", answer.text)
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    api.close()
