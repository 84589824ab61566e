"""The bodies of requests and answers of the API, as both the decoder and the document read them."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeAlias, TypeVar

from msgspec import UNSET, Struct, UnsetType, field

T = TypeVar("T")
Amount: TypeAlias = int | str
"""A whole number of any size; as text where `Formance-Bigint-As-String` asks for it."""
Metadata: TypeAlias = dict[str, str]
EventType: TypeAlias = Literal[
    "COMMITTED_TRANSACTIONS", "REVERTED_TRANSACTION", "SAVED_METADATA", "DELETED_METADATA"
]
WebhookStatus: TypeAlias = Literal["active", "failing", "disabled"]
Runtime: TypeAlias = Literal["machine", "experimental-interpreter"]


class Data(Struct, Generic[T]):
    """One thing, or several, in an envelope."""

    data: T


class Cursor(Struct, Generic[T], rename="camel", omit_defaults=True):
    """A page of a list; `next` and `previous` are what `cursor` takes for the pages around it."""

    page_size: int
    has_more: bool
    data: list[T]
    previous: str | UnsetType = UNSET
    next: str | UnsetType = UNSET


class Page(Struct, Generic[T], omit_defaults=True):
    """A page in its envelope."""

    cursor: Cursor[T]
    resource: str | UnsetType = UNSET


class Error(Struct, rename="camel", omit_defaults=True):
    """What went wrong: a code for programs, a sentence for people, the number of its page."""

    error_code: str
    error_message: str
    details: str | UnsetType = UNSET


# --- what is read -----------------------------------------------------------------------------


class Posting(Struct, omit_defaults=True):
    """An amount of an asset, of a colour if it has one, from one account to another."""

    source: str
    destination: str
    amount: Amount
    asset: str
    color: str = ""


class Volume(Struct):
    """All that an account received and gave of an asset, and what is left."""

    input: Amount
    output: Amount
    balance: Amount


Volumes: TypeAlias = dict[str, dict[str, Volume]]
"""Volumes by account and asset; a colour stands behind the asset: `USD/2 RED`."""


class Transaction(Struct, rename="camel", omit_defaults=True):
    """A transaction; its volumes where they were asked for."""

    id: int
    postings: list[Posting]
    metadata: Metadata
    timestamp: str
    reverted: bool
    inserted_at: str | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    reverted_at: str | UnsetType = UNSET
    post_commit_volumes: Volumes | UnsetType = UNSET
    pre_commit_volumes: Volumes | UnsetType = UNSET
    post_commit_effective_volumes: Volumes | UnsetType = UNSET
    pre_commit_effective_volumes: Volumes | UnsetType = UNSET


class Account(Struct, rename="camel", omit_defaults=True):
    """An account; its volumes where they were asked for."""

    address: str
    metadata: Metadata
    first_usage: str | UnsetType = UNSET
    insertion_date: str | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET
    volumes: dict[str, Volume] | UnsetType = UNSET
    effective_volumes: dict[str, Volume] | UnsetType = UNSET


class AccountVolume(Struct, omit_defaults=True):
    """The volume of one asset in one account, or a group of accounts."""

    account: str
    asset: str
    input: Amount
    output: Amount
    balance: Amount
    color: str = ""


class Log(Struct, rename="camel", omit_defaults=True):
    """A line of the log; its hash in base64 covers all lines before it."""

    id: int
    type: str
    date: str
    data: dict[str, Any]
    hash: str
    idempotency_key: str | UnsetType = UNSET
    idempotency_hash: str | UnsetType = UNSET


class Event(Struct):
    """What happened in a ledger, in the envelope of Formance's events.

    sequence: the id of the line of the log that it tells of, gapless from 1; hash: of that line.
    """

    app: Literal["ledger"]
    version: Literal["v2"]
    type: EventType
    date: str
    ledger: str
    sequence: int
    hash: str
    payload: dict[str, Any]


class Webhook(Struct, rename="camel", omit_defaults=True):
    """An address to which events are posted.

    ledgers: names, or starts of names with `*` behind them. status: `failing` while deliveries
    are tried again, `disabled` after they failed for too long. configured: whether it is set up
    where the server is started, and not by a call. cursors: the last event that was delivered,
    or left out for its type, by ledger. secret: what signs deliveries, told only when the webhook
    is made.
    """

    id: str
    url: str
    ledgers: list[str]
    status: WebhookStatus
    created_at: str
    event_types: list[str]
    cursors: dict[str, int]
    configured: bool = False
    failures: int = 0
    failing_since: str | UnsetType = UNSET
    retry_at: str | UnsetType = UNSET
    last_error: str | UnsetType = UNSET
    secret: str | UnsetType = UNSET


class Ledger(Struct, rename="camel"):
    """A ledger of the server."""

    id: int
    name: str
    bucket: str
    added_at: str
    metadata: Metadata
    features: dict[str, str]


class Stats(Struct):
    """How much a ledger holds."""

    transactions: int
    accounts: int


class Migration(Struct):
    """A step of the storage's tables."""

    version: str
    name: str
    state: Literal["DONE", "TO DO", "PROGRESS"]
    date: str


class LedgerStorage(Struct):
    """What is known of a ledger's storage."""

    migrations: list[Migration]


class LedgerInfo(Struct):
    """A ledger with the state of its storage."""

    name: str
    storage: LedgerStorage


class Storage(Struct):
    """Where ledgers are kept, and which there are that the caller may read."""

    driver: str
    ledgers: list[str]


