"""Transactions in version 2 of the API: made, reverted, read, and their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numscript.ledger import DeleteMetadata, Ledger, SetMetadata, Transaction
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.calls import Call, Reply, replayed
from numscript.service.lanes import Plan, Planned
from numscript.service.problems import not_found
from numscript.service.requests import Writes, do


@Planned
def create_transaction(call: Call) -> Plan:
    """Make a transaction of postings, of a script, or of a template of the schema."""
    new: records.NewTransaction = call.decode(records.NewTransaction)
    ledger = call.ledger()
    request = Writes(call.state, ledger, call.text("schemaVersion")).transaction(
        new, call.idempotency_key, force=call.flag("force")
    )
    return Plan(
        ledger, request, lambda made: answer(call, ledger, made()), dry_run=call.flag("dryRun")
    )


def revert_transaction(call: Call) -> Reply:
    """Take a transaction back, whole, by one that posts the other way round."""
    said = call.decode_or_none(records.NewRevert)
    ledger = call.ledger()
    request = Writes(call.state, ledger, call.text("schemaVersion")).revert(
        call.number(),
        call.idempotency_key,
        force=call.flag("force"),
        at_effective_date=call.flag("atEffectiveDate"),
        metadata=said.metadata,
    )
    made = do(ledger, request, dry_run=call.flag("dryRun"))
    return answer(call, ledger, made, status=201)


def answer(call: Call, ledger: Ledger, made: Transaction, *, status: int = 200) -> Reply:
    """The reply with a transaction that was made, or would be."""
    wants = "effectiveVolumes" in lists.read_expand(call) and not call.flag("dryRun")
    effective = lists.effective_volumes(ledger, made) if wants else None
    shown = call.writer.transaction(made, volumes=True, effective=effective)
    return replayed(Reply(status, records.Data(shown)), made.replayed)


def list_transactions(call: Call) -> Reply:
    """List transactions, the last first."""
    ledger = call.ledger()
    listing = lists.read_listing(call, "transactions", "id", descending=True)
    return Reply(200, lists.read_page(ledger, listing, shower(call, ledger, listing)))


def shower(call: Call, ledger: Ledger, listing: lists.Listing) -> Any:
    """What shows the transactions of a page."""

    def show(rows: Sequence[Transaction]) -> list[records.Transaction]:
        effective = "effectiveVolumes" in listing.expand
        return [
            call.writer.transaction(
                row,
                volumes="volumes" in listing.expand,
                effective=lists.effective_volumes(ledger, row) if effective else None,
            )
            for row in rows
        ]

    return show


def count_transactions(call: Call) -> Reply:
    """Count transactions; the header `Count` holds the number."""
    listing = lists.read_listing(call, "transactions", "id", descending=True)
    return Reply(204, None, {"Count": str(lists.count(call.ledger(), listing))})


def get_transaction(call: Call) -> Reply:
    """Show a transaction."""
    ledger = call.ledger()
    number = call.number()
    pit = call.instant("pit")
    if pit is None:
        found = ledger.transaction(number)
    else:
        page = ledger.transactions({"$match": {"id": number}}, limit=1, pit=pit)
        if not page.items:
            raise not_found(f"the ledger `{ledger.name}` had no transaction {number} at that time")
        found = page[0]
    listing = lists.Listing("transactions", "id", True, 1, expand=lists.read_expand(call))
    return Reply(200, records.Data(shower(call, ledger, listing)([found])[0]))


def set_metadata(call: Call) -> Reply:
    """Set metadata of a transaction; keys that are not named stay as they are."""
    metadata: records.Metadata = call.decode(records.Metadata)
    ledger, number = call.ledger(), call.number()
    Writes(call.state, ledger, call.text("schemaVersion"))
    if not metadata or call.flag("dryRun"):
        ledger.transaction(number)
        return Reply(204)
    log = do(ledger, SetMetadata(number, metadata, call.idempotency_key))
    return replayed(Reply(204), log.replayed)


def delete_metadata(call: Call) -> Reply:
    """Delete a key of a transaction's metadata."""
    ledger, number, key = call.ledger(), call.number(), call.path["key"]
    Writes(call.state, ledger, call.text("schemaVersion"))
    if call.idempotency_key is None and key not in ledger.transaction(number).metadata:
        raise not_found(f"the transaction {number} has no metadata `{key}`")
    if call.flag("dryRun"):
        return Reply(204)
    log = do(ledger, DeleteMetadata(number, key, call.idempotency_key))
    return replayed(Reply(204), log.replayed)
