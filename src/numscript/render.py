"""Text for people and machines: diagnostics as snippets, tables, results, pages of the catalogue.

Everything returns text and prints nothing; `color` says whether it may hold ANSI codes. Text that
comes from scripts and inputs is made visible first, so that no control character in it reaches
the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from numscript.script import NOWHERE

if TYPE_CHECKING:
    from numscript.bytecode.program import Code, Program
    from numscript.diagnostics import Diagnostic, Kind, NumscriptError
    from numscript.runtime.result import ExecutionResult, Posting
    from numscript.script import Script, Span
    from numscript.specs import Difference, Mismatch, Outcome

_CODES = {
    "bold": 1,
    "dim": 2,
    "underline": 4,
    "red": 31,
    "green": 32,
    "yellow": 33,
    "blue": 34,
    "cyan": 36,
}
_SEVERITY_STYLES = {"error": "red", "warning": "yellow", "information": "blue", "hint": "cyan"}

TAB = 4
LINE_WIDTH = 110
"""How much of a line of a script is shown, in columns."""


# --- characters -------------------------------------------------------------------------------


def style(text: str, *names: str, color: bool) -> str:
    """The text in ANSI styles, or as it is."""
    if not color or not text:
        return text
    codes = ";".join(str(_CODES[name]) for name in names)
    return f"\x1b[{codes}m{text}\x1b[0m"


_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)


def visible(text: str) -> str:
    """The text with control characters, and those that turn the direction, made visible.

    Line feeds and tabs stay.
    """
    return _INVISIBLE.sub(_picture, text) if not text.isprintable() else text


def _picture(match: re.Match[str]) -> str:
    number = ord(match[0])
    return chr(0x2400 + number) if number < 0x20 else "\ufffd"


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if character.isascii():
        return 1
    from unicodedata import category, east_asian_width

    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def one_line(text: str) -> str:
    """The text made visible, line feeds and tabs as well."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 case`, `2 cases`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --- diagnostics ------------------------------------------------------------------------------


def diagnostics(found: Iterable[Diagnostic], *, color: bool) -> str:
    """Diagnostics as snippets, an empty line between them."""
    return "\n\n".join(snippet(diagnostic, color=color) for diagnostic in found)


def snippet(diagnostic: Diagnostic, *, color: bool) -> str:
    """A diagnostic with the lines it is about, carets under its span, and its hint."""
    severity = diagnostic.severity.word
    tone = _SEVERITY_STYLES[severity]
    name = visible(diagnostic.script.name)
    somewhere = diagnostic.span != NOWHERE
    line, column = diagnostic.start
    place = f"{name}:{line + 1}:{column + 1}" if somewhere else name
    title = style(f"{severity} {diagnostic.code}", "bold", tone, color=color)
    message = style(visible(diagnostic.message), "bold", color=color)
    # What the ledger or a storage refuses stands nowhere in a script.
    start = "" if diagnostic.code >= "NUM5" else f"{style(place, 'bold', color=color)}: "
    lines = [f"{start}{title}: {message}"]
    margin = 1
    if somewhere:
        shown, margin = _marked_lines(diagnostic.script, diagnostic.span, tone, color)
        lines += shown
    if diagnostic.hint:
        mark = style(f"{' ' * margin} = ", "blue", color=color)
        word = style("hint:", "cyan", color=color)
        lines.append(f"{mark}{word} {visible(diagnostic.hint)}")
    return "\n".join(lines)


def marked_place(script: Script, span: Span, tone: str, *, color: bool) -> str:
    """The lines of a script that a span is about, with carets under it."""
    return "\n".join(_marked_lines(script, span, tone, color)[0][1:])


