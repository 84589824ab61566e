"""One call of the API: `Call`, what its parts say, and `Reply`, what is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from numscript.errors import NumberTooLong
from numscript.ledger import Ledger
from numscript.service.problems import Problem, invalid
from numscript.service.writing import Writer
from numscript.storage.filters import read_instant
from numscript.values import MAX_DIGITS

if TYPE_CHECKING:
    from numscript.service.access import Caller
    from numscript.service.state import State

T = TypeVar("T")
TRUE = ("true", "1")
"""What a flag in a query says to be set, in any case; anything else is not."""
BIGINTS = ("true", "yes", "y", "1")
"""What `Formance-Bigint-As-String` says for amounts to be text."""
JSON = "application/json"
NAMES = {str: "str", int: "int", float: "float", bool: "bool", type(None): "null", list: "array",
         dict: "object"}  # fmt: skip
"""What errors call the types of JSON."""


class Reply(NamedTuple):
    """An answer: its status, what becomes its body, more headers.

    A body that is an iterator of bytes is sent piece by piece; one that is asynchronous as its
    pieces come, for as long as the caller stays.
    """

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = {}
    media: str = JSON


@lru_cache(maxsize=64)
def decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    """The decoder of a type."""
    return msgspec.json.Decoder(type_)


def decode(text: bytes | str, type_: Any) -> Any:
    """Read JSON as a type. Raises Problem with the place of what does not fit."""
    try:
        return decoder(type_).decode(text)
    except msgspec.ValidationError as problem:
        raise invalid(
            f"the body does not have the form it must have: {mismatch(str(problem), text, type_)}"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        if not text.strip():
            raise invalid("the body is empty; send JSON") from None
        raise invalid(f"the body is no JSON: {problem}") from None
    except RecursionError:
        raise invalid("the body is nested too deeply") from None


def mismatch(reason: str, text: bytes | str, type_: Any) -> str:
    """What of a body does not fit, where, and what would."""
    what, _, place = reason.partition(" - at ")
    if what.startswith("Integer value out of range"):
        given = text if isinstance(text, str) else text.decode("utf-8", "replace")
        longest = max(map(len, re.findall("[0-9]+", given)), default=0)
        if longest > MAX_DIGITS:
            what = NumberTooLong(digits=longest, limit=MAX_DIGITS).message
    elif what.startswith("Object contains unknown field") and not place:
        what += f"; it takes {', '.join(type_.__struct_encode_fields__)}"
    elif "[...]" in place:
        place = with_keys(what, text, place)
    if place:
        what += f" at {place.replace('`$', '`body', 1).replace('`body`', 'the body')}"
    return what


def with_keys(what: str, text: bytes | str, place: str) -> str:
    """A place with the keys of objects in it, found by the type that does not fit there."""
    got = re.search(r"got `(\w+)`$", what)
    steps = re.findall(r"\.[^.\[]+|\[[^\]]+\]", place[2:-1])
    try:
        tree = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return place  # what comes behind is no JSON either
    for found, value in places_of(tree, steps):
        if got and NAMES[type(value)] == got[1]:
            return f"`${found}`"
    return place


def places_of(tree: Any, steps: Sequence[str], place: str = "") -> Iterator[tuple[str, Any]]:
    """The places that steps lead to, with what is there; `[...]` is any key of an object."""
    if not steps:
        yield place, tree
        return
    step, *others = steps
    if step == "[...]" and isinstance(tree, dict):
        for key, value in tree.items():
            yield from places_of(value, others, f"{place}[{json.dumps(key[:80])}]")
    elif step.startswith(".") and isinstance(tree, dict):
        yield from places_of(tree.get(step[1:]), others, place + step)
    elif isinstance(tree, list) and step[1:-1].isdigit():
        yield from places_of(tree[int(step[1:-1])], others, place + step)


class Call:
    """A call: the parts of its request, and the state of the server.

    path: the variable parts of the path; query: the last value given of each name; file: the body
    of a route that takes a stream, rewound.
    """

    __slots__ = (
        "body", "caller", "file", "headers", "id", "path", "pattern", "queries", "state", "writer"
    )  # fmt: skip

    def __init__(
        self,
        state: State,
        caller: Caller,
        number: str,
        path: Mapping[str, str],
        queries: list[tuple[str, str]],
        headers: Mapping[str, str],
        body: bytes,
        file: IO[bytes] | None,
    ) -> None:
        self.state = state
        self.caller = caller
        self.id = number
        self.path = path
        self.queries = queries
        self.headers = headers
        self.body = body
        self.file = file
        asked = headers.get("formance-bigint-as-string", "").lower()
        self.writer = Writer(bigints_as_text=asked in BIGINTS)

    def ledger(self, *, create: bool = False) -> Ledger:
        """The ledger that the path names. Raises LedgerError (UnknownLedger).

        create: whether it is created if it does not exist, and the caller may write to it.
        """
        name = self.path["ledger"]
        may = create and self.caller.may("ledger:write", name)
        return self.state.ledgers.open(name, create=may)

    # --- query ---

    def text(self, *names: str) -> str | None:
        """A text of the query, by the first of these names that is given."""
        for name in names:
            for given, value in reversed(self.queries):
                if given == name and value:
                    return value
        return None

    def all(self, name: str) -> list[str]:
        """All texts of the query under a name, also those set apart by commas."""
        return [part for given, value in self.queries if given == name
                for part in value.split(",") if part]  # fmt: skip

    def flag(self, name: str, more: tuple[str, ...] = ()) -> bool:
        """Whether a flag is set."""
        value = self.text(name)
        return value is not None and value.lower() in (*TRUE, *more)

    def whole(self, *names: str, default: int = 0, least: int = 0) -> int:
        """A whole number of the query."""
        value = self.text(*names)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 19) or int(value) < least:
            raise invalid(
                f"`{names[0]}` is `{value[:40]}`, and must be a whole number from {least}"
            )
        return int(value)

    def instant(self, *names: str) -> datetime | None:
        """An instant of the query. Raises LedgerError."""
        value = self.text(*names)
        # A plus sign that was not encoded has become a blank.
        return None if value is None else read_instant(names[0], value.replace(" ", "+"))

    def size(self) -> int:
        """How many records a page shall have; at most as many as one may have."""
        settings = self.state.settings
        size = self.whole("pageSize", "page_size", default=settings.page)
        return min(size or settings.page, settings.longest_page)

    # --- body and headers ---

    def decode(self, type_: Any) -> Any:
        """The body as a type. Raises Problem."""
        return decode(self.body, type_)

    def decode_or_none(self, type_: Callable[[], T]) -> T:
        """The body as a record; without one, an empty record."""
        found: T = decode(self.body, type_) if self.body.strip() else type_()
        return found

    @property
    def idempotency_key(self) -> str | None:
        """The key under which this call is done once."""
        return self.headers.get("idempotency-key") or None

    def number(self, name: str = "id") -> int:
        """An id in the path. Raises Problem."""
        value = self.path[name]
        if not (value.isascii() and value.isdigit() and len(value) < 100):
            raise invalid(f"`{value[:40]}` is no id of a transaction: ids are whole numbers")
        return int(value)


def replayed(reply: Reply, again: bool) -> Reply:
    """A reply, with the header that says that an idempotency key gave it again."""
    if not again:
        return reply
    return reply._replace(headers={**reply.headers, "Idempotency-Hit": "true"})


def encode(body: object) -> bytes:
    """A body as JSON; numbers are exact."""
    return msgspec.json.encode(body)


def pieces(lines: Iterator[str], size: int = 1 << 16) -> Iterator[bytes]:
    """Lines as bytes, in pieces worth sending."""
    kept: list[str] = []
    length = 0
    for line in lines:
        kept.append(line)
        length += len(line)
        if length >= size:
            yield "".join(kept).encode()
            kept, length = [], 0
    if kept:
        yield "".join(kept).encode()


__all__ = ["JSON", "Call", "Problem", "Reply", "decode", "encode", "pieces", "replayed"]
