"""Events: what each line of a ledger's log tells to the world.

The log is the outbox. A line is written in the transaction that makes the change, its id is the
next whole number, and it never changes: so the id is the event's sequence number, and no event is
lost, added or put elsewhere. Types and payloads are those that Formance's ledger publishes.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from numscript.ledger import Ledger, Log, Transaction
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.calls import encode
from numscript.service.writing import Writer, log_hash, write_instant

TYPES: dict[str, records.EventType] = {
    "NEW_TRANSACTION": "COMMITTED_TRANSACTIONS",
    "REVERTED_TRANSACTION": "REVERTED_TRANSACTION",
    "SET_METADATA": "SAVED_METADATA",
    "DELETE_METADATA": "DELETED_METADATA",
}
"""The type of the event that a line of the log tells of."""
ANY = "*"
"""What stands for all types of events, also those that there may be one day."""
PAGE = 100
"""How many lines of a log are read at once."""


def read_events(
    ledger: Ledger, after: int, writer: Writer, limit: int = PAGE
) -> list[records.Event]:
    """The events of a ledger behind a sequence number, in their order. Raises StorageError."""
    with ledger.storage.read(ledger.name) as session:
        rows = session.logs(after, limit)
    return show_events(ledger, rows, writer) if rows else []


def last_sequence(ledger: Ledger) -> int:
    """The sequence number of a ledger's last event; 0 if there is none. Raises StorageError."""
    with ledger.storage.read(ledger.name) as session:
        return session.head.log


def show_events(ledger: Ledger, rows: Sequence[Log], writer: Writer) -> list[records.Event]:
    """Lines of the log as events."""
    shown = [(row, writer.log_data(row)) for row in rows]
    wanted = {number for _, data in shown for number in _ids(data)}
    found: dict[int, Transaction] = {
        row.id: row
        for part in lists.parts_of(sorted(wanted))
        for row in lists.every(ledger.transactions, {"$in": {"id": part}})
    }
    return [show_event(ledger.name, row, data, found, writer) for row, data in shown]


def _ids(data: dict[str, Any]) -> Iterable[int]:
    if "transaction" in data:
        yield data["transaction"]["id"]
    if "revertedTransactionID" in data:
        yield data["revertedTransactionID"]


def show_event(
    ledger: str, row: Log, data: dict[str, Any], found: dict[int, Transaction], writer: Writer
) -> records.Event:
    """A line of the log as an event. found: the transactions that its data name."""
    payload: dict[str, Any] = {"ledger": ledger}
    transaction = data.get("transaction")
    if transaction is not None:
        whole = writer.transaction(found[transaction["id"]], volumes=True)
        transaction["postCommitVolumes"] = whole.post_commit_volumes
        transaction["preCommitVolumes"] = whole.pre_commit_volumes
    match row.type:
        case "NEW_TRANSACTION":
            payload["transactions"] = [transaction]
            payload["accountMetadata"] = data.get("accountMetadata", {})
        case "REVERTED_TRANSACTION":
            reverted = found[data["revertedTransactionID"]]
            payload["revertedTransaction"] = writer.transaction(reverted, volumes=False)
            payload["revertTransaction"] = transaction
        case _:
            payload |= data
    return records.Event(
        "ledger",
        "v2",
        TYPES[row.type],
        write_instant(row.date),
        ledger,
        row.id,
        log_hash(row),
        payload,
    )


def read_types(names: Iterable[str]) -> list[str]:
    """The types of events that are asked for by name, all of them if by none. Raises ValueError.

    They may be written as Formance's webhooks have them: `ledger.committed_transactions`.
    """
    found = []
    for name in names:
        type_ = name.lower().removeprefix("ledger.").upper()
        if type_ not in (ANY, *TYPES.values()):
            known = ", ".join(TYPES.values())
            raise ValueError(f"`{name[:40]}` is no type of events; there are {known}")
        found.append(type_)
    return [ANY] if ANY in found or not found else list(dict.fromkeys(found))


def wants(types: Collection[str], event: str) -> bool:
    """Whether a type of events is among those that are asked for."""
    return ANY in types or event in types


def message_id(event: records.Event) -> str:
    """What names an event among all: the same whenever it is delivered, by whichever process."""
    return f"{event.ledger}_{event.sequence}_{b64decode(event.hash)[:8].hex()}"


def encode_event(event: records.Event) -> bytes:
    """An event as JSON, on one line; its numbers are exact."""
    return encode(event)


def frame(event: records.Event) -> bytes:
    """An event as server-sent events have it; its id is what `Last-Event-ID` sends back."""
    return b"id: %d\ndata: %s\n\n" % (event.sequence, encode_event(event))
