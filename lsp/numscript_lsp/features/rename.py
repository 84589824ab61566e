"""Rename: a variable or an account, in its script and in the spec file beside it."""

from __future__ import annotations

import re

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import WORLD
from numscript.syntax import tables
from numscript_lsp import specs_symbols
from numscript_lsp.features.records import Edit
from numscript_lsp.json_tree import Value
from numscript_lsp.tokens import Symbol, SymbolKind, occurrences_of


class RenameRefused(ValueError):  # noqa: N818 - it is the client's answer
    """A name that cannot be given; the message says why."""


_FORMS = {
    SymbolKind.VARIABLE: (
        re.compile(tables.PATTERNS["VARIABLE"]),
        "small letters, digits and `_`, not a digit first",
    ),
    SymbolKind.ACCOUNT: (
        re.compile(r"@[a-zA-Z0-9_-]+(:[a-zA-Z0-9_-]+)*"),
        "letters, digits, `_` and `-`, its segments joined by `:`",
    ),
}


def refuse(symbol: Symbol) -> None:
    """Raise RenameRefused where a symbol has a name that is not the script's to choose."""
    if symbol == Symbol(SymbolKind.ACCOUNT, WORLD):
        raise RenameRefused("`@world` is the language's own account and keeps its name")


def new_symbol(checked: CheckedProgram, symbol: Symbol, text: str) -> Symbol:
    """The symbol under the name that a user typed, with or without its sign.

    Raises RenameRefused where it cannot have that name.
    """
    refuse(symbol)
    sign = symbol.shown[0]
    name = text.strip().removeprefix(sign)
    form, advice = _FORMS[symbol.kind]
    if not form.fullmatch(sign + name):
        raise RenameRefused(f"`{text}` is no name for the {symbol.kind}: use {advice}")
    renamed = Symbol(symbol.kind, name)
    if renamed != symbol and symbol.kind is SymbolKind.VARIABLE and name in checked.variables:
        raise RenameRefused(f"`{renamed.shown}` is declared already")
    refuse(renamed)
    return renamed


def rename_in_script(checked: CheckedProgram, symbol: Symbol, renamed: Symbol) -> tuple[Edit, ...]:
    """The edits of a script."""
    return tuple(Edit(span, renamed.name) for span in occurrences_of(checked.parsed, symbol))


def rename_in_specs(
    checked: CheckedProgram, tree: Value | None, symbol: Symbol, renamed: Symbol
) -> tuple[Edit, ...]:
    """The edits of the spec file beside a script."""
    types = {name: row.type for name, row in checked.variables.items()}
    spans = specs_symbols.occurrences_of(tree, symbol, types)
    return tuple(Edit(span, renamed.name) for span in spans)
