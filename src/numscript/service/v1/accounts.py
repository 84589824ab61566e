"""Accounts and balances in version 1 of the API."""

from __future__ import annotations

from typing import Any

from numscript.ledger import SetMetadata
from numscript.ledger.pages import write_cursor
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.calls import Call, Reply, replayed
from numscript.service.problems import invalid
from numscript.service.requests import do
from numscript.service.v1 import shapes
from numscript.service.v1.transactions import read_listing, reply

OPERATORS = {"gt": "$gt", "gte": "$gte", "lt": "$lt", "lte": "$lte", "e": "$match", "ne": "$match"}


class Anchor:
    """What stands for the record of an account in a cursor."""

    def __init__(self, address: str) -> None:
        self.address = address


def get(call: Call) -> Reply:
    """Show an account; one that was never used is empty."""
    found = call.ledger(create=True).account(call.path["address"])
    writer = call.writer
    volumes = writer.volumes_of_one(found.volumes)
    return Reply(
        200,
        records.Data(
            shapes.AccountWithVolumes(
                found.address,
                shapes.show_metadata(found.metadata),
                volumes,
                {name: volume.balance for name, volume in volumes.items()},
            )
        ),
    )


def set_metadata(call: Call) -> Reply:
    """Set metadata of an account."""
    metadata: dict[str, Any] = call.decode(dict[str, Any])
    ledger = call.ledger(create=True)
    if not metadata:
        return Reply(204)
    request = SetMetadata(
        call.path["address"], shapes.keep_metadata(metadata), call.idempotency_key
    )
    return replayed(Reply(204), do(ledger, request).replayed)


def read_filter(call: Call) -> dict[str, Any] | None:
    """The filter that the parameters of a list make together."""
    parts = shapes.metadata_filters(call)
    address = call.text("address")
    if address is not None:
        parts.append({"$match": {"address": shapes.address_pattern(address, prefix=True)}})
    balance = call.text("balance")
    if balance is not None:
        operator = call.text("balanceOperator", "balance_operator") or "gte"
        if operator not in OPERATORS:
            raise invalid(f"`balanceOperator` is one of {' '.join(OPERATORS)}")
        if not balance.removeprefix("-").isdigit() or len(balance) > 100:
            raise invalid("invalid parameter 'balance', should be a number")
        asset = call.text("balanceAsset")
        field = "balance" if asset is None else f"balance[{asset}]"
        part: dict[str, Any] = {OPERATORS[operator]: {field: int(balance)}}
        parts.append({"$not": part} if operator == "ne" else part)
    return shapes.all_of(parts)


def list_(call: Call) -> Reply:
    """List accounts, by address, backwards."""
    return reply(
        call.ledger(create=True),
        started(call, read_listing(call, "accounts", "address", read_filter)),
        lambda row: shapes.Account(row.address, shapes.show_metadata(row.metadata)),
    )


def started(call: Call, listing: lists.Listing) -> lists.Listing:
    """A listing of accounts that starts behind the one that `after` names."""
    after = call.text("after")
    if after is not None and listing.after is None:
        listing.after = write_cursor(Anchor(after), "accounts", "address", True)
    return listing


def count(call: Call) -> Reply:
    """Count accounts; the header `Count` holds the number."""
    ledger = call.ledger(create=True)
    listing = lists.Listing("accounts", "address", True, 1, read_filter(call))
    return Reply(200, None, {"Count": str(lists.count(ledger, listing))})


def balances_filter(call: Call) -> dict[str, Any] | None:
    """The filter of addresses, any of which may fit."""
    parts = [
        {"$match": {"address": shapes.address_pattern(text, prefix=True)}}
        for text in call.all("address")
    ]
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"$or": parts}


def balances(call: Call) -> Reply:
    """List the balances of accounts, each by asset."""

    def show(row: Any) -> dict[str, dict[str, Any]]:
        volumes = call.writer.volumes_of_one(row.volumes)
        return {row.address: {name: volume.balance for name, volume in volumes.items()}}

    listing = started(call, read_listing(call, "accounts", "address", balances_filter))
    return reply(call.ledger(create=True), listing, show)


def aggregate(call: Call) -> Reply:
    """Add up the balances of all accounts of some addresses, by asset."""
    sums = call.ledger(create=True).aggregate(balances_filter(call))
    return Reply(200, records.Data(call.writer.balances(sums)))
