"""The tokens of a script by place, and the symbols among them: variables and accounts.

Tokens are there in broken text too, where the tree has holes; what names something is found here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum, unique
from typing import NamedTuple

from numscript.script import Span
from numscript.syntax import tables
from numscript.syntax.parser import Parsed

_VARIABLE = tables.TERMINALS.index("VARIABLE")
_ACCOUNT = tables.TERMINALS.index("ACCOUNT")
_SEGMENT = tables.TERMINALS.index("ACCOUNT_SEGMENT")
_IDENTIFIER = tables.TERMINALS.index("IDENTIFIER")
_STATEMENTS = {tables.WORDS[word] for word in ("send", "save", "print", "fail")}
_INTERPOLATED = re.compile(r"\$[a-z_]+[a-z0-9_]*")


class Token(NamedTuple):
    """A token: the terminal's name, its text, its place, its number among the tokens."""

    terminal: str
    text: str
    span: Span
    number: int


@unique
class SymbolKind(StrEnum):
    """What has a name of its own in a script."""

    VARIABLE = "variable"
    ACCOUNT = "account"


class Symbol(NamedTuple):
    """A variable or an account, its name without `$` or `@`."""

    kind: SymbolKind
    name: str

    @property
    def shown(self) -> str:
        """The name as scripts write it."""
        return ("$" if self.kind is SymbolKind.VARIABLE else "@") + self.name


class Occurrence(NamedTuple):
    """A place that names a symbol; the span leaves the `$` or `@` out."""

    symbol: Symbol
    span: Span


def token_at(parsed: Parsed, offset: int) -> Token | None:
    """The token around an offset or, where none is, the one that ends there."""
    starts, ends = parsed.tokens.starts, parsed.tokens.ends
    number = bisect_right(starts, offset) - 1
    for candidate in (number, number - 1):
        if candidate >= 0 and starts[candidate] <= offset <= ends[candidate]:
            if candidate == number and starts[number] == ends[number]:
                continue
            return _token(parsed, candidate)
    return None


def tokens_before(parsed: Parsed, offset: int) -> int:
    """How many tokens end at an offset or before it."""
    return bisect_right(parsed.tokens.ends, offset)


def _token(parsed: Parsed, number: int) -> Token:
    kinds, starts, ends, _ = parsed.tokens
    span = Span(starts[number], ends[number])
    text = parsed.script.text[span.start : span.end]
    return Token(tables.TERMINALS[kinds[number]], text, span, number)


def occurrences(parsed: Parsed) -> Iterator[Occurrence]:
    """Every variable and account of a script, in the order of the text.

    An account with variables in it names those, but is no symbol itself.
    """
    text = parsed.script.text
    kinds, starts, ends, _ = parsed.tokens
    for number, kind in enumerate(kinds):
        if kind == _VARIABLE:
            span = Span(starts[number] + 1, ends[number])
            yield Occurrence(Symbol(SymbolKind.VARIABLE, text[span.start : span.end]), span)
        elif kind == _ACCOUNT:
            last = number
            while last + 1 < len(kinds) and kinds[last + 1] == _SEGMENT:
                last += 1
            pieces = [text[starts[n] : ends[n]] for n in range(number, last + 1)]
            name = "".join(pieces)[1:]
            if "$" not in name:
                whole = Span(starts[number] + 1, ends[last])
                yield Occurrence(Symbol(SymbolKind.ACCOUNT, name), whole)
                continue
            for found in _INTERPOLATED.finditer(text, starts[number], ends[last]):
                inner = Span(found.start() + 1, found.end())
                yield Occurrence(Symbol(SymbolKind.VARIABLE, found[0][1:]), inner)


def account_names(parsed: Parsed) -> Iterator[tuple[str, int, int]]:
    """Every account without variables, its name and where its token starts and ends.

    Where blanks stand inside an account, only what stands before them is taken.
    """
    text = parsed.script.text
    for kind, start, end in zip(*parsed.tokens[:3], strict=True):
        if kind == _ACCOUNT and "$" not in (name := text[start + 1 : end]):
            yield name, start, end


def symbol_at(parsed: Parsed, offset: int) -> Occurrence | None:
    """The variable or account at an offset, its sign and its end included."""
    for found in occurrences(parsed):
        if found.span.start - 1 <= offset <= found.span.end:
            return found
        if found.span.start - 1 > offset:
            return None
    return None


def occurrences_of(parsed: Parsed, symbol: Symbol) -> tuple[Span, ...]:
    """Every place of a script that names a symbol."""
    return tuple(found.span for found in occurrences(parsed) if found.symbol == symbol)


def declarations(parsed: Parsed) -> Iterator[tuple[str, str, int]]:
    """Name, type and end of every variable in `vars`, also where that is not closed yet."""
    text = parsed.script.text
    kinds, starts, ends, _ = parsed.tokens
    for number in range(len(kinds) - 1):
        if kinds[number] in _STATEMENTS:
            return
        if kinds[number] == _IDENTIFIER and kinds[number + 1] == _VARIABLE:
            name = text[starts[number + 1] + 1 : ends[number + 1]]
            yield name, text[starts[number] : ends[number]], ends[number + 1]
