"""`numscript ledger verify`: replay the log, and compare all that is stored with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import click

from numscript.cli import books, console
from numscript.cli.books import Access

if TYPE_CHECKING:
    from numscript.ledger import Ledger
    from numscript.storage import Log, Session, Storage, Wanted


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
        count = count_lines(opened)
        with console.progress("replaying the log", count) as advance:
            watched = cast("Storage", _Watched(opened.storage, advance))
            problems = type(opened)(watched, ledger, create=False).verify()
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


def count_lines(ledger: Ledger) -> int:
    """How many lines the log has."""
    return max([line.id for line in ledger.logs(limit=1)], default=0)


class _Watched:
    """A storage whose reading of the log is seen: `advance` is told of every batch."""

    def __init__(self, storage: Storage, advance: Callable[[int], None]) -> None:
        self.storage = storage
        self.advance = advance

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    @contextmanager
    def read(self, ledger: str, *wanted: Wanted) -> Iterator[Session]:
        with self.storage.read(ledger, *wanted) as session:
            yield cast("Session", _WatchedSession(session, self.advance))


class _WatchedSession:
    """A session of a watched storage."""

    def __init__(self, session: Session, advance: Callable[[int], None]) -> None:
        self.session = session
        self.advance = advance

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def logs(self, after: int, limit: int) -> Sequence[Log]:
        lines = self.session.logs(after, limit)
        self.advance(len(lines))
        return lines
