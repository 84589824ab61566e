"""From what callers send to what the ledger is asked: scripts, postings, metadata, reverts.

Both versions of the API make their requests here, so that they mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numscript import compile as compile_script
from numscript.diagnostics import Failure, NumscriptError
from numscript.ledger import (
    DeleteMetadata,
    Ledger,
    Post,
    Posting,
    Request,
    Revert,
    Run,
    SetMetadata,
)
from numscript.script import Limits, Script
from numscript.service import records
from numscript.service.problems import Problem, compilation_failed, invalid, read_error
from numscript.service.records import NewTransaction
from numscript.service.registry import Checked
from numscript.values import read_digits

if TYPE_CHECKING:
    from numscript.service.state import State

INTERPRETER = "experimental-interpreter"


def read_whole(value: object, place: str) -> int:
    """A whole number that may come as text. Raises Problem."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit():
        try:
            return read_digits(value)
        except Failure as failure:
            raise invalid(f"{place} cannot be taken: {failure.kind.message}") from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{place} must be a whole number")
    return value


def read_postings(rows: Sequence[records.Posting]) -> list[Posting]:
    """Postings as the ledger takes them. Raises Problem."""
    return [
        Posting(
            row.source,
            row.destination,
            row.amount
            if type(row.amount) is int
            else read_whole(row.amount, f"the amount of `postings[{at}]`"),
            row.asset,
            row.color,
        )
        for at, row in enumerate(rows)
    ]


def read_variables(given: Mapping[str, Any]) -> dict[str, object]:
    """Variables as a script takes them: numbers stay exact at any size. Raises Problem."""
    found: dict[str, object] = {}
    for name, value in given.items():
        match value:
            case str():
                found[name] = value
            case bool() | None | float() | list():
                raise compilation_failed(
                    f"the variable ${name} is {value!r}; give text, a whole number, or an object "
                    "with an asset and an amount"
                )
            case int():
                found[name] = value
            case {"asset": str(asset), "amount": amount} if len(value) == 2:
                number = read_whole(amount, f"the amount of the variable ${name}")
                found[name] = {"asset": asset, "amount": number}
            case _:
                raise compilation_failed(
                    f"the variable ${name} is an object, and only an asset with an amount can be"
                )
    return found


