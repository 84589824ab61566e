"""`numscript check`: what can be said of scripts without running them."""

from __future__ import annotations

import click

from numscript.cli import console, files


@click.command(short_help="Find mistakes in scripts without running them.")
@click.argument("paths", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--strict", is_flag=True, help="Let warnings fail the check too.")
@console.feature_option
@console.output_option
@click.pass_context
def check(
    invocation: click.Context,
    paths: tuple[str, ...],
    strict: bool,
    features: tuple[str, ...],
    output: str,
) -> None:
    """Check scripts: their syntax, names, types, and what looks like a mistake.

    PATHS are scripts, folders that are searched for *.num files, or `-` for standard input; by
    default the current folder. Errors give the exit code 1; warnings alone do not, but for
    --strict.

    \b
    Examples:
      numscript check sale.num
      numscript check --strict scripts/
      numscript explain NUM301
    """
    from numscript import Diagnostic, Severity, render
    from numscript import check as check_script

    found: list[Diagnostic] = []
    problems: list[str] = []
    count = 0
    for path in files.find_files(paths or (".",), ".num"):
        try:
            script = files.read_script(path)
        except console.BadInput as problem:
            problems.append(problem.message)
            continue
        count += 1
        diagnostics = sorted(check_script(script, features).diagnostics, key=lambda d: d.span)
        found += diagnostics
        if output == "pretty" and diagnostics:
            console.show(render.diagnostics(diagnostics, color=console.use_color()) + "\n")
    if not count and not problems:
        raise console.BadInput(f"no *.num file was found in {', '.join(paths or ('.',))}")
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in found)
    warnings = sum(diagnostic.severity is Severity.WARNING for diagnostic in found)
    if output == "json":
        tree: dict[str, object] = {
            "files": count,
            "errors": errors,
            "warnings": warnings,
            "diagnostics": [diagnostic.to_dict() for diagnostic in found],
        }
        console.show_json({**tree, "error": "\n".join(problems)} if problems else tree)
    else:
        console.show_problems(problems)
        if count:
            console.show(_summary(count, errors, warnings))
    invocation.exit(2 if problems else int(errors > 0 or (strict and warnings > 0)))


def _summary(count: int, errors: int, warnings: int) -> str:
    from numscript.render import counted, style

    color = console.use_color()
    checked = f"{counted(count, 'file')} checked"
    if not errors and not warnings:
        return f"{checked}: {style('no mistakes found', 'green', color=color)}"
    tones = ((errors, "error", "red"), (warnings, "warning", "yellow"))
    parts = [style(counted(n, noun), tone, color=color) for n, noun, tone in tones if n]
    return f"{checked}: {', '.join(parts)}"
