"""`numscript ledger stats`: count what a ledger holds."""

from __future__ import annotations

import click

from numscript.cli import books, console
from numscript.cli.books import Access


@click.command(short_help="Count transactions, accounts and lines of the log.")
@books.books_options
def stats(storage: str | None, ledger: str, output: str) -> None:
    """Count transactions, accounts and lines of the log.

    \b
    Examples:
      numscript ledger stats --storage sqlite:///books.db
      numscript ledger stats --ledger europe -o json
    """
    from numscript import render

    with books.open_books(storage, ledger, Access.READ, output) as opened:
        found = opened.stats()._asdict()
    if output == "json":
        console.show_json(found)
        return
    rows = [(name.capitalize(), str(count)) for name, count in found.items()]
    color = console.use_color()
    console.show(render.table(("Of", "Count"), rows, color=color, numbers=("Count",)))
