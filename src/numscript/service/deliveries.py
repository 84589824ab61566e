"""Deliveries: events are posted to webhooks, in order and at least once.

Each webhook has a thread in each process. Whichever finds something to deliver takes the webhook,
which only one process has at a time, delivers until there is no more, and lets go of it. Cursors
are saved now and then and when it lets go: what was delivered since is delivered again if the
process dies. Who finds the webhook taken waits, and takes it over when its owner shows no sign of
life; that is measured on the own clock, so that clocks need not agree.
"""

from __future__ import annotations

import ipaddress
import random
import socket
import time
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import msgspec

from numscript import __version__
from numscript.diagnostics import NumscriptError
from numscript.ledger.ledger import now
from numscript.service.events import (
    encode_event,
    last_sequence,
    message_id,
    read_events,
    read_types,
    wants,
)
from numscript.service.records import Event
from numscript.service.registry import Ledgers
from numscript.service.settings import Settings
from numscript.service.telemetry import LOG, Metrics
from numscript.service.webhooks import (
    BadWebhook,
    Definition,
    Kept,
    Signer,
    State,
    Webhooks,
    configured_id,
    read_signer,
    wrong_url,
)
from numscript.service.writing import Writer, write_instant

LEASE = 3.0
"""In timeouts: after how long without a sign of life others take a webhook over."""
RENEWED = 0.5
"""In timeouts: how old the last sign of life may be when something is delivered."""
SAVED = 1.0
"""In seconds: how often cursors are saved while events are delivered."""
LINGER = 0.5
"""In seconds: how long a webhook is kept for events that may come next."""
LOOK = 1.0
"""In seconds: how often who waits for another process looks again."""
SWEEP = 10.0
"""In seconds: how often all is looked at for what other processes left undone."""
LONGEST_WAIT = 300.0
"""In seconds: how long at most nothing is tried after a failure."""
SHOWN = 200
"""How many characters of an error are kept."""


