"""What the service knows of ledgers besides their books: dates, buckets, metadata, schemas.

It is kept as metadata of accounts in a ledger of its own, `_numscript`: so every storage can hold
it, it has a log, and it is backed up with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import NamedTuple

import msgspec

from numscript import errors
from numscript.diagnostics import LedgerError
from numscript.ledger import Ledger, Posting, SetMetadata
from numscript.ledger.ledger import RESERVED, is_ledger_name, now
from numscript.ledger.requests import check_key, prepare
from numscript.service.charts import Segment
from numscript.service.problems import Problem, not_found
from numscript.service.records import NewSchema, Schema
from numscript.service.writing import write_instant
from numscript.storage.filters import invalid
from numscript.storage.protocol import Storage

NAME = "_numscript"
"""The ledger in which all this is kept; no caller reaches it."""
BUCKET = "_default"
GIVEN = "metadata:"
"""How the keys start under which a ledger's own metadata are kept."""


class Record(NamedTuple):
    """What is known of a ledger."""

    name: str
    added_at: str
    bucket: str
    metadata: dict[str, str]
    features: dict[str, str]

    @property
    def id(self) -> int:
        """A number for the ledger, which it keeps: made from its name, so that it needs no others.

        It has 48 bits, which clients that read JSON's numbers as floats still read exactly.
        """
        return int.from_bytes(sha256(self.name.encode()).digest()[:6])


class Checked(NamedTuple):
    """A schema, with its chart ready to be asked."""

    schema: Schema
    chart: Segment

    def rule(
        self, postings: Sequence[Posting], is_new: Callable[[str], bool]
    ) -> dict[str, Mapping[str, str]]:
        """The metadata that the chart gives to the new accounts of postings. Raises LedgerError."""
        found: dict[str, Mapping[str, str]] = {}
        for posting in postings:
            for address in (posting.source, posting.destination):
                node = self.chart.find(address)
                if node is None:
                    raise invalid(
                        "posting",
                        f"the schema `{self.schema.version}` has no account `{address}`; add it to "
                        "the chart of a new version, or mend the address",
                    )
                if node.metadata and is_new(address):
                    found[address] = node.metadata
        return found


