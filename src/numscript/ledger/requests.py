"""What can be asked of a ledger, as records: `Run`, `Post`, `Revert`, `SetMetadata`,
`DeleteMetadata`.

`prepare` checks what can be checked without reading anything, and brings each part to one form,
so that two requests that mean the same have the same digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, cast

from numscript import errors
from numscript.diagnostics import Failure, LedgerError
from numscript.embedding import Program, compile  # noqa: A004 - as `re.compile`
from numscript.ledger.chain import digest_of
from numscript.prelude import Type
from numscript.runtime.result import Posting
from numscript.runtime.store import BalanceKey
from numscript.script import Script
from numscript.storage.filters import BIGGEST_ID, invalid, is_storable, read_instant
from numscript.storage.protocol import Wanted, write_instant
from numscript.values import MAX_DIGITS, is_account, is_asset, is_color, read_number, too_long

MAX_ADDRESS = 1024
MAX_COLOR = 64
MAX_KEY = 255
"""The longest idempotency key, reference or key of metadata, in characters."""
SMALL = 2**13_000
"""What is smaller has few enough digits, without counting them."""
MAX_GUESSES = 256
"""The most balances that are asked for ahead on a guess."""


Rule: TypeAlias = Callable[
    [Sequence[Posting], Callable[[str], bool]], Mapping[str, Mapping[str, str]]
]
"""What the postings of a commit must hold to, asked inside it, of exactly what is committed.

It is told the postings, and what says whether an account is new. It gives metadata of accounts, to
which those of the script and the request are preferred; or raises LedgerError. Other callers wait
for it, so that it must not. No part of it is told apart by an idempotency key.
"""


class Run(NamedTuple):
    """A script that becomes a transaction. Instants are aware datetimes or ISO text."""

    script: str | Script | Program
    variables: Mapping[str, object] = {}
    reference: str | None = None
    metadata: Mapping[str, str] = {}
    account_metadata: Mapping[str, Mapping[str, str]] = {}
    timestamp: datetime | str | None = None
    idempotency_key: str | None = None
    features: tuple[str, ...] = ()
    rule: Rule | None = None


class Post(NamedTuple):
    """Postings that become a transaction; `force` lets accounts go below zero.

    net: no account needs to have what it gives before all postings are made, only after them.
    """

    postings: Sequence[Posting | Mapping[str, object]]
    reference: str | None = None
    metadata: Mapping[str, str] = {}
    account_metadata: Mapping[str, Mapping[str, str]] = {}
    timestamp: datetime | str | None = None
    idempotency_key: str | None = None
    force: bool = False
    net: bool = False
    rule: Rule | None = None


class Revert(NamedTuple):
    """A transaction to take back, by its id."""

    id: int
    force: bool = False
    at_effective_date: bool = False
    metadata: Mapping[str, str] = {}
    idempotency_key: str | None = None


class SetMetadata(NamedTuple):
    """Metadata to set on an account (its address) or a transaction (its id)."""

    target: str | int
    metadata: Mapping[str, str]
    idempotency_key: str | None = None


class DeleteMetadata(NamedTuple):
    """A key of metadata to delete from an account (its address) or a transaction (its id)."""

    target: str | int
    key: str
    idempotency_key: str | None = None


Request: TypeAlias = Run | Post | Revert | SetMetadata | DeleteMetadata
REQUESTS = (Run, Post, Revert, SetMetadata, DeleteMetadata)


def prepare(request: Request) -> Request:
    """The request in its one form.

    Raises LedgerError, ParseError, CheckError; TypeError for what is no request.
    """
    if not isinstance(request, REQUESTS):
        raise TypeError(
            f"{request!r} is no request: give a Run, Post, Revert, SetMetadata or DeleteMetadata "
            "of `numscript.ledger`"
        )
    if request.idempotency_key is not None:
        check_key("idempotency key", request.idempotency_key)
    match request:
        case Run():
            metadata, account_metadata = _labels(request)
            return Run(
                _program(request),
                dict(request.variables),
                request.reference,
                metadata,
                account_metadata,
                _timestamp(request.timestamp),
                request.idempotency_key,
                request.features,
                request.rule,
            )
        case Post():
            metadata, account_metadata = _labels(request)
            return Post(
                _postings(request.postings),
                request.reference,
                metadata,
                account_metadata,
                _timestamp(request.timestamp),
                request.idempotency_key,
                request.force,
                request.net,
                request.rule,
            )
        case Revert():
            check_id(request.id)
            return request._replace(metadata=check_metadata(request.metadata))
        case SetMetadata():
            check_target(request.target)
            if not request.metadata:
                raise invalid("metadata", "there is none")
            return request._replace(metadata=check_metadata(request.metadata))
        case DeleteMetadata():
            check_target(request.target)
            check_key("metadata key", request.key)
            return request


def _labels(request: Run | Post) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The metadata of a new transaction and of accounts, checked, as is the reference."""
    if request.reference is not None:
        check_key("reference", request.reference)
    accounts = request.account_metadata
    if not accounts and not request.metadata:
        return {}, {}
    for address in accounts:
        check_address("account metadata", address)
    named = {name: check_metadata(items) for name, items in accounts.items()}
    return check_metadata(request.metadata), named