class Failed(Exception):  # noqa: N818 - an outcome
    """A delivery that did not succeed. wait: seconds that the receiver asks for; gone: for ever."""

    def __init__(self, message: str, wait: float = 0.0, *, gone: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.gone = gone


class Lost(Exception):  # noqa: N818 - an outcome
    """Another process has the webhook by now."""


class Seen(NamedTuple):
    """A version of a state that another process has, and when it was first seen."""

    version: int
    at: float


def back_off(failures: int, chance: Callable[[], float] = random.random) -> float:
    """How many seconds to wait after so many failures in a row: ever longer, never the same."""
    longest = min(LONGEST_WAIT, 0.5 * 2.0 ** min(failures, 20))
    return longest * (0.5 + chance() / 2)


class Sender:
    """Posts to receivers. public: whether addresses that are not public are refused.

    timeout: seconds that a receiver may take to be reached, and again to answer.
    """

    def __init__(self, timeout: float, *, public: bool) -> None:
        self.timeout = timeout
        self.public = public
        # No redirects, no cookies that stay, and neither proxies nor passwords of the environment.
        self.client = httpx.Client(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            # A connection is to an address then, and was checked for one name alone.
            limits=httpx.Limits(max_keepalive_connections=0 if public else 100),
            headers={"User-Agent": f"numscript/{__version__}", "Content-Type": "application/json"},
        )

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        """Post a body. Raises Failed."""
        end = time.monotonic() + self.timeout
        try:
            target, more = self.resolve(httpx.URL(url))
            request = self.client.build_request(
                "POST", target, content=body, headers=headers | more, extensions=self.named(url)
            )
            answer = self.client.send(request, stream=True)
            try:
                # Read to the end, so that the connection serves again; but not for ever.
                for length, _ in enumerate(answer.iter_raw(1024)):
                    if length > 64 or time.monotonic() > end:
                        break
            finally:
                answer.close()
                self.client.cookies.clear()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as problem:
            reason = str(problem) or type(problem).__name__
            raise Failed(f"the receiver cannot be reached: {reason}") from None
        if answer.is_success:
            return
        asked = answer.headers.get("retry-after", "")
        wait = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0.0
        text = f"the receiver answered {answer.status_code}"
        if answer.is_redirect:
            text += ", and redirects are not followed"
        raise Failed(text, min(wait, LONGEST_WAIT), gone=answer.status_code == 410)

    def named(self, url: str) -> dict[str, Any]:
        """What has a certificate checked against the name in a URL, whatever address is called."""
        return {"sni_hostname": httpx.URL(url).host} if self.public else {}

    def resolve(self, url: httpx.URL) -> tuple[httpx.URL, dict[str, str]]:
        """The URL to connect to, and its headers; only a public address where that is asked.

        The address that was looked at is the one that is called, so that a name that changes in
        between changes nothing. Raises Failed, OSError.
        """
        if not self.public:
            return url, {}
        rows = socket.getaddrinfo(url.host, url.port or url.scheme, type=socket.SOCK_STREAM)
        addresses = [str(row[4][0]) for row in rows]
        for address in addresses:
            if not is_public(address):
                raise Failed(f"{url.host} is {address}, which is no public address")
        return url.copy_with(host=addresses[0]), {"Host": url.netloc.decode()}

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet at large."""
    found = ipaddress.ip_address(address.partition("%")[0])
    for inside in ("ipv4_mapped", "sixtofour"):
        found = getattr(found, inside, None) or found
    return found.is_global and not found.is_multicast


class Courier:
    """Delivers to one webhook, in a thread of its own."""

    def __init__(self, deliveries: Deliveries, number: str, signer: Signer) -> None:
        self.deliveries = deliveries
        self.webhooks = deliveries.webhooks
        self.number = number
        self.signer = signer
        self.changed = Condition()
        self.dirty: set[str] = set()
        self.stopped = False
        self.owner = uuid4().hex[:12]
        self.seen = Seen(0, 0.0)
        self.state = State()
        self.definition: Definition | None = None
        self.unsaved: dict[str, int] = {}
        self.written = 0.0
        self.thread = Thread(target=self.run, name=f"webhook-{number}", daemon=True)

    # --- being told -----------------------------------------------------------------------------

    def mark(self, ledgers: Sequence[str]) -> None:
        """Note that there may be something to deliver."""
        definition = self.definition
        found = [name for name in ledgers if definition is None or definition.takes(name)]
        if found:
            with self.changed:
                self.dirty.update(found)
                self.changed.notify_all()

    def stop(self) -> None:
        """Have the thread end when the delivery under way is done."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

    def wait(self, seconds: float | None, *, any_way: bool = False) -> bool:
        """Wait for something to do, or only for the time to pass; whether there is something."""
        with self.changed:
            self.changed.wait_for(
                lambda: self.stopped or (bool(self.dirty) and not any_way), seconds
            )
            return bool(self.dirty) and not self.stopped

    # --- working --------------------------------------------------------------------------------

    def run(self) -> None:
        """Deliver until stopped."""
        while not self.stopped:
            pause = 0.0
            try:
                if self.wait(None):
                    pause = self.round()
            except Lost:
                pause = LOOK
            except NumscriptError as error:
                LOG.warning("webhook %s waits for the storage: %s", self.number, error.kind.title)
                pause = LOOK
            except Exception as error:
                LOG.error("webhook %s failed", self.number, exc_info=error)
                pause = SWEEP
            if pause:
                self.wait(pause, any_way=True)

    def round(self) -> float:
        """Look at what there is, and deliver it; the seconds to wait before the next look."""
        kept = self.webhooks.read(self.number)
        if kept is None or kept.state.disabled:
            with self.changed:
                self.dirty.clear()
            return 0.0
        self.definition = kept.definition
        cursors = dict(kept.cursors)
        if not self.find(cursors):
            return 0.0
        wait = kept.state.retry_at - time.time()
        if wait > 0:
            return min(wait, LOOK)
        if not self.may_take(kept.state):
            return LOOK
        self.state, self.unsaved = kept.state, {}
        self.write(owner=self.owner)
        try:
            self.deliver(cursors)
            while self.wait(LINGER) and self.find(cursors):
                self.deliver(cursors)
        except Failed as failure:
            self.fail(failure)
        else:
            self.write(owner="")
        return 0.0

    def may_take(self, state: State) -> bool:
        """Whether the webhook is free, or its owner has shown no sign of life for long."""
        if not state.owner:
            return True
        if self.seen.version != state.version:
            self.seen = Seen(state.version, time.monotonic())
        return time.monotonic() - self.seen.at > LEASE * self.deliveries.timeout

    def next(self) -> str | None:
        """A marked ledger, which is unmarked: what comes from here on marks it again."""
        with self.changed:
            name = min(self.dirty, default=None)
            if name is not None:
                self.dirty.discard(name)
            return name

    def find(self, cursors: dict[str, int]) -> bool:
        """Whether any ledger that is marked has events to deliver; the others are unmarked."""
        while (name := self.next()) is not None:
            if self.deliveries.head(name) > cursors.get(name, 0):
                self.mark((name,))
                return bool(self.dirty)
        return False

    def deliver(self, cursors: dict[str, int]) -> None:
        """Deliver all that marked ledgers have, a page of each in turn. Raises Failed, Lost."""
        turn: list[str] = []
        definition = self.definition
        assert definition is not None
        while not self.stopped:
            if not turn:
                with self.changed:
                    turn = sorted(self.dirty)
                    self.dirty.clear()
            if not turn:
                return
            name = turn.pop()
            events = self.deliveries.events(name, cursors.get(name, 0))
            if events:
                # There may be more; and if this fails, nothing is forgotten.
                self.mark((name, *turn))
            for event in events:
                if self.stopped:
                    return
                if wants(definition.types, event.type):
                    self.send(event)
                cursors[name] = self.unsaved[name] = event.sequence
                if time.monotonic() - self.written > SAVED:
                    self.write(owner=self.owner)

    def send(self, event: Event) -> None:
        """Deliver an event. Raises Failed, Lost."""
        if time.monotonic() - self.written > RENEWED * self.deliveries.timeout:
            self.write(owner=self.owner)
        assert self.definition is not None
        body = encode_event(event)
        headers = self.signer.headers(message_id(event), int(time.time()), body)
        metrics = self.deliveries.metrics
        try:
            self.deliveries.sender.post(self.definition.url, body, headers)
        except Failed:
            metrics.deliveries.labels("failed").inc()
            raise
        metrics.deliveries.labels("delivered").inc()
        if self.state.failures:
            LOG.info("webhook %s works again", self.number)
            self.state = msgspec.structs.replace(
                self.state, failures=0, failing_since=0.0, retry_at=0.0, last_error=""
            )

    def fail(self, failure: Failed) -> None:
        """Note a failure, and when to try again; or give up after long."""
        at = time.time()
        failures = self.state.failures + 1
        since = self.state.failing_since or at
        given_up = failure.gone or at - since > self.deliveries.give_up
        wait = max(failure.wait, back_off(failures))
        self.write(
            owner="", failures=failures, failing_since=since, retry_at=at + wait,
            last_error=str(failure)[:SHOWN], disabled=given_up,
        )  # fmt: skip
        if given_up:
            again = f"POST /v2/_/webhooks/{self.number}/enable tries it again"
            LOG.error("webhook %s is disabled: %s; %s", self.number, failure, again)
        else:
            text = "webhook %s failed %d times in a row, and is tried again in %.1f s: %s"
            LOG.warning(text, self.number, failures, wait, failure)

    def write(self, **changes: str | float | bool) -> None:
        """Write the state that comes next, with the cursors that moved. Raises Lost."""
        state = msgspec.structs.replace(self.state, version=self.state.version + 1, **changes)
        moved = dict(self.unsaved)
        if not self.webhooks.write(self.number, state, moved):
            raise Lost
        self.state = state
        self.unsaved.clear()
        self.written = time.monotonic()


class Deliveries:
    """All deliveries of a process. Raises BadWebhook, NumscriptError."""

    def __init__(self, settings: Settings, ledgers: Ledgers, metrics: Metrics) -> None:
        self.ledgers = ledgers
        self.metrics = metrics
        self.timeout = settings.webhook_timeout
        self.give_up = settings.webhook_give_up * 3600
        self.webhooks = Webhooks(ledgers.registry.books)
        self.signer = read_signer(settings.webhook_secrets)
        self.configured = {configured_id(url): url for url in settings.webhooks}
        self.types = check_configured(settings, self.signer)
        self.sender = Sender(self.timeout, public=settings.webhook_public)
        self.writer = Writer()
        self.couriers: dict[str, Courier] = {}
        self.changed = Condition()
        self.stopped = False
        self.poked = False
        self.thread = Thread(target=self.run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Start to deliver, where webhooks can be signed."""
        if self.signer is not None:
            self.configure()
            self.thread.start()
        elif self.webhooks.all():
            LOG.warning("there are webhooks, and no secret to sign what they are sent: this "
                        "process delivers nothing; give it --webhook-secret-file")  # fmt: skip

    def run(self) -> None:
        """Look at all webhooks and ledgers now and then, until stopped."""
        while not self.stopped:
            try:
                self.sweep()
            except NumscriptError as error:
                LOG.warning("webhooks wait for the storage: %s", error.kind.title)
            except Exception as error:
                LOG.error("webhooks failed", exc_info=error)
            with self.changed:
                self.changed.wait_for(lambda: self.stopped or self.poked, SWEEP)
                self.poked = False

    def configure(self) -> None:
        """Keep the webhooks that the server is started with: new ones are told what is new."""
        for number, url in self.configured.items():
            kept = self.webhooks.read(number)
            if kept is None:
                definition = Definition(url, ["*"], write_instant(now()), self.types)
                self.webhooks.add(number, definition, self.heads(definition))
            elif kept.definition.types != self.types:
                changed = msgspec.structs.replace(kept.definition, types=self.types)
                self.webhooks.change(number, changed)

    def sweep(self) -> None:
        """Have a courier for each webhook, and all of them look at all ledgers."""
        known = {kept.id: kept for kept in self.webhooks.all()}
        for number in [number for number in self.couriers if number not in known]:
            self.couriers.pop(number).stop()
        for number, kept in known.items():
            if number.startswith("url-") and number not in self.configured:
                continue
            self.hire(kept)
        if self.couriers:
            names = self.ledgers.names()
            for courier in [*self.couriers.values()]:
                courier.mark(names)

    def hire(self, kept: Kept) -> None:
        """Have a courier for a webhook."""
        if self.signer is None or self.stopped:
            return
        signer = self.signer if kept.id in self.configured else self.signer.of(kept.id)
        with self.changed:
            courier = self.couriers.get(kept.id)
            if courier is None:
                courier = self.couriers[kept.id] = Courier(self, kept.id, signer)
                courier.definition = kept.definition
                courier.thread.start()

    def look(self) -> None:
        """Look at all webhooks soon: some have changed."""
        with self.changed:
            self.poked = True
            self.changed.notify_all()

    def committed(self, ledger: str) -> None:
        """Note, from any thread, that something may have been committed to a ledger."""
        for courier in [*self.couriers.values()]:
            courier.mark((ledger,))

    def head(self, ledger: str) -> int:
        """The sequence number of a ledger's last event."""
        return last_sequence(self.ledgers.open(ledger))

    def heads(self, definition: Definition) -> dict[str, int]:
        """The last events of all ledgers of a webhook."""
        names = [name for name in self.ledgers.names() if definition.takes(name)]
        return {name: self.head(name) for name in names}

    def events(self, ledger: str, after: int) -> list[Event]:
        """A page of a ledger's events."""
        return read_events(self.ledgers.open(ledger), after, self.writer)

    def stop(self) -> None:
        """Finish the deliveries under way, and save how far they are."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
        couriers = [*self.couriers.values()]
        for courier in couriers:
            courier.stop()
        end = time.monotonic() + 2 * self.timeout
        for courier in couriers:
            courier.thread.join(max(0.0, end - time.monotonic()))
        if self.thread.is_alive():
            self.thread.join(max(0.1, end - time.monotonic()))
        self.sender.close()


def check_configured(settings: Settings, signer: Signer | None) -> list[str]:
    """The types of events that the webhooks which the server is started with are told of.

    Raises BadWebhook where it cannot be started with them.
    """
    urls = settings.webhooks
    for url in urls:
        reason = wrong_url(url)
        if reason:
            raise BadWebhook(f"the webhook `{url}` {reason}")
    if urls and signer is None:
        raise BadWebhook(
            "a webhook needs a secret that signs what it is sent: write "
            "`whsec_$(openssl rand -base64 32)` to a file, and name it in --webhook-secret-file"
        )
    try:
        return read_types(settings.webhook_events)
    except ValueError as problem:
        raise BadWebhook(str(problem)) from None
