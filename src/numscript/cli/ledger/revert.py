"""`numscript ledger revert`: take a transaction back by another one."""

from __future__ import annotations

import click

from numscript.cli import books
from numscript.cli.books import Access


@click.command(short_help="Take a transaction back by another one.")
@click.argument("id", type=int)
@click.option("--force", is_flag=True, help="Let accounts go below zero.")
@click.option(
    "--at-effective-date", is_flag=True, help="It takes effect when the first one did, not now."
)
@books.tx_meta_option
@books.key_option
@books.dry_run_option
@books.books_options
def revert(
    id: int,  # noqa: A002 - the record's own name for it
    force: bool,
    at_effective_date: bool,
    tx_meta: tuple[str, ...],
    idempotency_key: str | None,
    dry_run: bool,
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """Take the transaction ID back, whole, by one that posts the other way round.

    A transaction is reverted once. An account that loses by it must not end below zero, unless
    --force is said.

    \b
    Examples:
      numscript ledger revert 7 --storage sqlite:///books.db
      numscript ledger revert 7 --tx-meta reason="wrong price" --dry-run
    """
    metadata = books.read_pairs(tx_meta, "--tx-meta")
    with books.open_books(storage, ledger, Access.CHANGE, output) as opened:
        done = opened.revert(
            id,
            force=force,
            at_effective_date=at_effective_date,
            metadata=metadata,
            idempotency_key=idempotency_key,
            dry_run=dry_run,
        )
    books.show_committed(done, output, dry_run=dry_run)
