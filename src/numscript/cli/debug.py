"""`numscript debug`: step through a run, in the terminal or from an editor."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from numscript.cli import console, files
from numscript.cli.run import JSON_FILE, read_simulation, store_options, variable_options


@click.command(short_help="Step through a run of a script.")
@click.argument("script", type=JSON_FILE, required=False)
@variable_options
@store_options
@click.option("--dap", is_flag=True, help="Serve an editor on standard input and output.")
@click.option("--dap-port", metavar="HOST:PORT", help="Serve editors on a TCP port.")
@console.output_option
def debug(script: str | None, dap: bool, dap_port: str | None, output: str, **given: Any) -> None:
    """Step through a run of SCRIPT, forward and back. Nothing is written.

    The run stops before each clause; `step`, `next`, `out`, `back` and `continue` move, `break 12`
    stops at a line, `print`, `balances`, `funds` and `postings` show what is in flight, `help`
    shows all commands. They are read from standard input, so a file of commands does as well.
    Inputs are those of `numscript run`. With `-o json` the whole run is printed, step by step.

    \b
    Examples:
      numscript debug sale.num --var price="USD/2 1000" --balances balances.json
      echo 'break 12\nc\nfunds' | numscript debug sale.num
      numscript debug sale.num -o json

    With --dap it speaks the Debug Adapter Protocol, and the editor says what to run: `program`,
    with `inputs` (a file), `case` (of the spec file), or `variables`, `balances`, `metadata` and
    `features`; see docs/debugger.md.

    Exit codes: 0 done, 1 the script does not compile (with -o json: or fails), 2 wrong usage.
    """
    if dap or dap_port:
        if script is not None:
            raise click.UsageError("with --dap the editor names the script: leave SCRIPT out")
        raise NotImplementedError
    if script is None:
        raise click.UsageError("name the SCRIPT to step through, or serve an editor with --dap")
    inputs = [script, *(given[name] for name in ("variables", "balances", "metadata", "combined"))]
    if output == "pretty" and files.STDIN in inputs:
        raise click.UsageError(
            "standard input (`-`) is where the commands come from: save it to a file, "
            "or use -o json"
        )
    _debug(script, output, given)


def _debug(script: str, output: str, given: dict[str, Any]) -> None:
    """Run a script on what files say, and show or tell the steps of it."""
    from numscript.debugging.trace import trace
    from numscript.diagnostics import NumscriptError

    try:
        program, inputs = read_simulation(script=script, output=output, **given)
    except NumscriptError as error:
        console.fail(error, output)
    found = trace(program, inputs.variables, inputs.store)
    if output == "json":
        console.show_json(found.to_dict())
        click.get_current_context().exit(0 if found.error is None else 1)
    from numscript.cli.stepping import Stepping, typed_lines
    from numscript.debugging.session import Session

    terminal = console.is_terminal(sys.stdin)
    stepping = Stepping(Session(found), console.show, color=console.use_color())
    stepping.run(typed_lines() if terminal else _piped_lines())


def _piped_lines() -> Iterator[str]:
    """The commands on standard input, repeated on the output as if they had been typed."""
    from numscript.cli.stepping import PROMPT

    for line in sys.stdin or ():
        console.show(f"{PROMPT}{line.rstrip()}".rstrip())
        yield line
