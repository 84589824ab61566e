"""`numscript ledger export`: write the log as lines of JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click

from numscript.cli import books, console, files
from numscript.cli.books import Access


@click.command(short_help="Write the log as lines of JSON.")
@click.argument("file", type=click.Path(allow_dash=True), default=files.STDIN)
@click.option("--overwrite", is_flag=True, help="Replace FILE where it is there already.")
@books.books_options
@click.pass_context
def export(
    invocation: click.Context,
    file: str,
    overwrite: bool,
    storage: str | None,
    ledger: str,
    output: str,
) -> None:
    """Write the log to FILE, or to standard output: a line of JSON for each change.

    `numscript ledger import` makes the same ledger of it, with every id, hash and balance.
    FILE is there whole or not at all.

    \b
    Examples:
      numscript ledger export books.ndjson --storage sqlite:///books.db
      numscript ledger export | gzip > books.ndjson.gz
    """
    if file == files.STDIN:
        # What is printed is the log; a failure is told on the error output.
        invocation.params["output"] = output = "pretty"
    elif Path(file).is_file() and not overwrite:
        books.refuse(f"{file}: it is there already; --overwrite replaces it")
    with books.open_books(storage, ledger, Access.READ, output) as opened:
        count = opened.stats().logs
        written = 0
        with _target(file) as target, console.progress("exporting", count) as advance:
            for line in opened.export():
                target.write(line.encode())
                written += 1
                advance(1)
    if file == files.STDIN:
        return
    if output == "json":
        console.show_json({"ledger": ledger, "file": file, "logs": written})
    else:
        from numscript.render import counted

        console.show(f"{counted(written, 'line')} written to {file}")


@contextmanager
def _target(file: str) -> Iterator[BinaryIO]:
    """Where lines are written to; a file is put in place when it is whole."""
    if file == files.STDIN:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    # Through a link it is the file that is replaced, and not the link.
    path = Path(os.path.realpath(file))
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device is written to; nothing may be put in its place.
            with path.open("wb") as target:
                yield target
            return
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with draft.open("wb") as target:
                yield target
                target.flush()
                os.fsync(target.fileno())
            draft.replace(path)
        finally:
            with suppress(OSError):
                draft.unlink()
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise console.BadInput(f"{file}: it cannot be written: {reason}") from None