class Registry:
    """The records and schemas of all ledgers of a storage."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.books = Ledger(storage, NAME)
        self._first_dates: dict[str, str] = {}
        self._first_seen = write_instant(now())
        self._schemas: dict[tuple[str, str], Checked] = {}
        self._ruled: set[str] = set()

    def entry(
        self,
        name: str,
        at: datetime,
        bucket: str,
        metadata: Mapping[str, str] | None,
        features: Mapping[str, str] | None,
    ) -> dict[str, str]:
        """What is noted of a new ledger. Raises LedgerError where it cannot be kept."""
        row = {"addedAt": write_instant(at), "bucket": bucket}
        if features:
            row["features"] = msgspec.json.encode(dict(features)).decode()
        row |= {f"{GIVEN}{key}": value for key, value in (metadata or {}).items()}
        prepare(SetMetadata(f"ledgers:{name}", row))
        return row

    def add(self, name: str, entry: Mapping[str, str]) -> None:
        """Note a new ledger."""
        self.books.set_metadata(f"ledgers:{name}", entry)

    def record(self, name: str) -> Record:
        """What is known of a ledger; one that others created has the usual. Raises LedgerError."""
        return self._record(name, self.books.account(f"ledgers:{name}").metadata)

    def records(self, names: Iterator[str] | list[str]) -> list[Record]:
        """What is known of ledgers, the oldest first."""
        known: dict[str, Mapping[str, str]] = {}
        cursor = None
        while True:
            page = self.books.accounts({"$match": {"address": "ledgers:"}}, limit=1000,
                                       cursor=cursor)  # fmt: skip
            known |= {row.address.partition(":")[2]: row.metadata for row in page}
            cursor = page.next
            if cursor is None:
                break
        rows = [self._record(name, known.get(name, {})) for name in names]
        return sorted(rows, key=lambda row: (row.added_at, row.name))

    def _record(self, name: str, row: Mapping[str, str]) -> Record:
        features = msgspec.json.decode(row["features"]) if "features" in row else {}
        return Record(
            name,
            row.get("addedAt") or self.first_date(name),
            row.get("bucket", BUCKET),
            {key[len(GIVEN) :]: value for key, value in row.items() if key.startswith(GIVEN)},
            features,
        )

    def first_date(self, name: str) -> str:
        """When a ledger was added that others created, as nearly as its log tells.

        That is the date of its first line, which never changes; without any, when this server
        started, for the ledger is empty yet. Raises LedgerError (UnknownLedger).
        """
        found = self._first_dates.get(name)
        if found is None:
            with self.storage.read(name) as session:
                rows = session.logs(0, 1)
            if not rows:
                return self._first_seen
            found = self._first_dates[name] = write_instant(rows[0].date)
        return found

    def set_metadata(self, name: str, metadata: Mapping[str, str]) -> None:
        """Set metadata of a ledger."""
        if metadata:
            row = {f"{GIVEN}{key}": value for key, value in metadata.items()}
            self.books.set_metadata(f"ledgers:{name}", row)

    def delete_metadata(self, name: str, key: str) -> None:
        """Delete a key of a ledger's metadata, whether it is there or not."""
        self.books.delete_metadata(f"ledgers:{name}", f"{GIVEN}{key}")

    # --- schemas ---

    def add_schema(self, name: str, version: str, new: NewSchema, key: str | None = None) -> bool:
        """Keep a version of a schema, which nothing changes afterwards; whether it was before.

        key: the idempotency key under which it is kept once. Raises Problem, LedgerError.
        """
        Segment(new.chart, "")
        schema = Schema(version, write_instant(now()), new.chart, new.transactions, new.queries)
        text = msgspec.json.encode(schema).decode()
        # Each key can be claimed once, so that of two callers at once one wins.
        requests = [SetMetadata(f"schemas:{name}", {version: text}, f"schema:{name}:{version}")]
        claim = ""
        if key is not None:
            check_key("idempotency key", key)
            asked = sha256(f"{version}\n".encode() + msgspec.json.encode(new)).hexdigest()
            number = sha256(key.encode()).hexdigest()
            claim = f"schema-key:{name}:{number}"
            requests.insert(0, SetMetadata(f"schemakeys:{name}", {number: asked}, claim))
        results = self.books.bulk(requests, atomic=True)
        problems = [result.error for result in results if result.error is not None]
        if not problems:
            return False
        for problem in problems:
            match problem.kind:
                case errors.NotRun():
                    pass
                case errors.IdempotencyConflict(key=taken):
                    if taken == claim:
                        raise LedgerError.of(errors.IdempotencyConflict(key=str(key)))
                case _:
                    raise problem
        if claim and self.books.logs({"$match": {"idempotency_key": claim}}, limit=1).items:
            return True
        raise Problem(
            409,
            "SCHEMA_ALREADY_EXISTS",
            f"the ledger `{name}` already has a schema `{version}`, and a schema never changes; "
            "give the new one another version",
        )

    def schemas(self, name: str) -> list[Schema]:
        """The schemas of a ledger, the oldest first."""
        texts = self.books.account(f"schemas:{name}").metadata.values()
        rows = [msgspec.json.decode(text, type=Schema) for text in texts]
        return sorted(rows, key=lambda row: (row.created_at, row.version))

    def schema(self, name: str, version: str) -> Checked:
        """A schema by its version. Raises Problem."""
        found = self._schemas.get((name, version))
        if found is None:
            text = self.books.account(f"schemas:{name}").metadata.get(version)
            if text is None:
                raise not_found(f"the ledger `{name}` has no schema `{version}`")
            schema = msgspec.json.decode(text, type=Schema)
            found = self._schemas[name, version] = Checked(schema, Segment(schema.chart, ""))
        return found

    def is_ruled(self, name: str) -> bool:
        """Whether a ledger has any schema."""
        if name not in self._ruled:
            if not self.books.account(f"schemas:{name}").metadata:
                return False
            self._ruled.add(name)
        return True


class Ledgers:
    """The ledgers of a storage, each opened once."""

    def __init__(self, storage: Storage, registry: Registry) -> None:
        self.storage = storage
        self.registry = registry
        self._opened: dict[str, Ledger] = {}
        self._lock = Lock()

    def open(self, name: str, *, create: bool = False) -> Ledger:
        """A ledger by its name. create: whether it is created if it does not exist.

        Raises LedgerError: UnknownLedger, InvalidRequest.
        """
        found = self._opened.get(name)
        if found is not None:
            return found
        if name == NAME:
            raise unknown(name, "the service keeps what is its own under this name; choose another")
        if create:
            self.create(name)
        try:
            opened = Ledger(self.storage, name, create=False)
        except LedgerError as error:
            if not isinstance(error.kind, errors.UnknownLedger):
                raise
            # Callers have no shell on this machine, and may not know the names of other ledgers.
            raise unknown(name, f"`POST /v2/{name}` creates it") from None
        with self._lock:
            return self._opened.setdefault(name, opened)

    def create(
        self,
        name: str,
        bucket: str = BUCKET,
        metadata: Mapping[str, str] | None = None,
        features: Mapping[str, str] | None = None,
    ) -> bool:
        """Create a ledger; whether it is new."""
        check_name(name)
        at = now()
        entry = self.registry.entry(name, at, bucket, metadata, features)
        if not self.storage.create_ledger(name, at):
            return False
        self.registry.add(name, entry)
        return True

    def names(self) -> list[str]:
        """The names of all ledgers."""
        return [name for name in self.storage.ledgers() if name != NAME]


def check_name(name: str) -> None:
    """Refuse what cannot name a ledger."""
    if not is_ledger_name(name) or name in (*RESERVED, NAME):
        raise invalid("ledger name", f"`{name[:80]}` is not 1 to 63 of 0-9 A-Z a-z _ -")


def unknown(name: str, suggestion: str) -> LedgerError:
    """The error of a ledger that is not there, with what a caller of the API can do."""
    return LedgerError.of(errors.UnknownLedger(name=name, suggestion=suggestion))
