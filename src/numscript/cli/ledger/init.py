"""`numscript ledger init`: create a ledger, and what it is kept in."""

from __future__ import annotations

import click

from numscript.cli import books, console


@click.command(short_help="Create a ledger, and the file or tables it is kept in.")
@books.books_options
def init(storage: str | None, ledger: str, output: str) -> None:
    """Create a ledger, and the file or tables it is kept in. Doing it twice is harmless.

    A storage of an earlier version is brought up to this one.

    \b
    Examples:
      numscript ledger init --storage sqlite:///books.db
      numscript ledger init --storage postgresql://ana@localhost/books --ledger europe
    """
    from datetime import UTC, datetime

    from numscript.diagnostics import NumscriptError

    books.check_name(ledger)
    url = books.check_url(storage)
    if url.startswith("memory:"):
        books.refuse("memory: keeps nothing when this command ends; name a file or a server")
    try:
        with books.open_url(url) as opened:
            created = opened.create_ledger(ledger, datetime.now(UTC))
    except NumscriptError as error:
        console.fail(error, output)
    url = books.shown_url(url)
    if output == "json":
        console.show_json({"ledger": ledger, "storage": url, "created": created})
    elif created:
        console.show(f"the ledger `{ledger}` is created in {url}")
    else:
        console.show(f"the ledger `{ledger}` is already there in {url}")
