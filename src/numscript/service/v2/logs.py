"""The log in version 2 of the API: listed, exported, imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO, Any

from numscript import errors
from numscript.diagnostics import LedgerError
from numscript.ledger import Ledger, Log
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.calls import Call, Reply, decode, pieces

LINES = "application/octet-stream"
LONGEST_LINE = 64 << 20
"""In bytes: the longest line of a log that is read."""


def list_logs(call: Call) -> Reply:
    """List the lines of the log, the last first."""
    ledger = call.ledger()
    listing = lists.read_listing(call, "logs", "id", descending=True)
    return Reply(200, lists.read_page(ledger, listing, shower(call, ledger)))


def shower(call: Call, ledger: Ledger) -> Any:
    """What shows the lines of a page."""

    def show(rows: Sequence[Log]) -> list[records.Log]:
        wanted: list[int] = [
            decode(row.data, dict[str, Any])["revertedTransactionID"]
            for row in rows
            if row.type == "REVERTED_TRANSACTION"
        ]
        reverted = {
            found.id: found
            for part in lists.parts_of(wanted)
            for found in lists.every(ledger.transactions, {"$in": {"id": part}})
        }
        return [call.writer.log(row, reverted) for row in rows]

    return show


def export_logs(call: Call) -> Reply:
    """Write the log as lines of JSON, the first first."""
    lines = call.ledger().export()
    first = next(lines, None)
    found: Iterator[str] = iter(()) if first is None else chain((first,), lines)
    return Reply(200, pieces(found), media=LINES)


def import_logs(call: Call) -> Reply:
    """Read an exported log into a ledger that has none, whole or not at all."""
    assert call.file is not None
    call.ledger().import_(read_lines(call.file))
    return Reply(204)


def read_lines(file: IO[bytes]) -> Iterator[str]:
    """The lines of a file that are not empty. Raises LedgerError."""
    number = 0
    while True:
        line = file.readline(LONGEST_LINE)
        if not line:
            return
        number += 1
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            reason = "it is not UTF-8"
            raise LedgerError.of(errors.InvalidLogLine(line=number, reason=reason)) from None
        if text:
            yield text
