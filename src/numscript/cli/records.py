"""The ledger's records as tables for people and JSON for machines.

Amounts in JSON are whole numbers, instants RFC 3339 in UTC; the keys are Formance's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from numscript.render import one_line, posting_table, style, table, titled, visible
from numscript.runtime.store import BalanceKey
from numscript.storage.protocol import (
    Account,
    Head,
    Log,
    Transaction,
    Volume,
    VolumeRow,
    write_instant,
)

POSTINGS_SHOWN = 10
"""How many postings of a transaction a list shows."""
SHOWN = 40
"""How many characters of metadata the list of the log's lines shows."""


def instant(when: datetime) -> str:
    """An instant in UTC as text, its microseconds only where there are some."""
    return write_instant(when).replace(".000000Z", "Z")


def transaction(done: Transaction, *, color: bool) -> str:
    """A transaction, whole: what is said of it, its postings, the volumes right after it."""
    facts = [("Transaction", str(done.id)), ("Timestamp", instant(done.timestamp))]
    if done.timestamp != done.inserted_at:
        facts.append(("Inserted", instant(done.inserted_at)))
    if done.reference is not None:
        facts.append(("Reference", one_line(done.reference)))
    if state := _state(done):
        facts.append(("State", state))
    wide = max(len(name) for name, _ in facts)
    lines = [f"{style(f'{name:{wide}}', 'bold', color=color)}  {text}" for name, text in facts]
    parts = ["\n".join(lines), posting_table(done.postings, color=color)]
    if done.printed:
        text = "\n".join(map(visible, done.printed))
        parts.insert(0, titled("Printed", text, color=color))
    if done.metadata:
        rows = sorted(done.metadata.items())
        parts.append(titled("Metadata", table(("Key", "Value"), rows, color=color), color=color))
    text = _volumes(done.volumes, color=color)
    parts.append(titled("Volumes after it", text, color=color))
    return "\n\n".join(parts)


def _state(done: Transaction) -> str:
    """How a transaction hangs together with others by reverts."""
    parts = []
    if done.reverts is not None:
        parts.append(f"reverts {done.reverts}")
    if done.reverted:
        parts.append(f"reverted by {done.reverted_by}" if done.reverted_by else "reverted")
    return ", ".join(parts)


def transactions(found: Sequence[Transaction], *, color: bool) -> str:
    """Transactions as a table, a row for each posting."""
    colored = any(posting.color for done in found for posting in done.postings)
    columns = ["Id", "Timestamp", "Source", "Destination", "Asset", "Color", "Amount"]
    columns += ["Reference", "State"]
    rows = []
    for done in found:
        first = [str(done.id), instant(done.timestamp)]
        last = [done.reference or "", _state(done)]
        for posting in done.postings[:POSTINGS_SHOWN]:
            source, destination, amount, asset, shade = posting
            rows.append([*first, source, destination, asset, shade, str(amount), *last])
            first, last = ["", ""], ["", ""]
        more = len(done.postings) - POSTINGS_SHOWN
        if more > 0:
            rows.append(["", "", f"and {more} more", "", "", "", "", "", ""])
    kept = [
        place
        for place, name in enumerate(columns)
        if (name != "Color" or colored)
        and (name not in ("Reference", "State") or any(row[place] for row in rows))
    ]
    return table(
        [columns[place] for place in kept],
        [[row[place] for place in kept] for row in rows],
        color=color,
        numbers=("Id", "Amount"),
    )


def account(found: Account, *, color: bool) -> str:
    """An account, whole: its volumes and metadata."""
    if not found.volumes and not found.metadata:
        return f"{found.address} has neither volumes nor metadata"
    parts = []
    if found.volumes:
        keyed = {(found.address, *key): volume for key, volume in found.volumes.items()}
        parts.append(_volumes(keyed, color=color))
    if found.metadata:
        rows = sorted(found.metadata.items())
        parts.append(titled("Metadata", table(("Key", "Value"), rows, color=color), color=color))
    return "\n\n".join(parts)


def accounts(found: Sequence[Account], *, color: bool) -> str:
    """Accounts as a table."""
    rows = []
    for row in found:
        held = [
            f"{asset} {volume.balance}{f' of color {shade}' if shade else ''}"
            for (asset, shade), volume in sorted(row.volumes.items())
        ]
        texts = [f"{key}={value}" for key, value in sorted(row.metadata.items())]
        first = "" if row.first_usage is None else instant(row.first_usage)
        rows.append((row.address, first, ", ".join(held), ", ".join(texts)))
    return table(("Account", "First used", "Balances", "Metadata"), rows, color=color)


