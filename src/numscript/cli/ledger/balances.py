"""`numscript ledger balances`: list balances, or add them up."""

from __future__ import annotations

from typing import Any

import click

from numscript.cli import books, console, lists
from numscript.cli.books import Access


@click.command(short_help="List balances, or add them up by asset.")
@click.option("--sum", "add_up", is_flag=True, help="Add the balances up by asset.")
@lists.volume_options
@books.books_options
def balances(
    add_up: bool,
    asked: dict[str, Any],
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """List balances by account, asset and colour; of all accounts, or of ACCOUNT.

    ACCOUNT may stand for several: users: is any with one segment more, users:... with any number.
    A filter compares account, first_usage, balance[ASSET] and metadata[KEY].

    \b
    Examples:
      numscript ledger balances users:ana --storage sqlite:///books.db
      numscript ledger balances users:... --sum
      numscript ledger balances --filter '{"$lt": {"balance[USD/2]": 0}}' -o json
    """
    from numscript import render
    from numscript.cli import records

    if add_up and asked["cursor"] is not None:
        books.refuse("--sum adds all balances up, so that there is nothing to be --after")
    with books.open_books(storage, ledger, Access.READ, output) as opened:
        if not add_up:
            found = opened.volumes(**asked)
        else:
            for name in ("descending", "limit", "cursor"):
                del asked[name]
            sums = opened.aggregate(**asked)
    if not add_up:
        lists.show_page(found, output, "balances", records.balance_dict, records.balances)
    elif output == "json":
        console.show_json({"data": sums})
    elif sums:
        rows = [(asset, str(amount)) for asset, amount in sorted(sums.items())]
        color = console.use_color()
        console.show(render.table(("Asset", "Sum"), rows, color=color, numbers=("Sum",)))
    else:
        console.show("no balances")
