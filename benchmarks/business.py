"""A business to fill ledgers with: sales, top-ups, reverts and metadata, the same every time.

A hundred thousand customers buy from a thousand shops over two years. What is rare among the
records (a campaign, a shop) and what is common (a kind) are both there, since databases answer
the two in different ways; some take effect long before they are written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from numscript.ledger import Post, Posting, Request, Revert, SetMetadata

START = datetime(2024, 1, 1, tzinfo=UTC)
PACE = timedelta(minutes=1)
"""The time between two transactions."""
CUSTOMERS = 100_000
SHOPS = 1_000
CHANGES = 15
"""How many in a thousand requests revert or change metadata."""


class Clock:
    """The time of the business: it goes on with the requests, not with the world's clocks."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The time, in UTC."""
        return self.now


class Business:
    """What the business does next. `done` counts its transactions."""

    def __init__(self) -> None:
        self.random = Random(7)
        self.clock = Clock()
        self.done = 0
        self.reverted: set[int] = set()

    def requests(self, count: int) -> list[Request]:
        """The next requests, which make so many transactions and some changes of metadata."""
        random, requests = self.random, list[Request]()
        target = self.done + count
        first = self.done
        while self.done < target:
            chance = random.randrange(1000)
            if chance >= CHANGES or first < 1000:
                self.done += 1
                requests.append(self.sale(self.done))
            elif chance < CHANGES // 3:
                requests.append(Revert(self.sold(first), force=True))
                self.done += 1
            elif chance < 2 * CHANGES // 3:
                tier = random.choice(("gold", "silver", "silver", "silver"))
                requests.append(SetMetadata(self.customer(), {"tier": tier}))
            else:
                checked = {"checked": f"by-{random.randrange(50)}"}
                requests.append(SetMetadata(random.randint(1, first), checked))
        self.clock.now = START + self.done * PACE
        return requests

    def sold(self, first: int) -> int:
        """One of the first so many transactions, that was not reverted yet."""
        while (number := self.random.randint(1, first)) in self.reverted:
            pass
        self.reverted.add(number)
        return number

    def customer(self) -> str:
        """The account of a customer."""
        return f"users:{self.random.randrange(CUSTOMERS)}:wallet"

    def sale(self, number: int) -> Post:
        """A sale, or a top-up of a customer's account."""
        random = self.random
        asset = "EUR/2" if random.randrange(10) else "USD/2"
        amount = random.randrange(1, 100_000)
        customer, metadata = self.customer(), dict[str, str]()
        if random.randrange(2):
            metadata["kind"] = random.choice(("sale", "gift", "refund"))
        if not random.randrange(50):
            metadata["campaign"] = f"c-{random.randrange(500)}"
        if random.randrange(3):
            shop = f"shops:{random.randrange(SHOPS)}"
            postings = [Posting(customer, shop, amount, asset)]
        else:
            postings = [Posting("world", customer, amount, asset)]
        late = timedelta(days=random.randrange(30)) if not random.randrange(5) else timedelta()
        timestamp = START + number * PACE - late
        return Post(postings, f"order-{number}", metadata, timestamp=timestamp, force=True)