def volumes(found: Sequence[VolumeRow], *, color: bool) -> str:
    """Volumes as a table."""
    return _amounts(found, ("input", "output", "balance"), color)


def balances(found: Sequence[VolumeRow], *, color: bool) -> str:
    """Balances as a table."""
    return _amounts(found, ("balance",), color)


def _volumes(found: Mapping[BalanceKey, Volume], *, color: bool) -> str:
    rows = [VolumeRow(*key, *volume) for key, volume in sorted(found.items())]
    return volumes(rows, color=color)


def _amounts(found: Sequence[VolumeRow], names: Sequence[str], color: bool) -> str:
    """Rows of account, asset and perhaps colour, with some of their amounts."""
    colored = any(row.color for row in found)
    numbers = [name.capitalize() for name in names]
    rows = [
        [
            row.account,
            row.asset,
            *([row.color] if colored else []),
            *(str(getattr(row, name)) for name in names),
        ]
        for row in found
    ]
    headings = ["Account", "Asset", *(["Color"] if colored else []), *numbers]
    return table(headings, rows, color=color, numbers=numbers)


def logs(found: Sequence[Log], *, color: bool) -> str:
    """Lines of the log as a table."""
    rows = [
        (str(line.id), instant(line.date), line.type, _about(line), line.hash[:12])
        for line in found
    ]
    return table(("Id", "Date", "Type", "About", "Hash"), rows, color=color, numbers=("Id",))


def heads(found: Mapping[str, Head]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """The headings and rows of a table of ledgers, by the ends of their logs."""
    rows = [
        (name, str(head.transaction), str(head.log), instant(head.date) if head.date else "")
        for name, head in found.items()
    ]
    return ("Ledger", "Transactions", "Lines", "Last change"), rows


def _about(line: Log) -> str:
    """What a line of the log did, in a few words."""
    data = log_dict(line)["data"]
    assert isinstance(data, dict)
    if "transaction" in data:
        number = data["transaction"]["id"]
        reverted = data.get("revertedTransactionID")
        return f"transaction {number}" + (f" reverts {reverted}" if reverted else "")
    kind = "transaction " if data["targetType"] == "TRANSACTION" else ""
    if "key" in data:
        return f"{kind}{data['targetId']}: {data['key']}"
    pairs = [f"{key}={_short(value)}" for key, value in sorted(data["metadata"].items())]
    return f"{kind}{data['targetId']}: {', '.join(pairs)}"


def _short(text: str) -> str:
    """A value of metadata in a cell of a table."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


# --- for machines -----------------------------------------------------------------------------


def transaction_dict(done: Transaction) -> dict[str, object]:
    """A transaction for a machine; also whether an idempotency key gave it again."""
    tree = done.to_dict()
    return {**tree, "replayed": True} if done.replayed else tree


def account_dict(found: Account) -> dict[str, object]:
    """An account for a machine, with Formance's keys."""
    volumes_of: dict[str, object] = {}
    for (asset, shade), volume in found.volumes.items():
        name = f"{asset} {shade}" if shade else asset
        volumes_of[name] = {**volume._asdict(), "balance": volume.balance}
    dates = {
        "firstUsage": found.first_usage,
        "insertionDate": found.inserted_at,
        "updatedAt": found.updated_at,
    }
    return {
        "address": found.address,
        "metadata": dict(found.metadata),
        **{key: write_instant(date) for key, date in dates.items() if date is not None},
        "volumes": volumes_of,
    }


def volume_dict(row: VolumeRow) -> dict[str, object]:
    """Volumes for a machine."""
    tree: dict[str, object] = {"account": row.account, "asset": row.asset}
    if row.color:
        tree["color"] = row.color
    return {**tree, "input": row.input, "output": row.output, "balance": row.balance}


def balance_dict(row: VolumeRow) -> dict[str, object]:
    """A balance for a machine."""
    tree = volume_dict(row)
    del tree["input"], tree["output"]
    return tree


def head_dict(name: str, head: Head) -> dict[str, object]:
    """A ledger for a machine, by the end of its log."""
    tree: dict[str, object] = {
        "name": name,
        "transactions": head.transaction,
        "logs": head.log,
        "hash": head.hash,
    }
    return {**tree, "date": write_instant(head.date)} if head.date else tree


def log_dict(line: Log) -> dict[str, object]:
    """A line of the log for a machine."""
    tree: dict[str, object] = {
        "id": line.id,
        "type": line.type,
        "date": write_instant(line.date),
        "data": json.loads(line.data),
        "hash": line.hash,
    }
    if line.idempotency_key is not None:
        tree["idempotencyKey"] = line.idempotency_key
    return {**tree, "replayed": True} if line.replayed else tree
