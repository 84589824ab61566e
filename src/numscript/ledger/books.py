"""The deciding: what a request does to the books, worked out in memory over one session.

What a request changes is taken back if it fails, so that it never spoils the others that are
committed with it. `changes` is what has to be written in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from json.encoder import encode_basestring as quote
from typing import Any, TypeAlias, cast

from numscript import errors
from numscript.diagnostics import ExecutionError, LedgerError
from numscript.embedding import Program
from numscript.ledger import chain
from numscript.ledger.cache import Cache
from numscript.ledger.requests import (
    DeleteMetadata,
    Post,
    Request,
    Revert,
    Rule,
    Run,
    SetMetadata,
    check_address,
    check_metadata,
    check_postings,
    digest,
)
from numscript.prelude import WORLD
from numscript.runtime.result import Posting
from numscript.runtime.store import BalanceKey
from numscript.storage.protocol import (
    AccountRow,
    Changes,
    Head,
    Holding,
    Log,
    MetadataChange,
    Session,
    Transaction,
    Volume,
    write_instant,
)

REVERTS = "com.formance.spec/state/reverts"
"""The metadata key by which a transaction names the one it takes back, as Formance does."""
NONE_YET = Holding(0, 0, 0)
FIRST_FLOORS: dict[str, int | None] = {WORLD: None}
"""The floors of new balances that are not 0."""
_ABSENT: Any = object()
Sums: TypeAlias = dict[BalanceKey, tuple[int, int, bool, Holding | None]]
"""What postings make of each balance: input, output, whether it gave, and what was there before."""
Mark: TypeAlias = tuple[Head, int]
"""A place in the books: the head, and how long the journal is."""
new = tuple.__new__
"""Makes a named tuple in half the time that calling its class takes. Nothing tells if a field is
missing: it is for what each transaction makes."""


class Books(Cache):
    """The books of one ledger during one session, with what was decided so far.

    now: the date of all that is decided; it never lies before that of the log's last line.
    `carry_on` takes them into the next session, as long as nobody else moves the head between.
    """

    def __init__(self, session: Session, name: str, now: datetime) -> None:
        super().__init__(session, name)
        self.now = now
        self.now_text = write_instant(now)
        self.before = self.head = session.head
        self.sent = False
        self.logs: list[Log] = []
        self.touched: dict[BalanceKey, Holding | None] = {}
        self.changed_accounts: dict[str, None] = {}
        self.changed_transactions: dict[int, None] = {}
        self.account_metadata: list[MetadataChange] = []
        self.transaction_metadata: list[MetadataChange] = []
        self.journal: list[tuple[Any, Any, Any]] = []

    def carry_on(self, session: Session, now: datetime) -> None:
        """Go on in a session that begins where the last one ended."""
        self.open(session)
        self.now = now
        self.now_text = write_instant(now)
        self.sent = False

    # --- deciding ---

    def decide(self, request: Request) -> Transaction | Log:
        """Do what a prepared request asks, or nothing. Raises NumscriptError."""
        mark = self.mark()
        try:
            key = request.idempotency_key
            if key is None:
                return self.apply(request, None)
            text = digest(request)
            earlier = self.log_of_key(key)
            if earlier is None:
                return self.apply(request, text)
            if earlier.idempotency_hash != text:
                raise LedgerError.of(errors.IdempotencyConflict(key=key))
            return self.replay(earlier)
        except BaseException:
            self.undo(mark)
            raise

    def apply(self, request: Request, digest_: str | None) -> Transaction | Log:
        """Do what a request asks, without asking whether it was done before."""
        done: Transaction | Log = DOINGS[type(request)](self, request, digest_)
        return done

    def run(self, request: Run, digest_: str | None) -> Transaction:
        """Run a script on the books as they are now, and keep what it yields."""
        if request.reference is not None:
            self.check_reference(request.reference)
        try:
            result = cast("Program", request.script).run(request.variables, self)
        except ExecutionError:
            if self.problem is not None:
                raise self.problem from None
            raise
        postings, metadata, account_metadata, printed = result
        if not postings:
            raise LedgerError.of(errors.NoPostings())
        check_postings(postings)
        if metadata or account_metadata:
            _check_texts(metadata, account_metadata)
        if request.metadata:
            for key in metadata:
                if key in request.metadata:
                    raise LedgerError.of(errors.MetadataOverride(key=key))
            metadata = {**metadata, **request.metadata}
        for name, items in request.account_metadata.items():
            account_metadata = {
                **account_metadata,
                name: {**account_metadata.get(name, {}), **items},
            }
        if request.rule is not None:
            account_metadata = self.ruled(request.rule, postings, account_metadata)
        transaction = self.add_transaction(
            postings,
            metadata,
            account_metadata,
            request.reference,
            cast("datetime | None", request.timestamp) or self.now,
            (request.idempotency_key, digest_),
        )
        return transaction._replace(printed=printed) if printed else transaction

    def post(self, request: Post, digest_: str | None) -> Transaction:
        """Keep plain postings, if their sources have what they give."""
        if request.reference is not None:
            self.check_reference(request.reference)
        postings = cast("tuple[Posting, ...]", request.postings)
        if request.net and not request.force:
            self.check_reversal(postings)
        account_metadata = request.account_metadata
        if request.rule is not None:
            account_metadata = self.ruled(request.rule, postings, account_metadata)
        return self.add_transaction(
            postings,
            request.metadata,
            account_metadata,
            request.reference,
            cast("datetime | None", request.timestamp) or self.now,
            (request.idempotency_key, digest_),
            bounded=not (request.force or request.net),
        )

    def ruled(
        self, rule: Rule, postings: Sequence[Posting], metadata: Mapping[str, Mapping[str, str]]
    ) -> dict[str, dict[str, str]]:
        """The metadata of accounts, with what a rule gives them that allows these postings."""
        self.load_holdings(postings)
        given = rule(postings, lambda address: self.accounts[address] is None)
        for address, items in given.items():
            check_address("account metadata", address)
            check_metadata(items)
        found = {name: dict(items) for name, items in metadata.items()}
        for name, items in given.items():
            found[name] = {**items, **found.get(name, {})}
        return found

    def revert(self, request: Revert, digest_: str | None) -> Transaction:
        """Post a transaction backwards.

        An account that loses by it must not end below zero, unless `force` says so; `@world` may.
        """
        original = self.transaction(request.id)
        if original.reverted_by is not None:
            raise LedgerError.of(errors.AlreadyReverted(id=original.id, by=original.reverted_by))
        postings = tuple(
            Posting(destination, source, amount, asset, color)
            for source, destination, amount, asset, color in reversed(original.postings)
        )
        if not request.force:
            self.check_reversal(postings)
        if REVERTS in request.metadata:
            raise LedgerError.of(errors.MetadataOverride(key=REVERTS))
        return self.add_transaction(
            postings,
            {**request.metadata, REVERTS: str(original.id)},
            {},
            None,
            original.timestamp if request.at_effective_date else self.now,
            (request.idempotency_key, digest_),
            original,
        )

    def check_reversal(self, postings: Sequence[Posting]) -> None:
        """Refuse postings that leave an account below zero which had more before all of them."""
        self.load_holdings(postings)
        lost: dict[BalanceKey, int] = {}
        for source, destination, amount, asset, color in postings:
            lost[source, asset, color] = lost.get((source, asset, color), 0) + amount
            lost[destination, asset, color] = lost.get((destination, asset, color), 0) - amount
        for key, amount in lost.items():
            if amount > 0 and key[0] != WORLD and self.balance(key) < amount:
                raise _insufficient(key, amount, self.balance(key))

    def replay(self, log: Log) -> Transaction | Log:
        """The first result of a request, as it was then."""
        if log.type in (chain.SET_METADATA, chain.DELETE_METADATA):
            return log._replace(replayed=True)
        change = chain.read_change(log)
        return self.transaction(change.transaction)._replace(
            metadata=change.metadata,
            updated_at=log.date,
            reverted_at=None,
            reverted_by=None,
            replayed=True,
        )

    # --- changing ---

    def add_transaction(
        self,
        postings: tuple[Posting, ...],
        metadata: Mapping[str, str],
        account_metadata: Mapping[str, Mapping[str, str]],
        reference: str | None,
        timestamp: datetime,
        claim: tuple[str | None, str | None],
        reverted: Transaction | None = None,
        *,
        bounded: bool = False,
    ) -> Transaction:
        """Write a transaction into the books, and its line.

        bounded: refuse a posting of more than its source has by then; `@world` has no end.
        """
        volumes = self.move(postings, bounded=bounded)
        head, now = self.head, self.now
        number = head[0] + 1
        reverts = None if reverted is None else reverted.id
        transaction = new(
            Transaction,
            (number, postings, metadata, reference, timestamp, now, now, None, None, reverts,
             volumes, False, ()),
        )  # fmt: skip
        row = chain.write_transaction(
            number, postings, metadata, reference,
            self.now_text if timestamp is now else write_instant(timestamp),
        )  # fmt: skip
        if reverted is None:
            accounts = chain.write_account_metadata(account_metadata)
            data = f'{{"accountMetadata":{accounts},"transaction":{row}}}'
            self.add_log(chain.NEW_TRANSACTION, data, claim, number)
        else:
            data = f'{{"revertedTransactionID":{reverts},"transaction":{row}}}'
            self.add_log(chain.REVERTED_TRANSACTION, data, claim, number)
            self.put(
                self.transactions,
                reverted.id,
                reverted._replace(reverted_at=now, reverted_by=number, updated_at=now),
            )
            self.change(self.changed_transactions, reverted.id)
        self.transactions[number] = transaction
        if reference is not None:
            self.put(self.references, reference, number)
        if metadata:
            line = self.head.log
            self.note(
                self.transaction_metadata,
                [MetadataChange(number, key, value, line, now) for key, value in metadata.items()],
            )
        self.use_accounts(volumes, timestamp)
        for address, items in account_metadata.items():
            self.merge_account_metadata(address, items, timestamp)
        return transaction

    def move(self, postings: Sequence[Posting], *, bounded: bool) -> dict[BalanceKey, Volume]:
        """Post to the volumes; gives those of the accounts concerned, as they are now."""
        try:
            after = self.sum_up(postings, bounded=bounded)
        except KeyError:
            self.load_holdings(postings)
            after = self.sum_up(postings, bounded=bounded)
        holdings, touched = self.holdings, self.touched
        self.journal.append((holdings, None, after))
        volumes: dict[BalanceKey, Volume] = {}
        for key, (input_, output, gave, old) in after.items():
            floor = FIRST_FLOORS.get(key[0], 0) if old is None else old[2]
            if gave and floor is not None:
                floor = input_ - output if output > input_ else 0
            if key not in touched:
                touched[key] = old
            holdings[key] = new(Holding, (input_, output, floor))
            volumes[key] = new(Volume, (input_, output))
        return volumes

    def sum_up(self, postings: Sequence[Posting], *, bounded: bool) -> Sums:
        """What postings make of each balance: input, output, whether it gave, what was before.

        Raises KeyError where a balance is not at hand, LedgerError where it does not suffice.
        """
        holdings = self.holdings
        after: Sums = {}
        for source, destination, amount, asset, color in postings:
            key = (source, asset, color)
            if key in after:
                input_, output, _, old = after[key]
            else:
                old = holdings[key]
                input_, output, _ = old or NONE_YET
            if bounded and amount > input_ - output and source != WORLD and amount:
                raise _insufficient(key, amount, input_ - output)
            after[key] = (input_, output + amount, True, old)
            key = (destination, asset, color)
            if key in after:
                input_, output, gave, old = after[key]
                after[key] = (input_ + amount, output, gave, old)
            else:
                old = holdings[key]
                input_, output, _ = old or NONE_YET
                after[key] = (input_ + amount, output, False, old)
        return after

    def use_accounts(self, keys: Collection[BalanceKey], timestamp: datetime) -> None:
        """Note that accounts were used at a time."""
        accounts = self.accounts
        for address, _, _ in keys:
            if address not in accounts:
                self.load_accounts([key[0] for key in keys])
            row = accounts[address]
            if row is None:
                row = AccountRow(address, {}, timestamp, self.now, self.now)
            elif timestamp < row.first_usage:
                row = row._replace(first_usage=timestamp)
            else:
                continue
            self.put(self.accounts, address, row)
            self.change(self.changed_accounts, address)

    def merge_account_metadata(
        self, address: str, items: Mapping[str, str | None], timestamp: datetime
    ) -> None:
        """Set keys of an account's metadata, or delete them (None)."""
        self.load_accounts((address,))
        now, log = self.now, self.head.log
        row = self.accounts[address]
        if row is None:
            row = AccountRow(address, {}, timestamp, now, now)
        elif not items:
            return
        metadata = _merged(row.metadata, items)
        self.put(self.accounts, address, row._replace(metadata=metadata, updated_at=now))
        self.change(self.changed_accounts, address)
        self.note(
            self.account_metadata,
            [MetadataChange(address, key, value, log, now) for key, value in items.items()],
        )

    def set_metadata(self, request: SetMetadata, digest_: str | None) -> Log:
        """Set metadata of an account or a transaction."""
        target, metadata, key = request
        text = chain.write_metadata(metadata)
        return self.change_metadata(
            chain.SET_METADATA, target, metadata, f'"metadata":{text},', (key, digest_)
        )

    def delete_metadata(self, request: DeleteMetadata, digest_: str | None) -> Log:
        """Delete a key of metadata, whether it is there or not."""
        target, name, key = request
        return self.change_metadata(
            chain.DELETE_METADATA, target, {name: None}, f'"key":{quote(name)},',
            (key, digest_),
        )  # fmt: skip

    def change_metadata(
        self,
        type_: str,
        target: str | int,
        items: Mapping[str, str | None],
        what: str,
        claim: tuple[str | None, str | None],
    ) -> Log:
        """Change metadata, and write the line about it; `what` is the line's own field."""
        if isinstance(target, str):
            data = f'{{{what}"targetId":"{target}","targetType":"ACCOUNT"}}'
            log = self.add_log(type_, data, claim)
            self.merge_account_metadata(target, items, self.now)
            return log
        transaction = self.transaction(target)
        data = f'{{{what}"targetId":{target},"targetType":"TRANSACTION"}}'
        log = self.add_log(type_, data, claim)
        metadata = _merged(transaction.metadata, items)
        changed = transaction._replace(metadata=metadata, updated_at=self.now)
        self.put(self.transactions, target, changed)
        self.change(self.changed_transactions, target)
        self.note(
            self.transaction_metadata,
            [MetadataChange(target, key, value, log.id, self.now) for key, value in items.items()],
        )
        return log

    def add_log(
        self, type_: str, data: str, claim: tuple[str | None, str | None], transaction: int = 0
    ) -> Log:
        """Write a line of the log; `transaction` is the id of the new one, if there is one."""
        last, number, hash_, _ = self.head
        number += 1
        key, digest_ = claim
        hash_ = chain.chain(
            hash_, chain.line_text(number, type_, self.now_text, data, key, digest_)
        )
        now = self.now
        log = new(Log, (number, type_, now, data, key, digest_, hash_, False))
        self.logs.append(log)
        self.head = new(Head, (transaction or last, number, hash_, now))
        if key is not None:
            self.put(self.keys, key, log)
        return log

    # --- going back ---

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Change a table so that it can be undone."""
        self.journal.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def note(self, changes: list[MetadataChange], more: Sequence[MetadataChange]) -> None:
        """Note changes of metadata."""
        self.journal.append((changes, len(changes), None))
        changes += more

    def change(self, table: dict[Any, None], key: Any) -> None:
        """Note that something changed."""
        if key not in table:
            self.journal.append((table, key, _ABSENT))
            table[key] = None

    def mark(self) -> Mark:
        """Where the books are now."""
        return self.head, len(self.journal)

    def undo(self, mark: Mark) -> None:
        """Take back all that was decided since a mark."""
        last = self.head.transaction
        self.head, length = mark
        while len(self.journal) > length:
            table, key, old = self.journal.pop()
            if table is self.holdings:
                for moved, sums in old.items():
                    table[moved] = sums[3]
            elif isinstance(table, list):
                del table[key:]
            elif old is _ABSENT:
                del table[key]
            else:
                table[key] = old
        for number in range(self.head.transaction + 1, last + 1):
            self.transactions.pop(number, None)
        del self.logs[self.head.log - self.before.log :]

    def close(self) -> None:
        """Keep for the next session what it may need again, and not too much of it."""
        self.written()
        self.forget()

    def written(self) -> None:
        """Start anew behind what `changes` gave: it was appended to the session."""
        self.before = self.head
        for table in (self.touched, self.changed_accounts, self.changed_transactions):
            table.clear()
        self.logs, self.account_metadata, self.transaction_metadata = [], [], []
        self.journal.clear()

    def send(self) -> bool:
        """Give the session what was decided; whether there was anything."""
        changes = self.changes()
        if changes is None:
            return False
        self.session.append(changes)
        self.written()
        self.sent = True
        return True

    def changes(self) -> Changes | None:
        """All that was decided, to be written; None if nothing was."""
        if not self.logs:
            return None
        before = self.before
        last = before.transaction
        return Changes(
            before,
            self.head,
            self.logs,
            [
                cast("Transaction", self.transactions[number])
                for number in range(last + 1, self.head.transaction + 1)
            ],
            [
                cast("Transaction", self.transactions[number])
                for number in self.changed_transactions
                if number <= last
            ],
            {
                key: (old, holding)
                for key, old in self.touched.items()
                if (holding := self.holdings[key]) is not None and holding is not old
            },
            [cast("AccountRow", self.accounts[address]) for address in self.changed_accounts],
            self.account_metadata,
            self.transaction_metadata,
        )


DOINGS: dict[type, Callable[[Books, Any, str | None], Transaction | Log]] = {
    Run: Books.run,
    Post: Books.post,
    Revert: Books.revert,
    SetMetadata: Books.set_metadata,
    DeleteMetadata: Books.delete_metadata,
}
"""What does each kind of request."""


def _merged(metadata: Mapping[str, str], items: Mapping[str, str | None]) -> dict[str, str]:
    """Metadata with keys set, or deleted (None)."""
    merged: dict[str, str | None] = {**metadata, **items}
    return {key: value for key, value in merged.items() if value is not None}


def _check_texts(
    metadata: Mapping[str, str], account_metadata: Mapping[str, Mapping[str, str]]
) -> None:
    """Refuse metadata that a script makes and no storage can hold."""
    for address, items in (("", metadata), *account_metadata.items()):
        if address:
            check_address("account metadata", address)
        check_metadata(items)


def _insufficient(key: BalanceKey, needed: int, available: int) -> LedgerError:
    account, asset, color = key
    name = f"{asset} {color}" if color else asset
    return LedgerError.of(
        errors.InsufficientFunds(account=account, asset=name, needed=needed, available=available)
    )
