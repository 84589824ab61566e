"""`numscript ledger`: the commands that keep books, one file each."""

from __future__ import annotations

import click

from numscript.cli import LazyGroup

COMMANDS = {
    "init": "Create a ledger, and the file or tables it is kept in.",
    "list": "List the ledgers of a storage.",
    "run": "Run a script and commit its transaction.",
    "post": "Commit plain postings.",
    "transactions": "List transactions, the last first.",
    "transaction": "Show one transaction.",
    "accounts": "List accounts with their balances and metadata.",
    "account": "Show one account.",
    "balances": "List balances, or add them up by asset.",
    "volumes": "List what accounts received and gave.",
    "revert": "Take a transaction back by another one.",
    "set-metadata": "Set or delete metadata of an account or transaction.",
    "logs": "List the lines of the log, the last first.",
    "export": "Write the log as lines of JSON.",
    "import": "Read an exported log into an empty ledger.",
    "verify": "Replay the log and compare all that is stored with it.",
    "stats": "Count transactions, accounts and lines of the log.",
}
"""The commands, in the order of `--help`."""


@click.group(
    cls=LazyGroup,
    summaries=COMMANDS,
    package=__name__,
    short_help="Keep books: commit transactions, read, export and verify them.",
)
def ledger() -> None:
    """Keep books: commit transactions atomically; read, export and verify them.

    The books are in a file or on a server, which --storage names, or NUMSCRIPT_STORAGE. A storage
    holds any number of ledgers; --ledger names one.

    \b
    Examples:
      export NUMSCRIPT_STORAGE=sqlite:///books.db
      numscript ledger init
      numscript ledger post world users:ana "USD/2 10000"
      numscript ledger run sale.num --var price="USD/2 1000" --reference order-7
      numscript ledger balances users:
      numscript ledger revert 2

    Exit codes: 0 done, 1 the script failed or the ledger refused, 2 wrong usage, or a storage
    that cannot be used.
    """
