"""Lists of a ledger's records: the options they share, and how a page of them is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from numscript.cli import console
from numscript.cli.console import BadInput

if TYPE_CHECKING:
    from numscript.ledger import Page

PAGE = 50
MAX_PAGE = 10_000


class Moment(NamedTuple):
    """A point in time to look at, and whether by the dates of insertion."""

    pit: str | None
    by_insertion: bool


def moment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a point in time; the command gets them as one argument, `moment`."""

    @wraps(command)
    def call(*arguments: Any, pit: str | None, by_insertion: bool, **rest: Any) -> Any:
        if by_insertion and pit is None:
            raise click.UsageError("--by-insertion is said of a point in time: give --pit too")
        return command(*arguments, moment=Moment(pit, by_insertion), **rest)

    call = click.option(
        "--by-insertion",
        is_flag=True,
        help="With --pit: by the date of insertion, not of effect.",
    )(call)
    return click.option(
        "--pit", metavar="DATE", help="As of a point in time, such as 2026-01-31T12:00:00Z."
    )(call)


def filter_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--filter`; the command gets the filter as data, `wanted`."""

    @wraps(command)
    def call(*arguments: Any, filter_text: str | None, **rest: Any) -> Any:
        return command(*arguments, wanted=_read_filter(filter_text), **rest)

    return click.option(
        "--filter", "filter_text", metavar="JSON", help="Only what matches a filter, as told above."
    )(call)


def page_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a page; the command gets them as one argument, `page`."""

    @wraps(command)
    def call(*arguments: Any, limit: int, after: str | None, **rest: Any) -> Any:
        return command(*arguments, page={"limit": limit, "cursor": after}, **rest)

    call = click.option(
        "--after", metavar="CURSOR", help="The page behind a cursor, that the page before gave."
    )(call)
    return click.option(
        "--limit",
        "--page-size",
        type=click.IntRange(1, MAX_PAGE),
        default=PAGE,
        show_default=True,
        help="How many at most.",
    )(call)


def order_options(
    orders: Sequence[str] = (), *, descending: bool
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options of an order, the first being the default; the command gets them as `order`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def call(*arguments: Any, descending: bool, **rest: Any) -> Any:
            order = {"descending": descending}
            if orders:
                order["order"] = rest.pop("order").replace("-", "_")
            return command(*arguments, order=order, **rest)

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
        return call

    return decorate


def _read_filter(text: str | None) -> object:
    """The filter of the command line as data. Raises BadInput."""
    from numscript.inputs import InputError, read_json

    if text is None:
        return None
    try:
        return read_json(text)
    except InputError as problem:
        raise BadInput(problem.located("--filter")) from None


def both(first: object, second: object) -> object:
    """A filter that matches what two filters match, either of which may be none."""
    if not first or not second:
        return first or second
    return {"$and": [first, second]}


def of_account(address: str | None) -> object:
    """The filter of an account or a pattern of them."""
    return address and {"$match": {"account": address.removeprefix("@")}}


def show_page(
    found: Page[Any],
    output: str,
    noun: str,
    to_dict: Callable[[Any], dict[str, object]],
    to_table: Callable[..., str],
) -> None:
    """Print a page, and how to come to the next."""
    if output == "json":
        tree: dict[str, object] = {
            "data": [to_dict(item) for item in found],
            "hasMore": found.has_more,
        }
        if found.next is not None:
            tree["next"] = found.next
        console.show_json(tree)
        return
    if len(found):
        console.show(to_table(found.items, color=console.use_color()))
    else:
        console.show(f"no {noun}")
    if found.next is not None:
        console.note(f"there are more: --after {found.next}")
