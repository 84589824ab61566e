"""The variables and accounts that a spec file names, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from numscript.prelude import Type
from numscript.script import Span
from numscript_lsp import json_tree
from numscript_lsp.tokens import Occurrence, Symbol, SymbolKind

ADDRESS_KEYS = {"account", "source", "destination"}


def occurrences(
    tree: json_tree.Value | None, types: Mapping[str, str] | None = None
) -> Iterator[Occurrence]:
    """Every variable and account of a spec file; spans lie between the quotes.

    types: the declared type by variable, so that accounts given as variables are found too.
    """
    for path, value in json_tree.walk(tree):
        if not isinstance(value, json_tree.Object):
            continue
        holder = path[-1] if path else ""
        for key, inner in value.members:
            if holder == "variables":
                yield Occurrence(Symbol(SymbolKind.VARIABLE, key.value), key.inside)
                if types and types.get(key.value) == Type.ACCOUNT:
                    yield from _account(inner)
            elif holder in ("metadata", "expect.metadata"):
                yield Occurrence(Symbol(SymbolKind.ACCOUNT, key.value), key.inside)
            elif key.value in ADDRESS_KEYS:
                yield from _account(inner)


def _account(value: json_tree.Value | None) -> Iterator[Occurrence]:
    if isinstance(value, json_tree.Text):
        yield Occurrence(Symbol(SymbolKind.ACCOUNT, value.value), value.inside)


def symbol_at(
    tree: json_tree.Value | None, offset: int, types: Mapping[str, str] | None = None
) -> Occurrence | None:
    """The variable or account at an offset."""
    for found in occurrences(tree, types):
        if found.span.start <= offset <= found.span.end:
            return found
    return None


def occurrences_of(
    tree: json_tree.Value | None, symbol: Symbol, types: Mapping[str, str] | None = None
) -> tuple[Span, ...]:
    """Every place of a spec file that names a symbol."""
    return tuple(found.span for found in occurrences(tree, types) if found.symbol == symbol)
