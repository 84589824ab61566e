"""`numscript run`: run a script on inputs from files and options, or on the books of a ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from numscript.cli import books, console, files
from numscript.prelude import FEATURES

if TYPE_CHECKING:
    from numscript.cli.books import Labels
    from numscript.cli.console import Command
    from numscript.embedding import Program
    from numscript.inputs import Inputs
    from numscript.script import Script

JSON_FILE = click.Path(allow_dash=True)
WARNING = "warning"


def script_options(command: Command) -> Command:
    """The script, its variables, and how it is compiled."""
    return click.argument("script", type=JSON_FILE)(variable_options(command))


def variable_options(command: Command) -> Command:
    """The variables of a script, and how it is compiled."""
    options = (
        click.option(
            "--var", "pairs", metavar="NAME=VALUE", multiple=True, help="Give a variable."
        ),
        click.option("--vars", "variables", type=JSON_FILE, help="Variables: a JSON object."),
        click.option(
            "--inputs",
            "combined",
            type=JSON_FILE,
            help="All inputs in one file, and `featureFlags`. "
            "Default in a simulation: SCRIPT.inputs.json, if there.",
        ),
        click.option("--no-cache", is_flag=True, help="Compile anew; keep nothing on disk."),
        console.feature_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def store_options(command: Command) -> Command:
    """What a script reads in a simulation."""
    options = (
        click.option("--balances", type=JSON_FILE, help="Balances: a JSON list of rows."),
        click.option("--metadata", type=JSON_FILE, help="Metadata: account, then key, then text."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Run a script and show what it does.")
@script_options
@store_options
@books.storage_option
@click.option("--ledger", metavar="NAME", help="The ledger to commit to.  [default: main]")
@books.transaction_options
@click.option("--force", is_flag=True, hidden=True)
@console.output_option
def run(
    balances: str | None,
    metadata: str | None,
    storage: str | None,
    ledger: str | None,
    labels: Labels,
    force: bool,
    **given: Any,
) -> None:
    """Run SCRIPT and show its postings and metadata. Without --storage nothing is written.

    SCRIPT and the files may be `-`, standard input. Key by key, --var overrides --vars, and the
    single files override --inputs.

    With --storage (or NUMSCRIPT_STORAGE) it is no simulation: the script runs on the books there,
    its transaction is committed and shown. `numscript ledger` does all else with them.

    \b
    Examples:
      numscript run sale.num --var price="USD/2 1000" --balances balances.json
      numscript run sale.num --inputs monday.json -o json
      echo 'send [USD/2 5] ( source = @world destination = @a )' | numscript run -
      numscript run sale.num --vars monday.json --storage sqlite:///books.db --reference order-7

    \b
    The forms of the files:
      --vars      {"price": "USD/2 1000", "count": 3}
      --balances  [{"account": "alice", "asset": "USD/2", "amount": 1000}]
      --metadata  {"orders:1": {"seller": "users:42"}}
      --inputs    {"variables": ..., "balances": ..., "metadata": ..., "featureFlags": [...]}

    Compiled scripts are kept in the user's cache folder, or in NUMSCRIPT_CACHE_DIR.
    """
    if not storage:
        options = [
            *(["--ledger"] if ledger else []),
            *labels.given,
            *(["--force"] if force else []),
        ]
        if options:
            books.refuse(
                f"{options[0]} is for books: say where they are with --storage, "
                f"or set {books.VARIABLE}"
            )
        _simulate(balances=balances, metadata=metadata, **given)
        return
    for option, value in (("--balances", balances), ("--metadata", metadata)):
        if value is not None:
            source = click.get_current_context().get_parameter_source("storage")
            from_variable = source is click.core.ParameterSource.ENVIRONMENT
            named = books.VARIABLE if from_variable else "--storage"
            way_out = "; --storage '' simulates all the same" if from_variable else ""
            books.refuse(
                f"{option} is for a simulation, and {named} names books, which have their "
                f"own{way_out}"
            )
    commit_script(storage=storage, ledger=ledger or books.MAIN, labels=labels, force=force, **given)


def _simulate(output: str, **given: Any) -> None:
    """Run a script on what files say, and show what comes out."""
    from numscript.diagnostics import NumscriptError

    try:
        program, inputs = read_simulation(output=output, **given)
        result = program.run(inputs.variables, inputs.store)
    except NumscriptError as error:
        console.fail(error, output)
    if output == "json":
        # What is printed has no key in the reference, which knows no `print`.
        printed = {"printed": list(result.printed)} if result.printed else {}
        click.echo(json.dumps({**result.to_dict(), **printed}, ensure_ascii=False))
    else:
        from numscript import render

        console.show(render.result(result, color=console.use_color()))


def read_simulation(
    script: str,
    pairs: tuple[str, ...],
    variables: str | None,
    balances: str | None,
    metadata: str | None,
    combined: str | None,
    no_cache: bool,
    features: tuple[str, ...],
    output: str,
) -> tuple[Program, Inputs]:
    """The program of a script and its inputs. Raises BadInput, and as `compile` does."""
    files.only_one_stdin(script, variables, balances, metadata, combined)
    text = files.read_script(script)
    if combined is None:
        combined = inputs_beside(script)
        if combined is not None and output == "pretty":
            console.note(f"inputs are read from {combined}")
    inputs = _read_inputs(combined, variables, balances, metadata)
    named = _named_values(pairs)
    inputs.variables.update(named)
    return _compile(text, (*inputs.features, *features), named, no_cache), inputs


def commit_script(
    script: str,
    pairs: tuple[str, ...],
    variables: str | None,
    combined: str | None,
    no_cache: bool,
    features: tuple[str, ...],
    storage: str | None,
    ledger: str,
    labels: Labels,
    output: str,
    force: bool = False,
) -> None:
    """Run a script on the books, and show the transaction that is committed."""
    from numscript.diagnostics import NumscriptError
    from numscript.ledger import Run
    from numscript.ledger.requests import prepare

    if force:
        books.refuse(
            "--force is for plain postings and reverts: a script says itself what may be "
            "overdrawn, by `allowing unbounded overdraft`"
        )
    files.only_one_stdin(script, variables, combined)
    text = files.read_script(script)
    if combined is None and output == "pretty" and inputs_beside(script):
        console.note(f"{inputs_beside(script)} is for simulations, and is not read")
    inputs = _read_inputs(combined, variables, None, None)
    if inputs.balances or inputs.metadata:
        what = "balances" if inputs.balances else "metadata"
        books.refuse(
            f"{files.shown_name(combined or '')}: it holds {what}, and books have their own"
        )
    named = _named_values(pairs)
    inputs.variables.update(named)
    try:
        program = _compile(text, (*inputs.features, *features), named, no_cache)
        # What is wrong with the request alone is said before anything is opened or created.
        prepare(Run(program, inputs.variables, **labels.request))
    except NumscriptError as error:
        console.fail(error, output)
    with books.open_books(storage, ledger, labels.access, output) as opened:
        done = opened.run(program, inputs.variables, **labels.request, dry_run=labels.dry_run)
    books.show_transaction(done, output, dry_run=labels.dry_run)


def _compile(
    script: Script, features: tuple[str, ...], named: Collection[str], no_cache: bool
) -> Program:
    """The program of a script; warns of variables by `--var` that it does not declare."""
    from numscript.cli.cache import compile_script

    program = compile_script(script, features, use_cache=not no_cache)
    for name in named:
        if name not in program.variables:
            _warn_of_variable(name, list(program.variables))
    return program


def inputs_beside(script: str) -> str | None:
    """The file of inputs beside a script, if there is one."""
    beside = f"{script}.inputs.json"
    return beside if script != files.STDIN and Path(beside).is_file() else None


def _read_inputs(
    combined: str | None, variables: str | None, balances: str | None, metadata: str | None
) -> Inputs:
    """The inputs of all files, those of the single files coming first."""
    from numscript.inputs import (
        Inputs,
        load_inputs,
        read_balances,
        read_json,
        read_metadata,
        read_variables,
    )

    inputs = Inputs() if combined is None else files.read_json_file(combined, load_inputs)
    single = Inputs(
        {}
        if balances is None
        else files.read_json_file(balances, lambda text: read_balances(read_json(text))),
        {}
        if variables is None
        else files.read_json_file(variables, lambda text: read_variables(read_json(text))),
        {}
        if metadata is None
        else files.read_json_file(metadata, lambda text: read_metadata(read_json(text))),
    )
    inputs = inputs.merged(single)
    _warn_of_flags(inputs.features)
    return inputs


def _named_values(pairs: tuple[str, ...]) -> dict[str, str]:
    """The values of `--var`, by name."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        name = name.removeprefix("$")
        if not sign or not name:
            raise click.BadParameter(
                f'`{pair}` has no name and value; write it as --var price="USD/2 1000"',
                param_hint="--var",
            )
        if name in values:
            raise click.BadParameter(f"`{name}` is given twice", param_hint="--var")
        values[name] = value
    return values


def _warn_of_variable(name: str, declared: list[str]) -> None:
    console.note(f"the script declares no variable `{name}`{_meant(name, declared)}", word=WARNING)


def _warn_of_flags(names: tuple[str, ...]) -> None:
    """Say of feature flags from a file that do not exist; they switch nothing on."""
    for name in names:
        if name not in FEATURES:
            meant = _meant(name, FEATURES)
            console.note(f"there is no feature flag `{name}`{meant}", word=WARNING)


def _meant(name: str, known: Iterable[str]) -> str:
    """The known name that is spelled most like this one, as the end of a sentence."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"; is `{close[0]}` meant?" if close else ""