def _program(request: Run) -> Program:
    script: Any = request.script
    if isinstance(script, Program):
        return script
    if not isinstance(script, (str, Script)):
        raise invalid("script", f"{script!r} is neither text nor a program")
    return compile(script, request.features)


def _timestamp(value: datetime | str | None) -> datetime | None:
    return None if value is None else read_instant("timestamp", value)


def check_metadata(metadata: Any) -> dict[str, str]:
    """A copy of metadata; refuses what cannot be stored."""
    if not isinstance(metadata, Mapping):
        raise invalid("metadata", f"{metadata!r} is no mapping of texts")
    for key, value in metadata.items():
        check_key("metadata key", key)
        if not isinstance(value, str):
            raise invalid(f"metadata `{key}`", f"{value!r} is no text")
        if not is_storable(value):
            raise invalid(f"metadata `{key}`", "it holds what cannot be stored")
    return dict(metadata)


def _postings(rows: Any) -> tuple[Posting, ...]:
    if isinstance(rows, (str, Mapping, Posting)) or not isinstance(rows, Sequence):
        raise invalid("postings", "they must be a list")
    if not rows:
        raise LedgerError.of(errors.NoPostings())
    try:
        return tuple([_posting(row) for row in rows])
    except LedgerError:
        if len(rows) > 1:
            _refuse_one(rows)
        raise


def _refuse_one(rows: Sequence[Any]) -> None:
    """Say which of several postings is wrong, and what with it. Raises LedgerError."""
    for at, row in enumerate(rows):
        try:
            _posting(row)
        except LedgerError as error:
            kind = cast("errors.InvalidRequest", error.kind)
            of = f"`postings[{at}]`"
            part = of if kind.part == "posting" else f"{kind.part} of {of}"
            raise invalid(part, kind.reason) from None


def _posting(row: Any) -> Posting:
    if type(row) is Posting:
        source, destination, amount, asset, color = row
        if (
            type(amount) is int
            and 0 <= amount < SMALL
            and type(source) is type(destination) is type(asset) is type(color) is str
            and (not color or (is_color(color) and len(color) <= MAX_COLOR))
            and is_asset(asset)
            and len(source) <= MAX_ADDRESS >= len(destination)
            and is_account(source)
            and is_account(destination)
        ):
            return row
    return _checked_posting(row)


def _checked_posting(row: Any) -> Posting:
    """A posting in any of its forms; says what is wrong with it."""
    if isinstance(row, Mapping):
        unknown = set(row) - set(Posting._fields)
        if unknown:
            raise invalid("posting", f"it has no field `{min(map(str, unknown))}`")
        missing = [name for name in Posting._fields[:4] if name not in row]
        if missing:
            raise invalid("posting", f"its `{missing[0]}` is missing")
        row = Posting(**row)
    if not isinstance(row, tuple) or len(row) != 5:
        raise invalid("posting", f"{row!r} is none")
    fields: tuple[Any, ...] = row
    source, destination, amount, asset, color = fields
    check_address("source", source)
    check_address("destination", destination)
    try:
        amount = read_number(amount)
    except Failure as failure:
        raise invalid("amount", failure.kind.message) from None
    if amount < 0:
        raise invalid("amount", f"{amount} is negative")
    if amount >= SMALL and amount >= 10**MAX_DIGITS:
        raise invalid("amount", too_long(amount).kind.message)
    if not isinstance(asset, str) or is_asset(asset) is None:
        raise invalid("asset", f"{asset!r} is none; one is USD/2, for dollars with two decimals")
    if not isinstance(color, str) or is_color(color) is None or len(color) > MAX_COLOR:
        raise invalid("color", f"{color!r} is none: use up to {MAX_COLOR} capitals")
    return Posting(source, destination, amount, asset, color)


def check_postings(postings: Sequence[Posting]) -> None:
    """Refuse what a script made of names too long to be stored."""
    for posting in postings:
        source, destination, amount, _, color = posting
        if len(source) > MAX_ADDRESS or len(destination) > MAX_ADDRESS or len(color) > MAX_COLOR:
            _checked_posting(posting)
        if amount >= SMALL:
            _checked_posting(posting)


def is_address(text: str) -> bool:
    """Whether an account can have it as its address."""
    return is_account(text) is not None and len(text) <= MAX_ADDRESS


def check_address(part: str, address: object) -> None:
    """Refuse what is no account's address."""
    if not isinstance(address, str) or is_account(address) is None:
        raise invalid(part, f"{address!r} is no account; one is users:alice")
    if len(address) > MAX_ADDRESS:
        raise invalid(part, f"an account has at most {MAX_ADDRESS} characters")


