"""Ledgers, their logs and the server in version 1 of the API."""

from __future__ import annotations

from typing import Any

from numscript import __version__
from numscript.service import records
from numscript.service.access import READ
from numscript.service.calls import Call, Reply
from numscript.service.problems import invalid
from numscript.service.v1 import shapes
from numscript.service.v1.transactions import read_listing, reply

SERVER = "numary-ledger"


def info(call: Call) -> Reply:
    """Show the server and its ledgers."""
    state = call.state
    driver = state.storage.url.partition(":")[0]
    names = [name for name in state.ledgers.names() if call.caller.may(READ, name)]
    config = records.Configuration(
        records.Storage("postgres" if driver == "postgresql" else driver, names),
        "strict" if state.settings.strict else "audit",
    )
    return Reply(200, records.Data(shapes.Info(SERVER, __version__, config)))


def ledger_info(call: Call) -> Reply:
    """Show a ledger with the state of its storage, whose tables are always up to date."""
    ledger = call.ledger(create=True)
    record = call.state.registry.record(ledger.name)
    step = records.Migration("1", "tables", "DONE", record.added_at)
    return Reply(200, records.Data(records.LedgerInfo(ledger.name, records.LedgerStorage([step]))))


def stats(call: Call) -> Reply:
    """Count what a ledger holds."""
    found = call.ledger(create=True).stats()
    return Reply(200, records.Data(records.Stats(found.transactions, found.accounts)))


def read_filter(call: Call) -> dict[str, Any] | None:
    """The filter that the parameters of a list make together."""
    parts: list[dict[str, Any]] = []
    start, end = call.instant("startTime", "start_time"), call.instant("endTime", "end_time")
    if start is not None:
        parts.append({"$gte": {"date": start}})
    if end is not None:
        parts.append({"$lt": {"date": end}})
    after = call.whole("after")
    if after:
        parts.append({"$lt": {"id": after + 1}})
    return shapes.all_of(parts)


def logs(call: Call) -> Reply:
    """List the lines of the log, the last first."""
    ledger = call.ledger(create=True)
    listing = read_listing(call, "logs", "id", read_filter)
    return reply(ledger, listing, lambda row: shapes.log(row, call.writer))


def get_mapping(call: Call) -> Reply:
    """Show the contracts of accounts: there are none."""
    call.ledger(create=True)
    return Reply(200, records.Data(None))


def put_mapping(call: Call) -> Reply:
    """Take contracts of accounts if there are none in it: what is not enforced is not kept."""
    mapping: shapes.Mapping = call.decode(shapes.Mapping)
    call.ledger(create=True)
    if mapping.contracts:
        raise invalid(
            "contracts of accounts are not enforced here, and so none is kept; say in a script "
            "how far an account may be overdrawn"
        )
    return Reply(200, records.Data(mapping))
