"""Definition, references and highlights: where a variable or an account is named."""

from __future__ import annotations

from typing import NamedTuple

from numscript.analysis.checked import CheckedProgram
from numscript.script import Span
from numscript_lsp.tokens import Occurrence, Symbol, SymbolKind, occurrences_of, symbol_at


class Highlight(NamedTuple):
    """A place that names the symbol at hand; whether that is where a value is given to it."""

    span: Span
    writes: bool


def find_symbol(checked: CheckedProgram, offset: int) -> Occurrence | None:
    """The variable or account at an offset."""
    return symbol_at(checked.parsed, offset)


def definition(checked: CheckedProgram, symbol: Symbol) -> Span | None:
    """Where a variable is declared; accounts are declared nowhere."""
    if symbol.kind is not SymbolKind.VARIABLE:
        return None
    declared = checked.variables.get(symbol.name)
    if declared is None:
        return None
    return Span(declared.variable.start + 1, declared.variable.end)


def references(
    checked: CheckedProgram, symbol: Symbol, *, declaration: bool = True
) -> tuple[Span, ...]:
    """Every place of the script that names a symbol, with or without its declaration."""
    left_out = None if declaration else definition(checked, symbol)
    return tuple(span for span in occurrences_of(checked.parsed, symbol) if span != left_out)


def highlights(checked: CheckedProgram, offset: int) -> tuple[Highlight, ...]:
    """Every place that names what stands at an offset."""
    found = find_symbol(checked, offset)
    if found is None:
        return ()
    declared = definition(checked, found.symbol)
    spans = references(checked, found.symbol)
    return tuple(Highlight(span, span == declared) for span in spans)
