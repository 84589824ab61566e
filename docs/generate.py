"""Write the generated pages, docs/errors.md, docs/opcodes.md and docs/cli.md: `make docs`.

`pages` makes them from the tables they are about; a test compares them with what is on disk.
"""

from __future__ import annotations

import inspect
import sys
from itertools import pairwise
from pathlib import Path

import click

from numscript.bytecode.opcodes import ROWS
from numscript.cli import main as main_command
from numscript.diagnostics import Kind
from numscript.errors import CATALOGUE

DOCS = Path(__file__).resolve().parent
GENERATED = "<!-- Written by `make docs`; do not edit. -->"

STAGES = {
    "1": (
        "Syntax",
        "The text is not a program. `compile` raises `ParseError` with all of them at once.",
    ),
    "2": (
        "Names and types",
        "The text is a program, but its names or types do not fit. `compile` raises `CheckError`.",
    ),
    "3": (
        "Lints",
        "The program runs, but not as its author seems to think. Only `check` tells of them.",
    ),
    "4": (
        "Execution",
        (
            "The run stops: `ExecutionError`. Nothing is posted. Where the script alone tells that "
            "it will come to this, `check` says so beforehand, with the same code."
        ),
    ),
    "5": (
        "Ledger",
        "A ledger refuses a write or a question: `LedgerError`. Nothing is changed.",
    ),
    "6": (
        "Storage",
        "What a ledger is kept in cannot be used: `StorageError`.",
    ),
}
"""What a code's first digit says."""

FAMILIES = {
    0: ("Stack", "Nothing but the stack and the slots."),
    10: ("Values", "Arithmetic on values: exact, whole numbers of any size."),
    30: ("Reading", "Variables, metadata, balances and colours."),
    40: ("Taking", "From a source: what is wanted is on the stack, and what is missing stays."),
    60: ("Allotments", "Portions, and the shares they make of an amount."),
    70: ("Ways", "Labels lead forward only, so every piece of code comes to an end."),
    80: ("Giving", "The taken funds go to an account, or back."),
    90: ("Statements", "Everything else that a statement does."),
}
"""What the instructions from a byte on are about."""


def errors_page() -> str:
    """The catalogue of errors and warnings."""
    lines = [
        "# Errors and warnings",
        "",
        GENERATED,
        "",
        "Every error and warning has a code that never moves and never comes back with another",
        "meaning. The examples below are run by the tests: each gives exactly its code. The JSON",
        "behind an example holds the inputs it is run with.",
        "",
    ]
    for digit, (title, _) in STAGES.items():
        lines += [f"**{title}**", ""]
        for kind in _stage(digit):
            anchor = f"{kind.code} {kind.title}".lower().replace(" ", "-")
            lines.append(f"- [{kind.code}](#{anchor}) {kind.title}")
        lines.append("")
    for digit, (title, about) in STAGES.items():
        lines += [f"## {digit}xx: {title.lower()}", "", about, ""]
        for kind in _stage(digit):
            lines += _entry(kind)
    return "\n".join(lines).rstrip() + "\n"


def opcodes_page() -> str:
    """The instructions."""
    lines = [
        "# Instructions",
        "",
        GENERATED,
        "",
        "A program is a table of slots (constants, supplied variables, stored values) and pieces",
        "of straight code. The pictures show the stack before and after an instruction, the top on",
        "the right. `...` depends on an operand. `numscript.compile(text).disassemble()` gives the",
        "instructions of a script, each with its place.",
        "",
    ]
    starts = [*FAMILIES, 256]
    for start, end in pairwise(starts):
        title, about = FAMILIES[start]
        lines += [
            f"## {title}",
            "",
            about,
            "",
            "| byte | instruction | operands | stack | meaning |",
            "| ---: | --- | --- | --- | --- |",
        ]
        for row in ROWS:
            if start <= row.byte < end:
                operands = " ".join(row.operands)
                picture = f"`{row.before or '-'}` → `{row.after or '-'}`"
                if row.before == row.after == "":
                    picture = ""
                lines.append(f"| {row.byte} | `{row.name}` | {operands} | {picture} | {row.doc} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def cli_page() -> str:
    """The commands, with what their `--help` says."""
    lines = ["# The command line", "", GENERATED, ""]
    # A command remembers the names of its help option as its first context has them.
    settings = main_command.context_settings
    group = click.Context(main_command, info_name="numscript", terminal_width=88, **settings)
    lines += ["```text", main_command.get_help(group), "```", ""]
    lines += _commands(group, "##")
    return "\n".join(line.rstrip() for text in lines for line in text.split("\n")).rstrip() + "\n"


def _commands(above: click.Context, mark: str) -> list[str]:
    """The commands of a group, and under each group its own."""
    lines = []
    group = above.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None
        context = click.Context(command, parent=above, info_name=name, terminal_width=88)
        title = f"{mark} {context.command_path}"
        lines += [title, "", "```text", command.get_help(context), "```", ""]
        if isinstance(command, click.Group):
            lines += _commands(context, f"{mark}#")
    return lines


def pages() -> dict[str, str]:
    """The text of each generated page, by its file's name."""
    return {"errors.md": errors_page(), "opcodes.md": opcodes_page(), "cli.md": cli_page()}


def _stage(digit: str) -> list[type[Kind]]:
    return [kind for kind in CATALOGUE.values() if kind.code[3] == digit]


def _entry(kind: type[Kind]) -> list[str]:
    facts = [f"{kind.severity.word.capitalize()}: {_quoted(kind.text)}"]
    if kind.reference:
        names = ", ".join(f"`{name}`" for name in kind.reference)
        facts.append(f"Formance's implementation: {names}")
    page = inspect.cleandoc(kind.__doc__ or "")
    return [f"### {kind.code} {kind.title}", "", page, "", *(f"- {fact}" for fact in facts), ""]


def _quoted(text: str) -> str:
    """A template as inline code; one that holds a backquote needs two around it."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def main() -> None:
    """Write the pages beside this file."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote docs/{name}\n")


if __name__ == "__main__":
    main()
