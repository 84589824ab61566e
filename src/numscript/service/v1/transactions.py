"""Transactions in version 1 of the API."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from numscript import errors
from numscript.diagnostics import NumscriptError, ParseError
from numscript.ledger import Ledger, LedgerError, Post, Request, SetMetadata, Transaction
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.calls import Call, Reply, replayed
from numscript.service.problems import Problem, invalid, read_error
from numscript.service.requests import Writes, do, read_postings
from numscript.service.v1 import shapes
from numscript.storage.filters import read_instant

YES = ("yes",)
PLAYGROUND = "https://play.numscript.org/?payload="


def create(call: Call) -> Reply:
    """Make a transaction of postings or a script; the answer is a list of one."""
    new = decode(call, shapes.NewTransaction)
    ledger = call.ledger(create=True)
    plain = new.script is not None and bool(new.script.plain)
    if plain == bool(new.postings):
        raise invalid("invalid payload: should contain either postings or script")
    if plain:
        assert new.script is not None
        made = run(call, ledger, new.script.plain, new.script.vars, labels(call, ledger, new))
    else:
        made = post(call, ledger, new)
    return replayed(
        Reply(200, records.Data([shapes.transaction(made, call.writer)])), made.replayed
    )


def post(call: Call, ledger: Ledger, new: shapes.NewTransaction) -> Transaction:
    """Commit postings."""
    request = Post(check_postings(new.postings or []), **labels(call, ledger, new), net=True)
    try:
        made: Transaction = do(ledger, request, dry_run=call.flag("preview", YES))
    except LedgerError as error:
        raise old_error(error) from None
    return made


def run(
    call: Call, ledger: Ledger, text: str, given: dict[str, Any] | None, said: dict[str, Any]
) -> Transaction:
    """Commit what a script yields."""
    try:
        request = Writes(call.state, ledger).run(text, given or {}, said, interpreter=False)
        made: Transaction = do(ledger, request, dry_run=call.flag("preview", YES))
    except NumscriptError as error:
        raise script_error(error) from None
    except Problem as problem:
        if problem.code == "COMPILATION_FAILED":
            problem.details = playground(problem.message)
        raise
    return made


def create_batch(call: Call) -> Reply:
    """Make several transactions of postings, or none of them."""
    batch = decode(call, shapes.Batch)
    if not batch.transactions:
        raise invalid("invalid transaction format: there are no transactions")
    ledger = call.ledger(create=True)
    requests: list[Request] = []
    for at, new in enumerate(batch.transactions):
        if not new.postings:
            raise invalid(f"invalid transaction {at}: no postings")
        said = labels(call, ledger, new)
        if said["idempotency_key"] is not None:
            said["idempotency_key"] += f"/{at}"
        requests.append(Post(check_postings(new.postings), **said, net=True))
    results = ledger.bulk(requests, atomic=True)
    for result in results:
        if result.error is not None and not isinstance(result.error.kind, errors.NotRun):
            raise old_error(result.error)
    made = [result.transaction for result in results if result.transaction is not None]
    shown = [shapes.transaction(row, call.writer) for row in made]
    return replayed(Reply(200, records.Data(shown)), all(row.replayed for row in made))


def run_script(call: Call) -> Reply:
    """Run a script; what goes wrong is told with the status 200 too."""
    asked = decode(call, shapes.ScriptRun)
    ledger = call.ledger(create=True)
    new = shapes.NewTransaction(
        timestamp=asked.timestamp, reference=asked.reference, metadata=asked.metadata
    )
    try:
        if not asked.plain:
            raise Problem(400, "NO_SCRIPT", "no script to execute; give one as `plain`")
        made = run(call, ledger, asked.plain, asked.vars, labels(call, ledger, new))
    except Problem as problem:
        if problem.status >= 500:
            raise
        answer = shapes.ScriptAnswer(error_code=problem.code, error_message=problem.message)
        if problem.details is not None:
            answer.details = problem.details
        return Reply(200, answer)
    shown = shapes.ScriptAnswer(shapes.transaction(made, call.writer))
    return replayed(Reply(200, shown), made.replayed)


# --- what is said of a transaction ------------------------------------------------------------


def decode(call: Call, type_: type[Any]) -> Any:
    """The body as a type; what is wrong with it is said as this version says it."""
    try:
        return call.decode(type_)
    except Problem as problem:
        raise invalid(f"invalid transaction format: {problem.message}") from None


def labels(call: Call, ledger: Ledger, new: shapes.NewTransaction) -> dict[str, Any]:
    """What is said of a new transaction besides what it posts. Raises Problem."""
    timestamp = new.timestamp or None
    if timestamp is not None:
        last = ledger.transactions(limit=1).items
        at = read_instant("timestamp", timestamp)
        if last and at < last[0].timestamp.replace(microsecond=0) and not call.idempotency_key:
            raise invalid(
                "cannot pass a timestamp prior to the last transaction: "
                f"{shapes.write_seconds(at)} (passed) is "
                f"{shapes.write_seconds(last[0].timestamp)} (last)"
            )
    return {
        "reference": new.reference or None,
        "metadata": shapes.keep_metadata(new.metadata or {}),
        "timestamp": timestamp,
        "idempotency_key": call.idempotency_key,
    }


def check_postings(rows: list[records.Posting]) -> list[Any]:
    """Postings as the ledger takes them; what is wrong is said as this version says it."""
    from numscript.values import is_account, is_asset

    for at, row in enumerate(rows):
        wrong = None
        if not isinstance(row.amount, int):
            raise invalid("invalid transaction format: an amount must be a whole number")
        if row.amount < 0:
            wrong = "negative amount"
        elif not is_account(row.source):
            wrong = "invalid source address"
        elif not is_account(row.destination):
            wrong = "invalid destination address"
        elif not is_asset(row.asset):
            wrong = "invalid asset"
        if wrong is not None:
            raise invalid(f"invalid posting {at}: {wrong}")
    return read_postings(rows)


def old_error(error: NumscriptError) -> Problem:
    """An error of postings, as clients of this version look for it."""
    problem = read_error(error)
    match error.kind:
        case errors.InsufficientFunds() as kind:
            problem.message = f"balance.insufficient.{kind.asset}"
        case errors.DuplicateReference():
            problem.message = "conflict error on reference"
        case errors.NoPostings():
            problem.message = "transaction has no postings"
        case errors.AlreadyReverted() as kind:
            problem.message = f"transaction {kind.id - 1} already reverted"
        case errors.UnknownTransaction():
            problem.message = "transaction not found"
    return problem


def script_error(error: NumscriptError) -> Problem:
    """An error of a script, as clients of this version look for it."""
    problem = old_error(error)
    match error.kind:
        case errors.MissingFunds():
            problem.message = "[INSUFFICIENT_FUND] account had insufficient funds"
        case errors.MetadataOverride():
            problem.message = "[METADATA_OVERRIDE] cannot override metadata from script"
    if problem.code in ("COMPILATION_FAILED", "INSUFFICIENT_FUND") or isinstance(error, ParseError):
        problem.details = playground(problem.message)
    return problem


def playground(message: str) -> str:
    """The address of a page that shows what went wrong with a script."""
    text = json.dumps({"error": message.replace("\n", "\r\n")})
    return PLAYGROUND + b64encode(text.encode()).decode()


# --- the transactions that are there ----------------------------------------------------------


def number_of(call: Call) -> int:
    """The ledger's id of the transaction in the path."""
    return call.number("txid") + 1