class Configuration(Struct, rename="camel"):
    """How the server is set up."""

    storage: Storage
    schema_enforcement_mode: Literal["audit", "strict"] = "audit"


class ServerInfo(Struct, rename="camel"):
    """The server, its version and how it is set up."""

    server: str
    version: str
    config: Configuration
    experimental_features: list[str] = []


class Running(Struct):
    """The server and its version."""

    server: str
    version: str


class Component(Struct):
    """One service behind this address."""

    name: str
    version: str
    health: bool


class Versions(Struct):
    """The services behind this address, as Formance's gateway lists them."""

    env: str
    region: str
    versions: list[Component]


# --- what is written --------------------------------------------------------------------------


class NewLedger(Struct):
    """A ledger to be created."""

    bucket: str = "_default"
    metadata: Metadata = {}
    features: dict[str, str] = {}


class NewWebhook(Struct, rename="camel", forbid_unknown_fields=True):
    """An address to which events are to be posted.

    ledgers: names, or starts of names with `*` behind them. eventTypes: `COMMITTED_TRANSACTIONS`
    and so on, or `*` for all. history: whether what happened before is delivered too.
    """

    url: str
    ledgers: list[str] = field(default_factory=lambda: ["*"])
    event_types: list[str] = field(default_factory=lambda: ["*"])
    history: bool = False


class Script(Struct):
    """A script, or the name of a template of the schema, and its variables.

    A variable is text by the rules of the language, a whole number, or an asset and an amount.
    """

    plain: str | None = None
    template: str | None = None
    vars: dict[str, Any] | None = None


class NewTransaction(Struct, rename="camel"):
    """A transaction to be made of postings or of a script, one of the two."""

    postings: list[Posting] | None = None
    script: Script | None = None
    timestamp: str | None = None
    reference: str | None = None
    metadata: Metadata | None = None
    account_metadata: dict[str, Metadata] | None = None
    runtime: Runtime | None = None
    force: bool = False


class NewRevert(Struct):
    """What is said of a revert."""

    metadata: Metadata | None = None


class Create(Struct, tag_field="action", tag="CREATE_TRANSACTION"):
    """Make a transaction."""

    data: NewTransaction
    ik: str | None = None


class MetadataOfTarget(Struct, rename="camel"):
    """Metadata to set on an account (by address) or a transaction (by id)."""

    target_type: Literal["ACCOUNT", "TRANSACTION"]
    target_id: str | int
    metadata: Metadata


class AddMetadata(Struct, tag_field="action", tag="ADD_METADATA"):
    """Set metadata."""

    data: MetadataOfTarget
    ik: str | None = None


class KeyOfTarget(Struct, rename="camel"):
    """A key of metadata to delete from an account (by address) or a transaction (by id)."""

    target_type: Literal["ACCOUNT", "TRANSACTION"]
    target_id: str | int
    key: str


class DropMetadata(Struct, tag_field="action", tag="DELETE_METADATA"):
    """Delete a key of metadata."""

    data: KeyOfTarget
    ik: str | None = None


class RevertOf(Struct, rename="camel"):
    """A transaction to take back."""

    id: int | str
    force: bool = False
    at_effective_date: bool = False
    metadata: Metadata | None = None


class Undo(Struct, tag_field="action", tag="REVERT_TRANSACTION"):
    """Revert a transaction."""

    data: RevertOf
    ik: str | None = None


BulkElement: TypeAlias = Create | AddMetadata | DropMetadata | Undo


class BulkOutcome(Struct, rename={"response_type": "responseType", "log": "logID",
                                  "error_code": "errorCode",
                                  "error_description": "errorDescription",
                                  "error_details": "errorDetails"},
                  omit_defaults=True):  # fmt: skip
    """What came of one element, in the place of the element."""

    response_type: str
    log: int
    data: Transaction | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    error_description: str | UnsetType = UNSET
    error_details: str | UnsetType = UNSET


class BulkAnswer(Struct, rename="camel", omit_defaults=True):
    """What came of each element, in the order of the request."""

    data: list[BulkOutcome]
    error_code: str | UnsetType = UNSET
    error_message: str | UnsetType = UNSET


# --- schemas ----------------------------------------------------------------------------------


class Template(Struct, omit_defaults=True):
    """A script that callers run by its name."""

    script: str
    description: str | UnsetType = UNSET
    runtime: str | UnsetType = UNSET


class StoredQuery(Struct, omit_defaults=True):
    """A query that callers run by its name; `${name}` in its body stands for a variable."""

    resource: Literal["transactions", "accounts", "logs", "volumes"] = "transactions"
    description: str | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET
    vars: dict[str, Any] | UnsetType = UNSET
    body: dict[str, Any] | UnsetType = UNSET


class NewSchema(Struct):
    """A chart of accounts, with templates of transactions and queries."""

    chart: dict[str, Any]
    transactions: dict[str, Template] = {}
    queries: dict[str, StoredQuery] = {}


class Schema(Struct, rename="camel"):
    """A schema as it is kept. A version never changes."""

    version: str
    created_at: str
    chart: dict[str, Any]
    transactions: dict[str, Template] = {}
    queries: dict[str, StoredQuery] = {}


class QueryRun(Struct):
    """What a stored query is run with; or the cursor of one of its pages."""

    vars: dict[str, Any] | None = None
    params: dict[str, Any] | None = None
    cursor: str | None = None
