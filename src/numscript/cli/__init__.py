"""The command line: one file a command, imported only when the command is called.

Exit codes: 0 done, 1 the script failed (or a check or a case did) or the ledger refused, 2 wrong
usage, or input or a storage that cannot be read, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click

from numscript import __version__

COMMANDS = {
    "run": "Run a script and show what it does.",
    "check": "Find mistakes in scripts without running them.",
    "format": "Write scripts in the canonical style.",
    "test": "Run the cases of spec files.",
    "test-init": "Write a first spec file for a script.",
    "debug": "Step through a run of a script.",
    "disassemble": "Show what a script is compiled to.",
    "explain": "Explain an error or warning by its code.",
    "ledger": "Keep books: commit transactions, read, export and verify them.",
    "serve": "Serve ledgers over HTTP, as Formance's ledger does.",
    "lsp": "Start the language server for an editor.",
    "completion": "Print what makes a shell complete `numscript`.",
}
"""The commands, in the order of `--help`. `numscript.cli.test_init.test_init` is `test-init`."""


class LazyGroup(click.Group):
    """A group that knows the names of its commands, and imports one only to call it.

    summaries: what each command does, in the order of `--help`; package: where their modules lie.
    """

    def __init__(self, *, summaries: dict[str, str], package: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.summaries = summaries
        self.package = package

    def list_commands(self, _invocation: click.Context) -> list[str]:
        """The names of the commands."""
        return list(self.summaries)

    def get_command(self, _invocation: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, or None."""
        if cmd_name not in self.summaries:
            return None
        name = cmd_name.replace("-", "_")
        if iskeyword(name):
            name = f"{name}_"
        found = getattr(import_module(f"{self.package}.{name}"), name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, _invocation: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def resolve_command(
        self, invocation: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that arguments name; for a name that is none, the one that is meant."""
        known = self.summaries
        if not invocation.resilient_parsing and args[0] not in known and args[0][:1] != "-":
            from difflib import get_close_matches

            close = get_close_matches(args[0], known, n=1)
            meant = f"; is `{close[0]}` meant?" if close else ""
            invocation.fail(f"there is no command `{args[0]}`{meant}")
        return super().resolve_command(invocation, args)

    def invoke(self, invocation: click.Context) -> Any:
        """Call the command; an interrupt ends it quietly, a full disk with a sentence."""
        for stream in (sys.stdout, sys.stderr):
            # A terminal or pipe that cannot show a character gets its escape instead.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(invocation)
        except KeyboardInterrupt:
            invocation.exit(130)
        except OSError as problem:
            if problem.errno == errno.EPIPE:
                # Whoever read the output has seen enough; that is no failure.
                _discard_output()
                invocation.exit(0)
            from numscript.cli.console import BadInput

            _discard_output()
            reason = (problem.strerror or str(problem)).lower()
            raise BadInput(f"the output cannot be written: {reason}") from None


def _discard_output() -> None:
    """Let what is left of the output go nowhere, or its writing would fail once more at the end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _set_color(invocation: click.Context, _parameter: click.Parameter, value: str) -> None:
    invocation.color = {"always": True, "never": False}.get(value)


@click.group(
    cls=LazyGroup,
    summaries=COMMANDS,
    package=__name__,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="numscript")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    expose_value=False,
    callback=_set_color,
    help="Colours; `auto` uses them on a terminal, unless NO_COLOR is set.",
)
def main() -> None:
    """Numscript, the language for moving money.

    \b
    Examples:
      numscript check sale.num
      numscript run sale.num --var price="USD/2 1000"
      numscript test scripts/
      numscript run sale.num --vars vars.json --storage sqlite:///books.db

    Exit codes: 0 done, 1 the script failed or the ledger refused, 2 wrong usage, or input or a
    storage that cannot be read.
    """