def _marked_lines(script: Script, span: Span, tone: str, color: bool) -> tuple[list[str], int]:
    """The lines of the script with carets, and how wide their numbers are."""
    first, last = script.position(span.start), script.position(span.end)
    if last.line > first.line and not script.line(last.line)[: last.column].strip():
        # The span ends before anything that can be seen on its last line.
        last = first._replace(line=last.line - 1, column=len(script.line(last.line - 1)))
    numbers = [first.line] if first.line == last.line else [first.line, last.line]
    before = first.line
    while before and not script.line(before).strip():
        before -= 1
    margin = len(str(last.line + 1)) + 1

    def bar(number: str) -> str:
        return style(f"{number:>{margin}} |", "blue", color=color)

    lines = [bar("")]
    if before != first.line and script.line(before):
        # A blank line says nothing by itself: the last one with text goes with it.
        lines.append(f"{bar(str(before + 1))} {_marked(script.line(before), 0, 0)[0]}")
    for number in numbers:
        text = script.line(number)
        start = first.column if number == first.line else len(text) - len(text.lstrip())
        end = last.column if number == last.line else len(text)
        shown, carets = _marked(text, start, end)
        lines.append(f"{bar(str(number + 1))} {shown}".rstrip())
        lines.append(f"{bar('')} {carets[0]}{style(carets[1], 'bold', tone, color=color)}")
        if number != last.line and last.line - first.line > 1:
            lines.append(style(f"{'':{margin}} :", "blue", color=color))
    return lines, margin


def _marked(text: str, start: int, end: int) -> tuple[str, tuple[str, str]]:
    """A line as it is shown, the blanks in front of its carets, and the carets."""
    cells, columns = [], [0]
    for character in visible(text):
        at = columns[-1]
        cell = " " * (TAB - at % TAB) if character == "\t" else character
        cells.append(cell)
        columns.append(at + (len(cell) if character == "\t" else _columns(character)))
    start = min(start, len(cells))
    end = min(max(end, start), len(cells))
    while start and start < len(cells) and columns[start] == columns[start + 1]:
        start -= 1  # an accent is shown with the letter that it stands on
    left, right = 0, len(cells)
    if columns[-1] > LINE_WIDTH:
        # Too long to be shown whole: a window around where the span starts.
        while columns[start] - columns[left] > LINE_WIDTH // 3:
            left += 1
        while columns[right] - columns[left] > LINE_WIDTH:
            right -= 1
    before = "..." if left else ""
    after = "..." if right < len(cells) else ""
    shown = f"{before}{''.join(cells[left:right])}{after}"
    blanks = len(before) + columns[start] - columns[left]
    count = max(columns[min(end, right)] - columns[start], 1)
    return shown, (" " * blanks, "^" * count)


