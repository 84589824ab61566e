"""`numscript ledger transaction`: show one transaction."""

from __future__ import annotations

import click

from numscript.cli import books
from numscript.cli.books import Access


@click.command(short_help="Show one transaction.")
@click.argument("id", type=int)
@books.books_options
def transaction(
    id: int,  # noqa: A002 - the record's own name for it
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """Show the transaction ID: its postings, metadata, and the volumes right after it.

    \b
    Examples:
      numscript ledger transaction 7 --storage sqlite:///books.db
      numscript ledger transaction 7 -o json
    """
    with books.open_books(storage, ledger, Access.READ, output) as opened:
        found = opened.transaction(id)
    books.show_transaction(found, output)
