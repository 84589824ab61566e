"""What a running server holds: its settings, storage, ledgers, and who may use them."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from time import monotonic

from numscript.service.access import Access, Caller
from numscript.service.console.language_server import Languages
from numscript.service.deliveries import Deliveries
from numscript.service.feeds import Feeds
from numscript.service.lanes import Lanes
from numscript.service.problems import Problem
from numscript.service.registry import Ledgers, Registry
from numscript.service.settings import Settings
from numscript.service.telemetry import Metrics, Traces
from numscript.service.workers import Workers
from numscript.storage import Storage, open_storage

CALLERS_KEPT = 10_000
"""How many callers' rates are remembered, those who called last."""


class State:
    """All that calls share. Raises StorageError, BadTokens, BadWebhook, NoTraces."""

    def __init__(self, settings: Settings, storage: Storage | None = None) -> None:
        self.settings = settings
        self.access = Access(settings)
        if self.access.keys is not None:
            self.access.keys.renew()
        self.traces = Traces(wanted=settings.traces)
        self.storage = storage or open_storage(settings.storage)
        self.registry = Registry(self.storage)
        self.ledgers = Ledgers(self.storage, self.registry)
        self.metrics = Metrics()
        self.feeds = Feeds(settings.streams, self.metrics)
        self.deliveries = Deliveries(settings, self.ledgers, self.metrics)
        self.rates = Rates(settings.rate)
        self.workers = Workers(settings.threads)
        self.lanes = Lanes(self.workers, self.committed)
        self.languages = Languages()
        self.under_way = 0

    def committed(self, ledger: str) -> None:
        """Tell those who follow a ledger that something may have been committed to it."""
        self.feeds.committed(ledger)
        self.deliveries.committed(ledger)

    def close(self) -> None:
        """Finish what is under way, and let go of everything."""
        self.languages.close()
        self.workers.close()
        self.deliveries.stop()
        self.feeds.close()
        self.traces.close()
        self.storage.close()


class Rates:
    """How often each caller may call: so many times a second, and as many at once.

    limit: calls a second, 0 for any number.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.most = max(1.0, limit)
        self.lock = Lock()
        self.left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, caller: Caller, address: str) -> None:
        """Count a call, of a caller by name or else by address. Raises Problem."""
        if not self.limit:
            return
        name = f"n:{caller.name}" if caller.name else f"a:{address}"
        with self.lock:
            at = monotonic()
            left, before = self.left.pop(name, (self.most, at))
            left = min(self.most, left + (at - before) * self.limit)
            self.left[name] = (left - 1 if left >= 1 else left, at)
            if len(self.left) > CALLERS_KEPT:
                self.left.popitem(last=False)
        if left < 1:
            wait = max(1, round((1 - left) / self.limit))
            raise Problem(
                429,
                "VALIDATION",
                f"more than {self.limit:g} requests a second; wait {wait} s and send it again",
                headers={"Retry-After": str(wait)},
            )
