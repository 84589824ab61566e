"""`numscript ledger accounts`: list accounts."""

from __future__ import annotations

from typing import Any

import click

from numscript.cli import books, lists
from numscript.cli.books import Access

ORDERS = ("address", "first-usage", "insertion-date", "updated-at")


@click.command(short_help="List accounts with their balances and metadata.")
@lists.list_options(ORDERS, descending=False)
@books.books_options
def accounts(
    asked: dict[str, Any],
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """List accounts with their balances and metadata, by address.

    A filter compares address, first_usage, insertion_date, updated_at, balance[ASSET] and
    metadata[KEY] by $match, $lt, $lte, $gt, $gte, $like, $in, $exists, joined by $and, $or and
    $not.

    \b
    Examples:
      numscript ledger accounts --storage sqlite:///books.db
      numscript ledger accounts --filter '{"$match": {"address": "users:"}}'
      numscript ledger accounts --filter '{"$lt": {"balance[USD/2]": 0}}' -o json
    """
    from numscript.cli import records

    with books.open_books(storage, ledger, Access.READ, output) as opened:
        found = opened.accounts(**asked)
    lists.show_page(found, output, "accounts", records.account_dict, records.accounts)
