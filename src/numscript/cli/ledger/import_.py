"""`numscript ledger import`: read an exported log into an empty ledger."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import click

from numscript.cli import books, console, files
from numscript.cli.books import Access

GZIP = b"\x1f\x8b"
"""How a file starts that gzip compressed."""


@click.command(name="import", short_help="Read an exported log into an empty ledger.")
@click.argument("file", type=click.Path(allow_dash=True), default=files.STDIN)
@books.books_options
def import_(file: str, storage: str | None, ledger: str, output: str) -> None:
    """Read the log of FILE, or of standard input, into an empty ledger: all of it or nothing.

    Every id, hash and balance comes out as it was. A ledger that is not there yet is created, if
    the log is taken.

    \b
    Examples:
      numscript ledger import books.ndjson --storage sqlite:///copy.db
      numscript ledger export | numscript ledger import --storage postgresql://ana@localhost/books
    """
    from numscript.ledger import Ledger
    from numscript.render import counted

    books.check_name(ledger)
    name = files.shown_name(file)
    counts: list[int] = []
    with _source(file) as (source, size):
        lines = _begun(source, name)
        with (
            books.new_file(storage) as url,
            books.open_storage_of(url, output, Access.CREATE) as opened,
            console.progress("importing", size) as advance,
        ):
            new = ledger not in opened.ledgers()
            Ledger.imported(opened, ledger, _lines(lines, name, advance), progress=counts.append)
    count = sum(counts)
    if new and output == "pretty":
        books.note_new(ledger)
    text = f"{counted(count, 'line')} imported into the ledger `{ledger}`"
    with console.told_anyhow(text):
        if output == "json":
            console.show_json({"ledger": ledger, "logs": count})
        else:
            console.show(text)


@contextmanager
def _source(file: str) -> Iterator[tuple[BinaryIO, int]]:
    """What is read, and its size in bytes, 0 where nobody knows. Raises BadInput."""
    if file == files.STDIN:
        if sys.stdin.isatty():
            console.note("the log is read from standard input")
        yield sys.stdin.buffer, 0
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - it is closed below
    except FileNotFoundError:
        raise console.BadInput(f"{file}: there is no such file") from None
    except IsADirectoryError:
        raise console.BadInput(f"{file}: this is a folder; a file is needed") from None
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise console.BadInput(f"{file}: it cannot be read: {reason}") from None
    with source:
        about = os.fstat(source.fileno())
        yield source, about.st_size if stat.S_ISREG(about.st_mode) else 0


def _begun(source: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines, of which there must be one, before anything is created. Raises BadInput."""
    first: list[bytes] = []
    for line in source:
        first.append(line)
        if line.strip():
            break
    else:
        raise console.BadInput(f"{name}: there is nothing to import")
    if first[0].startswith(GZIP):
        file = "" if name == files.shown_name(files.STDIN) else f" -c {name}"
        raise console.BadInput(
            f"{name}: it is compressed; write gunzip{file} | numscript ledger import"
        )
    return chain(first, source)


def _lines(lines: Iterator[bytes], name: str, advance: Callable[[int], None]) -> Iterator[str]:
    """The lines as text. Raises BadInput."""
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            raise console.BadInput(f"{name}: line {number} is not UTF-8 text") from None
        yield text.removeprefix("\ufeff") if number == 1 else text
        advance(len(line))
