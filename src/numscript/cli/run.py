"""`numscript run`: run a script on inputs from files and options."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from numscript.cli import console, files
from numscript.prelude import FEATURES

if TYPE_CHECKING:
    from numscript.inputs import Inputs

JSON_FILE = click.Path(allow_dash=True)
WARNING = "warning"


@click.command(short_help="Run a script and show what it does.")
@click.argument("script", type=JSON_FILE)
@click.option("--var", "pairs", metavar="NAME=VALUE", multiple=True, help="Give a variable.")
@click.option("--vars", "variables", type=JSON_FILE, help="Variables: a JSON object.")
@click.option("--balances", type=JSON_FILE, help="Balances: a JSON list of rows.")
@click.option("--metadata", type=JSON_FILE, help="Metadata: account, then key, then text.")
@click.option(
    "--inputs",
    "combined",
    type=JSON_FILE,
    help="All of these in one file, and `featureFlags`. Default: SCRIPT.inputs.json, if there.",
)
@click.option("--no-cache", is_flag=True, help="Compile anew; keep nothing on disk.")
@console.feature_option
@console.output_option
def run(
    script: str,
    pairs: tuple[str, ...],
    variables: str | None,
    balances: str | None,
    metadata: str | None,
    combined: str | None,
    no_cache: bool,
    features: tuple[str, ...],
    output: str,
) -> None:
    """Run SCRIPT and show its postings and metadata. Nothing is written anywhere.

    SCRIPT and the files may be `-`, standard input. Key by key, --var overrides --vars, and the
    single files override --inputs.

    \b
    Examples:
      numscript run sale.num --var price="USD/2 1000" --balances balances.json
      numscript run sale.num --inputs monday.json -o json
      echo 'send [USD/2 5] ( source = @world destination = @a )' | numscript run -

    \b
    The forms of the files:
      --vars      {"price": "USD/2 1000", "count": 3}
      --balances  [{"account": "alice", "asset": "USD/2", "amount": 1000}]
      --metadata  {"orders:1": {"seller": "users:42"}}
      --inputs    {"variables": ..., "balances": ..., "metadata": ..., "featureFlags": [...]}

    Compiled scripts are kept in the user's cache folder, or in NUMSCRIPT_CACHE_DIR.
    """
    from numscript.cli.cache import compile_script
    from numscript.diagnostics import NumscriptError

    files.only_one_stdin(script, variables, balances, metadata, combined)
    text = files.read_script(script)
    inputs = _read_inputs(script, combined, variables, balances, metadata, output)
    named = _named_values(pairs)
    inputs.variables.update(named)
    try:
        program = compile_script(text, (*inputs.features, *features), use_cache=not no_cache)
        for name in named.keys() - program.variables.keys():
            _warn_of_variable(name, list(program.variables))
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


def _read_inputs(
    script: str,
    combined: str | None,
    variables: str | None,
    balances: str | None,
    metadata: str | None,
    output: str,
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

    if combined is None and script != files.STDIN:
        beside = f"{script}.inputs.json"
        if Path(beside).is_file():
            combined = beside
            if output == "pretty":
                console.note(f"inputs are read from {beside}")
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
