"""Ledgers in version 2 of the API: created, listed, described, and their metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from numscript import __version__
from numscript.diagnostics import LedgerError
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.access import READ
from numscript.service.calls import Call, Reply
from numscript.service.operations import SERVER
from numscript.service.problems import Problem, invalid, not_found
from numscript.service.registry import Record

FIELDS: dict[str, Callable[[Record, str], object]] = {
    "name": lambda row, _: row.name,
    "bucket": lambda row, _: row.bucket,
    "metadata": lambda row, key: row.metadata.get(key),
    "features": lambda row, key: row.features.get(key),
}
"""What a list of ledgers can be filtered by."""


def create_ledger(call: Call) -> Reply:
    """Create a ledger."""
    new = call.decode_or_none(records.NewLedger)
    name = call.path["ledger"]
    if not call.state.ledgers.create(name, new.bucket, new.metadata, new.features):
        raise Problem(
            400, "LEDGER_ALREADY_EXISTS", f"there is already a ledger `{name}`; use it, or choose "
            "another name"
        )  # fmt: skip
    return Reply(204)


def show(row: Record) -> records.Ledger:
    """A ledger as it is shown."""
    return records.Ledger(row.id, row.name, row.bucket, row.added_at, row.metadata, row.features)


def all_records(call: Call) -> list[records.Ledger]:
    """The ledgers that the caller may read, the oldest first."""
    names = [name for name in call.state.ledgers.names() if call.caller.may(READ, name)]
    return [show(row) for row in call.state.registry.records(names)]


def list_ledgers(call: Call) -> Reply:
    """List the ledgers that the caller may read, the oldest first."""
    cursor = call.text("cursor")
    size, start, tree = call.size(), 0, lists.read_filter(call)
    if cursor is not None:
        size, start, tree = read_place(cursor, call)
    rows = [row for row in all_records(call) if matches(tree, row)]
    more = start + size < len(rows)
    page = records.Cursor(
        size,
        more,
        rows[start : start + size],
        place(size, max(0, start - size), tree) if start else UNSET,
        place(size, start + size, tree) if more else UNSET,
    )
    return Reply(200, records.Page(page))


def place(size: int, start: int, tree: Any) -> str:
    """The cursor of a place in the list of ledgers."""
    listing = lists.Listing("ledgers", str(start), False, size, tree)
    return listing.encode()


def read_place(cursor: str, call: Call) -> tuple[int, int, Any]:
    """The page size, the place and the filter that a cursor holds. Raises Problem."""
    from base64 import urlsafe_b64decode

    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        found = msgspec.json.decode(text, type=lists.Listing)
        if found.resource != "ledgers" or found.size < 1:
            raise ValueError
        start = int(found.order)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise invalid("this is no cursor of this list; give `next` of a page of it") from None
    return min(found.size, call.state.settings.longest_page), max(0, start), found.filter


def matches(tree: Any, row: records.Ledger) -> bool:
    """Whether a filter matches a ledger. Raises Problem."""
    match tree:
        case None:
            return True
        case {"$and": [*parts]} if len(tree) == 1:
            return all(matches(part, row) for part in parts)
        case {"$or": [*parts]} if len(tree) == 1:
            return any(matches(part, row) for part in parts)
        case {"$not": part} if len(tree) == 1:
            return not matches(part, row)
        case {"$match": {**fields}} if len(tree) == 1 and len(fields) == 1:
            ((field, wanted),) = fields.items()
            name, _, key = str(field).partition("[")
            if name in ("metadata", "features"):
                found: object = getattr(row, name).get(key.removesuffix("]"))
            elif name in ("name", "bucket"):
                found = getattr(row, name)
            elif name == "id":
                found = row.id
            else:
                raise invalid(f"ledgers have no field `{field}`; they have id name bucket "
                              "metadata[key] features[key]")  # fmt: skip
            return found == wanted
        case {"$exists": {"metadata": str(key)}} if len(tree) == 1:
            return key in row.metadata
        case _:
            raise invalid(
                'this filter cannot be used: write {"$match": {"name": ...}}; the operators are '
                "$match $exists $and $or $not"
            )


def get_ledger(call: Call) -> Reply:
    """Show a ledger."""
    try:
        ledger = call.ledger()
    except LedgerError:
        name = call.path["ledger"]
        raise not_found(f"there is no ledger `{name}`; create it with POST /v2/{name}") from None
    return Reply(200, records.Data(show(call.state.registry.record(ledger.name))))


def set_metadata(call: Call) -> Reply:
    """Set metadata of a ledger; keys that are not named stay as they are."""
    metadata: records.Metadata = call.decode(records.Metadata)
    call.state.registry.set_metadata(call.ledger().name, metadata)
    return Reply(204)


def delete_metadata(call: Call) -> Reply:
    """Delete a key of a ledger's metadata, whether it is there or not."""
    call.state.registry.delete_metadata(call.ledger().name, call.path["key"])
    return Reply(204)


def get_ledger_info(call: Call) -> Reply:
    """Show a ledger with the state of its storage, whose tables are always up to date."""
    ledger = call.ledger()
    record = call.state.registry.record(ledger.name)
    step = records.Migration("1", "tables", "DONE", record.added_at)
    return Reply(200, records.Data(records.LedgerInfo(ledger.name, records.LedgerStorage([step]))))


def get_stats(call: Call) -> Reply:
    """Count what a ledger holds."""
    stats = call.ledger().stats()
    return Reply(200, records.Data(records.Stats(stats.transactions, stats.accounts)))


def get_info(call: Call) -> Reply:
    """Show the server and how it is set up."""
    state = call.state
    driver = state.storage.url.partition(":")[0]
    names = [name for name in state.ledgers.names() if call.caller.may(READ, name)]
    config = records.Configuration(
        records.Storage("postgres" if driver == "postgresql" else driver, names),
        "strict" if state.settings.strict else "audit",
    )
    return Reply(200, records.Data(records.ServerInfo(SERVER, __version__, config)))
