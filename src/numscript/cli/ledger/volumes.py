"""`numscript ledger volumes`: list what accounts received and gave."""

from __future__ import annotations

from typing import Any

import click

from numscript.cli import books, lists
from numscript.cli.books import Access

MAX_GROUP = 1000


@click.command(short_help="List what accounts received and gave.")
@click.option(
    "--group",
    type=click.IntRange(0, MAX_GROUP),
    default=0,
    help="Add up accounts whose first so many segments agree.",
)
@lists.volume_options
@books.books_options
def volumes(
    group: int,
    asked: dict[str, Any],
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
      numscript ledger volumes shops: --since 2026-01-01T00:00:00Z --pit 2026-01-31T23:59:59Z
      numscript ledger volumes users:... --pit 2026-01-31T12:00:00Z -o json
    """
    from numscript.cli import records

    with books.open_books(storage, ledger, Access.READ, output) as opened:
        found = opened.volumes(group=group, **asked)
    lists.show_page(found, output, "volumes", records.volume_dict, records.volumes)
