"""Events in version 2 of the API: the stream of a ledger, and webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET, UnsetType

from numscript.service import records
from numscript.service.access import READ, WRITE, Caller
from numscript.service.calls import Call, Reply
from numscript.service.events import last_sequence, read_types
from numscript.service.problems import Problem, invalid
from numscript.service.routes import EVENTS
from numscript.service.webhooks import MOST, Kept, covers, define, new_id, unknown_webhook
from numscript.service.writing import write_instant


def stream_events(call: Call) -> Reply:
    """Send the events of a ledger as they happen, as server-sent events."""
    ledger = call.ledger()
    feeds = call.state.feeds
    feeds.check_room()
    last = last_sequence(ledger)
    after = read_after(call, last)
    try:
        types = read_types(call.all("eventTypes"))
    except ValueError as problem:
        raise invalid(f"`eventTypes`: {problem}") from None
    if after > last:
        raise invalid(
            f"the last event of the ledger `{ledger.name}` is {last}, and {after} was never one; "
            "give a number up to it, or `latest`"
        )
    stream = feeds.follow(ledger, after, types, as_text=call.writer.as_text)
    return Reply(200, stream, {"X-Accel-Buffering": "no"}, EVENTS)


def read_after(call: Call, last: int) -> int:
    """The sequence number behind which a stream starts. Raises Problem."""
    sent = call.headers.get("last-event-id", "")
    if sent:
        if not (sent.isascii() and sent.isdigit() and len(sent) < 19):
            raise invalid(f"`Last-Event-ID` is `{sent[:40]}`, and must be a sequence number")
        return int(sent)
    return last if call.text("after") == "latest" else call.whole("after")


# --- webhooks ---------------------------------------------------------------------------------


def create_webhook(call: Call) -> Reply:
    """Have events posted to an address; the answer has the secret that signs them."""
    new = call.decode(records.NewWebhook)
    deliveries = call.state.deliveries
    definition = define(new)
    check_rights(call.caller, definition.ledgers)
    if deliveries.signer is None:
        raise invalid(
            "this server cannot sign what it delivers; start it with --webhook-secret-file"
        )
    if len(deliveries.webhooks.all()) >= MOST:
        raise invalid(f"there are {MOST} webhooks, and no more can be; delete one")
    number = new_id()
    cursors = {} if new.history else deliveries.heads(definition)
    deliveries.webhooks.add(number, definition, cursors)
    kept = deliveries.webhooks.read(number)
    assert kept is not None
    deliveries.hire(kept)
    deliveries.look()
    shown = show(call, kept)
    shown.secret = deliveries.signer.of(number).secret
    return Reply(201, records.Data(shown))


def list_webhooks(call: Call) -> Reply:
    """List the webhooks whose ledgers the caller may read, the oldest first."""
    rows = call.state.deliveries.webhooks.all()
    return Reply(200, records.Data([show(call, row) for row in rows if readable(call, row)]))


def get_webhook(call: Call) -> Reply:
    """Show a webhook and how it is doing."""
    return Reply(200, records.Data(show(call, find(call))))


def enable_webhook(call: Call) -> Reply:
    """Try to deliver again, now, to a webhook that failed or was disabled."""
    kept = find(call)
    check_rights(call.caller, kept.definition.ledgers)
    deliveries = call.state.deliveries
    changed = deliveries.webhooks.change(
        kept.id, disabled=False, failures=0, failing_since=0.0, retry_at=0.0, last_error=""
    )
    deliveries.look()
    return Reply(200, records.Data(show(call, changed)))


def delete_webhook(call: Call) -> Reply:
    """Post no more events to a webhook."""
    kept = find(call)
    check_rights(call.caller, kept.definition.ledgers)
    if kept.id in call.state.deliveries.configured:
        raise invalid(
            f"the webhook `{kept.id}` is set up where the server is started: leave it out there"
        )
    call.state.deliveries.webhooks.change(kept.id, deleted=True)
    call.state.deliveries.look()
    return Reply(204)


def readable(call: Call, kept: Kept) -> bool:
    """Whether the caller may read all that a webhook is told."""
    return all(covers(call.caller, READ, pattern) for pattern in kept.definition.ledgers)


def find(call: Call) -> Kept:
    """The webhook that the path names. Raises Problem."""
    number = call.path["webhook"]
    kept = None
    if number.isascii() and number.replace("-", "").isalnum() and len(number) < 64:
        kept = call.state.deliveries.webhooks.read(number)
    if kept is None or not readable(call, kept):
        raise unknown_webhook(number)
    return kept


def check_rights(caller: Caller, patterns: list[str]) -> None:
    """Refuse a webhook of ledgers that the caller may not read and write. Raises Problem."""
    for scope in (READ, WRITE):
        for pattern in patterns:
            if not covers(caller, scope, pattern):
                raise Problem(
                    403,
                    "VALIDATION",
                    f"the token of `{caller.name}` has no {scope} for the ledgers `{pattern}`",
                )


def show(call: Call, kept: Kept) -> records.Webhook:
    """A webhook as it is shown."""
    state = kept.state
    status: records.WebhookStatus = (
        "disabled" if state.disabled else "failing" if state.failures else "active"
    )
    return records.Webhook(
        kept.id,
        kept.definition.url,
        kept.definition.ledgers,
        status,
        kept.definition.created_at,
        kept.definition.types,
        kept.cursors,
        kept.id in call.state.deliveries.configured,
        state.failures,
        instant(state.failing_since),
        UNSET if state.disabled else instant(state.retry_at),
        state.last_error or UNSET,
    )


def instant(at: float) -> str | UnsetType:
    """A Unix time as it is shown; 0 is none."""
    return write_instant(datetime.fromtimestamp(at, UTC)) if at else UNSET
