"""What version 1 of the API reads and writes, and how the ledger's records become that."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as Items
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType

from numscript import ledger as books
from numscript.service import records
from numscript.service.calls import Call
from numscript.service.problems import invalid
from numscript.service.records import Posting, Volumes
from numscript.service.writing import Writer, before

T = TypeVar("T")
AS_JSON = "com.numary.spec/json/"
"""How the keys start that tell which metadata are JSON: here values can be any, there only text."""
REVERTS = "com.numary.spec/state/reverts"
REVERTED = "com.numary.spec/state/reverted"
NEW_REVERTS = "com.formance.spec/state/reverts"


class Error(Struct, rename={"code": "errorCode", "message": "errorMessage",
                            "old_code": "error_code", "old_message": "error_message"},
            omit_defaults=True):  # fmt: skip
    """What went wrong; the names with underscores are those of older releases."""

    code: str
    message: str
    old_code: str
    old_message: str
    details: str | None = None


class Cursor(Struct, Generic[T], rename={"page_size": "pageSize", "has_more": "hasMore",
                                         "old_page_size": "page_size",
                                         "old_has_more": "has_more"},
             omit_defaults=True):  # fmt: skip
    """A page of a list; the names with underscores are those of older releases."""

    page_size: int
    has_more: bool
    data: list[T]
    old_page_size: int
    old_has_more: bool
    previous: str | UnsetType = UNSET
    next: str | UnsetType = UNSET


class Page(Struct, Generic[T]):
    """A page in its envelope."""

    cursor: Cursor[T]


class Transaction(Struct, rename="camel"):
    """A transaction, with the volumes before and after it."""

    postings: list[Posting]
    reference: str
    metadata: dict[str, Any]
    timestamp: str
    txid: int
    pre_commit_volumes: Volumes
    post_commit_volumes: Volumes


class Account(Struct):
    """An account."""

    address: str
    metadata: dict[str, Any]


class AccountWithVolumes(Struct):
    """An account with all that it received and gave."""

    address: str
    metadata: dict[str, Any]
    volumes: dict[str, records.Volume]
    balances: dict[str, records.Amount]


class Log(Struct):
    """A line of the log."""

    id: int
    type: str
    data: dict[str, Any]
    hash: str
    date: str


class Mapping(Struct):
    """Contracts that accounts must keep."""

    contracts: list[dict[str, Any]] = []


class Info(Struct):
    """The server and how it is set up."""

    server: str
    version: str
    config: records.Configuration


class Script(Struct):
    """A script and its variables."""

    plain: str = ""
    vars: dict[str, Any] | None = None


class NewTransaction(Struct):
    """A transaction to be made of postings or of a script."""

    postings: list[Posting] | None = None
    script: Script | None = None
    timestamp: str | None = None
    reference: str | None = None
    metadata: dict[str, Any] | None = None


class Batch(Struct):
    """Transactions to be made together."""

    transactions: list[NewTransaction]


class ScriptRun(Struct):
    """A script to be run, with what is said of its transaction."""

    plain: str
    vars: dict[str, Any] | None = None
    reference: str | None = None
    metadata: dict[str, Any] | None = None
    timestamp: str | None = None


class ScriptAnswer(Struct, rename="camel", omit_defaults=True):
    """What came of a script: a transaction, or an error."""

    transaction: Transaction | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    error_message: str | UnsetType = UNSET
    details: str | UnsetType = UNSET


# --- metadata of any form ---------------------------------------------------------------------


def keep_metadata(metadata: Items[str, Any]) -> dict[str, str]:
    """Metadata as the ledger keeps them: text as it is, anything else as JSON, marked as such."""
    kept: dict[str, str] = {}
    for key, value in metadata.items():
        if isinstance(value, str):
            kept[key] = value
            if is_json(value):
                # The same text may have been kept as JSON before.
                kept[f"{AS_JSON}{key}"] = ""
        else:
            kept[key] = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            kept[f"{AS_JSON}{key}"] = kept[key]
    return kept


def is_json(text: str) -> bool:
    """Whether a text could have been kept as JSON."""
    return bool(re.match(r"[-\d\[{tfn]", text))


def show_metadata(metadata: Items[str, str]) -> dict[str, Any]:
    """Metadata as they were given; a mark counts only for the value that it was made with."""
    shown: dict[str, Any] = {}
    for key, value in metadata.items():
        if not key.startswith(AS_JSON):
            marked = metadata.get(f"{AS_JSON}{key}")
            shown[key] = json.loads(value) if marked and marked == value else value
    return shown


# --- the ledger's records ---------------------------------------------------------------------


def write_seconds(instant: datetime) -> str:
    """An instant to the second."""
    return instant.replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def transaction(row: books.Transaction, writer: Writer) -> Transaction:
    """A transaction; it counts from 0."""
    metadata = show_metadata(row.metadata)
    if row.reverts is not None:
        metadata.pop(NEW_REVERTS, None)
        metadata[REVERTS] = str(row.reverts - 1)
    if row.reverted_by is not None:
        metadata[REVERTED] = {"by": str(row.reverted_by - 1)}
    return Transaction(
        writer.postings(row.postings),
        row.reference or "",
        metadata,
        write_seconds(row.timestamp),
        row.id - 1,
        writer.volumes(before(row.volumes, row.postings)),
        writer.volumes(row.volumes),
    )


def log(row: books.Log, writer: Writer) -> Log:
    """A line of the log; it counts from 0, and knows two types."""
    data: dict[str, Any] = json.loads(row.data)
    type_ = row.type
    if "transaction" in data:
        made = data["transaction"]
        type_ = "NEW_TRANSACTION"
        data = {
            "postings": [
                {**posting, "amount": writer.amount(posting["amount"])}
                for posting in made["postings"]
            ],
            "reference": made.get("reference", ""),
            "metadata": show_metadata(made["metadata"]),
            "timestamp": made["timestamp"][:19] + "Z",
            "txid": made["id"] - 1,
        }
    else:
        if data["targetType"] == "TRANSACTION":
            data["targetId"] -= 1
        metadata = data.pop("metadata", None)
        # A deletion is shown as what it leaves: nothing under the key.
        data["metadata"] = {data.pop("key"): None} if metadata is None else show_metadata(metadata)
        type_ = "SET_METADATA"
    return Log(row.id - 1, type_, data, row.hash, write_seconds(row.date))


def page(size: int, shown: Sequence[T], previous: str | None, following: str | None) -> Page[T]:
    """The envelope of a page."""
    more = following is not None
    return Page(Cursor(size, more, list(shown), size, more, previous or UNSET, following or UNSET))


# --- filters ----------------------------------------------------------------------------------

is_plain = re.compile(r"\w+(?::\w+)*", re.ASCII).fullmatch
is_pattern = re.compile(r"(?:\w+|\*|\.\*|)(?::(?:\w+|\*|\.\*|))*", re.ASCII).fullmatch


def address_pattern(text: str, *, prefix: bool = False) -> str:
    """A pattern of addresses in the language of filters.

    prefix: whether `.*` at the end stands for any number of segments. Raises Problem for regular
    expressions, which could take any time.
    """
    if is_plain(text):
        return text
    if not is_pattern(text):
        raise invalid(
            f"`{text[:80]}` is no pattern of addresses: write segments, and `*` for any one, such "
            "as `users:*`; regular expressions are not taken"
        )
    segments = text.split(":")
    is_open = prefix and segments[-1] == ".*"
    plain = ["" if segment in ("*", ".*") else segment for segment in segments]
    return ":".join([*plain[:-1], "..."]) if is_open else ":".join(plain)


def metadata_filters(call: Call) -> list[dict[str, Any]]:
    """The filters of the parameters `metadata[key]`."""
    found = []
    for name, value in call.queries:
        key = re.fullmatch(r"metadata\[(.+)\]", name)
        if key is not None:
            found.append({"$match": {f"metadata[{key[1]}]": value}})
    return found


def all_of(parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """One filter that is all of these."""
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"$and": parts}
