"""Opening the books that a command works on: the options that name them, and what may go wrong.

A command asks for what it will do to them (`Access`): what only reads never creates a file, and
what is tried out on books that are not there yet is tried on empty ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

import click

from numscript.cli import console

if TYPE_CHECKING:
    from numscript.cli.console import Command
    from numscript.ledger import Ledger
    from numscript.storage import Storage
    from numscript.storage.protocol import Log, Transaction

VARIABLE = "NUMSCRIPT_STORAGE"
MAIN = "main"
SQLITE = "sqlite:///"
MEMORY = "memory:"

Trial: TypeAlias = "Callable[[Ledger], object]"
"""What a command will do to the books."""


class Access(Enum):
    """What a command will do to the books."""

    READ = "read"
    CHANGE = "change"
    CREATE = "create"
    TRY = "try"


# --- options ----------------------------------------------------------------------------------


def storage_option(command: Command) -> Command:
    """The option `--storage`."""
    return click.option(
        "--storage",
        metavar="URL",
        envvar=VARIABLE,
        show_envvar=True,
        help="Where the books are: sqlite:///books.db, postgresql://user@host/database.",
    )(command)


def books_options(command: Command) -> Command:
    """The options that name the books, and `-o`."""
    command = console.output_option(command)
    command = click.option(
        "--ledger", metavar="NAME", default=MAIN, show_default=True, help="The ledger's name."
    )(command)
    return storage_option(command)


class Labels(NamedTuple):
    """What is said of a new transaction on the command line, besides what it posts."""

    reference: str | None
    metadata: dict[str, str]
    account_metadata: dict[str, dict[str, str]]
    timestamp: str | None
    idempotency_key: str | None
    dry_run: bool

    @property
    def access(self) -> Access:
        """What committing it does to the books."""
        return Access.TRY if self.dry_run else Access.CREATE

    @property
    def request(self) -> dict[str, Any]:
        """The fields as a request of the ledger has them."""
        fields = self._asdict()
        del fields["dry_run"]
        return fields

    @property
    def given(self) -> list[str]:
        """The names of the options that were given."""
        fields = zip(self._fields, self, strict=True)
        options = {"metadata": "tx-meta", "account_metadata": "account-meta"}
        return [f"--{options.get(name, name).replace('_', '-')}" for name, value in fields if value]


def transaction_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a new transaction; the command gets them as one argument, `labels`."""

    @wraps(command)
    def call(
        *arguments: Any,
        reference: str | None,
        tx_meta: tuple[str, ...],
        account_meta: tuple[tuple[str, str], ...],
        timestamp: str | None,
        idempotency_key: str | None,
        dry_run: bool,
        **rest: Any,
    ) -> Any:
        accounts: dict[str, list[str]] = {}
        for account, pair in account_meta:
            accounts.setdefault(account.removeprefix("@"), []).append(pair)
        labels = Labels(
            reference,
            read_pairs(tx_meta, "--tx-meta"),
            {name: read_pairs(pairs, "--account-meta") for name, pairs in accounts.items()},
            timestamp,
            idempotency_key,
            dry_run,
        )
        return command(*arguments, labels=labels, **rest)

    options = (
        click.option(
            "--reference",
            metavar="TEXT",
            help="The transaction's reference, unique in the ledger.",
        ),
        tx_meta_option,
        click.option(
            "--account-meta",
            nargs=2,
            metavar="ACCOUNT KEY=VALUE",
            multiple=True,
            help="Metadata of an account. May be repeated.",
        ),
        click.option(
            "--timestamp", metavar="DATE", help="When it takes effect; now if nothing is said."
        ),
        key_option,
        dry_run_option,
    )
    for option in reversed(options):
        call = option(call)
    return call


tx_meta_option = click.option(
    "--tx-meta",
    metavar="KEY=VALUE",
    multiple=True,
    help="Metadata of the transaction. May be repeated.",
)
key_option = click.option(
    "--idempotency-key",
    metavar="TEXT",
    help="Done once only: the same key and request give the first result again.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show the transaction, commit nothing."
)


