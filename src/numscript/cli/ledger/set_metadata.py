"""`numscript ledger set-metadata`: set or delete metadata of an account or transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from numscript.cli import books
from numscript.cli.books import Access

if TYPE_CHECKING:
    from numscript.ledger import Ledger
    from numscript.storage import Log

LONGEST_ID = 1000
"""In digits; far beyond what an id can be."""


@click.command(short_help="Set or delete metadata of an account or transaction.")
@click.argument("target")
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--delete", metavar="KEY", multiple=True, help="Delete a key. May be repeated.")
@books.key_option
@books.books_options
def set_metadata(
    target: str,
    pairs: tuple[str, ...],
    delete: tuple[str, ...],
    idempotency_key: str | None,
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """Set or delete metadata of TARGET: a transaction's id, or an account's address.

    Keys that are not named stay as they are; all is done or nothing. An account whose name is a
    number is written with an at sign, `@42`.

    \b
    Examples:
      numscript ledger set-metadata users:ana tier=gold --storage sqlite:///books.db
      numscript ledger set-metadata 7 kind=sale --delete draft
    """
    items = books.read_pairs(pairs, "KEY=VALUE")
    if not items and not delete:
        raise click.UsageError("say what to set, as KEY=VALUE, or what to --delete")
    if items.keys() & set(delete):
        raise click.UsageError("a key is either set or deleted")
    if idempotency_key is not None and len(delete) + bool(items) > 1:
        raise click.UsageError("an idempotency key is for one change: set keys, or delete one")
    name: str | int = target.removeprefix("@")
    if target.isascii() and target.isdigit() and len(target) < LONGEST_ID:
        name = int(target)
    with books.open_books(storage, ledger, Access.CHANGE, output) as opened:
        lines = _change(opened, name, items, delete, idempotency_key)
    books.show_changes(lines, output)


def _change(
    ledger: Ledger,
    target: str | int,
    items: dict[str, str],
    delete: tuple[str, ...],
    key: str | None,
) -> list[Log]:
    """Make the changes, together; gives the lines they became."""
    from numscript.ledger import DeleteMetadata, SetMetadata

    requests: list[SetMetadata | DeleteMetadata] = []
    if items:
        requests.append(SetMetadata(target, items, key))
    requests += [DeleteMetadata(target, name, key) for name in delete]
    lines = []
    results = ledger.bulk(requests, atomic=True)
    failed = [done.error for done in results if done.error is not None]
    for error in failed:
        # The one that failed says more than those that were not done because of it.
        if len(failed) == 1 or error.kind.code != "NUM515":
            raise error
    for done in results:
        assert done.log is not None
        lines.append(done.log)
    return lines
