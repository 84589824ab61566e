"""The OpenAPI 3.1 document, made from the table of routes and the types that they read and write,
and the page that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from numscript import __version__
from numscript.service import records
from numscript.service.calls import JSON, Call, Reply
from numscript.service.routes import EVENTS, PARAMETERS, Route
from numscript.service.v1 import shapes

REFERENCE = "#/components/schemas/{name}"
ERROR = 0
"""What the schema of errors is kept under."""
PATH: dict[str, dict[str, Any]] = {
    "ledger": {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,63}$"},
    "id": {"type": "integer", "minimum": 0},
    "txid": {"type": "integer", "minimum": 0},
}
"""The schemas of the parts of paths; the others are text."""
COMMON = (
    (400, "VALIDATION"),
    (401, "VALIDATION"),
    (403, "VALIDATION"),
    (404, "NOT_FOUND"),
    (405, "VALIDATION"),
    (408, "TIMEOUT"),
    (413, "VALIDATION"),
    (429, "VALIDATION"),
    (500, "INTERNAL"),
    (503, "INTERNAL"),
    (504, "TIMEOUT"),
)
"""What any route may answer."""
KEY = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255},
    "description": "The same key with the same request gives the first result again.",
}  # fmt: skip
BIGINTS = {
    "name": "Formance-Bigint-As-String", "in": "header", "schema": {"type": "string"},
    "description": "`true`: amounts are text, for readers of JSON with small numbers.",
}  # fmt: skip
LAST = {
    "name": "Last-Event-ID", "in": "header", "schema": {"type": "string"},
    "description": "The id of the last event that came: the stream starts behind it.",
}  # fmt: skip
POLICY = (
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
)
"""What the page may do: call this server, and nothing from anywhere else."""


def make_document(routes: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI document of routes."""
    shown = list(routes)
    new_types, components = make_schemas([route for route in shown if not route.old], "")
    old_types, old_components = make_schemas([route for route in shown if route.old], "V1")
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        types = old_types if route.old else new_types
        operation = make_operation(route, types)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Numscript ledger",
            "version": __version__,
            "summary": "Formance's ledger API over Numscript's ledger.",
            "license": {"name": "MIT"},
        },
        "servers": [{"url": "/"}, {"url": "/api/ledger"}],
        "paths": paths,
        "components": {
            "schemas": {**components, **old_components},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "name": {"type": "http", "scheme": "basic"},
            },
        },
    }


def make_schemas(
    routes: Sequence[Route], prefix: str
) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """The schemas of all types that routes read and write, and of those inside them.

    prefix: what stands before the names of the latter, since the versions use the same names.
    """
    types: list[Any] = [shapes.Error if prefix else records.Error]
    for route in routes:
        types += [type_ for type_ in (route.answer, route.body) if type_ is not None]
    reference = REFERENCE.replace("{name}", f"{prefix}{{name}}")
    found, inside = msgspec.json.schema_components(types, ref_template=reference)
    schemas = {id(type_): schema for type_, schema in zip(types, found, strict=True)}
    schemas[ERROR] = found[0]
    return schemas, {f"{prefix}{name}": schema for name, schema in inside.items()}


def make_operation(route: Route, schemas: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """What the document says of a route."""
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": path_schema(route, name)}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    for name in route.query:
        parameter = PARAMETERS[name]
        row = {"name": name, "in": "query", "schema": parameter.schema}
        parameters.append({**row, "description": parameter.doc})
    if route.keyed:
        parameters.append(KEY)
    if route.media == EVENTS:
        parameters.append(LAST)
    if route.scope is not None and route.answer is not None:
        parameters.append(BIGINTS)
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": ["v1" if route.old else "v2" if route.path.startswith("/v2") else "server"],
        "parameters": parameters,
        "responses": make_responses(route, schemas),
    }
    if route.body is not None:
        body = {route.takes: {"schema": schemas[id(route.body)]}}
        operation["requestBody"] = {"content": body, "required": needs_body(route)}
    if route.scope is not None:
        operation["security"] = [{}, {"token": []}] + ([{"name": []}] if route.basic else [])
        operation["description"] = f"Needs the scope `{route.scope}` where tokens are in use."
    return operation


def path_schema(route: Route, name: str) -> dict[str, Any]:
    """The schema of a part of a path."""
    if name == "id" and "/queries/" in route.path:
        return {"type": "string"}
    return PATH.get(name, {"type": "string"})


def needs_body(route: Route) -> bool:
    """Whether a call without a body is wrong."""
    optional = (records.NewRevert, records.NewLedger, records.QueryRun)
    return route.body not in optional and route.body is not str


def make_responses(route: Route, schemas: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The answers of a route, by status."""
    done: dict[str, Any] = {"description": "Done."}
    if route.answer is not None:
        done["content"] = {route.media: {"schema": schemas[id(route.answer)]}}
    if route.method == "HEAD":
        done["headers"] = {"Count": {"schema": {"type": "integer"}, "description": "How many."}}
    responses = {str(status): done for status in (route.status, route.gateway) if status}
    codes: dict[int, set[str]] = {}
    for status, code in (*COMMON, *route.errors) if route.scope is not None else route.errors:
        codes.setdefault(status, set()).add(code)
    for status, names in sorted(codes.items()):
        content: Any = {JSON: {"schema": schemas[ERROR]}}
        if route.name == "createBulk" and status == 400:
            answer = schemas[id(route.answer)]
            content = {JSON: {"schema": {"anyOf": [answer, schemas[ERROR]]}}}
        text = ", ".join(sorted(names))
        responses[str(status)] = {"description": f"{text}.", "content": content}
        if route.name == "isReady" or (route.old and status >= 500):
            del responses[str(status)]["content"]
    return responses


def document_routes(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """The routes of the document of other routes, and of its page."""

    @cache
    def document() -> bytes:
        return msgspec.json.encode(make_document(routes))

    @cache
    def html() -> bytes:
        return files("numscript.service").joinpath("docs.html").read_bytes()

    def show_document(_call: Call) -> Reply:
        return Reply(200, document())

    def show_page(_call: Call) -> Reply:
        headers = {"Content-Security-Policy": POLICY}
        return Reply(200, html(), headers, "text/html; charset=utf-8")

    shown = (("/openapi.json", show_document), ("/swagger.json", show_document),
             ("/docs", show_page))  # fmt: skip
    return tuple(
        Route("GET", path, path.strip("/"), "The API, described.", handler, None)
        for path, handler in shown
    )
