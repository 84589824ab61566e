"""`numscript ledger verify`: replay the log, and compare all that is stored with it."""

from __future__ import annotations

import click

from numscript.cli import books, console
from numscript.cli.books import Access


@click.command(short_help="Replay the log and compare all that is stored with it.")
@books.books_options
def verify(storage: str | None, ledger: str, output: str) -> None:
    """Replay the log, and compare its hashes and all that is stored with what comes out.

    What differs is listed, and gives the exit code 1.

    \b
    Examples:
      numscript ledger verify --storage sqlite:///books.db
      numscript ledger verify --ledger europe -o json
    """
    from numscript import render

    with books.open_books(storage, ledger, Access.READ, output) as opened:
        count = opened.stats().logs
        with console.progress("replaying the log", count) as advance:
            problems = opened.verify(progress=advance)
    if output == "json":
        rows = [problem._asdict() for problem in problems]
        tree = {"ledger": ledger, "logs": count, "clean": not problems, "problems": rows}
        console.show_json(tree)
    else:
        color = console.use_color()
        lines = render.counted(count, "line")
        if problems:
            console.show(render.table(("About", "Problem"), problems, color=color))
            text = render.style(render.counted(len(problems), "problem"), "red", color=color)
        else:
            text = render.style("nothing differs from the log", "green", color=color)
        console.show(f"{lines} replayed: {text}", err=False)
    click.get_current_context().exit(int(bool(problems)))