# --- tables -----------------------------------------------------------------------------------


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    color: bool,
    numbers: Iterable[str] = (),
    indent: str = "",
) -> str:
    """Rows under headings, in columns; the columns named in `numbers` stand to the right."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    right = [heading in numbers for heading in headings]
    widths = [
        max([width(heading), *(width(row[place]) for row in cells)])
        for place, heading in enumerate(headings)
    ]

    def line(row: Sequence[str]) -> str:
        parts = []
        for cell, wide, to_right in zip(row, widths, right, strict=True):
            blanks = " " * (wide - width(cell))
            parts.append(blanks + cell if to_right else cell + blanks)
        return f"{indent}{'  '.join(parts)}".rstrip()

    return "\n".join([style(line(headings), "bold", color=color), *(line(row) for row in cells)])


def postings(result: ExecutionResult, *, color: bool, indent: str = "") -> str:
    """The postings of a run as a table."""
    return posting_table(result.postings, color=color, indent=indent)


def posting_table(found: Sequence[Posting], *, color: bool, indent: str = "") -> str:
    """Postings as a table, with a column for colours only where there is one."""
    if not found:
        return f"{indent}no postings"
    colored = any(posting.color for posting in found)
    headings = ["Source", "Destination", "Asset", *(["Color"] if colored else []), "Amount"]
    rows = [
        [
            posting.source,
            posting.destination,
            posting.asset,
            *([posting.color] if colored else []),
            str(posting.amount),
        ]
        for posting in found
    ]
    return table(headings, rows, color=color, numbers=("Amount",), indent=indent)


def titled(title: str, text: str, *, color: bool) -> str:
    """Text under a title."""
    return f"{style(title, 'underline', color=color)}\n{text}"


def result(outcome: ExecutionResult, *, color: bool) -> str:
    """All that a run yields, for a person."""
    parts = []
    if outcome.printed:
        parts.append(titled("Printed", "\n".join(map(visible, outcome.printed)), color=color))
    parts.append(postings(outcome, color=color))
    if outcome.tx_metadata:
        rows = list(outcome.tx_metadata.items())
        text = table(("Key", "Value"), rows, color=color)
        parts.append(titled("Transaction metadata", text, color=color))
    if outcome.account_metadata:
        triples = _triples(outcome.account_metadata)
        text = table(("Account", "Key", "Value"), triples, color=color)
        parts.append(titled("Account metadata", text, color=color))
    return "\n\n".join(parts)


def _triples(metadata: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str]]:
    return [
        (account, key, text) for account, items in metadata.items() for key, text in items.items()
    ]


# --- cases of spec files ----------------------------------------------------------------------


def outcome(failed: Outcome, *, color: bool) -> str:
    """What is the matter with a case that failed: what it was given, what differs."""
    given = _given(failed, color)
    parts = [given] if given else []
    for mismatch in failed.mismatches:
        if mismatch.expectation == "expect.error":
            parts.append(_error_mismatch(failed, color))
        else:
            parts.append(_mismatch(mismatch, color))
    return "\n\n".join(parts)


def _given(failed: Outcome, color: bool) -> str:
    """The inputs of a case, one a line; not all of them where they are many."""
    inputs = failed.inputs
    rows = [
        *(("$" + name, _value(value)) for name, value in inputs.variables.items()),
        *(
            (f"@{account}", f"{asset} {amount}" + (f" of color {tint}" if tint else ""))
            for (account, asset, tint), amount in inputs.balances.items()
        ),
        *((f"@{account}", f"{key}: {text}") for account, key, text in _triples(inputs.metadata)),
    ]
    if not rows:
        return ""
    limit = 20
    more = f"\n    and {len(rows) - limit} more" if len(rows) > limit else ""
    wide = max(width(one_line(name)) for name, _ in rows[:limit])
    lines = [
        f"    {one_line(name)}{' ' * (wide - width(one_line(name)))}  {one_line(text)}"
        for name, text in rows[:limit]
    ]
    return f"{style('  given', 'dim', color=color)}\n" + "\n".join(lines) + more


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{value.get('asset')} {value.get('amount')}"
    return str(value)


def _error_mismatch(failed: Outcome, color: bool) -> str:
    expected = " or ".join(
        f"{kind.title} ({kind.code})" for kind in failed.case.expectations.errors
    )
    if failed.error is not None:
        wanted = f"but with another error than {expected}" if expected else "and it should not"
        head = f"  the script failed, {wanted}:"
        return f"{head}\n\n{_indented(diagnostics(failed.error.diagnostics, color=color))}"
    head = f"  the script succeeded, but it should have failed with {expected}"
    if failed.result is None:
        return head
    return f"{head}\n{postings(failed.result, color=color, indent='    ')}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))


_MARKS = {"": (" ", ""), "missing": ("-", "red"), "not expected": ("+", "green")}


def _mismatch(mismatch: Mismatch, color: bool) -> str:
    """Expected and received rows beside each other, with a word for each that differs."""
    amounts = not mismatch.expectation.endswith("etadata")
    columns = [
        place
        for place, name in enumerate(mismatch.columns)
        if name != "color" or any(row.cells[place] for row in mismatch.rows)
    ]
    headings = [mismatch.columns[place].capitalize() for place in columns]
    rows = [
        [
            *(row.cells[place] for place in columns),
            "-" if row.expected is None else str(row.expected),
            "-" if row.received is None else str(row.received),
            "moved" if row.word and mismatch.reordered else row.word,
        ]
        for row in mismatch.rows
    ]
    both = ("Expected", "Received")
    text = table(
        [*headings, *both, ""], rows, color=False, numbers=both if amounts else (), indent="    "
    )
    heading, *lines = text.split("\n")
    marked = [_mark(line, row, color) for line, row in zip(lines, mismatch.rows, strict=True)]
    title = f"  {mismatch.expectation}: {_summary(mismatch)}"
    return "\n".join([title, style(heading, "bold", color=color), *marked])


def _mark(line: str, row: Difference, color: bool) -> str:
    mark, tone = _MARKS.get(row.word, ("~", "yellow"))
    return style(f"  {mark} {line[4:]}", tone, color=color) if tone else line


def _summary(mismatch: Mismatch) -> str:
    if mismatch.reordered:
        return "the same postings in another order"
    words = [row.word for row in mismatch.rows]
    counts = [(word, words.count(word)) for word in ("different", "missing", "not expected")]
    return ", ".join(f"{count} {word}" for word, count in counts if count)


# --- the catalogue ----------------------------------------------------------------------------


def page(kind: type[Kind], *, color: bool) -> str:
    """The page of a kind of error, as `numscript explain` prints it."""
    tone = _SEVERITY_STYLES[kind.severity.word]
    title = style(f"{kind.severity.word} {kind.code}", "bold", tone, color=color)
    lines = [f"{title}: {style(kind.title, 'bold', color=color)}", ""]
    fence = ""
    for line in page_text(kind).split("\n"):
        if line.startswith("```"):
            language = line[3:]
            fence = "" if fence else language
            if fence:
                lines.append(style(_FENCES.get(fence, ""), "dim", color=color))
        else:
            lines.append(style(f"    {line}".rstrip(), "cyan", color=color) if fence else line)
    names = ", ".join(dict.fromkeys((kind.__name__, *kind.reference)))
    lines += ["", style(f"Names: {names}", "dim", color=color)]
    text = "\n".join(lines)
    return re.sub(r"\n{3,}", "\n\n", text)


_FENCES = {"numscript": "For example:", "json": "with these inputs:", "python": "In Python:"}


def page_text(kind: type[Kind]) -> str:
    """The page of a kind as Markdown."""
    from inspect import cleandoc

    return cleandoc(kind.__doc__ or "")


# --- machines ---------------------------------------------------------------------------------


def error_dict(error: NumscriptError) -> dict[str, object]:
    """An error for a machine: one sentence, and the diagnostics."""
    first = error.diagnostics[0]
    return {
        "error": f"{first.code}: {first.message}",
        "diagnostics": [diagnostic.to_dict() for diagnostic in error.diagnostics],
    }


def outcome_dict(done: Outcome) -> dict[str, object]:
    """The outcome of a case for a machine."""
    tree: dict[str, object] = {"it": done.case.it, "status": done.status.value}
    if done.result is not None:
        tree["postings"] = [posting.to_dict() for posting in done.result.postings]
    if done.mismatches:
        tree["mismatches"] = [
            {
                "expectation": mismatch.expectation,
                "expected": mismatch.expected,
                "received": mismatch.received,
            }
            for mismatch in done.mismatches
        ]
    if done.error is not None:
        tree["diagnostics"] = [diagnostic.to_dict() for diagnostic in done.error.diagnostics]
    return tree


def program_dict(program: Program) -> dict[str, object]:
    """A compiled program for a machine: its tables, and its code by piece."""
    from numscript.diagnostics import plain

    return {
        "script": program.script.name,
        "constants": [
            {"type": constant.type, "value": plain(_printed(constant.value))}
            for constant in program.constants
        ],
        "variables": [{"name": item.name, "type": item.type} for item in program.supplied],
        "slots": list(program.slots),
        "balances": [row._asdict() for row in program.balances],
        "metadata": [row._asdict() for row in program.metadata],
        "code": {
            "bind": _instructions(program, program.bind_code),
            "needs": _instructions(program, program.needs_code),
            "probes": [_instructions(program, probe) for probe in program.probes],
            "main": _instructions(program, program.main),
        },
    }


def _printed(value: object) -> object:
    """A constant as text; an allotment as its shares of the whole."""
    from numscript.bytecode.program import Allotment

    if isinstance(value, Allotment):
        return [f"{numerator}/{value.denominator}" for numerator in value.numerators]
    return value


def _instructions(program: Program, code: Code) -> list[dict[str, object]]:
    from numscript.bytecode.opcodes import BY_BYTE

    rows: list[dict[str, object]] = []
    for at, (byte, *operands) in enumerate(code.instructions):
        row = BY_BYTE[byte]
        line, column = program.script.position(code.span(at).start)
        rows.append(
            {
                "op": row.name,
                "operands": operands[: len(row.operands)],
                "line": line + 1,
                "column": column + 1,
            }
        )
    return rows
