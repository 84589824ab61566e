"""What the commands share towards the terminal: colours, JSON, options, how a failure is shown."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from numscript.prelude import FEATURES

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from numscript.diagnostics import NumscriptError

Command = TypeVar("Command", bound=Callable[..., Any])


def use_color(*, err: bool = False) -> bool:
    """Whether the output, or the error output, gets colours."""
    invocation = click.get_current_context(silent=True)
    if invocation is not None and invocation.color is not None:
        return invocation.color
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal(sys.stderr if err else sys.stdout)


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a stream is a terminal; one that was closed beforehand is none."""
    return stream is not None and stream.isatty()


def show(text: str, *, err: bool = False) -> None:
    """Print text whose colours were chosen with `use_color`."""
    click.echo(text, err=err, color=use_color(err=err))


def show_json(tree: object) -> None:
    """Print data as JSON, indented for a terminal, on one line otherwise."""
    import json

    indent = 2 if is_terminal(sys.stdout) else None
    click.echo(json.dumps(tree, ensure_ascii=False, indent=indent))


def note(text: str, *, word: str = "note") -> None:
    """Say something beside the output, on the error output."""
    from numscript.render import style, visible

    color = use_color(err=True)
    tone = "yellow" if word == "warning" else "dim"
    show(f"{style(f'{word}:', tone, color=color)} {visible(text)}", err=True)


@contextmanager
def told_anyhow(text: str) -> Iterator[None]:
    """Say on the error output what was done, where the output about it cannot be written."""
    try:
        yield
    except OSError as problem:
        if problem.errno != errno.EPIPE:
            note(text, word="warning")
        raise


UNUSABLE = ("NUM509", "NUM512", "NUM513", "NUM514", "NUM6")
"""How the codes start of what is wrong usage, or a storage or a log that cannot be used."""


def fail(error: NumscriptError, output: str) -> NoReturn:
    """End the command with what stopped a script (exit code 1), or what cannot be used (2)."""
    from numscript import render

    if output == "json":
        show_json(render.error_dict(error))
    else:
        show(render.diagnostics(error.diagnostics, color=use_color(err=True)), err=True)
    code = error.diagnostics[0].code
    click.get_current_context().exit(2 if code.startswith(UNUSABLE) else 1)


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A bar on the error output if that is a terminal; gives what moves it on by a number."""
    if not length or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _steps: None
        return
    with click.progressbar(
        length=length,
        label=label,
        file=sys.stderr,
        color=use_color(err=True),
        update_min_steps=max(1, length // 200),
    ) as bar:
        yield bar.update


class BadInput(click.ClickException):
    """Input that cannot be read or used: one sentence, and exit code 2."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(message)
        invocation = click.get_current_context(silent=True)
        self.as_json = invocation is not None and invocation.params.get("output") == "json"
        self.colored = use_color(err=True)

    def show(self, file: Any = None) -> None:
        """Print the sentence; with `-o json` as JSON."""
        from numscript.render import style, visible

        if self.as_json:
            show_json({"error": self.message, "diagnostics": []})
        else:
            word = style("error:", "bold", "red", color=self.colored)
            click.echo(f"{word} {visible(self.message)}", file=file, err=True, color=self.colored)


def _check_features(
    invocation: click.Context, param: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    """The names, if there are such flags."""
    for name in names:
        if name not in FEATURES:
            from numscript.inputs import spelling

            known = spelling(name, FEATURES).replace("the keys are", "the flags are")
            raise click.BadParameter(f"there is no feature flag `{name}`{known}", invocation, param)
    return names


def _complete_feature(
    _invocation: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The flags that start so."""
    from click.shell_completion import CompletionItem

    return [
        CompletionItem(name, help=doc)
        for name, doc in FEATURES.items()
        if name.startswith(incomplete)
    ]


def feature_option(command: Command) -> Command:
    """The option `--feature`, which may be repeated."""
    return click.option(
        "--feature",
        "features",
        metavar="FLAG",
        multiple=True,
        callback=_check_features,
        shell_complete=_complete_feature,
        help="Switch a feature flag on. May be repeated.",
    )(command)


def output_option(command: Command) -> Command:
    """The option `-o`, which chooses between text and JSON."""
    return click.option(
        "-o",
        "--output-format",
        "output",
        type=click.Choice(["pretty", "json"]),
        default="pretty",
        show_default=True,
        # Read before the arguments, so that an error in them is already shown as JSON.
        is_eager=True,
        help="Text for people or JSON for machines.",
    )(command)


def show_problems(problems: list[str]) -> None:
    """Print what is wrong with the inputs, a line each, on the error output."""
    for problem in problems:
        BadInput(problem).show()
