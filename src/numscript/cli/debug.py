"""`numscript debug`: step through a run, in the terminal or from an editor."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from numscript.cli import console, files
from numscript.cli.run import (
    JSON_FILE,
    inputs_beside,
    read_simulation,
    store_options,
    variable_options,
)

if TYPE_CHECKING:
    from numscript.debugging.adapter import Launch
    from numscript.inputs import Inputs

LOCALHOST = "127.0.0.1"
ARGUMENTS = ("variables", "balances", "metadata")
"""What the arguments of a launch may hold of the inputs, in the form that files have."""


@click.command(short_help="Step through a run of a script.")
@click.argument("script", type=JSON_FILE, required=False)
@variable_options
@store_options
@click.option("--dap", is_flag=True, help="Serve an editor on standard input and output.")
@click.option("--dap-port", metavar="HOST:PORT", help="Serve editors on a TCP port.")
@console.output_option
def debug(script: str | None, dap: bool, dap_port: str | None, output: str, **given: Any) -> None:
    """Step through a run of SCRIPT, forward and back. Nothing is written.

    The run stops before each clause. `step`, `next`, `out`, `back` and `continue` move, `break 12`
    stops at a line, `print`, `balances`, `funds` and `postings` show what is in flight, and `help`
    shows all commands; a letter is enough. They are read from standard input.

    Inputs are those of `numscript run`. With `-o json` the whole run is printed, step by step.

    \b
    Examples:
      numscript debug sale.num --var price="USD/2 1000" --balances balances.json
      numscript debug sale.num --inputs monday.json < commands.txt
      numscript debug sale.num -o json
      numscript debug --dap

    With --dap an editor steps through the run, by the Debug Adapter Protocol. It says what to
    run: `program`, with `inputs` (a file), `case` (of the spec file), or `variables`, `balances`,
    `metadata` and `features` in place.

    Exit codes: 0 done, 1 the script does not compile (or, with -o json, fails), 2 wrong usage.
    """
    if dap or dap_port:
        if script is not None:
            raise click.UsageError("with --dap the editor names the script: leave SCRIPT out")
        _serve(dap_port)
        return
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
    if found.cut:
        console.note(f"only the first {len(found.steps) - 1} steps are kept, and the last one")
    if terminal:
        console.note("`help` shows the commands; an empty line repeats the one before")
    stepping = Stepping(Session(found), console.show, color=console.use_color())
    stepping.run(typed_lines() if terminal else _piped_lines())


def _piped_lines() -> Iterator[str]:
    """The commands on standard input, repeated on the output as if they had been typed."""
    from numscript.cli.stepping import PROMPT

    for line in sys.stdin or ():
        console.show(f"{PROMPT}{line.rstrip()}".rstrip())
        yield line


# --- editors ----------------------------------------------------------------------------------


def _serve(address: str | None) -> None:
    """Speak the Debug Adapter Protocol on the standard streams, or on a port."""
    from numscript.debugging.adapter import Adapter
    from numscript.debugging.transport import ProtocolError, serve, serve_on_port

    try:
        if address is None:
            serve(sys.stdin.buffer, sys.stdout.buffer, Adapter(load))
            return
        host, port = _read_address(address)
        serve_on_port(
            host,
            port,
            lambda: Adapter(load),
            lambda place: click.echo(f"listening on {place}", err=True),
        )
    except ProtocolError as problem:
        raise console.BadInput(f"<stdin>: {problem}") from None
    except OSError as problem:
        if address is None:
            raise
        reason = (problem.strerror or str(problem)).lower()
        raise console.BadInput(f"{address} cannot be listened on: {reason}") from None


def _read_address(address: str) -> tuple[str, int]:
    """The host and the port of `HOST:PORT`, or of a port alone."""
    host, _, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port[:6]) > 65535:
        raise click.BadParameter(
            f"`{address}` has no port; write it as {LOCALHOST}:4711", param_hint="--dap-port"
        )
    return host or LOCALHOST, int(port)


def load(arguments: Mapping[str, Any]) -> Launch:
    """What the arguments of a launch ask for. Raises Refusal and NumscriptError."""
    from numscript.debugging.adapter import Launch, Refusal
    from numscript.embedding import compile as compile_text
    from numscript.inputs import InputError, inputs_of
    from numscript.script import Script

    program, text = arguments.get("program"), arguments.get("text")
    notes: list[str] = []
    try:
        if isinstance(text, str):
            path, script = "", Script(text, str(arguments.get("name") or "script.num"))
        elif isinstance(program, str) and program not in ("", files.STDIN):
            path = os.path.abspath(program)  # noqa: PTH100 - links stay as the editor has them
            script = files.read_script(path)
        else:
            raise Refusal("`program` must name the script to debug", shown=True)
        inputs = _inputs_of(path, arguments, notes)
        inline = {name: arguments[name] for name in ARGUMENTS if arguments.get(name) is not None}
        inputs = inputs.merged(inputs_of(inline, "launch"))
    except click.ClickException as problem:
        raise Refusal(problem.format_message(), shown=True) from None
    except InputError as problem:
        raise Refusal(str(problem), shown=True) from None
    features = (*inputs.features, *(arguments.get("features") or ()))
    return Launch(
        compile_text(script, features), inputs.variables, inputs.store, path, tuple(notes)
    )


def _inputs_of(path: str, arguments: Mapping[str, Any], notes: list[str]) -> Inputs:
    """The inputs that a launch names, or those that lie beside its script."""
    from numscript.debugging.adapter import Refusal
    from numscript.inputs import Inputs, load_inputs
    from numscript.specs import load_specs

    named, wanted = arguments.get("inputs"), arguments.get("case")
    if named:
        return files.read_json_file(str(named), load_inputs)
    specs_path = f"{path}.specs.json"
    has_specs = path != "" and Path(specs_path).is_file()
    if wanted:
        if not has_specs:
            raise Refusal(f"there is no {specs_path} to have the case `{wanted}`", shown=True)
        specs = files.read_json_file(specs_path, load_specs)
        case = next((case for case in specs.cases if case.it == wanted), None)
        if case is None:
            names = ", ".join(f"`{case.it}`" for case in specs.cases)
            raise Refusal(f"there is no case `{wanted}`; there is {names}", shown=True)
        return specs.inputs.merged(case.inputs)
    if path and inputs_beside(path):
        notes.append(f"inputs are read from {inputs_beside(path)}")
        return files.read_json_file(str(inputs_beside(path)), load_inputs)
    if has_specs and not any(arguments.get(name) for name in ARGUMENTS):
        specs = files.read_json_file(specs_path, load_specs)
        if specs.cases:
            notes.append(f"inputs are those of the case `{specs.cases[0].it}`")
            return specs.inputs.merged(specs.cases[0].inputs)
    return Inputs()
