"""Pages of lists, and the cursors that lead from one to the next.

A cursor holds the sort columns of a page's last record, or of its first, which are unique together:
the next page starts behind that record, the previous one ends before it, so that nothing is
repeated or skipped whatever is written meanwhile.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from numscript import errors
from numscript.diagnostics import LedgerError
from numscript.storage.filters import BIGGEST_ID, SORTS
from numscript.storage.protocol import write_instant

T = TypeVar("T")
FIELDS = {"insertion_date": "inserted_at"}
"""Sort columns that the records call otherwise."""


class Page(Generic[T]):
    """Some records of a list; the cursors `next` and `previous` lead to the pages beside it.

    `next` is None on the last page, `previous` on the first.
    """

    __slots__ = ("items", "next", "previous")

    def __init__(
        self, items: tuple[T, ...], following: str | None, previous: str | None = None
    ) -> None:
        self.items = items
        self.next = following
        self.previous = previous

    def __repr__(self) -> str:
        return f"Page({len(self.items)} items, next={self.next!r})"

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at: int) -> T:
        return self.items[at]

    @property
    def has_more(self) -> bool:
        """Whether there is a page behind it."""
        return self.next is not None


class Cursor(NamedTuple):
    """A place between two records of a list: their columns, and whether to go back from there."""

    columns: tuple[object, ...]
    backwards: bool


def write_cursor(
    row: object, resource: str, order: str, descending: bool, *, backwards: bool = False
) -> str:
    """The cursor behind a record, or before it."""
    values: list[object] = []
    for column in SORTS[resource][order]:
        value = getattr(row, FIELDS.get(column, column))
        values.append(write_instant(value) if isinstance(value, datetime) else value)
    text = json.dumps([resource, order, descending + 2 * backwards, *values])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, resource: str, order: str, descending: bool) -> Cursor:
    """The place that a cursor stands for. Raises LedgerError."""
    try:
        text = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        row = json.loads(text)
        columns = SORTS[resource][order]
        ways = (int(descending), descending + 2)
        if row[:2] != [resource, order] or row[2] not in ways or len(row) != 3 + len(columns):
            raise ValueError("of another list")
        values = [_value(column, value) for column, value in zip(columns, row[3:], strict=True)]
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError):
        raise LedgerError.of(errors.InvalidCursor()) from None
    return Cursor(tuple(values), row[2] > 1)


def _value(column: str, value: object) -> object:
    """The value of a sort column, checked."""
    if column == "id":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= BIGGEST_ID:
            raise ValueError(column)
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(column)
    if column in ("address", "account", "asset", "color"):
        value.encode()
        return value
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError(column)
    return instant
