"""`numscript explain`: the pages of the catalogue of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from numscript.cli import console

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from numscript.diagnostics import Kind


def _complete_code(
    _invocation: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The codes that start so."""
    from click.shell_completion import CompletionItem

    from numscript.errors import CATALOGUE

    return [
        CompletionItem(code, help=kind.title)
        for code, kind in CATALOGUE.items()
        if code.startswith(incomplete.upper())
    ]


@click.command(short_help="Explain an error or warning by its code.")
@click.argument("name", metavar="[CODE]", required=False, shell_complete=_complete_code)
@click.option("--list", "all_of_them", is_flag=True, help="List all errors and warnings.")
@console.output_option
def explain(name: str | None, all_of_them: bool, output: str) -> None:
    """Explain an error or warning: what it means, an example, what to do.

    CODE is its code, its name in Python, or its name in Formance's implementation, in lower or
    upper case. Without it all errors and warnings are listed.

    \b
    Examples:
      numscript explain NUM401
      numscript explain MissingFundsErr
    """
    from numscript import render
    from numscript.errors import CATALOGUE
    from numscript.specs import kinds_named, suggested_kind

    if name is None or all_of_them:
        kinds = tuple(CATALOGUE.values())
        if output == "json":
            console.show_json([_plain(kind) for kind in kinds])
        else:
            rows = [(kind.code, kind.severity.word, kind.title) for kind in kinds]
            headings = ("Code", "Severity", "Title")
            console.show(render.table(headings, rows, color=console.use_color()))
        return
    kinds = kinds_named(name)
    if not kinds:
        raise console.BadInput(f"there is no error `{name}`{suggested_kind(name)}")
    if output == "json":
        console.show_json([{**_plain(kind), "page": render.page_text(kind)} for kind in kinds])
        return
    pages = [render.page(kind, color=console.use_color()) for kind in kinds]
    console.show("\n\n".join(pages))


def _plain(kind: type[Kind]) -> dict[str, Any]:
    return {
        "code": kind.code,
        "name": kind.__name__,
        "title": kind.title,
        "severity": kind.severity.word,
        "reference": list(kind.reference),
    }
