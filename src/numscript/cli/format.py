"""`numscript format`: scripts in the one canonical style."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import click

from numscript.cli import console, files

WORDS = {
    "reformatted": ("reformatted",) * 2,
    "would reformat": ("would be reformatted",) * 2,
    "unchanged": ("left unchanged",) * 2,
    "formatted": ("already formatted",) * 2,
    "broken": ("with syntax errors left as it is", "with syntax errors left as they are"),
    "failed": ("not read or written",) * 2,
}
"""What becomes of a file, and how it is said of one and of several."""
DRY = {"reformatted": "would reformat", "unchanged": "formatted"}
"""What becomes of a file where nothing is written."""


class Outcome(NamedTuple):
    """What becomes of a file: a key of `WORDS`, its text before and after, or the first error."""

    name: str
    status: str
    before: str = ""
    after: str = ""
    error: str = ""


@click.command(short_help="Write scripts in the canonical style.")
@click.argument("paths", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--check", is_flag=True, help="Write nothing; say which files would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@console.output_option
@click.pass_context
def format(  # noqa: A001 - a command is called as its function
    invocation: click.Context, paths: tuple[str, ...], check: bool, diff: bool, output: str
) -> None:
    """Format scripts: one clause a line, portions and caps aligned, comments kept.

    PATHS are scripts, folders that are searched for *.num files, or `-` for standard input, whose
    text goes to the standard output; by default the current folder. A script with syntax errors is
    left as it is and gives the exit code 1; so does, with --check or --diff, one that would change.

    \b
    Examples:
      numscript format sale.num
      numscript format --check scripts/
      numscript format --diff sale.num
      numscript format - < sale.num
    """
    outcomes: list[Outcome] = []
    dry = check or diff
    for path in files.find_files(paths or (".",), ".num"):
        try:
            outcome = formatted(path)
            if dry:
                outcome = outcome._replace(status=DRY.get(outcome.status, outcome.status))
            elif outcome.status == "reformatted" and path != files.STDIN:
                write(path, outcome.after)
        except console.BadInput as problem:
            outcome = Outcome(files.shown_name(path), "failed", error=problem.message)
        outcomes.append(outcome)
        if output == "pretty":
            _show(outcome, check=check, diff=diff, piped=path == files.STDIN and not dry)
    if not outcomes:
        raise console.BadInput(f"no *.num file was found in {', '.join(paths or ('.',))}")
    problems = [outcome.error for outcome in outcomes if outcome.status == "failed"]
    if output == "json":
        rows = [_row(outcome, diff=diff) for outcome in outcomes]
        tree: dict[str, object] = {"files": rows}
        console.show_json({**tree, "error": "\n".join(problems)} if problems else tree)
    elif dry or files.STDIN not in paths:
        console.show(summary(outcomes), err=diff)
    found = {outcome.status for outcome in outcomes}
    invocation.exit(2 if problems else int(not found.isdisjoint(("broken", "would reformat"))))


def formatted(path: str) -> Outcome:
    """What becomes of a file, which is not written. Raises BadInput where it cannot be read."""
    from numscript import ParseError
    from numscript import format as format_text
    from numscript.render import counted

    script = files.read_script(path)
    try:
        after = format_text(script)
    except ParseError as error:
        first = error.diagnostics[0]
        line, column = first.start
        more = len(error.diagnostics) - 1
        others = f" (and {counted(more, 'more error')})" if more else ""
        place = f"{script.name}:{line + 1}:{column + 1}"
        message = f"{place}: it cannot be formatted: {first.message}{others}"
        return Outcome(script.name, "broken", script.text, script.text, message)
    status = "unchanged" if after == script.text else "reformatted"
    return Outcome(script.name, status, script.text, after)


def write(path: str, text: str) -> None:
    """Put a text in the place of a file, whole, with the file's mode. Raises BadInput."""
    # A link stays a link: what it leads to is replaced.
    target = Path(path).resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if not os.access(target, os.W_OK):
            raise PermissionError(None, "the file is write-protected")
        draft.write_bytes(text.encode("utf-8"))
        try:
            draft.chmod(stat.S_IMODE(target.stat().st_mode))
            draft.replace(target)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise console.BadInput(f"{path}: it cannot be written: {reason}") from None


def difference(outcome: Outcome, *, color: bool) -> str:
    """What changes in a file, as a unified diff."""
    from difflib import unified_diff

    from numscript.render import style, visible

    before, after = (
        re.findall(r"[^\n]*\n|[^\n]+", text) for text in (outcome.before, outcome.after)
    )
    tones = {"+": "green", "-": "red", "@": "cyan"}
    lines = []
    for line in unified_diff(before, after, outcome.name, outcome.name):
        text = line.rstrip("\r\n")
        # A carriage return and a byte order mark stay, so that `patch` finds the lines it is about.
        mark = "\ufeff" if text[1:].startswith("\ufeff") else ""
        shown = text[:1] + mark + visible(text[1:].removeprefix(mark))
        tone = tones.get(line[0])
        end = line.rstrip("\n")[len(text) :]
        lines.append((style(shown, tone, color=color) if tone else shown) + end)
        if not line.endswith("\n"):
            lines.append("\\ No newline at end of file")
    return "\n".join(lines)


def summary(outcomes: list[Outcome]) -> str:
    """How many files met which end: `2 files reformatted, 1 file left unchanged`."""
    from numscript.render import counted

    parts = []
    for status, words in WORDS.items():
        number = sum(outcome.status == status for outcome in outcomes)
        if number:
            parts.append(f"{counted(number, 'file')} {words[number > 1]}")
    return ", ".join(parts)


def _show(outcome: Outcome, *, check: bool, diff: bool, piped: bool) -> None:
    """Say of one file what there is to say."""
    if outcome.error:
        console.show_problems([outcome.error])
    elif piped:
        # In bytes, so that no line end is translated.
        click.echo(outcome.after.encode("utf-8"), nl=False)
    elif outcome.status == "would reformat":
        if diff:
            console.show(difference(outcome, color=console.use_color()))
        elif check:
            console.show(f"would reformat {outcome.name}")


def _row(outcome: Outcome, *, diff: bool) -> dict[str, object]:
    """A file as JSON shows it."""
    row: dict[str, object] = {"file": outcome.name, "status": outcome.status}
    if outcome.error:
        row["message"] = outcome.error
    if diff and outcome.status == "would reformat":
        row["diff"] = difference(outcome, color=False)
    if outcome.name == files.shown_name(files.STDIN) and outcome.status != "failed":
        row["text"] = outcome.after
    return row
