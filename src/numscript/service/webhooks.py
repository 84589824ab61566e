"""Webhooks as they are kept: where events are posted, how far each one is, and who delivers.

Each is an account of the service's own ledger, `_numscript`: its definition, its state, and a
cursor a ledger, as metadata. Every change of the state claims the next version of it by an
idempotency key, which can be claimed once: so of two processes one wins, and who has lost a
webhook to another can neither move its cursors nor say anything of it.
"""

from __future__ import annotations

import hmac
import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from re import compile as pattern_of
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import field

from numscript import errors
from numscript.diagnostics import LedgerError
from numscript.ledger import Ledger
from numscript.ledger.ledger import now
from numscript.service.access import Caller
from numscript.service.events import ANY, read_types
from numscript.service.problems import Problem, invalid, not_found
from numscript.service.records import NewWebhook
from numscript.service.writing import write_instant

SECRET = "NUMSCRIPT_SERVE_WEBHOOK_SECRET"
"""The variable that holds what signs deliveries, where no file does."""
PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""In bytes: how long a secret may be."""
MOST = 100
"""How many webhooks there may be: each has a thread in each process."""
LONGEST_URL = 2000
DEFINITION, STATE, CURSOR = "definition", "state", "cursor:"
is_pattern = pattern_of(r"(?=.)[0-9A-Za-z_-]{0,63}\*?").fullmatch


class BadWebhook(ValueError):  # noqa: N818 - what it is about
    """A webhook or its secret, as the server was started with, cannot be used."""


class Definition(msgspec.Struct, frozen=True):
    """What a webhook is: where it posts which types of events of which ledgers."""

    url: str
    ledgers: list[str]
    created_at: str
    types: list[str] = field(default_factory=lambda: [ANY])

    def takes(self, ledger: str) -> bool:
        """Whether events of a ledger are posted."""
        return any(fnmatchcase(ledger, pattern) for pattern in self.ledgers)


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a webhook is doing.

    version: how often this changed; owner: the process that delivers, or none; failures: in a row,
    since an instant, with the last error; retry_at: the Unix time before which nothing is tried.
    """

    version: int = 0
    owner: str = ""
    failures: int = 0
    failing_since: float = 0.0
    retry_at: float = 0.0
    last_error: str = ""
    disabled: bool = False
    deleted: bool = False


class Kept(NamedTuple):
    """A webhook as the registry has it."""

    id: str
    definition: Definition
    state: State
    cursors: dict[str, int]


class Webhooks:
    """All webhooks of a storage. books: the service's own ledger."""

    def __init__(self, books: Ledger) -> None:
        self.books = books

    def read(self, number: str) -> Kept | None:
        """A webhook by its id; None if there is none, or no more."""
        return _kept(number, self.books.account(f"webhooks:{number}").metadata)

    def all(self) -> list[Kept]:
        """All webhooks, the oldest first."""
        return sorted(self._each(), key=lambda kept: (kept.definition.created_at, kept.id))

    def _each(self) -> Iterator[Kept]:
        cursor = None
        while True:
            page = self.books.accounts({"$match": {"address": "webhooks:"}}, limit=1000,
                                       cursor=cursor)  # fmt: skip
            for row in page:
                kept = _kept(row.address.partition(":")[2], row.metadata)
                if kept is not None:
                    yield kept
            cursor = page.next
            if cursor is None:
                return

    def add(self, number: str, definition: Definition, cursors: Mapping[str, int]) -> None:
        """Keep a webhook, unless it is there already."""
        self.write(number, State(version=1), cursors, definition)

    def write(
        self,
        number: str,
        state: State,
        cursors: Mapping[str, int] = {},
        definition: Definition | None = None,
    ) -> bool:
        """Write a state that follows the one before it, with cursors; whether it was the next.

        The same write may be tried again: who has written it is told so. Raises NumscriptError.
        """
        row = {STATE: _text(state)} | {f"{CURSOR}{name}": str(at) for name, at in cursors.items()}
        if definition is not None:
            row[DEFINITION] = _text(definition)
        try:
            self.books.set_metadata(
                f"webhooks:{number}", row, idempotency_key=f"webhook:{number}:{state.version}"
            )
        except LedgerError as error:
            if isinstance(error.kind, errors.IdempotencyConflict):
                return False
            raise
        return True

    def change(
        self, number: str, definition: Definition | None = None, **changes: bool | float | str
    ) -> Kept:
        """Change a webhook whoever has it, and take it away from them. Raises Problem."""
        while True:
            kept = self.read(number)
            if kept is None:
                raise unknown_webhook(number)
            state = msgspec.structs.replace(
                kept.state, version=kept.state.version + 1, owner="", **changes
            )
            if self.write(number, state, definition=definition):
                return kept._replace(state=state)


