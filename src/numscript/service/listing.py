"""Lists, page by page: what is listed, and the cursors that lead on and back.

A cursor holds all that was asked of the list, so that it is all that the next call needs to give;
inside it is the ledger's own cursor, which names the record beside which the page lies.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct

from numscript.ledger import Account, Ledger, Transaction, Volume
from numscript.service import records
from numscript.service.calls import Call, decode
from numscript.service.problems import Problem, invalid
from numscript.storage.filters import SORTS

T = TypeVar("T")
S = TypeVar("S")
MOST_OF_ONE = 400
"""How many values one comparison of a filter may have; the ledger takes up to 500."""
MANY = 10_000
"""How many records are read at once where all are needed."""
EXPANSIONS = ("volumes", "effectiveVolumes")


class Listing(Struct, omit_defaults=True):
    """What is asked of a list.

    after: the ledger's cursor. start: for volumes, from when on; group: by how many segments they
    are added up.
    """

    resource: str
    order: str
    descending: bool
    size: int
    filter: Any = None
    expand: list[str] = []
    pit: datetime | None = None
    by_insertion: bool = False
    group: int = 0
    start: datetime | None = None
    after: str | None = None

    def encode(self) -> str:
        """The listing as a cursor."""
        return urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    def read(self, ledger: Ledger, limit: int = 0) -> Any:
        """A page of the ledger."""
        given: dict[str, Any] = {
            "descending": self.descending, "limit": limit or self.size, "cursor": self.after
        }  # fmt: skip
        if self.resource != "logs":
            given |= {"pit": self.pit, "by_insertion": self.by_insertion}
        match self.resource:
            case "volumes":
                return ledger.volumes(self.filter, group=self.group, since=self.start, **given)
            case "accounts":
                return ledger.accounts(self.filter, order=self.order, **given)
            case "logs":
                return ledger.logs(self.filter, **given)
            case _:
                return ledger.transactions(self.filter, order=self.order, **given)

    def at(self, cursor: str | None) -> str | msgspec.UnsetType:
        """The cursor of another page, by the ledger's."""
        if cursor is None:
            return UNSET
        return msgspec.structs.replace(self, after=cursor).encode()


def read_listing(call: Call, resource: str, order: str, *, descending: bool) -> Listing:
    """What a call asks of a list. Raises Problem, LedgerError."""
    cursor = call.text("cursor")
    if cursor is not None:
        return read_cursor(call, resource, cursor)
    sort = call.text("sort")
    if sort is not None:
        order, descending = read_sort(resource, sort)
    elif call.text("order") is not None:
        if call.text("order") != "effective" or resource != "transactions":
            raise invalid("`order` can only be `effective`, for transactions")
        order = "timestamp"
    if call.flag("reverse"):
        descending = not descending
    # A group is asked for by the number of segments of its name.
    return Listing(
        resource,
        order,
        descending,
        call.size(),
        read_filter(call),
        read_expand(call),
        call.instant("pit"),
    )


def read_cursor(call: Call, resource: str, cursor: str) -> Listing:
    """The listing that a cursor stands for. Raises Problem."""
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        found: Listing = decode(text, Listing)
        known = found.resource == resource and found.order in SORTS[resource]
        if not known or found.size < 1 or set(found.expand) - set(EXPANSIONS):
            raise ValueError
    except (ValueError, Problem):
        raise invalid(
            "this is no cursor of this list; give `next` or `previous` of a page of it"
        ) from None
    if call.text("pageSize") is not None:
        found.size = call.size()
    found.size = min(found.size, call.state.settings.longest_page)
    return found


def read_filter(call: Call) -> Any:
    """The filter of a call, in its body or its query; None without one. Raises Problem."""
    text: bytes | str | None = call.body.strip() or call.text("query")
    if not text:
        return None
    try:
        found: dict[str, Any] = decode(text, dict[str, Any])
    except Problem as problem:
        raise invalid(problem.message.replace("the body", "the filter")) from None
    return found or None


def read_sort(resource: str, text: str) -> tuple[str, bool]:
    """The order that `sort` asks for, and whether it is descending. Raises Problem."""
    field, _, way = text.partition(":")
    name = re.sub(r"(?<=[a-z])[A-Z]", lambda letter: f"_{letter[0]}", field).lower()
    if name not in SORTS[resource] or way not in ("", "asc", "desc"):
        known = ", ".join(SORTS[resource])
        raise invalid(f"`sort` is a field and :asc or :desc; the fields of {resource}: {known}")
    return name, way == "desc"


def read_expand(call: Call) -> list[str]:
    """What more a call wants to see. Raises Problem."""
    found = call.all("expand")
    for name in found:
        if name not in EXPANSIONS:
            raise invalid(f"`expand` can be {' or '.join(EXPANSIONS)}, not `{name[:40]}`")
    return found


def read_page(
    ledger: Ledger, listing: Listing, show: Callable[[Sequence[Any]], list[T]]
) -> records.Page[T]:
    """A page, with its records shown as `show` makes them."""
    found = listing.read(ledger)
    return records.Page(
        records.Cursor(
            listing.size,
            found.has_more,
            show(found.items),
            listing.at(found.previous),
            listing.at(found.next),
        )
    )


def count(ledger: Ledger, listing: Listing) -> int:
    """How many records a list has."""
    return ledger.count(
        listing.resource, listing.filter, pit=listing.pit, by_insertion=listing.by_insertion
    )


# --- what is shown besides the record itself --------------------------------------------------


def effective_volumes(ledger: Ledger, row: Transaction) -> dict[tuple[str, str, str], Volume]:
    """The volumes that a transaction left, in the order in which transactions take effect."""
    accounts = sorted({key[0] for key in row.volumes})
    found: dict[tuple[str, str, str], list[int]] = {}
    for part in parts_of(accounts):
        match = {"$in": {"account": part}}
        for volume in every(ledger.volumes, match, pit=row.timestamp):
            found[volume.account, volume.asset, volume.color] = [volume.input, volume.output]
    later = {"$and": [{"$match": {"timestamp": row.timestamp}}, {"$gt": {"id": row.id}}]}
    for other in every(ledger.transactions, later):
        for source, destination, amount, asset, color in other.postings:
            for account, at in ((source, 1), (destination, 0)):
                if (account, asset, color) in found:
                    found[account, asset, color][at] -= amount
    return {key: Volume(*found[key]) for key in row.volumes}


def volumes_of(
    ledger: Ledger, rows: Sequence[Account], pit: datetime | None, *, by_insertion: bool
) -> dict[str, dict[tuple[str, str], Volume]]:
    """The volumes of accounts as they were at a point in time, by one of the two dates."""
    found: dict[str, dict[tuple[str, str], Volume]] = {row.address: {} for row in rows}
    for part in parts_of([row.address for row in rows]):
        match = {"$in": {"account": part}}
        for row in every(ledger.volumes, match, pit=pit, by_insertion=by_insertion):
            found[row.account][row.asset, row.color] = Volume(row.input, row.output)
    return found


def parts_of(values: Sequence[S], size: int = MOST_OF_ONE) -> list[list[S]]:
    """Values in parts that one comparison can take."""
    return [list(values[at : at + size]) for at in range(0, len(values), size)]


def every(read: Callable[..., Any], *given: Any, **more: Any) -> list[Any]:
    """All records of a list."""
    found: list[Any] = []
    cursor = None
    while True:
        page = read(*given, cursor=cursor, limit=MANY, **more)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found
