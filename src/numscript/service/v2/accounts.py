"""Accounts, balances and volumes in version 2 of the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numscript.ledger import Account, DeleteMetadata, Ledger, SetMetadata, VolumeRow
from numscript.ledger.requests import is_address
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.calls import Call, Reply, replayed
from numscript.service.problems import invalid, not_found
from numscript.service.requests import Writes, do


def list_accounts(call: Call) -> Reply:
    """List accounts, by address."""
    ledger = call.ledger()
    listing = lists.read_listing(call, "accounts", "address", descending=False)
    return Reply(200, lists.read_page(ledger, listing, shower(call, ledger, listing)))


def shower(call: Call, ledger: Ledger, listing: lists.Listing) -> Any:
    """What shows the accounts of a page."""

    def show(rows: Sequence[Account]) -> list[records.Account]:
        wanted, pit = listing.expand, listing.pit
        if "volumes" in wanted and pit is not None:
            inserted = lists.volumes_of(ledger, rows, pit, by_insertion=True)
            shown = [row._replace(volumes=inserted[row.address]) for row in rows]
        else:
            shown = list(rows)
        # The volumes that come with an account are those by date of effect.
        return [
            call.writer.account(
                row,
                volumes="volumes" in wanted,
                effective=original.volumes if "effectiveVolumes" in wanted else None,
            )
            for row, original in zip(shown, rows, strict=True)
        ]

    return show


def count_accounts(call: Call) -> Reply:
    """Count accounts; the header `Count` holds the number."""
    listing = lists.read_listing(call, "accounts", "address", descending=False)
    return Reply(204, None, {"Count": str(lists.count(call.ledger(), listing))})


def get_account(call: Call) -> Reply:
    """Show an account that was ever used."""
    ledger, address, pit = call.ledger(), call.path["address"], call.instant("pit")
    expand = lists.read_expand(call)
    listing = lists.Listing("accounts", "address", False, 1, expand=expand, pit=pit)
    found = ledger.account(address, pit=pit) if is_address(address) else None
    if found is None or found.inserted_at is None:
        raise not_found(f"the ledger `{ledger.name}` has no account `{address}` that was ever used")
    return Reply(200, records.Data(shower(call, ledger, listing)([found])[0]))


def set_metadata(call: Call) -> Reply:
    """Set metadata of an account; keys that are not named stay as they are."""
    metadata: records.Metadata = call.decode(records.Metadata)
    ledger = call.ledger()
    Writes(call.state, ledger, call.text("schemaVersion"))
    if not metadata or call.flag("dryRun"):
        return Reply(204)
    log = do(ledger, SetMetadata(call.path["address"], metadata, call.idempotency_key))
    return replayed(Reply(204), log.replayed)


def delete_metadata(call: Call) -> Reply:
    """Delete a key of an account's metadata, whether it is there or not."""
    ledger = call.ledger()
    Writes(call.state, ledger, call.text("schemaVersion"))
    if call.flag("dryRun"):
        return Reply(204)
    key = call.path["key"]
    log = do(ledger, DeleteMetadata(call.path["address"], key, call.idempotency_key))
    return replayed(Reply(204), log.replayed)


def aggregate_balances(call: Call) -> Reply:
    """Add up the balances of all accounts that a filter matches, by asset."""
    sums = call.ledger().aggregate(
        lists.read_filter(call),
        pit=call.instant("pit"),
        by_insertion=call.flag("useInsertionDate"),
    )
    return Reply(200, records.Data(call.writer.balances(sums)))


# --- volumes ----------------------------------------------------------------------------------


def list_volumes(call: Call) -> Reply:
    """List what accounts received and gave, also within a time, also by groups."""
    ledger = call.ledger()
    listing = lists.read_listing(call, "volumes", "account", descending=False)
    if call.text("cursor") is None:
        listing.pit = call.instant("endTime", "pit")
        listing.start = call.instant("startTime", "oot")
        listing.by_insertion = call.flag("insertionDate")
        listing.group = call.whole("groupBy")
        if listing.start and listing.pit and listing.start > listing.pit:
            raise invalid("`startTime` lies behind `endTime`")
    return Reply(200, volumes_page(call, ledger, listing))


def volumes_page(
    call: Call, ledger: Ledger, listing: lists.Listing
) -> records.Page[records.AccountVolume]:
    """A page of volumes."""

    def show(rows: Sequence[VolumeRow]) -> list[records.AccountVolume]:
        return [call.writer.volume_row(row) for row in rows]

    return lists.read_page(ledger, listing, show)