def unknown_webhook(number: str) -> Problem:
    """The answer to who speaks of a webhook that is none."""
    return not_found(f"there is no webhook `{number[:40]}`; GET /v2/_/webhooks lists them")


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _kept(number: str, row: Mapping[str, str]) -> Kept | None:
    if DEFINITION not in row:
        return None
    state = msgspec.json.decode(row[STATE], type=State)
    if state.deleted:
        return None
    definition = msgspec.json.decode(row[DEFINITION], type=Definition)
    cursors = {
        key[len(CURSOR) :]: int(value) for key, value in row.items() if key.startswith(CURSOR)
    }
    return Kept(number, definition, state, cursors)


# --- what may be asked ------------------------------------------------------------------------


def define(new: NewWebhook) -> Definition:
    """The definition of a new webhook. Raises Problem."""
    reason = wrong_url(new.url)
    if reason:
        raise invalid(f"`url` {reason}")
    if not new.ledgers:
        raise invalid('`ledgers` is empty; name ledgers, or leave it out for all: ["*"]')
    for pattern in new.ledgers:
        if not is_pattern(pattern):
            raise invalid(f"`{pattern[:40]}` names no ledgers: give a name, or its start and `*`")
    if not new.event_types:
        raise invalid('`eventTypes` is empty; name some, or leave it out for all: ["*"]')
    try:
        types = read_types(new.event_types)
    except ValueError as problem:
        raise invalid(f"`eventTypes`: {problem}") from None
    return Definition(new.url, list(dict.fromkeys(new.ledgers)), write_instant(now()), types)


def wrong_url(url: str) -> str:
    """What is wrong with the address of a webhook; nothing if it can be one."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "is no URL such as https://example.com/events"
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        return "is no URL such as https://example.com/events"
    if "@" in parts.netloc:
        return "holds a password, which would be shown; deliveries are signed instead"
    return f"is longer than {LONGEST_URL} characters" if len(url) > LONGEST_URL else ""


def configured_id(url: str) -> str:
    """The id of a webhook that the server is started with: the same in all processes."""
    return f"url-{sha256(url.encode()).hexdigest()[:16]}"


def covers(caller: Caller, scope: str, pattern: str) -> bool:
    """Whether a caller has a scope for all ledgers that a webhook's pattern can ever fit."""
    if not pattern.endswith("*"):
        return caller.may(scope, pattern)
    return any(
        name == scope
        and granted.endswith("*")
        and not set(granted[:-1]) & set("*?[")
        and pattern.startswith(granted[:-1])
        for name, granted in caller.scopes
    )


# --- signatures -------------------------------------------------------------------------------


class Signer:
    """Signs deliveries as Standard Webhooks say. keys: the first is new, the others go out of use.

    A webhook that is made by a call has a key of its own, made from these and its id, so that no
    key is kept in the storage.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.keys = tuple(keys)

    def of(self, number: str) -> Signer:
        """The signer of a webhook that was made by a call."""
        return Signer([hmac.digest(key, f"webhook:{number}".encode(), "sha256")
                       for key in self.keys])  # fmt: skip

    @property
    def secret(self) -> str:
        """The newest key, as receivers take it."""
        return PREFIX + b64encode(self.keys[0]).decode()

    def headers(self, message: str, at: int, body: bytes) -> dict[str, str]:
        """The headers of a delivery of a message at a Unix time, in seconds."""
        content = f"{message}.{at}.".encode() + body
        signatures = [
            "v1," + b64encode(hmac.digest(key, content, "sha256")).decode() for key in self.keys
        ]
        return {
            "webhook-id": message,
            "webhook-timestamp": str(at),
            "webhook-signature": " ".join(signatures),
        }


def read_signer(path: str | None) -> Signer | None:
    """The signer of the secrets in a file, or else in the variable. Raises BadWebhook."""
    place = path or SECRET
    try:
        text = Path(path).read_text("ascii") if path else os.environ.get(SECRET, "")
    except (OSError, ValueError) as problem:
        raise BadWebhook(f"the webhooks' secret cannot be read from {path}: {problem}") from None
    keys = []
    for word in text.split():
        try:
            key = b64decode(word.removeprefix(PREFIX), validate=True)
        except NotBase64:
            key = b""
        if not word.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
            raise BadWebhook(
                f"{place}: a secret is `{PREFIX}` and {SHORTEST} to {LONGEST} bytes in base64, "
                f"such as `{PREFIX}$(openssl rand -base64 32)`"
            )
        keys.append(key)
    if path and not keys:
        raise BadWebhook(
            f"{path} holds no secret; write `{PREFIX}$(openssl rand -base64 32)` to it"
        )
    return Signer(keys) if keys else None


def new_id() -> str:
    """The id of a webhook that is made by a call."""
    return secrets.token_hex(8)