def of_transaction(read: Callable[[], Any]) -> Any:
    """What is done to a transaction; that it is not there is said as this version says it."""
    try:
        return read()
    except LedgerError as error:
        raise old_error(error) from None


def get(call: Call) -> Reply:
    """Show a transaction."""
    found = of_transaction(lambda: call.ledger(create=True).transaction(number_of(call)))
    return Reply(200, records.Data(shapes.transaction(found, call.writer)))


def revert(call: Call) -> Reply:
    """Take a transaction back by another one."""
    ledger, number = call.ledger(create=True), number_of(call)
    request = Writes(call.state, ledger).revert(
        number, call.idempotency_key, force=call.flag("disableChecks"), at_effective_date=False,
        metadata=None,
    )  # fmt: skip
    made = of_transaction(lambda: do(ledger, request))
    reply = Reply(200, records.Data(shapes.transaction(made, call.writer)))
    return replayed(reply, made.replayed)


def set_metadata(call: Call) -> Reply:
    """Set metadata of a transaction."""
    metadata: dict[str, Any] = call.decode(dict[str, Any])
    ledger, number = call.ledger(create=True), number_of(call)
    if not metadata:
        of_transaction(lambda: ledger.transaction(number))
        return Reply(204)
    request = SetMetadata(number, shapes.keep_metadata(metadata), call.idempotency_key)
    log = of_transaction(lambda: do(ledger, request))
    return replayed(Reply(204), log.replayed)


def read_filter(call: Call) -> dict[str, Any] | None:
    """The filter that the parameters of a list make together."""
    parts = shapes.metadata_filters(call)
    reference = call.text("reference")
    if reference is not None:
        parts.append({"$match": {"reference": reference}})
    for name in ("account", "source", "destination"):
        text = call.text(name)
        if text is not None:
            parts.append({"$match": {name: shapes.address_pattern(text)}})
    start, end = call.instant("startTime", "start_time"), call.instant("endTime", "end_time")
    if start is not None:
        parts.append({"$gte": {"timestamp": start}})
    if end is not None:
        parts.append({"$lt": {"timestamp": end}})
    after = call.whole("after")
    if after:
        parts.append({"$lt": {"id": after + 1}})
    return shapes.all_of(parts)


def list_(call: Call) -> Reply:
    """List transactions, the last first."""
    ledger = call.ledger(create=True)
    listing = read_listing(call, "transactions", "id", read_filter)
    return reply(ledger, listing, lambda row: shapes.transaction(row, call.writer))


def read_listing(
    call: Call, resource: str, order: str, read: Callable[[Call], dict[str, Any] | None]
) -> lists.Listing:
    """What a call asks of a list, which is read backwards."""
    cursor = call.text("cursor", "pagination_token")
    if cursor is None:
        return lists.Listing(resource, order, True, call.size(), read(call))
    for name, _ in call.queries:
        if name not in ("cursor", "pagination_token"):
            raise invalid(f"no other query params can be set with 'cursor': `{name[:40]}`")
    return lists.read_cursor(call, resource, cursor)


def reply(ledger: Ledger, listing: lists.Listing, show: Callable[[Any], Any]) -> Reply:
    """The page that a listing asks for."""
    page = lists.read_page(ledger, listing, lambda rows: [show(row) for row in rows])
    cursor = page.cursor
    return Reply(
        200, shapes.page(cursor.page_size, cursor.data, cursor.previous or None,
                         cursor.next or None)
    )  # fmt: skip


def count(call: Call) -> Reply:
    """Count transactions; the header `Count` holds the number."""
    ledger = call.ledger(create=True)
    listing = lists.Listing("transactions", "id", True, 1, read_filter(call))
    return Reply(200, None, {"Count": str(lists.count(ledger, listing))})
