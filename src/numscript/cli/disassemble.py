"""`numscript disassemble`: the instructions that a script is compiled to."""

from __future__ import annotations

import click

from numscript.cli import console, files


@click.command(short_help="Show what a script is compiled to.")
@click.argument("script", type=click.Path(allow_dash=True))
@click.option("--python", is_flag=True, help="Show the Python function it is translated to.")
@console.feature_option
@console.output_option
def disassemble(script: str, python: bool, features: tuple[str, ...], output: str) -> None:
    """Show the bytecode of SCRIPT (`-` is standard input): its instructions, and what it reads.

    The numbers behind `;` are the line and column that an instruction comes from.

    \b
    Examples:
      numscript disassemble sale.num
      numscript disassemble sale.num -o json
      numscript disassemble sale.num --python
    """
    from numscript import NumscriptError, compile, render  # noqa: A004

    text = files.read_script(script)
    try:
        program = compile(text, features)
    except NumscriptError as error:
        console.fail(error, output)
    if python:
        from numscript.runtime.translator import translate_to_source

        source = translate_to_source(program)
        if output == "json":
            console.show_json({"script": program.script.name, "python": source})
        else:
            console.show((source or "# left to the stack machine: the script scales").rstrip())
    elif output == "json":
        console.show_json(render.program_dict(program))
    else:
        console.show(render.visible(program.disassemble()).rstrip("\n") or "no instructions")
