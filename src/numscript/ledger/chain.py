"""The log's text and its hash chain: canonical JSON, the hash of a line, reading a line back.

This is the only place that computes a hash. docs/ledger.md describes the encoding, with test
vectors. A line's hash is the sha256 of the 32 bytes of the hash before it (zeros for the first)
followed by the line's canonical JSON without its hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from json.encoder import encode_basestring as quote
from typing import Any, NamedTuple

from numscript.runtime.result import Posting
from numscript.storage.filters import is_storable
from numscript.storage.protocol import Log, write_instant
from numscript.values import MAX_DIGITS, is_account, is_asset, is_color

NEW_TRANSACTION = "NEW_TRANSACTION"
REVERTED_TRANSACTION = "REVERTED_TRANSACTION"
SET_METADATA = "SET_METADATA"
DELETE_METADATA = "DELETE_METADATA"
TYPES = (NEW_TRANSACTION, REVERTED_TRANSACTION, SET_METADATA, DELETE_METADATA)
"""What a line of the log can be about."""
NO_HASH = "0" * 64
"""What stands for the hash before the first line."""


def canonical(value: object) -> str:
    """JSON in its one canonical form: keys in the order of their characters, no spaces.

    Only `"`, the backslash and control characters are escaped; whole numbers are plain digits.
    """
    return _encode(value)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def write_metadata(metadata: Mapping[str, str]) -> str:
    """Metadata as canonical JSON."""
    if not metadata:
        return "{}"
    return "{" + ",".join([f"{quote(k)}:{quote(metadata[k])}" for k in sorted(metadata)]) + "}"


def write_postings(postings: Sequence[Posting]) -> str:
    """Postings as canonical JSON. Names of accounts and assets have nothing to escape."""
    rows = []
    for source, destination, amount, asset, color in postings:
        shade = f',"color":"{color}"' if color else ""
        rows.append(
            f'{{"amount":{amount},"asset":"{asset}"{shade},'
            f'"destination":"{destination}","source":"{source}"}}'
        )
    return f"[{','.join(rows)}]"


def write_transaction(
    number: int,
    postings: Sequence[Posting],
    metadata: Mapping[str, str],
    reference: str | None,
    timestamp: str,
) -> str:
    """What the log keeps of a transaction, as canonical JSON; the timestamp as text."""
    named = "" if reference is None else f'"reference":{quote(reference)},'
    return (
        f'{{"id":{number},"metadata":{write_metadata(metadata)},'
        f'"postings":{write_postings(postings)},{named}"timestamp":"{timestamp}"}}'
    )


def write_account_metadata(metadata: Mapping[str, Mapping[str, str]]) -> str:
    """Metadata by account as canonical JSON."""
    if not metadata:
        return "{}"
    rows = [f"{quote(name)}:{write_metadata(metadata[name])}" for name in sorted(metadata)]
    return "{" + ",".join(rows) + "}"


def line_text(
    number: int, type_: str, date: str, data: str, key: str | None, digest: str | None
) -> str:
    """A line of the log as canonical JSON, without its hash: the text that is hashed."""
    keys = "" if key is None else f'"idempotencyHash":"{digest}","idempotencyKey":{quote(key)},'
    return f'{{"data":{data},"date":"{date}","id":{number},{keys}"type":"{type_}"}}'


def chain(previous: str, text: str) -> str:
    """The hash of a line that follows a hash."""
    return sha256(bytes.fromhex(previous or NO_HASH) + text.encode()).hexdigest()


def hash_log(previous: str, log: Log) -> str:
    """The hash that a line of the log should have."""
    text = line_text(
        log.id, log.type, write_instant(log.date), log.data, log.idempotency_key,
        log.idempotency_hash,
    )  # fmt: skip
    return chain(previous, text)


def digest_of(request: object) -> str:
    """The hash by which two requests with one idempotency key are told apart."""
    return sha256(canonical(request).encode()).hexdigest()


def write_log(log: Log) -> str:
    """A line of the log as it is exported: canonical JSON, with its hash."""
    keys = ""
    if log.idempotency_key is not None:
        key = quote(log.idempotency_key)
        keys = f'"idempotencyHash":"{log.idempotency_hash}","idempotencyKey":{key},'
    return (
        f'{{"data":{log.data},"date":"{write_instant(log.date)}","hash":"{log.hash}",'
        f'"id":{log.id},{keys}"type":"{log.type}"}}'
    )


# --- reading ----------------------------------------------------------------------------------


class Change(NamedTuple):
    """What a line of the log did.

    transaction: the id of the new one, or of the one whose metadata changed; account: whose
    metadata changed; reverted: the id of the transaction that was taken back.
    """

    type: str
    transaction: int = 0
    account: str = ""
    postings: tuple[Posting, ...] = ()
    metadata: Mapping[str, str] = {}
    account_metadata: Mapping[str, Mapping[str, str]] = {}
    reference: str | None = None
    timestamp: datetime | None = None
    reverted: int = 0
    key: str = ""


def read_log(text: str) -> Log:
    """Read an exported line; its hash is not checked. Raises ValueError with what is wrong."""
    return parse_log(text)[0]


def parse_log(text: str) -> tuple[Log, dict[str, Any]]:
    """As `read_log`, with the data of the line, so that it need not be parsed again."""
    text = text.rstrip("\r\n")
    tree, is_canonical = _read(text)
    row = _object(tree, "the line")
    allowed = {"data", "date", "hash", "id", "idempotencyHash", "idempotencyKey", "type"}
    unknown = sorted(set(row) - allowed)
    if unknown:
        raise ValueError(f"it has an unknown field `{unknown[0]}`")
    data = _object(row.get("data"), "`data`")
    log = Log(
        _whole(row, "id"),
        _string(row, "type"),
        _instant(row, "date"),
        # In a canonical line `data` comes first and `date` behind it, with nothing in between.
        text[8 : text.rfind(',"date":"')] if is_canonical else canonical(data),
        _string(row, "idempotencyKey") if "idempotencyKey" in row else None,
        _string(row, "idempotencyHash") if "idempotencyKey" in row else None,
        _string(row, "hash"),
    )
    if len(log.hash) != 64 or set(log.hash) - set("0123456789abcdef"):
        raise ValueError("`hash` is no sha256 in hexadecimal digits")
    return log, data


def read_change(log: Log, parsed: dict[str, Any] | None = None) -> Change:
    """What a line of the log says was done; its data may be given parsed.

    Raises ValueError with what is wrong.
    """
    data = _object(load(log.data), "`data`") if parsed is None else parsed
    match log.type:
        case "NEW_TRANSACTION":
            named = _object(data.get("accountMetadata", {}), "`accountMetadata`")
            return _read_transaction(log.type, data)._replace(
                account_metadata={
                    _account(account): _metadata(items, account) for account, items in named.items()
                }
            )
        case "REVERTED_TRANSACTION":
            reverted = _whole(data, "revertedTransactionID")
            return _read_transaction(log.type, data)._replace(reverted=reverted)
        case "SET_METADATA":
            metadata = _metadata(data.get("metadata"), "metadata")
            return _target(log.type, data)._replace(metadata=metadata)
        case "DELETE_METADATA":
            return _target(log.type, data)._replace(key=_string(data, "key"))
        case _:
            raise ValueError(f"there is no type `{log.type}` of lines")


def load(text: str) -> Any:
    """Read JSON strictly: no floats, no key twice. Raises ValueError."""
    return _read(text)[0]


def _read(text: str) -> tuple[Any, bool]:
    """Read JSON strictly; also whether it is canonical, which shows without a closer look."""
    with suppress(ValueError, RecursionError):
        value = _quick.decode(text)
        if _encode(value) == text:
            return value, True
    try:
        return _strict.decode(text), False
    except json.JSONDecodeError as problem:
        ends = problem.pos >= len(text.rstrip()) or problem.msg.startswith("Unterminated")
        what = "it breaks off" if ends else "it is no JSON"
        raise ValueError(f"{what} at column {problem.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _read_transaction(type_: str, data: Mapping[str, Any]) -> Change:
    row = _object(data.get("transaction"), "`transaction`")
    rows = row.get("postings")
    if not isinstance(rows, list) or not rows:
        raise ValueError("it has no postings")
    return Change(
        type_,
        transaction=_whole(row, "id"),
        postings=tuple(_posting(item) for item in rows),
        metadata=_metadata(row.get("metadata"), "metadata"),
        reference=_string(row, "reference") if "reference" in row else None,
        timestamp=_instant(row, "timestamp"),
    )


def _target(type_: str, data: Mapping[str, Any]) -> Change:
    match data.get("targetType"):
        case "ACCOUNT":
            return Change(type_, account=_account(_string(data, "targetId")))
        case "TRANSACTION":
            return Change(type_, transaction=_whole(data, "targetId"))
        case other:
            raise ValueError(f"there is no target `{other}`")


def _posting(row: object) -> Posting:
    fields = _object(row, "a posting")
    amount, asset = _whole(fields, "amount"), _string(fields, "asset")
    color = _string(fields, "color") if "color" in fields else ""
    if amount < 0 or is_asset(asset) is None or is_color(color) is None:
        raise ValueError(f"it has a posting of {asset} {amount} {color}".rstrip())
    source, destination = _string(fields, "source"), _string(fields, "destination")
    return Posting(_account(source), _account(destination), amount, asset, color)


def _account(name: str) -> str:
    if is_account(name) is None:
        raise ValueError(f"`{name}` is no account")
    return name


def _metadata(value: object, part: str) -> dict[str, str]:
    items = _object(value, f"`{part}`")
    for key, text in items.items():
        if not isinstance(text, str) or not is_storable(text) or not is_storable(key):
            raise ValueError(f"the metadata `{key}` is no text that can be stored")
    return items


def _object(value: object, part: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{part} is no object")
    return value


def _whole(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"`{name}` is no whole number")
    return value


def _string(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not is_storable(value):
        raise ValueError(f"`{name}` is no text that can be stored")
    return value


def _instant(row: Mapping[str, Any], name: str) -> datetime:
    text = _string(row, name)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{name}` is no date") from None
    if instant.tzinfo is not UTC or write_instant(instant) != text:
        raise ValueError(f"`{name}` must be written as 2026-01-31T12:00:00.000000Z")
    return instant


def _digits(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"it has a number of {len(text)} digits")
    return int(text)


def _no_float(text: str) -> object:
    raise ValueError(f"{text} is no whole number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("an object has the same key twice")
    return row


_quick = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)
_strict = json.JSONDecoder(
    parse_int=_digits, parse_float=_no_float, parse_constant=_no_float, object_pairs_hook=_unique
)
