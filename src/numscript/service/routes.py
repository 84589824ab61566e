"""What a route is: one row with all that the server and the OpenAPI document need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numscript.service.calls import JSON, Call, Reply

Handler = Callable[[Call], Reply]


class Parameter(NamedTuple):
    """A parameter of a query: its type as JSON Schema, and one line of what it does."""

    schema: dict[str, Any]
    doc: str


TEXT: dict[str, Any] = {"type": "string"}
FLAG: dict[str, Any] = {"type": "boolean"}
INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}
SIZE: dict[str, Any] = {"type": "integer", "minimum": 1}

PARAMETERS: dict[str, Parameter] = {
    "pageSize": Parameter(SIZE, "How many records a page has."),
    "cursor": Parameter(TEXT, "`next` or `previous` of a page; all else is as it was there."),
    "query": Parameter(TEXT, "A filter, as JSON; it may come as the body too."),
    "sort": Parameter(TEXT, "A field, `:asc` or `:desc`."),
    "expand": Parameter(TEXT, "More to be shown: `volumes`, `effectiveVolumes`, by commas."),
    "pit": Parameter(INSTANT, "Show everything as it was at this point in time."),
    "order": Parameter({"type": "string", "enum": ["effective"]}, "By date of effect, not by id."),
    "reverse": Parameter(FLAG, "The oldest first."),
    "dryRun": Parameter(FLAG, "Show what would be done, and do nothing."),
    "force": Parameter(FLAG, "Let accounts go below zero."),
    "atEffectiveDate": Parameter(FLAG, "Let it take effect when the first one did."),
    "schemaVersion": Parameter(TEXT, "The schema that must allow it."),
    "useInsertionDate": Parameter(FLAG, "Take the date of insertion, not of effect."),
    "insertionDate": Parameter(FLAG, "Take the date of insertion, not of effect."),
    "startTime": Parameter(INSTANT, "From here on, inclusive."),
    "endTime": Parameter(INSTANT, "Up to here."),
    "groupBy": Parameter(
        {"type": "integer", "minimum": 0}, "Add up accounts whose first so many segments agree."
    ),
    "atomic": Parameter(FLAG, "All elements or none."),
    "parallel": Parameter(FLAG, "Elements do not wait for each other; results keep their order."),
    "continueOnFailure": Parameter(FLAG, "Go on after an element that failed."),
    "preview": Parameter(TEXT, "`yes`: show what would be done, and do nothing."),
    "disableChecks": Parameter(FLAG, "Let accounts go below zero."),
    "after": Parameter(TEXT, "Start behind this record."),
    "eventTypes": Parameter(TEXT, "Only events of these types, by commas."),
    "address": Parameter(TEXT, "An address, or a pattern such as `users:*`."),
    "account": Parameter(TEXT, "Transactions of an account, or of a pattern of accounts."),
    "source": Parameter(TEXT, "Transactions from an account, or a pattern."),
    "destination": Parameter(TEXT, "Transactions to an account, or a pattern."),
    "reference": Parameter(TEXT, "The transaction of a reference."),
    "balance": Parameter({"type": "integer"}, "Accounts by their balance."),
    "balanceOperator": Parameter(
        {"type": "string", "enum": ["e", "ne", "gt", "gte", "lt", "lte"]},
        "How the balance compares; `gte` if nothing is said.",
    ),
    "balanceAsset": Parameter(TEXT, "The asset of `balance`; any if nothing is said."),
}
"""The parameters of queries, by name."""

EVENTS = "text/event-stream"
"""The media type of a stream of events, each an answer of the route's type."""
PAGING = ("pageSize", "cursor")
FILTERED = ("query", "sort", *PAGING)


class Route(NamedTuple):
    """A route.

    scope: what the caller must have been granted, for the ledger in the path if there is one.
    body, answer: the types of what is read and written. errors: published codes by status that
    this route can give, besides those that all can. stream: whether the body is taken as a file,
    with the limit of streams. basic: whether callers may show themselves by HTTP Basic.
    keyed: whether it takes `Idempotency-Key`. old: whether it is of version 1. gateway: the status
    under the prefix of Formance's gateway, where newer clients of version 1 look for another one.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    scope: str | None
    answer: Any = None
    status: int = 200
    body: Any = None
    query: tuple[str, ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    media: str = JSON
    takes: str = JSON
    stream: bool = False
    basic: bool = False
    keyed: bool = False
    old: bool = False
    gateway: int = 0
