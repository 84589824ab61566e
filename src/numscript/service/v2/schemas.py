"""Schemas in version 2 of the API, and the queries that are stored in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from numscript import compile as compile_script
from numscript.diagnostics import NumscriptError
from numscript.ledger import Ledger
from numscript.script import Limits, Script
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.calls import Call, Reply, replayed
from numscript.service.problems import invalid, not_found, read_error
from numscript.service.v2 import accounts, logs, transactions

ORDERS = {"transactions": ("id", True), "accounts": ("address", False), "logs": ("id", True),
          "volumes": ("account", False)}  # fmt: skip
"""How each resource is listed if nothing is said."""
VARIABLE = re.compile(r"\$\{(\w+)\}")
TYPES: dict[str, type | tuple[type, ...]] = {"string": str, "int": int, "bool": bool, "date": str}


def insert_schema(call: Call) -> Reply:
    """Keep a version of a schema, which never changes."""
    new: records.NewSchema = call.decode(records.NewSchema)
    ledger = call.ledger()
    for name, template in new.transactions.items():
        try:
            compile_script(
                Script(template.script), limits=Limits(length=call.state.settings.script)
            )
        except NumscriptError as error:
            raise invalid(f"the template `{name}`: {read_error(error).message}") from None
    again = call.state.registry.add_schema(
        ledger.name, call.path["version"], new, call.idempotency_key
    )
    return replayed(Reply(204), again)


def get_schema(call: Call) -> Reply:
    """Show a schema."""
    checked = call.state.registry.schema(call.ledger().name, call.path["version"])
    return Reply(200, records.Data(checked.schema))


def list_schemas(call: Call) -> Reply:
    """List the schemas of a ledger, the last first."""
    rows = call.state.registry.schemas(call.ledger().name)
    descending = not call.flag("reverse")
    sort = call.text("sort")
    if sort is not None:
        descending = sort.endswith(":desc")
    rows = rows[::-1] if descending else rows
    size = call.size()
    start = call.whole("cursor")
    more = start + size < len(rows)
    page = records.Cursor(
        size, more, rows[start : start + size],
        str(max(0, start - size)) if start else UNSET, str(start + size) if more else UNSET,
    )  # fmt: skip
    return Reply(200, records.Page(page))


# --- stored queries ---------------------------------------------------------------------------


def run_query(call: Call) -> Reply:
    """Run a stored query of a schema."""
    asked = call.decode_or_none(records.QueryRun)
    call.body = b""
    ledger = call.ledger()
    version = call.text("schemaVersion")
    if version is None:
        raise invalid("a stored query needs `schemaVersion`, the schema that it is in")
    schema = call.state.registry.schema(ledger.name, version).schema
    name = call.path["id"]
    query = schema.queries.get(name)
    if query is None:
        known = ", ".join(sorted(schema.queries)) or "none"
        raise not_found(f"the schema `{version}` has no query `{name}`; it has {known}")
    if asked.cursor is not None:
        call.queries.append(("cursor", asked.cursor))
    else:
        given = {**(query.params or {}), **(asked.params or {})}
        call.queries[:0] = [(key, shown(value)) for key, value in given.items()]
    listing = read_listing(call, query, asked.vars or {})
    return Reply(200, page(call, ledger, listing))


def read_listing(call: Call, query: records.StoredQuery, given: Mapping[str, Any]) -> lists.Listing:
    """The list that a stored query asks for."""
    order, descending = ORDERS[query.resource]
    listing = lists.read_listing(call, query.resource, order, descending=descending)
    if call.text("cursor") is None:
        declared = query.vars or {}
        values = {name: value_of(name, row, given) for name, row in declared.items()}
        for name in given:
            if name not in declared:
                raise invalid(f"the query has no variable `{name}`")
        listing.filter = fill(query.body or None, values)
        if query.resource == "volumes":
            listing.pit = call.instant("endTime", "pit")
            listing.start = call.instant("startTime", "oot")
            listing.by_insertion = call.flag("insertionDate")
            listing.group = call.whole("groupBy")
    return listing


def page(call: Call, ledger: Ledger, listing: lists.Listing) -> records.Page[Any]:
    """A page of the list, with the name of what is listed."""
    found: records.Page[Any]
    match listing.resource:
        case "transactions":
            show = transactions.shower(call, ledger, listing)
            found = lists.read_page(ledger, listing, show)
        case "accounts":
            show = accounts.shower(call, ledger, listing)
            found = lists.read_page(ledger, listing, show)
        case "logs":
            found = lists.read_page(ledger, listing, logs.shower(call, ledger))
        case _:
            found = accounts.volumes_page(call, ledger, listing)
    found.resource = listing.resource
    return found


def shown(value: object) -> str:
    """A parameter as a query would hold it."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(str, value))
        case _:
            return str(value)


def value_of(name: str, row: Any, given: Mapping[str, Any]) -> Any:
    """The value of a variable: as it is given, or its default. Raises Problem."""
    declared = row if isinstance(row, dict) else {"type": row}
    value = given.get(name, declared.get("default"))
    if value is None:
        raise invalid(f"the variable `{name}` has no value; give it in `vars`")
    wanted = TYPES.get(str(declared.get("type", "string")).lower())
    if wanted is int and isinstance(value, str) and re.fullmatch(r"-?\d{1,4000}", value):
        value = int(value)
    if wanted is bool and value in ("true", "false"):
        value = value == "true"
    if wanted is not None and (
        not isinstance(value, wanted) or (wanted is int and isinstance(value, bool))
    ):
        raise invalid(f"the variable `{name}` must be a {declared['type']}")
    return value


def fill(tree: Any, values: Mapping[str, Any]) -> Any:
    """A filter with the values of its variables. Raises Problem."""
    match tree:
        case dict():
            return {str(fill(key, values)): fill(value, values) for key, value in tree.items()}
        case list():
            return [fill(item, values) for item in tree]
        case str():
            whole = VARIABLE.fullmatch(tree)
            if whole is not None:
                return known(whole[1], values)
            return VARIABLE.sub(lambda found: str(known(found[1], values)), tree)
        case _:
            return tree


def known(name: str, values: Mapping[str, Any]) -> Any:
    """The value of a variable that a query declares. Raises Problem."""
    if name not in values:
        raise invalid(f"the query uses the variable `{name}`, and does not declare it")
    return values[name]
