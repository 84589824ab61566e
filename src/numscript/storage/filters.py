"""Filters and queries: what lists are asked for, as plain records, and how a filter is read.

A filter is an object with one operator: `$and`, `$or` (a list), `$not` (a filter), or an operator
over one field: `{"$match": {"account": "users:"}}`. Every storage answers the same records; the
one in memory by `matches`, the others by SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from numscript import errors
from numscript.diagnostics import LedgerError
from numscript.values import MAX_DIGITS, is_asset

ADDRESS, TEXT, INSTANT, NUMBER, FLAG, METADATA, BALANCE = (
    "address",
    "text",
    "date",
    "number",
    "flag",
    "metadata",
    "balance",
)
FIELDS: dict[str, dict[str, str]] = {
    "accounts": {
        "address": ADDRESS,
        "first_usage": INSTANT,
        "insertion_date": INSTANT,
        "updated_at": INSTANT,
        "balance": BALANCE,
        "metadata": METADATA,
    },
    "transactions": {
        "id": NUMBER,
        "reference": TEXT,
        "account": ADDRESS,
        "source": ADDRESS,
        "destination": ADDRESS,
        "timestamp": INSTANT,
        "inserted_at": INSTANT,
        "updated_at": INSTANT,
        "reverted_at": INSTANT,
        "reverted": FLAG,
        "metadata": METADATA,
    },
    "volumes": {
        "account": ADDRESS,
        "address": ADDRESS,
        "first_usage": INSTANT,
        "balance": BALANCE,
        "metadata": METADATA,
    },
    "logs": {"id": NUMBER, "date": INSTANT, "type": TEXT, "idempotency_key": TEXT},
}
"""The fields of each resource, and their types."""

COMPARISONS = ("$match", "$lt", "$lte", "$gt", "$gte")
OPERATORS: dict[str, tuple[str, ...]] = {
    ADDRESS: ("$match", "$like", "$in"),
    TEXT: ("$match", "$like", "$in"),
    INSTANT: COMPARISONS,
    NUMBER: (*COMPARISONS, "$in"),
    FLAG: ("$match",),
    METADATA: ("$match", "$like", "$in", "$exists"),
    BALANCE: (*COMPARISONS, "$exists"),
}
"""The operators of each type of field."""
MAX_DEPTH = 50
MAX_LEAVES = 500
BIGGEST_ID = 2**63 - 1


class Leaf(NamedTuple):
    """A field compared with a value. key: of metadata, or the asset and colour of a balance."""

    field: str
    type: str
    key: str | tuple[str, str] | None
    operator: str
    value: object


class And(NamedTuple):
    """All of them."""

    parts: tuple[Filter, ...]


class Or(NamedTuple):
    """Any of them."""

    parts: tuple[Filter, ...]


class Not(NamedTuple):
    """What a filter does not match."""

    part: Filter


Filter: TypeAlias = Leaf | And | Or | Not


class Moment(NamedTuple):
    """A point in time, by the date of insertion or, if `effective`, of effect.

    since: volumes count only what was moved from then on.
    """

    at: datetime
    effective: bool
    since: datetime | None = None


SORTS: dict[str, dict[str, tuple[str, ...]]] = {
    "accounts": {
        "address": ("address",),
        "first_usage": ("first_usage", "address"),
        "insertion_date": ("insertion_date", "address"),
        "updated_at": ("updated_at", "address"),
    },
    "transactions": {
        "id": ("id",),
        "timestamp": ("timestamp", "id"),
        "inserted_at": ("inserted_at", "id"),
        "updated_at": ("updated_at", "id"),
    },
    "volumes": {"account": ("account", "asset", "color")},
    "aggregate": {"asset": ("account", "asset", "color")},
    "logs": {"id": ("id",)},
}
"""The orders of each resource, and the columns of each, which together are unique."""


class Query(NamedTuple):
    """What is asked of a storage: the records of a resource, in the order of its sort columns.

    The resources are those of `FIELDS`, and `aggregate`: the volumes summed by asset and colour.
    after: the sort columns of the last record of the page before; group: for volumes, how many
    segments of the address make a group, 0 for whole addresses; limit: 0 for all.
    """

    resource: str
    filter: Filter | None = None
    sort: str = "id"
    descending: bool = False
    after: tuple[object, ...] | None = None
    limit: int = 0
    moment: Moment | None = None
    group: int = 0


# --- reading ----------------------------------------------------------------------------------


def parse_filter(resource: str, tree: object) -> Filter | None:
    """Read a filter on a resource; nothing or `{}` is no filter. Raises LedgerError."""
    if tree is None or tree == {}:
        return None
    return _Reader(resource).read(tree, 0)


class _Reader:
    """Reads one filter, and counts what is in it."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.fields = FIELDS[resource]
        self.leaves = 0

    def read(self, tree: object, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise refuse(f"it is nested more deeply than {MAX_DEPTH}")
        if not isinstance(tree, Mapping) or len(tree) != 1:
            raise refuse("a filter is an object with one operator", self.example(tree))
        ((operator, inside),) = tree.items()
        if operator in ("$and", "$or"):
            if not isinstance(inside, (list, tuple)) or not inside:
                raise refuse(f"`{operator}` takes a list of filters that is not empty")
            parts = tuple(self.read(part, depth + 1) for part in inside)
            return And(parts) if operator == "$and" else Or(parts)
        if operator == "$not":
            return Not(self.read(inside, depth + 1))
        if operator not in {name for names in OPERATORS.values() for name in names}:
            raise refuse(f"there is no operator `{operator}`", self.example(tree))
        if not isinstance(inside, Mapping) or len(inside) != 1:
            raise refuse(f"`{operator}` takes an object with one field")
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise refuse(f"it compares more than {MAX_LEAVES} times")
        ((field, value),) = inside.items()
        return self.leaf(operator, str(field), value)

    def example(self, tree: object) -> str:
        """What may have been meant."""
        if isinstance(tree, Mapping):
            for name in tree:
                if str(name).partition("[")[0] in self.fields:
                    return f'write {{"$match": {{"{name}": ...}}}}'
        return "the operators are $match $lt $lte $gt $gte $like $in $exists $and $or $not"

    def leaf(self, operator: str, field: str, value: object) -> Leaf:
        name, bracket, key = field.partition("[")
        type_ = self.fields.get(name)
        if type_ is None or (bracket and not key.endswith("]")):
            known = ", ".join(self.fields)
            raise refuse(f"{self.resource} have no field `{field}`", f"the fields are {known}")
        if operator not in OPERATORS[type_]:
            allowed = " ".join(OPERATORS[type_])
            raise refuse(f"`{name}` cannot be used with `{operator}`", f"use {allowed}")
        key = key[:-1]
        if operator == "$exists":
            if bracket or not isinstance(value, str):
                raise refuse(f'`$exists` is written {{"$exists": {{"{name}": "key"}}}}')
            if type_ == BALANCE:
                return Leaf(name, type_, _asset(value), operator, None)
            return Leaf(name, type_, _text(name, value), operator, None)
        if type_ == METADATA:
            if not key:
                raise refuse("metadata is compared by key: `metadata[key]`")
            return Leaf(name, type_, _text(name, key), operator, _texts(name, operator, value))
        if type_ == BALANCE:
            place = _asset(key) if bracket else None
            return Leaf(name, type_, place, operator, _whole(name, value))
        if bracket:
            raise refuse(f"`{name}` has no keys")
        return Leaf(name, type_, None, operator, _value(name, type_, operator, value))


def _value(name: str, type_: str, operator: str, value: object) -> object:
    """The value that a field is compared with."""
    if type_ == INSTANT:
        return read_instant(f"`{name}`", value)
    if type_ == NUMBER:
        if operator == "$in":
            return tuple(_id(name, item) for item in _items(name, value))
        return _id(name, value)
    if type_ == FLAG:
        if not isinstance(value, bool):
            raise refuse(f"`{name}` is compared with true or false")
        return value
    found = _texts(name, operator, value)
    if type_ == ADDRESS and operator == "$in":
        for address in found:
            if is_pattern(address):
                raise refuse(f"`$in` takes whole addresses, not `{address}`")
    return found


def _texts(name: str, operator: str, value: object) -> str | tuple[str, ...]:
    if operator == "$in":
        return tuple(_text(name, item) for item in _items(name, value))
    return _text(name, value)


def _items(name: str, value: object) -> Sequence[object]:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_LEAVES:
        raise refuse(f"`{name}` with `$in` takes a list of up to {MAX_LEAVES}")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise refuse(f"`{name}` is compared with text, not {value!r}")
    if "\0" in value or not is_storable(value):
        raise refuse(f"`{name}` is compared with text that cannot be stored")
    return value


def _whole(name: str, value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,4000}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(f"`{name}` is compared with a whole number, not {value!r}")
    if abs(value) >= 10**MAX_DIGITS:
        raise refuse(f"`{name}` is compared with a number of more than {MAX_DIGITS} digits")
    return value


def _id(name: str, value: object) -> int:
    """A number held to what an id can be, so that any comparison keeps its sense."""
    return max(-1, min(_whole(name, value), BIGGEST_ID))


def _asset(key: str) -> tuple[str, str]:
    """Asset and colour of a balance: `USD/2`, or `USD/2 RED`."""
    asset, _, color = key.partition(" ")
    if is_asset(asset) is None or (color and not (color.isascii() and color.isupper())):
        raise refuse(f"`{key}` is no asset", "write `balance[USD/2]`, or `balance[USD/2 RED]`")
    return asset, color


def read_instant(part: str, value: object) -> datetime:
    """An instant in UTC from an aware datetime or ISO text with an offset. Raises LedgerError."""
    instant = value
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            raise invalid(part, f"`{value}` is no date such as 2026-01-31T12:00:00Z") from None
    if not isinstance(instant, datetime):
        raise invalid(part, f"{value!r} is no date")
    if instant.tzinfo is None:
        zoned = f"{instant.isoformat()}Z"
        raise invalid(part, f"`{value}` has no time zone; add one, such as {zoned}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise invalid(part, f"`{instant}` lies outside of the years 1 to 9999") from None


def invalid(part: str, reason: str) -> LedgerError:
    """The error of something given that cannot be kept."""
    return LedgerError.of(errors.InvalidRequest(part=part, reason=reason))


def refuse(reason: str, suggestion: str = "") -> LedgerError:
    """The error of a filter."""
    return LedgerError.of(errors.InvalidFilter(reason=reason, suggestion=suggestion))


def is_storable(text: str) -> bool:
    """Whether UTF-8 can hold a text, and a database too: no lone surrogates, no NUL."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


# --- address patterns -------------------------------------------------------------------------


def is_pattern(address: str) -> bool:
    """Whether an address stands for several: `users:`, `users::main`, `users:...`."""
    return "" in address.split(":") or address.endswith("...")


class Pattern(NamedTuple):
    """An address pattern: a literal prefix, its literal segments by number (from 1), its length.

    `users:` is one more segment, `users:...` any number of them, an empty segment is any.
    """

    prefix: str
    segments: tuple[tuple[int, str], ...]
    length: int
    open: bool


def read_pattern(text: str) -> Pattern:
    """Take an address pattern apart."""
    segments = text.split(":")
    is_open = segments[-1] == "..."
    if is_open:
        segments[-1] = ""
    first = next((at for at, segment in enumerate(segments) if not segment), len(segments))
    prefix = "".join(f"{segment}:" for segment in segments[:first])
    literal = tuple((at + 1, segment) for at, segment in enumerate(segments) if segment)
    return Pattern(prefix, literal, len(segments), is_open)


@lru_cache(maxsize=256)
def address_matcher(text: str) -> Callable[[str], bool]:
    """The test of whether an address fits an address or a pattern."""
    if not is_pattern(text):
        return text.__eq__
    pattern = read_pattern(text)

    def fits(address: str) -> bool:
        segments = address.split(":")
        length = len(segments)
        if length < pattern.length or (length > pattern.length and not pattern.open):
            return False
        return all(segments[number - 1] == segment for number, segment in pattern.segments)

    return fits


@lru_cache(maxsize=256)
def like_matcher(text: str) -> Callable[[str], bool]:
    """The test of SQL's LIKE: `%` is any text, `_` one character, a backslash takes its sense."""
    pieces = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "\\" and at + 1 < len(text):
            at += 1
            pieces.append(re.escape(text[at]))
        else:
            pieces.append({"%": ".*", "_": "."}.get(sign) or re.escape(sign))
        at += 1
    matched = re.compile("".join(pieces), re.DOTALL).fullmatch
    return lambda value: matched(value) is not None


# --- evaluating -------------------------------------------------------------------------------


def matches(filter_: Filter | None, values: Callable[[Leaf], Sequence[object]]) -> bool:
    """Whether a filter matches a record; `values` gives what the record has in a leaf's field.

    A field may have several values (the accounts of a transaction): one that fits is enough.
    """
    match filter_:
        case None:
            return True
        case And(parts):
            return all(matches(part, values) for part in parts)
        case Or(parts):
            return any(matches(part, values) for part in parts)
        case Not(part):
            return not matches(part, values)
        case Leaf():
            fits = leaf_test(filter_)
            return any(fits(value) for value in values(filter_) if value is not None)


def leaf_test(leaf: Leaf) -> Callable[[object], bool]:
    """The test of a leaf on one value."""
    wanted = leaf.value
    match leaf.operator:
        case "$exists":
            return lambda _: True
        case "$in":
            assert isinstance(wanted, tuple)
            return lambda value: value in wanted
        case "$like":
            like = like_matcher(str(wanted))
            return lambda value: like(str(value))
        case "$match" if leaf.type == ADDRESS:
            fits = address_matcher(str(wanted))
            return lambda value: fits(str(value))
        case operator:
            return lambda value: compare(operator, value, wanted)


def compare(operator: str, value: object, wanted: object) -> bool:
    """Two values of one type, compared."""
    assert isinstance(value, (int, str, datetime))
    match operator:
        case "$lt":
            return value < wanted  # type: ignore[operator]  # of one type by the field
        case "$lte":
            return value <= wanted  # type: ignore[operator]  # of one type
        case "$gt":
            return value > wanted  # type: ignore[operator]  # of one type
        case "$gte":
            return value >= wanted  # type: ignore[operator]  # of one type
        case _:
            return value == wanted
