"""Lists of a ledger's records: the options they share, and how a page of them is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from numscript.cli import console
from numscript.cli.console import BadInput

if TYPE_CHECKING:
    from numscript.ledger import Page

PAGE = 50
MAX_PAGE = 10_000


Decorated = Callable[..., Any]


def moment_options(command: Decorated) -> Decorated:
    """The options of a point in time; the command gets them as one argument, `moment`."""

    @wraps(command)
    def call(*arguments: Any, pit: str | None, by_insertion: bool, **rest: Any) -> Any:
        if by_insertion and pit is None and rest.get("since") is None:
            raise click.UsageError("--by-insertion is said of a point in time: give --pit too")
        moment = {"pit": pit, "by_insertion": by_insertion}
        return command(*arguments, moment=moment, **rest)

    call = click.option(
        "--by-insertion",
        is_flag=True,
        help="With --pit: by the date of insertion, not of effect.",
    )(call)
    return click.option(
        "--pit", metavar="DATE", help="As of a point in time, such as 2026-01-31T12:00:00Z."
    )(call)


def list_options(
    orders: Sequence[str] = (), *, descending: bool, moment: bool = True
) -> Callable[[Decorated], Decorated]:
    """The options of a list; the command gets them as one argument, `asked`.

    It holds them by the names that the ledger's own lists have for them. orders: what it can be
    sorted by, the first being the default.
    """

    def decorate(command: Decorated) -> Decorated:
        @wraps(command)
        def ask(
            *arguments: Any,
            filter_text: str | None,
            limit: int,
            cursor: str | None,
            descending: bool,
            **rest: Any,
        ) -> Any:
            asked = {"filter": _read_filter(filter_text), "limit": limit, "cursor": cursor}
            asked |= {"descending": descending, **rest.pop("moment", {})}
            if orders:
                asked["order"] = rest.pop("order").replace("-", "_")
            return command(*arguments, asked=asked, **rest)

        call: Decorated = moment_options(ask) if moment else ask
        call = click.option(
            "--after",
            "--cursor",
            "cursor",
            metavar="CURSOR",
            help="The page that a cursor leads to, `next` or `previous` of another page.",
        )(call)
        call = click.option(
            "--limit",
            "--page-size",
            type=click.IntRange(1, MAX_PAGE),
            default=PAGE,
            show_default=True,
            help="How many at most.",
        )(call)
        call = click.option(
            "--descending/--ascending", default=descending, show_default=True, help="Which way."
        )(call)
        if orders:
            call = click.option(
                "--order",
                type=click.Choice(orders),
                default=orders[0],
                show_default=True,
                help="What they are sorted by.",
            )(call)
        return click.option(
            "--filter",
            "filter_text",
            metavar="JSON",
            help="Only what matches a filter, as told above.",
        )(call)

    return decorate


def volume_options(command: Decorated) -> Decorated:
    """The options of a list of volumes, those of an account, or of a pattern of them, if given."""

    @wraps(command)
    def ask(*arguments: Any, account: str | None, since: str | None, **rest: Any) -> Any:
        asked = rest.pop("asked")
        if since is not None:
            asked["since"] = since
        if account is not None:
            leaf = {"$match": {"account": account.removeprefix("@")}}
            given = asked["filter"]
            asked["filter"] = {"$and": [leaf, given]} if given else leaf
        return command(*arguments, asked=asked, **rest)

    since = click.option(
        "--since", metavar="DATE", help="Only what was moved from then on, until --pit."
    )
    call = list_options(descending=False)(since(ask))
    return click.argument("account", required=False)(call)


def _read_filter(text: str | None) -> object:
    """The filter of the command line as data. Raises BadInput."""
    from numscript.inputs import InputError, read_json

    if text is None:
        return None
    try:
        return read_json(text)
    except InputError as problem:
        raise BadInput(problem.located("--filter")) from None


def show_page(
    found: Page[Any],
    output: str,
    noun: str,
    to_dict: Callable[[Any], dict[str, object]],
    to_table: Callable[..., str],
) -> None:
    """Print a page, and how to come to those beside it."""
    if output == "json":
        tree: dict[str, object] = {
            "data": [to_dict(item) for item in found],
            "hasMore": found.has_more,
        }
        if found.next is not None:
            tree["next"] = found.next
        if found.previous is not None:
            tree["previous"] = found.previous
        console.show_json(tree)
        return
    if len(found):
        console.show(to_table(found.items, color=console.use_color()))
    else:
        console.show(f"no {noun}")
    if found.next is not None:
        console.note(f"there are more: --after {found.next}")
    if found.previous is not None:
        console.note(f"the page before: --after {found.previous}")