class Writes:
    """What all writes of one call share: the server's state, and the schema they are under."""

    def __init__(self, state: State, ledger: Ledger, version: str | None = None) -> None:
        self.state = state
        self.ledger = ledger
        self.checked: Checked | None = None
        if version is not None:
            self.checked = state.registry.schema(ledger.name, version)
        elif state.settings.strict and state.registry.is_ruled(ledger.name):
            raise Problem(
                400,
                "SCHEMA_NOT_SPECIFIED",
                f"the ledger `{ledger.name}` has a schema; name its version in `schemaVersion`",
            )

    def transaction(self, new: NewTransaction, key: str | None, *, force: bool = False) -> Request:
        """The request of a new transaction. Raises Problem, NumscriptError."""
        script = new.script
        plain = script is not None and bool(script.plain)
        template = script is not None and bool(script.template)
        if plain + template + bool(new.postings) > 1:
            raise invalid("give one of `postings`, `script.plain` and `script.template`")
        labels: dict[str, Any] = {
            "reference": new.reference or None,
            "metadata": new.metadata or {},
            "account_metadata": new.account_metadata or {},
            "timestamp": new.timestamp or None,
            "idempotency_key": key,
        }
        if script is None or not (plain or template):
            if not new.postings:
                raise Problem(
                    400,
                    "NO_POSTINGS",
                    "there are no postings, and no script to make them; give one",
                )
            self.check_template(None)
            postings = read_postings(new.postings)
            return self.ruled(Post(postings, **labels, force=force or new.force))
        interpreter = new.runtime == INTERPRETER
        self.check_template(script.template or None)
        text = script.plain or self.template(str(script.template))
        try:
            return self.ruled(self.run(text, script.vars or {}, labels, interpreter=interpreter))
        except NumscriptError as error:
            raise read_error(error, interpreter=interpreter) from None

    def run(
        self, text: str, given: Mapping[str, Any], labels: dict[str, Any], *, interpreter: bool
    ) -> Run:
        """The request of a script, whose variables are exactly those that it declares."""
        limits = Limits(length=self.state.settings.script)
        program = compile_script(Script(text), limits=limits)
        variables = read_variables(given)
        declared = program.variables
        for name in declared:
            if name not in variables:
                raise compilation_failed(
                    f"missing variable ${name}; give its value in `vars`", interpreter=interpreter
                )
        for name in variables:
            if name not in declared:
                raise compilation_failed(
                    f"extraneous variable ${name}: the script does not declare it",
                    interpreter=interpreter,
                )
        return Run(program, variables, **labels)

    def check_template(self, name: str | None) -> None:
        """Refuse a transaction that is made of no template where the schema asks for one."""
        if name is not None and self.checked is None:
            raise invalid("`script.template` needs `schemaVersion`, whose templates are meant")
        if name is None and self.checked is not None and self.state.settings.strict:
            known = self.checked.schema.transactions
            if known:
                raise invalid(
                    f"the schema `{self.checked.schema.version}` takes templates only: "
                    f"{', '.join(sorted(known))}"
                )

    def template(self, name: str) -> str:
        """The script of a template. Raises Problem."""
        assert self.checked is not None
        found = self.checked.schema.transactions.get(name)
        if found is None:
            version = self.checked.schema.version
            raise invalid(f"the schema `{version}` has no template `{name}`")
        return found.script

    def ruled(self, request: Post | Run) -> Post | Run:
        """A request that the ledger commits only if the schema allows what comes of it."""
        return request if self.checked is None else request._replace(rule=self.checked.rule)

    # --- the other requests ---

    def revert(
        self,
        number: int,
        key: str | None,
        *,
        force: bool,
        at_effective_date: bool,
        metadata: Mapping[str, str] | None,
    ) -> Revert:
        """The request of a revert."""
        return Revert(number, force, at_effective_date, metadata or {}, key)

    def element(self, element: records.BulkElement) -> Request:
        """The request of an element of a bulk. Raises Problem, NumscriptError."""
        key = element.ik or None
        match element:
            case records.Create():
                return self.transaction(element.data, key)
            case records.Undo():
                data = element.data
                number = read_whole(data.id, "the id to revert")
                return self.revert(number, key, force=data.force,
                                   at_effective_date=data.at_effective_date,
                                   metadata=data.metadata)  # fmt: skip
            case records.AddMetadata():
                target = read_target(element.data)
                return SetMetadata(target, element.data.metadata, key)
            case records.DropMetadata():
                return DeleteMetadata(read_target(element.data), element.data.key, key)


def read_target(data: records.MetadataOfTarget | records.KeyOfTarget) -> str | int:
    """What metadata belong to: an address, or an id. Raises Problem."""
    if data.target_type == "TRANSACTION":
        return read_whole(data.target_id, "the id of a transaction")
    if not isinstance(data.target_id, str):
        raise invalid(f"{data.target_id} is no account's address")
    return data.target_id


def do(ledger: Ledger, request: Request, *, dry_run: bool = False) -> Any:
    """Have the ledger do a request: a transaction, or a line of the log. Raises NumscriptError."""
    match request:
        case Run():
            return ledger.run(
                request.script, request.variables, reference=request.reference,
                metadata=request.metadata, account_metadata=request.account_metadata,
                timestamp=request.timestamp, idempotency_key=request.idempotency_key,
                dry_run=dry_run, rule=request.rule,
            )  # fmt: skip
        case Post():
            return ledger.post(
                request.postings, reference=request.reference, metadata=request.metadata,
                account_metadata=request.account_metadata, timestamp=request.timestamp,
                idempotency_key=request.idempotency_key, dry_run=dry_run, force=request.force,
                net=request.net, rule=request.rule,
            )  # fmt: skip
        case Revert():
            return ledger.revert(
                request.id, force=request.force, at_effective_date=request.at_effective_date,
                metadata=request.metadata, idempotency_key=request.idempotency_key,
                dry_run=dry_run,
            )  # fmt: skip
        case SetMetadata():
            return ledger.set_metadata(
                request.target, request.metadata, idempotency_key=request.idempotency_key
            )
        case DeleteMetadata():
            return ledger.delete_metadata(
                request.target, request.key, idempotency_key=request.idempotency_key
            )
