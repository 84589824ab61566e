"""`numscript ledger transactions`: list transactions."""

from __future__ import annotations

from typing import Any

import click

from numscript.cli import books, lists
from numscript.cli.books import Access

ORDERS = ("id", "timestamp", "inserted-at", "updated-at")


@click.command(short_help="List transactions, the last first.")
@lists.list_options(ORDERS, descending=True)
@books.books_options
def transactions(
    asked: dict[str, Any],
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """List transactions, a row for each posting, the last first.

    A filter compares id, reference, account, source, destination, timestamp, inserted_at,
    updated_at, reverted_at, reverted and metadata[KEY] by $match, $lt, $lte, $gt, $gte, $like,
    $in, $exists, joined by $and, $or and $not. In an account an empty segment stands for any:
    users: is one segment more, users:... any number.

    \b
    Examples:
      numscript ledger transactions --storage sqlite:///books.db
      numscript ledger transactions --filter '{"$match": {"account": "users:"}}' --limit 10
      numscript ledger transactions --filter '{"$match": {"metadata[kind]": "sale"}}' -o json
      numscript ledger transactions --pit 2026-01-31T12:00:00Z
    """
    from numscript.cli import records

    with books.open_books(storage, ledger, Access.READ, output) as opened:
        found = opened.transactions(**asked)
    lists.show_page(found, output, "transactions", records.transaction_dict, records.transactions)
