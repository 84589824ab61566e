"""`numscript ledger list`: list the ledgers of a storage."""

from __future__ import annotations

import click

from numscript.cli import books, console


@click.command(short_help="List the ledgers of a storage.")
@books.storage_option
@console.output_option
def list(storage: str | None, output: str) -> None:  # noqa: A001 - the command's name
    """List the ledgers of a storage, with how many transactions and lines of the log each has.

    \b
    Examples:
      numscript ledger list --storage sqlite:///books.db
      numscript ledger list --storage postgresql://ana@localhost/books -o json
    """
    from numscript import render
    from numscript.cli import records

    with books.open_storage_of(storage, output) as opened:
        heads = {}
        for name in opened.ledgers():
            with opened.read(name) as session:
                heads[name] = session.head
    if output == "json":
        console.show_json({"data": [records.head_dict(*item) for item in heads.items()]})
        return
    if heads:
        numbers = ("Transactions", "Lines")
        console.show(
            render.table(*records.heads(heads), color=console.use_color(), numbers=numbers)
        )
    else:
        console.show("no ledgers; `numscript ledger init` creates one")
