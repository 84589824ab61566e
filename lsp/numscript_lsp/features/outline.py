"""Outline and symbols: what a script consists of, as a tree with names."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import NamedTuple

from numscript.analysis.checked import CheckedProgram
from numscript.script import Span
from numscript.syntax import nodes
from numscript_lsp.tokens import SymbolKind, occurrences
from numscript_lsp.tree import walk

LONGEST = 60
"""How many characters of the text a name shows."""


@unique
class EntryKind(StrEnum):
    """What an entry is."""

    FEATURES = "features"
    FLAG = "flag"
    VARIABLES = "variables"
    VARIABLE = "variable"
    STATEMENT = "statement"
    CALL = "call"
    ACCOUNT = "account"
    CASE = "case"


class Entry(NamedTuple):
    """A part of a script: its name, what is said beside it, all of it and its name's place."""

    name: str
    detail: str
    kind: EntryKind
    span: Span
    name_span: Span
    children: tuple[Entry, ...] = ()


def outline(checked: CheckedProgram) -> tuple[Entry, ...]:
    """The parts of a script, in the order of the text."""
    program = checked.program
    entries: list[Entry] = []
    if program.features is not None:
        flags = program.features
        rows = tuple(Entry(f.string, "", EntryKind.FLAG, f.span, f.span) for f in flags.flags)
        entries.append(Entry("features", "", EntryKind.FEATURES, flags.span, flags.span, rows))
    if program.vars is not None:
        span = program.vars.span
        declared = program.vars.declarations
        rows = tuple(_variable(row) for row in declared if isinstance(row, nodes.VarDeclaration))
        name_span = Span(span.start, min(span.end, span.start + len("vars")))
        entries.append(Entry("vars", "", EntryKind.VARIABLES, span, name_span, rows))
    for statement in program.statements:
        entries += _statement(statement, checked.script.text)
    return tuple(entries)


def _variable(row: nodes.VarDeclaration) -> Entry:
    return Entry(f"${row.variable.name}", row.type, EntryKind.VARIABLE, row.span, row.variable.span)


def _statement(statement: nodes.Statement, text: str) -> list[Entry]:
    kind = EntryKind.STATEMENT
    detail = ""
    match statement:
        case nodes.SendStatement():
            name = f"send {_shown(statement.sent, text)}"
            given, taken = _accounts(statement.source, text), _accounts(statement.destination, text)
            detail = _cut(f"{', '.join(given)} → {', '.join(taken)}" if given or taken else "")
        case nodes.SaveStatement():
            name = f"save {_shown(statement.sent, text)}"
            detail = _shown(statement.address, text)
        case nodes.FnCall():
            name, kind = statement.name, EntryKind.CALL
            detail = ", ".join(_shown(argument, text) for argument in statement.arguments)
        case nodes.PrintStatement():
            name = f"print {_shown(statement.value, text)}"
        case nodes.FailStatement():
            name = "fail"
        case _:
            return []
    word = name.partition(" ")[0]
    name_span = Span(statement.start, min(statement.end, statement.start + len(word)))
    return [Entry(_cut(name), _cut(detail), kind, statement.span, name_span)]


def _accounts(node: nodes.Node, text: str) -> tuple[str, ...]:
    """The accounts below a source or destination, as they are written, each once."""
    found: dict[str, None] = {}
    for inner in walk(node):
        match inner:
            case nodes.SourceAccount() | nodes.SourceOverdraft() | nodes.SourceWithScaling():
                found[_shown(inner.address, text)] = None
            case nodes.DestinationAccount():
                found[_shown(inner.address, text)] = None
            case nodes.DestinationKept():
                found["kept"] = None
            case _:
                pass
    return tuple(found)


def _shown(node: nodes.Node, text: str) -> str:
    return _cut(" ".join(text[node.start : node.end].split()))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def search(checked: CheckedProgram, query: str) -> tuple[Entry, ...]:
    """Variables, statements and accounts whose name or detail holds the letters of a query.

    The letters need to be there in their order only, in whatever case; all fit an empty query.
    """
    entries = [entry for part in outline(checked) for entry in (part, *part.children)]
    named = [e for e in entries if e.kind not in (EntryKind.FEATURES, EntryKind.VARIABLES)]
    accounts: dict[str, Entry] = {}
    for found in occurrences(checked.parsed):
        if found.symbol.kind is SymbolKind.ACCOUNT:
            name, span = found.symbol.shown, found.span
            accounts.setdefault(name, Entry(name, "", EntryKind.ACCOUNT, span, span))
    rows = (*named, *accounts.values())
    return tuple(entry for entry in rows if fits(query, f"{entry.name} {entry.detail}"))


def fits(query: str, text: str) -> bool:
    """Whether a text has the letters of a query in their order."""
    letters = iter(text.casefold())
    return all(letter in letters for letter in query.casefold() if not letter.isspace())
