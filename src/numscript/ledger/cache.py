"""What of a ledger is at hand: read from a session once, and changed by what is decided over it.

A script's run reads through it, and so sees what was decided before in the same session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from numscript import errors
from numscript.diagnostics import LedgerError
from numscript.runtime.result import Posting
from numscript.runtime.store import BalanceKey, MetadataQuery, is_scale
from numscript.storage.filters import BIGGEST_ID
from numscript.storage.protocol import AccountRow, Found, Holding, Log, Session, Transaction, Wanted

MAX_KEPT = 20_000
"""The most accounts and volumes that are kept from one session to the next."""
MAX_RECORDS = 2_000
"""The most transactions, references and keys that are kept for a session behind one under way."""


class Cache:
    """What is at hand of one ledger; None stands for what is known not to exist.

    ahead: gives what the session's requests will probably read, for the first time that one reads.
    presumed: whether something was taken for new that only the head's lock can tell. problem: what
    went wrong while something was read.
    """

    def __init__(self, session: Session, name: str) -> None:
        self.name = name
        self.holdings: dict[BalanceKey, Holding | None] = {}
        self.accounts: dict[str, AccountRow | None] = {}
        self.transactions: dict[int, Transaction | None] = {}
        self.references: dict[str, int | None] = {}
        self.keys: dict[str, Log | None] = {}
        self.scales: set[BalanceKey] = set()
        self.problem: Exception | None = None
        self.open(session)

    def open(self, session: Session) -> None:
        """Read from this session from now on."""
        self.session = session
        self.presumed = False
        self.ahead: Callable[[], Wanted] | None = None

    def missing(self, wanted: Wanted) -> Wanted:
        """What of a batch is not at hand, but for what is presumed to be new."""
        return Wanted(
            [key for key in wanted.volumes if key not in self.holdings],
            [address for address in wanted.accounts if address not in self.accounts],
            [number for number in wanted.transactions if number not in self.transactions],
        )

    def take_over(self, wanted: Wanted, found: Found) -> None:
        """Keep what was found, and that there is nothing where nothing was found."""
        holdings = self.holdings
        for key in wanted.volumes:
            if key[1].endswith("/*"):
                self.scales.add(key)
            elif key not in holdings:
                holdings[key] = found.volumes.get(key)
        if self.scales:
            for key, holding in found.volumes.items():
                holdings.setdefault(key, holding)
        for address in wanted.accounts:
            self.accounts.setdefault(address, found.accounts.get(address))
        for number in wanted.transactions:
            self.transactions.setdefault(number, found.transactions.get(number))
        for reference in wanted.references:
            self.references.setdefault(reference, found.references.get(reference))
        for key_text in wanted.keys:
            self.keys.setdefault(key_text, found.keys.get(key_text))

    def find(self, wanted: Wanted) -> None:
        """Read a batch. What goes wrong is kept: a script's run would hide it in its own error.

        The first one also reads `ahead`, what else the session's requests will probably ask for.
        """
        if self.ahead is not None:
            ahead, self.ahead = self.missing(self.ahead()), None
            wanted = wanted.joined(ahead)
        try:
            self.take_over(wanted, self.session.find(wanted))
        except Exception as problem:
            self.problem = problem
            raise

    def get_balances(self, query: Sequence[BalanceKey]) -> Mapping[BalanceKey, int]:
        """The balances as they are after all that was decided, for scripts."""
        holdings = self.holdings
        answer: dict[BalanceKey, int] = {}
        for key in query:
            try:
                holding = holdings[key]
            except KeyError:
                return self.read_balances(query)
            if holding is not None:
                answer[key] = holding[0] - holding[1]
        return answer

    def read_balances(self, query: Sequence[BalanceKey]) -> dict[BalanceKey, int]:
        """As `get_balances`, where not all is at hand."""
        holdings, scales = self.holdings, self.scales
        missing = [key for key in query if key not in holdings and key not in scales]
        if missing:
            self.find(Wanted(volumes=missing))
        answer: dict[BalanceKey, int] = {}
        for key in query:
            holding = holdings.get(key)
            if holding is not None:
                answer[key] = holding[0] - holding[1]
            elif key in scales:
                answer |= self.all_scales(key[0], key[1][:-2])
        return answer

    def all_scales(self, account: str, unscaled: str) -> dict[BalanceKey, int]:
        """The uncoloured balances of an account in all precisions of an asset."""
        return {
            key: holding[0] - holding[1]
            for key, holding in self.holdings.items()
            if holding is not None and key[0] == account and not key[2]
            if is_scale(key[1], unscaled)
        }

    def get_metadata(self, query: MetadataQuery) -> Mapping[str, Mapping[str, str]]:
        """The metadata of accounts after all that was decided, for scripts."""
        self.load_accounts(query)
        rows = {address: self.accounts[address] for address in query}
        return {address: row.metadata for address, row in rows.items() if row is not None}

    def load_accounts(self, addresses: Iterable[str]) -> None:
        """Have accounts at hand."""
        accounts = self.accounts
        missing = [address for address in addresses if address not in accounts]
        if missing:
            self.find(Wanted(accounts=missing))

    def transaction(self, number: int) -> Transaction:
        """A transaction by its id. Raises LedgerError."""
        if number not in self.transactions and 0 < number <= BIGGEST_ID:
            self.find(Wanted(transactions=(number,)))
        found = self.transactions.get(number)
        if found is None:
            raise LedgerError.of(errors.UnknownTransaction(ledger=self.name, id=number))
        return found

    def log_of_key(self, key: str) -> Log | None:
        """The line that was written under an idempotency key."""
        if key not in self.keys:
            if not self.session.holds:
                self.presumed = True
                return None
            self.find(Wanted(keys=(key,)))
        return self.keys[key]

    def check_reference(self, reference: str) -> None:
        """Refuse a reference that another transaction has."""
        if reference not in self.references:
            if not self.session.holds:
                self.presumed = True
                return
            self.find(Wanted(references=(reference,)))
        number = self.references[reference]
        if number is not None:
            raise LedgerError.of(errors.DuplicateReference(name=reference, id=number))

    def load_holdings(self, postings: Iterable[Posting]) -> None:
        """Have at hand all that postings touch."""
        holdings, accounts = self.holdings, self.accounts
        volumes: dict[BalanceKey, None] = {}
        addresses: dict[str, None] = {}
        for source, destination, _, asset, color in postings:
            for address in (source, destination):
                key = (address, asset, color)
                if key not in holdings:
                    volumes[key] = None
                if address not in accounts:
                    addresses[address] = None
        if volumes or addresses:
            self.find(Wanted(volumes=tuple(volumes), accounts=tuple(addresses)))

    def balance(self, key: BalanceKey) -> int:
        """A balance that is at hand."""
        holding = self.holdings[key]
        return 0 if holding is None else holding[0] - holding[1]

    @property
    def is_full(self) -> bool:
        """Whether they are too big for another session that nothing is forgotten before."""
        records = len(self.transactions) + len(self.references) + len(self.keys)
        return records > MAX_RECORDS or len(self.holdings) + len(self.accounts) > MAX_KEPT

    def forget(self) -> None:
        """Let go of what the next session can read again, but for accounts and volumes."""
        self.transactions, self.references, self.keys = {}, {}, {}
        if len(self.holdings) + len(self.accounts) > MAX_KEPT:
            self.holdings, self.accounts, self.scales = {}, {}, set()
