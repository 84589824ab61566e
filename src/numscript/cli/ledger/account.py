"""`numscript ledger account`: show one account."""

from __future__ import annotations

from typing import Any

import click

from numscript.cli import books, console, lists
from numscript.cli.books import Access


@click.command(short_help="Show one account.")
@click.argument("address")
@lists.moment_options
@books.books_options
def account(
    address: str, moment: dict[str, Any], storage: str | None, ledger: str, output: str
) -> None:
    """Show the account ADDRESS: its volumes and metadata. One that was never used has neither.

    \b
    Examples:
      numscript ledger account users:ana --storage sqlite:///books.db
      numscript ledger account users:ana --pit 2026-01-31T12:00:00Z -o json
    """
    from numscript.cli import records

    with books.open_books(storage, ledger, Access.READ, output) as opened:
        found = opened.account(address.removeprefix("@"), **moment)
    if output == "json":
        console.show_json(records.account_dict(found))
    else:
        console.show(records.account(found, color=console.use_color()))