def check_id(number: object) -> None:
    """Refuse what is no id."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise invalid("id", f"{number!r} is no whole number")


def check_target(target: str | int) -> None:
    """Refuse what is neither an account nor an id."""
    if isinstance(target, str):
        check_address("target", target)
    else:
        check_id(target)


def check_key(part: str, text: object) -> None:
    """Refuse what cannot be a key, a reference or an idempotency key."""
    if not isinstance(text, str) or not text:
        raise invalid(part, f"{text!r} is no text" if text != "" else "it is empty")
    if len(text) > MAX_KEY:
        raise invalid(part, f"it has more than {MAX_KEY} characters")
    if not is_storable(text):
        raise invalid(part, "it holds what cannot be stored")


# --- telling requests apart -------------------------------------------------------------------


def digest(request: Request) -> str:
    """The digest of a prepared request, over all that decides what it does, not its key."""
    row: dict[str, object] = {"request": type(request).__name__}
    value: Any
    for name, value in zip(request._fields, request, strict=True):
        if name in ("idempotency_key", "rule") or value is None or value in ({}, (), False):
            continue
        if isinstance(value, Program):
            row[name] = value.script.text or value.encode().hex()
        elif isinstance(value, datetime):
            row[name] = write_instant(value)
        elif name == "variables":
            row[name] = {key: _plain(item) for key, item in value.items()}
        elif name == "postings":
            row[name] = [posting.to_dict() for posting in value]
        else:
            row[name] = value
    return digest_of(row)


def _plain(value: Any) -> str:
    """A variable's value as the text that stands for it."""
    if isinstance(value, Mapping) and set(value) == {"asset", "amount"}:
        return f"{value['asset']} {value['amount']}"
    return str(value)


# --- asking ahead -----------------------------------------------------------------------------


def wanted_by(requests: Sequence[Request]) -> Wanted:
    """What requests will probably read, so that one batch does. What is missing is read later."""
    volumes: dict[BalanceKey, None] = {}
    accounts: dict[str, None] = {}
    transactions: dict[int, None] = {}
    references: dict[str, None] = {}
    keys: dict[str, None] = {}
    for request in requests:
        if request.idempotency_key is not None:
            keys[request.idempotency_key] = None
        match request:
            case Run() | Post():
                if request.reference is not None:
                    references[request.reference] = None
                accounts.update(dict.fromkeys(request.account_metadata))
                if isinstance(request, Run):
                    _guess(request, volumes, accounts)
                else:
                    for source, destination, _, asset, color in request.postings:
                        volumes[source, asset, color] = volumes[destination, asset, color] = None
            case Revert():
                transactions[request.id] = None
            case SetMetadata() | DeleteMetadata() if isinstance(request.target, str):
                accounts[request.target] = None
            case SetMetadata() | DeleteMetadata():
                transactions[request.target] = None
    accounts.update(dict.fromkeys(key[0] for key in volumes))
    ids = [number for number in transactions if 0 < number <= BIGGEST_ID]
    return Wanted(tuple(volumes), tuple(accounts), ids, tuple(references), tuple(keys))


def _guess(request: Run, volumes: dict[BalanceKey, None], accounts: dict[str, None]) -> None:
    """Add what a script may read and touch: what it needs, then its accounts in its assets."""
    program = cast("Program", request.script)
    plan = program.__dict__.get("ledger_reads")
    if plan is None:
        plan = program.__dict__["ledger_reads"] = _reads_of(program)
    needs, named, assets, typed = plan
    given = request.variables
    found = {name: str(given[name]) for name, _ in typed if name in given}
    for key in needs:
        parts = [_fill(part, given) for part in key]
        if None not in parts and not str(parts[1]).endswith("/*") and is_account(str(parts[0])):
            volumes[cast("BalanceKey", tuple(parts))] = None
    of_asset = {Type.ASSET, Type.MONETARY}
    addresses = {*named, *(found[n] for n, t in typed if t == Type.ACCOUNT and n in found)}
    units = {*assets, *(_unit(given[n]) for n, t in typed if t in of_asset and n in given)}
    addresses = set(filter(is_address, addresses))
    units = {name for name in units if is_asset(name)}
    accounts.update(dict.fromkeys(addresses))
    if len(addresses) * len(units) <= MAX_GUESSES:
        for name in addresses:
            for unit in units:
                volumes[name, unit, ""] = None


def _reads_of(
    program: Program,
) -> tuple[list[tuple[str | None, ...]], set[str], set[str], list[tuple[str, Type]]]:
    """What is known of a program's reads before its variables are."""
    named: set[str] = set()
    assets: set[str] = set()
    for constant in program.constants:
        if constant.type == Type.ACCOUNT:
            named.add(str(constant.value))
        elif constant.type in (Type.ASSET, Type.MONETARY):
            assets.add(_unit(constant.value))
    needs = program.needs
    named.update(a for a, _ in needs.metadata if a is not None and not a.startswith("$"))
    return [tuple(key) for key in needs.balances], named, assets, list(program.variables.items())


def _fill(part: str | None, given: Mapping[str, object]) -> str | None:
    if part is None or not part.startswith("$"):
        return part
    value = given.get(part[1:])
    return None if value is None else _unit(value)


def _unit(value: object) -> str:
    """The asset of a monetary in any of its forms; any other text as it is."""
    if isinstance(value, Mapping):
        return str(value.get("asset", ""))
    return str(getattr(value, "asset", None) or str(value).partition(" ")[0])