def read_pairs(pairs: tuple[str, ...] | list[str], hint: str) -> dict[str, str]:
    """Values by key, from texts such as `kind=sale`."""
    values: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise click.BadParameter(
                f"`{pair}` has no key and value; write it as kind=sale", param_hint=hint
            )
        if key in values:
            raise click.BadParameter(f"`{key}` is given twice", param_hint=hint)
        values[key] = value
    return values


# --- opening ----------------------------------------------------------------------------------


@contextmanager
def open_books(
    url: str | None, name: str, access: Access, output: str, trial: Trial | None = None
) -> Iterator[Ledger]:
    """The ledger of a name in the storage of a URL. What goes wrong with it ends the command.

    trial: tried on empty books before a file or a ledger is created, so that what is refused there
    leaves none behind.
    """
    check_name(name)
    with open_storage_of(url, output, access, trial) as storage:
        yield _open_ledger(storage, name, access, output, trial)


@contextmanager
def open_storage_of(
    url: str | None, output: str, access: Access = Access.READ, trial: Trial | None = None
) -> Iterator[Storage]:
    """The storage of a URL. What goes wrong with it ends the command."""
    from numscript.diagnostics import NumscriptError

    try:
        if trial is not None and access is Access.CREATE and _missing_file(check_url(url)):
            trial(_empty_books())
        storage = _open_storage(url, access)
        if access is Access.CREATE and output == "pretty" and storage.url.startswith(MEMORY):
            console.note(f"{MEMORY} keeps nothing when this command ends")
        try:
            yield storage
        finally:
            storage.close()
    except NumscriptError as error:
        console.fail(error, output)


@contextmanager
def new_file(url: str | None) -> Iterator[str]:
    """The URL to write to: of a file that is put in place when all went well, if there is none."""
    url = check_url(url)
    missing = _missing_file(url)
    if missing is None or not Path(missing).parent.is_dir():
        yield url
        return
    from urllib.parse import quote

    draft = Path(f"{missing}.{os.getpid()}.part")
    _, mark, options = url.partition("?")
    try:
        yield f"{SQLITE}{quote(str(draft))}{mark}{options}"
        if os.path.lexists(missing):
            raise console.BadInput(f"{missing}: another process has created it meanwhile")
        draft.replace(missing)
    finally:
        for ending in ("", "-wal", "-shm"):
            Path(f"{draft}{ending}").unlink(missing_ok=True)


def open_url(url: str, *, read_only: bool = False) -> Storage:
    """The storage of a URL; its driver says nothing beside what the command says."""
    from numscript.storage import open_storage

    if url.startswith("postgres"):
        import logging

        logging.getLogger("psycopg").addHandler(logging.NullHandler())
    return open_storage(url, read_only=read_only)


def _empty_books() -> Ledger:
    """A ledger that is in no storage."""
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    return Ledger(open_storage(MEMORY), MAIN)


def check_name(name: str) -> None:
    """Refuse what can be no ledger's name. Raises BadInput."""
    from numscript.ledger.ledger import RESERVED, is_ledger_name

    if name in RESERVED:
        raise console.BadInput(f"`{name}` is reserved; give the ledger another name")
    if not is_ledger_name(name):
        raise console.BadInput(
            f"`{name}` is no name of a ledger: use 1 to 63 letters, digits, `-` and `_`"
        )


def check_url(url: str | None) -> str:
    """The URL, which must be one. Raises BadInput."""
    if not url:
        raise console.BadInput(
            f"no storage is named: give --storage {SQLITE}books.db, or set {VARIABLE}"
        )
    if ":" not in url or os.path.exists(url):  # noqa: PTH110 - the text may be no path at all
        raise console.BadInput(
            f"`{url}` is no URL of a storage; for a file of SQLite write {SQLITE}{url}"
        )
    return url


