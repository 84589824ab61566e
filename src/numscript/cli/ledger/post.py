"""`numscript ledger post`: commit plain postings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from numscript.cli import books, console, files
from numscript.cli.books import Labels

if TYPE_CHECKING:
    from numscript.ledger import Ledger, Transaction


@click.command(short_help="Commit plain postings.")
@click.argument("posting", nargs=-1, metavar="[SOURCE DESTINATION AMOUNT]")
@click.option(
    "--postings", "path", type=click.Path(allow_dash=True), help="Postings: a JSON list of rows."
)
@click.option("--force", is_flag=True, help="Let accounts go below zero.")
@books.transaction_options
@books.books_options
def post(
    posting: tuple[str, ...],
    path: str | None,
    force: bool,
    labels: Labels,
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """Commit one posting, or those of a file, as one transaction.

    No account but @world may give more than it has, unless --force is said. A ledger that is not
    there yet is created.

    \b
    Examples:
      numscript ledger post world users:ana "USD/2 10000" --storage sqlite:///books.db
      numscript ledger post users:ana shop "USD/2 250" --reference order-7 --tx-meta kind=sale
      numscript ledger post --postings payroll.json --idempotency-key payroll-2026-01

    \b
    The form of the file, which may be `-`, standard input:
      [{"source": "world", "destination": "bob", "amount": 100, "asset": "USD/2"}]
    """
    from numscript.diagnostics import NumscriptError
    from numscript.ledger import Post
    from numscript.ledger.requests import prepare

    rows = _rows(posting, path)
    try:
        # What is wrong with the request alone is said before anything is opened or created.
        prepare(Post(rows, **labels.request, force=force))
    except NumscriptError as error:
        console.fail(error, output)

    def act(on: Ledger) -> Transaction:
        return on.post(rows, **labels.request, force=force, dry_run=labels.dry_run)

    with books.open_books(storage, ledger, labels.access, output, act) as opened:
        done = act(opened)
    books.show_committed(done, output, dry_run=labels.dry_run)


def _rows(posting: tuple[str, ...], path: str | None) -> list[Any]:
    """The postings, from the arguments or a file."""
    from numscript.inputs import InputError, read_json, shown

    def read(text: str) -> list[Any]:
        if not text.strip():
            raise InputError("it is empty; it should hold a JSON list of postings")
        tree = read_json(text)
        if not isinstance(tree, list):
            raise InputError(f"postings must be a JSON list of rows, not {shown(tree)}")
        return tree

    if path is not None:
        if posting:
            raise click.UsageError("either one posting is given, or a file with --postings")
        return files.read_json_file(path, read)
    if len(posting) != 3:
        raise click.UsageError(
            'a posting is SOURCE DESTINATION AMOUNT, such as world users:ana "USD/2 100"'
        )
    source, destination, monetary = posting
    asset, _, amount = monetary.strip().partition(" ")
    if asset.isdecimal() and not amount.strip().isdecimal():
        raise click.UsageError(
            f'in `{monetary}` the asset comes second; write "{amount.strip() or "USD/2"} {asset}"'
        )
    if not amount:
        raise click.UsageError(f'`{monetary}` is no amount of an asset such as "USD/2 100"')
    return [
        {
            "source": source.removeprefix("@"),
            "destination": destination.removeprefix("@"),
            "asset": asset,
            "amount": amount.strip(),
        }
    ]
