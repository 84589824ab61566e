"""`numscript ledger logs`: list the lines of the log."""

from __future__ import annotations

from typing import Any

import click

from numscript.cli import books, lists
from numscript.cli.books import Access


@click.command(short_help="List the lines of the log, the last first.")
@lists.list_options(descending=True, moment=False)
@books.books_options
def logs(
    asked: dict[str, Any],
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """List the lines of the log, the last first: one for each change, hashed over all before it.

    A filter compares id, date, type and idempotency_key.

    \b
    Examples:
      numscript ledger logs --storage sqlite:///books.db
      numscript ledger logs --filter '{"$gte": {"date": "2026-01-31T00:00:00Z"}}' --ascending
      numscript ledger logs --limit 1 -o json
    """
    from numscript.cli import records

    with books.open_books(storage, ledger, Access.READ, output) as opened:
        found = opened.logs(**asked)
    lists.show_page(found, output, "lines", records.log_dict, records.logs)