def shown_url(url: str) -> str:
    """The URL without its password."""
    from numscript.storage import hide_password

    return hide_password(url)


def _missing_file(url: str) -> str | None:
    """The path of a SQLite file that is not there, or None."""
    from urllib.parse import unquote

    path = unquote(url.partition("?")[0].removeprefix(SQLITE))
    there = os.path.exists(path)  # noqa: PTH110 - an empty path is no folder here
    return None if there or not url.startswith(SQLITE) or not path else path


def _open_storage(url: str | None, access: Access) -> Storage:
    """The storage of a URL, as far as a command that does no more may open it."""
    from numscript import errors
    from numscript.diagnostics import StorageError
    from numscript.storage import tables

    url = check_url(url)
    missing = None if access is Access.CREATE else _missing_file(url)
    if missing is not None:
        folder = Path(missing).parent
        if not folder.is_dir():
            raise console.BadInput(f"{missing}: there is no folder `{folder}`")
        if access is Access.TRY:
            return open_url(MEMORY)
        raise console.BadInput(
            f"{missing}: there is no such file; `numscript ledger init --storage {url}` creates it"
        )
    if access in (Access.CREATE, Access.CHANGE):
        return open_url(url)
    try:
        # What holds no books, or those of another version, is left as it is.
        return open_url(url, read_only=True)
    except StorageError as error:
        match error.kind:
            case errors.NoBooks(found=tables.NO_BOOKS) if access is Access.TRY:
                return open_url(MEMORY)
        raise


def _open_ledger(
    storage: Storage, name: str, access: Access, output: str, trial: Trial | None
) -> Ledger:
    """The ledger of a name; where it is created by the way, a note says so."""
    from numscript import errors
    from numscript.diagnostics import LedgerError
    from numscript.ledger import Ledger

    try:
        return Ledger(storage, name, create=False)
    except LedgerError as error:
        makes = access in (Access.CREATE, Access.TRY)
        if not makes or not isinstance(error.kind, errors.UnknownLedger):
            raise
    if access is Access.TRY:
        if output == "pretty":
            console.note(f"there is no ledger `{name}` yet: this is tried on empty books")
        return _empty_books()
    if trial is not None:
        trial(_empty_books())
    ledger = Ledger(storage, name)
    if output == "pretty":
        note_new(name)
    return ledger


def note_new(name: str) -> None:
    """Note that a ledger was created by the way."""
    console.note(f"the ledger `{name}` is new")


# --- what came of it --------------------------------------------------------------------------


def show_committed(transaction: Transaction, output: str, *, dry_run: bool = False) -> None:
    """Print what was committed, or what would be."""
    if dry_run:
        show_transaction(transaction, output, dry_run=True)
        return
    with console.told_anyhow(f"the transaction {transaction.id} is committed all the same"):
        show_transaction(transaction, output)


def show_transaction(transaction: Transaction, output: str, *, dry_run: bool = False) -> None:
    """Print a transaction."""
    from numscript.cli import records

    if output == "json":
        tree = records.transaction_dict(transaction)
        if dry_run:
            tree["dryRun"] = True
        console.show_json(tree)
        return
    console.show(records.transaction(transaction, color=console.use_color()))
    if dry_run:
        console.note("this was a dry run: nothing is committed")
    elif transaction.replayed:
        _note_replay()


def show_changes(lines: Sequence[Log], output: str) -> None:
    """Print the lines of the log that changes of metadata became."""
    from numscript.cli import records

    with console.told_anyhow("the metadata is changed all the same"):
        if output == "json":
            console.show_json({"data": [records.log_dict(line) for line in lines]})
            return
        console.show(records.logs(lines, color=console.use_color()))
    if any(line.replayed for line in lines):
        _note_replay()


def _note_replay() -> None:
    console.note("the key was used for this before: it is the first result, done once")


def refuse(message: str) -> NoReturn:
    """End the command because of options that do not go together."""
    raise console.BadInput(message)
