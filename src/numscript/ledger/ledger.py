"""`Ledger`: the books of one name in a storage.

    ledger = Ledger(open_storage("sqlite:///books.db"), "main")
    ledger.run("send [USD/2 100] ( source = @world destination = @alice )")
    ledger.balances("alice")      # {"USD/2": 100}

A ledger may be used by several threads at once; their requests are committed together.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from typing import Any, NamedTuple, TypeAlias, cast
from weakref import WeakValueDictionary

from numscript import errors
from numscript.diagnostics import LedgerError, NumscriptError
from numscript.embedding import Program
from numscript.ledger.books import Books
from numscript.ledger.chain import write_log
from numscript.ledger.committer import Committer, Waiting
from numscript.ledger.pages import Page, read_cursor, write_cursor
from numscript.ledger.replay import Progress, import_lines
from numscript.ledger.requests import (
    DeleteMetadata,
    Post,
    Request,
    Revert,
    Rule,
    Run,
    SetMetadata,
    check_address,
    check_id,
    prepare,
)
from numscript.ledger.verification import Problem, verify
from numscript.runtime.result import Posting
from numscript.script import Script
from numscript.storage.filters import (
    BIGGEST_ID,
    FIELDS,
    SORTS,
    Leaf,
    Moment,
    Query,
    invalid,
    parse_filter,
    read_instant,
)
from numscript.storage.protocol import (
    Account,
    Log,
    Storage,
    Transaction,
    Volume,
    VolumeRow,
    Wanted,
)

Metadata: TypeAlias = Mapping[str, str]
Instant: TypeAlias = datetime | str

PAGE = 100
"""How many records a page has if nothing is said."""
MAX_PAGE = 10_000
END = datetime.max.replace(tzinfo=UTC)
RESERVED = ("_", "_info", "_healthcheck")
is_ledger_name = re.compile(r"[0-9A-Za-z_-]{1,63}").fullmatch


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def check_place(storage: object, name: str) -> None:
    """Refuse what is no storage, and what cannot name a ledger in it."""
    if isinstance(storage, (str, PathLike)):
        raise TypeError(f"{storage!r} is no storage: write Ledger(open_storage(url), {name!r})")
    if name in RESERVED:
        raise invalid("ledger name", f"`{name}` is reserved")
    if not is_ledger_name(str(name)):
        raise invalid("ledger name", f"`{name}` is not 1 to 63 of 0-9 A-Z a-z _ -")


class BulkResult(NamedTuple):
    """What came of one element of a bulk: a transaction or a line of the log, or an error.

    line: the id of the line of the log that tells of it; 0 of an error, or a replay.
    """

    transaction: Transaction | None = None
    log: Log | None = None
    error: NumscriptError | None = None
    line: int = 0

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.error is None


class Stats(NamedTuple):
    """How much a ledger holds."""

    transactions: int
    accounts: int
    logs: int


_committers: WeakValueDictionary[tuple[object, ...], Committer] = WeakValueDictionary()
"""One committer for all `Ledger` objects of one ledger. Each keeps its storage, and so its id."""


class Ledger:
    """The books of one name in a storage.

    create: whether the ledger is created if it does not exist; if not, and it does not, LedgerError
    (UnknownLedger) is raised. clock gives the time, aware, in UTC; chance a number from 0 to 1 and
    sleep waits, in seconds, both for trying again.
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        *,
        create: bool = True,
        clock: Callable[[], datetime] = now,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        check_place(storage, name)
        self.storage = storage
        self.name = name
        self._clock = clock
        if create:
            storage.create_ledger(name, clock())
        else:
            with storage.read(name):
                pass
        self._committer = _committers.setdefault(
            (id(storage), name, clock, chance, sleep),
            Committer(storage, name, clock, chance, sleep),
        )

    @classmethod
    def imported(
        cls,
        storage: Storage,
        name: str,
        lines: Iterable[str],
        *,
        progress: Progress | None = None,
        clock: Callable[[], datetime] = now,
    ) -> Ledger:
        """A ledger with an exported log in it, created together with it: both, or neither.

        A ledger that exists already must be empty. Lines, progress and errors are those of
        `import_`.
        """
        check_place(storage, name)
        import_lines(storage, name, lines, progress, clock())
        return cls(storage, name, create=False, clock=clock)

    def __repr__(self) -> str:
        return f"Ledger({self.name!r})"

    # --- writing ---

    def run(
        self,
        script: str | Script | Program,
        variables: Mapping[str, object] | None = None,
        *,
        reference: str | None = None,
        metadata: Metadata | None = None,
        account_metadata: Mapping[str, Metadata] | None = None,
        timestamp: Instant | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        force: bool = False,
        features: Iterable[str] = (),
        rule: Rule | None = None,
    ) -> Transaction:
        """Run a script on the books as they are now, and commit what it yields.

        script: text, or a compiled program. timestamp: when it takes effect, now if nothing is
        said; it may lie in the past or future. dry_run: give the transaction, commit nothing.
        What the script prints is in `printed` of what comes back, and is kept nowhere.
        force: refused, since a script says itself what may be overdrawn. features: flags that are
        on besides those the script switches on itself. rule: what its postings must hold to.
        Raises ParseError, CheckError, ExecutionError, LedgerError, StorageError.
        """
        if force:
            reason = "a script says itself what may be overdrawn: `allowing unbounded overdraft`"
            raise invalid("force flag", reason)
        request = Run(
            script,
            variables or {},
            reference,
            metadata or {},
            account_metadata or {},
            timestamp,
            idempotency_key,
            tuple(features),
            rule,
        )
        return cast("Transaction", self._do(request, dry_run=dry_run))

    def post(
        self,
        postings: Sequence[Posting | Mapping[str, object]],
        *,
        reference: str | None = None,
        metadata: Metadata | None = None,
        account_metadata: Mapping[str, Metadata] | None = None,
        timestamp: Instant | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        force: bool = False,
        net: bool = False,
        rule: Rule | None = None,
    ) -> Transaction:
        """Commit plain postings, in their order.

        No account but `@world` may give more than it has, unless `force` is set; with `net` it
        need not have it before all of them are made. rule: what they must hold to. Raises
        LedgerError, StorageError.
        """
        request = Post(
            postings,
            reference,
            metadata or {},
            account_metadata or {},
            timestamp,
            idempotency_key,
            force,
            net,
            rule,
        )
        return cast("Transaction", self._do(request, dry_run=dry_run))

    def revert(
        self,
        id: int,  # noqa: A002 - the record's own name for it
        *,
        force: bool = False,
        at_effective_date: bool = False,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> Transaction:
        """Take a transaction back, whole, by one that posts the other way round.

        An account that loses by it must not end below zero, unless `force` is set.
        at_effective_date: it takes effect when the first one did, not now. Raises LedgerError,
        StorageError.
        """
        request = Revert(id, force, at_effective_date, metadata or {}, idempotency_key)
        return cast("Transaction", self._do(request, dry_run=dry_run))

    def set_metadata(
        self, target: str | int, metadata: Metadata, *, idempotency_key: str | None = None
    ) -> Log:
        """Set metadata of an account (by its address) or a transaction (by its id).

        Keys that are not named stay as they are. Raises LedgerError, StorageError.
        """
        return cast("Log", self._do(SetMetadata(target, metadata, idempotency_key)))

    def delete_metadata(
        self, target: str | int, key: str, *, idempotency_key: str | None = None
    ) -> Log:
        """Delete a key of metadata, whether it is there or not.

        Raises LedgerError, StorageError.
        """
        return cast("Log", self._do(DeleteMetadata(target, key, idempotency_key)))

    def bulk(
        self,
        requests: Sequence[Request],
        *,
        atomic: bool = False,
        continue_on_failure: bool = False,
    ) -> list[BulkResult]:
        """Do many requests in one transaction of the database; each sees those before it.

        The results are in the order of the requests. The first failure ends it, and those before it
        stay; `continue_on_failure` goes on; `atomic` undoes all. A failure is a result, and is not
        raised. Raises LedgerError if atomic and continue_on_failure are both set, StorageError,
        TypeError for an element that is no request.
        """
        if atomic and continue_on_failure:
            raise invalid("bulk", "it is either atomic or goes on after failures")
        prepared = [_prepared(request) for request in requests]
        if not prepared:
            return []
        waiting = Waiting(prepared, atomic=atomic, go_on=continue_on_failure)
        results = self._committer.submit(waiting)
        return [_bulk_result(item, waiting.lines.get(at, 0)) for at, item in enumerate(results)]

    def together(
        self, requests: Sequence[Request], passed: Callable[[], None] | None = None
    ) -> list[Transaction | Log | BaseException]:
        """Do requests of several callers in one transaction of the database, each for itself.

        It is as if each of them had come on a thread of its own: one that fails leaves the others
        alone. The results are in the order of the requests; a failure is a result, and is not
        raised. passed: is called, by a distant storage, as soon as another thread's requests can be
        decided while these are committed.
        """
        if not requests:
            return []
        waiting = [Waiting((_prepared(request),)) for request in requests]
        return [
            outcome if isinstance(outcome, BaseException) else outcome[0]
            for outcome in self._committer.submit_all(waiting, passed)
        ]

    def _do(self, request: Request, *, dry_run: bool = False) -> Transaction | Log:
        """Have one request decided, and committed unless it is a dry run."""
        prepared = prepare(request)
        if dry_run:
            return self._try(prepared)
        result = self._committer.submit(Waiting((prepared,)))[0]
        if isinstance(result, NumscriptError):
            raise result
        return cast("Transaction | Log", result)

    def _try(self, request: Request) -> Transaction | Log:
        """What a request would do, on a session that cannot write."""
        with self.storage.read(self.name) as session:
            last = session.head.date
            at = self._clock()
            return Books(session, self.name, at if last is None else max(at, last)).decide(request)

    # --- reading ---

    def transaction(self, id: int) -> Transaction:  # noqa: A002 - the record's own name for it
        """A transaction by its id. Raises LedgerError (UnknownTransaction), StorageError."""
        check_id(id)
        if 0 < id <= BIGGEST_ID:
            wanted = Wanted(transactions=(id,))
            found = self.storage.find(self.name, wanted).transactions.get(id)
            if found is not None:
                return found
        raise LedgerError.of(errors.UnknownTransaction(ledger=self.name, id=id))

    def transactions(
        self,
        filter: object = None,  # noqa: A002 - the word of the language
        *,
        order: str = "id",
        descending: bool = True,
        limit: int = PAGE,
        cursor: str | None = None,
        pit: Instant | None = None,
        by_insertion: bool = False,
    ) -> Page[Transaction]:
        """Transactions, the last first; by `id`, `timestamp`, `inserted_at` or `updated_at`.

        pit: as they were at a point in time, by the date of effect, or that of insertion if
        `by_insertion` is set. cursor: `next` or `previous` of another page. Raises LedgerError,
        StorageError.
        """
        moment = _moment(pit, by_insertion)
        return self._list("transactions", filter, order, descending, limit, cursor, moment)

    def account(
        self, address: str, *, pit: Instant | None = None, by_insertion: bool = False
    ) -> Account:
        """An account with its metadata and volumes; one never seen has neither, and no dates.

        Raises LedgerError, StorageError.
        """
        check_address("account", address)
        if pit is None:
            wanted = Wanted(accounts=(address,), holders=(address,))
            found = self.storage.find(self.name, wanted)
            row = found.accounts.get(address)
            if row is not None:
                rows = sorted(found.volumes.items())
                return Account(*row, {key[1:]: Volume(*holding[:2]) for key, holding in rows})
        else:
            leaf = Leaf("address", "address", None, "$match", address)
            query = Query("accounts", leaf, "address", moment=_moment(pit, by_insertion))
            with self.storage.read(self.name) as session:
                accounts = session.select(query)
            if accounts:
                return cast("Account", accounts[0])
        return Account(address, {}, None, None, None, {})

    def accounts(
        self,
        filter: object = None,  # noqa: A002 - the word of the language
        *,
        order: str = "address",
        descending: bool = False,
        limit: int = PAGE,
        cursor: str | None = None,
        pit: Instant | None = None,
        by_insertion: bool = False,
    ) -> Page[Account]:
        """Accounts, by `address`, `first_usage`, `insertion_date` or `updated_at`.

        As `transactions` otherwise. Raises LedgerError, StorageError.
        """
        moment = _moment(pit, by_insertion)
        return self._list("accounts", filter, order, descending, limit, cursor, moment)

    def balances(
        self,
        address: str,
        *,
        color: str | None = "",
        pit: Instant | None = None,
        by_insertion: bool = False,
    ) -> dict[str, int]:
        """The balances of an account by asset, of one colour; None adds all colours up."""
        sums: dict[str, int] = {}
        account = self.account(address, pit=pit, by_insertion=by_insertion)
        for (asset, shade), volume in account.volumes.items():
            if color is None or shade == color:
                sums[asset] = sums.get(asset, 0) + volume.balance
        return sums

    def count(
        self,
        resource: str,
        filter: object = None,  # noqa: A002 - the word of the language
        *,
        pit: Instant | None = None,
        by_insertion: bool = False,
    ) -> int:
        """How many `transactions`, `accounts`, `volumes` or `logs` a filter matches.

        pit: as they were at a point in time; logs have none. Raises LedgerError, StorageError.
        """
        if resource not in FIELDS:
            raise invalid("resource", f"`{resource}` is none of {', '.join(FIELDS)}")
        moment = None if resource == "logs" else _moment(pit, by_insertion)
        query = Query(
            resource, parse_filter(resource, filter), next(iter(SORTS[resource])), moment=moment
        )
        with self.storage.read(self.name) as session:
            if query.filter is None and moment is None and resource == "transactions":
                return session.head.transaction
            return session.count(query)

    def volumes(
        self,
        filter: object = None,  # noqa: A002 - the word of the language
        *,
        group: int = 0,
        descending: bool = False,
        limit: int = PAGE,
        cursor: str | None = None,
        since: Instant | None = None,
        pit: Instant | None = None,
        by_insertion: bool = False,
    ) -> Page[VolumeRow]:
        """What accounts received and gave, by account, asset and colour.

        group: add up accounts whose first so many segments agree; 0 for none. since: only what was
        moved from then on, until `pit`. As `transactions` otherwise. Raises LedgerError,
        StorageError.
        """
        moment = _moment(pit, by_insertion, since)
        return self._list("volumes", filter, "account", descending, limit, cursor, moment, group)

    def aggregate(
        self,
        filter: object = None,  # noqa: A002 - the word of the language
        *,
        since: Instant | None = None,
        pit: Instant | None = None,
        by_insertion: bool = False,
    ) -> dict[str, int]:
        """The balances of all accounts that a filter matches, added up by asset.

        Without a filter each is zero. since: only what was moved from then on, until `pit`.
        Raises LedgerError, StorageError.
        """
        query = Query(
            "aggregate",
            parse_filter("volumes", filter),
            "asset",
            moment=_moment(pit, by_insertion, since),
        )
        sums: dict[str, int] = {}
        with self.storage.read(self.name) as session:
            for row in session.select(query):
                sums[row.asset] = sums.get(row.asset, 0) + row.balance
        return sums

    def logs(
        self,
        filter: object = None,  # noqa: A002 - the word of the language
        *,
        descending: bool = True,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Page[Log]:
        """Lines of the log, the last first. Raises LedgerError, StorageError."""
        return self._list("logs", filter, "id", descending, limit, cursor)

    def stats(self) -> Stats:
        """How much the ledger holds."""
        with self.storage.read(self.name) as session:
            accounts = session.count(Query("accounts", sort="address"))
            return Stats(session.head.transaction, accounts, session.head.log)

    def _list(
        self,
        resource: str,
        tree: object,
        order: str,
        descending: bool,
        limit: int,
        cursor: str | None,
        moment: Moment | None = None,
        group: int = 0,
    ) -> Page[Any]:
        """One page of a resource."""
        if order not in SORTS[resource]:
            raise invalid("order", f"`{order}` is none of {', '.join(SORTS[resource])}")
        if type(limit) is not int or not 0 < limit <= MAX_PAGE:
            raise invalid("limit", f"{limit!r} is not a number from 1 to {MAX_PAGE}")
        if type(group) is not int or not 0 <= group <= 1000:
            raise invalid("group", f"{group!r} is not a number of segments")
        start = None if cursor is None else read_cursor(cursor, resource, order, descending)
        back = start is not None and start.backwards
        query = Query(
            resource,
            parse_filter(resource, tree),
            order,
            descending != back,
            None if start is None else start.columns,
            limit + 1,
            moment,
            group,
        )
        with self.storage.read(self.name) as session:
            rows = session.select(query)
        more, rows = len(rows) > limit, rows[:limit]
        if back:
            rows = rows[::-1]
        if not rows:
            return Page((), None)
        way = (resource, order, descending)
        following = write_cursor(rows[-1], *way) if back or more else None
        previous = None
        if more if back else start is not None:
            previous = write_cursor(rows[0], *way, backwards=True)
        return Page(tuple(rows), following, previous)

    # --- the log ---

    def export(self) -> Iterator[str]:
        """The log, a line of JSON for each change, each ended by a line feed.

        So `file.writelines(ledger.export())` writes what `import_` reads. Raises StorageError.
        """
        after = 0
        while True:
            with self.storage.read(self.name) as session:
                logs = session.logs(after, 1000)
            if not logs:
                return
            for log in logs:
                yield f"{write_log(log)}\n"
            after = logs[-1].id

    def import_(self, lines: Iterable[str], *, progress: Progress | None = None) -> int:
        """Import an exported log into this ledger, which must be empty; all of it or nothing.

        lines: text, such as a file opened as UTF-8 gives it. Every id, hash and balance comes out
        as it was. Gives the number of lines. progress: told now and then how many more are done.
        What is refused leaves this ledger empty; `Ledger.imported` does not even leave the ledger.
        Raises LedgerError (LedgerNotEmpty, InvalidLogLine, BrokenChain), StorageError, TypeError
        for what are no lines of text.
        """
        return import_lines(self.storage, self.name, lines, progress)

    def verify(self, *, progress: Progress | None = None) -> list[Problem]:
        """Replay the log, and compare all that is stored with what comes out; the problems found.

        progress: told now and then how many more lines are replayed. Memory grows with the
        accounts, not with the log. Raises StorageError.
        """
        with self.storage.read(self.name) as session:
            return verify(session, self.name, progress)


def _moment(pit: Instant | None, by_insertion: bool, since: Instant | None = None) -> Moment | None:
    if pit is None and since is None:
        return None
    at = END if pit is None else read_instant("point in time", pit)
    start = None if since is None else read_instant("start", since)
    return Moment(at, not by_insertion, start)


def _prepared(request: Request) -> Request | NumscriptError:
    """A request ready to be decided, or what is wrong with it."""
    try:
        return prepare(request)
    except NumscriptError as error:
        return error


def _bulk_result(item: object, line: int) -> BulkResult:
    match item:
        case Transaction():
            return BulkResult(transaction=item, line=0 if item.replayed else line)
        case Log():
            return BulkResult(log=item, line=item.id)
        case NumscriptError():
            return BulkResult(error=item)
        case _:
            raise AssertionError(f"{item!r} is no result")


__all__ = ["BulkResult", "Ledger", "Page", "Stats", "Volume"]
