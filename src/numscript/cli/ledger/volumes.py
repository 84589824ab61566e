"""`numscript ledger volumes`: list what accounts received and gave."""

from __future__ import annotations

from typing import Any

import click

from numscript.cli import books, lists
from numscript.cli.books import Access
from numscript.cli.lists import Moment

MAX_GROUP = 1000


@click.command(short_help="List what accounts received and gave.")
@click.argument("account", required=False)
@click.option(
    "--group",
    type=click.IntRange(0, MAX_GROUP),
    default=0,
    help="Add up accounts whose first so many segments agree.",
)
@lists.filter_option
@lists.order_options(descending=False)
@lists.page_options
@lists.moment_options
@books.books_options
def volumes(
    account: str | None,
    group: int,
    wanted: object,
    order: dict[str, Any],
    page: dict[str, Any],
    moment: Moment,
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """List what accounts received (input), gave (output), and what is left, by asset and colour.

    ACCOUNT may stand for several: users: is any with one segment more, users:... with any number.
    A filter compares account, first_usage, balance[ASSET] and metadata[KEY].

    \b
    Examples:
      numscript ledger volumes users:ana --storage sqlite:///books.db
      numscript ledger volumes --group 1
      numscript ledger volumes users:... --pit 2026-01-31T12:00:00Z -o json
    """
    from numscript.cli import records

    wanted = lists.both(lists.of_account(account), wanted)
    with books.open_books(storage, ledger, Access.READ, output) as opened:
        found = opened.volumes(wanted, group=group, **order, **page, **moment._asdict())
    lists.show_page(found, output, "volumes", records.volume_dict, records.volumes)
