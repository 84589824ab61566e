"""`numscript ledger run`: run a script and commit its transaction."""

from __future__ import annotations

from typing import Any

import click

from numscript.cli import books
from numscript.cli.run import commit_script, script_options


@click.command(short_help="Run a script and commit its transaction.")
@script_options
@books.transaction_options
@books.books_options
def run(**given: Any) -> None:
    """Run SCRIPT on the books as they are, and commit its transaction, whole or not at all.

    The same as `numscript run --storage URL`. A ledger that is not there yet is created. SCRIPT and
    the files may be `-`, standard input.

    \b
    Examples:
      numscript ledger run sale.num --var price="USD/2 1000" --storage sqlite:///books.db
      numscript ledger run sale.num --vars monday.json --reference order-7 --tx-meta kind=sale
      numscript ledger run sale.num --vars monday.json --dry-run -o json
    """
    commit_script(**given)
