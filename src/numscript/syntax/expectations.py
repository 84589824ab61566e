"""What could stand at a place of a text, in the language's words: for the messages of errors."""

from __future__ import annotations

from numscript.syntax import tables
from numscript.syntax.lexer import END

_NAMES = {
    "program": "a statement",
    "_statements": "a statement",
    "statement": "a statement",
    "feature_declaration": "`#![feature(...)]`",
    "vars_declaration": "`vars`",
    "_var_declarations": "a declaration such as `account $seller`",
    "var_declaration": "a declaration such as `account $seller`",
    "declared_variable": "a variable's name such as `$seller`",
    "_flags": "the name of a feature in quotes",
    "flag": "the name of a feature in quotes",
    "sent_value": "what to send, such as `[USD/2 100]`",
    "source_clause": "`source =`",
    "destination_clause": "`destination =`",
    "source": "a source",
    "_sources": "a source",
    "_source_allotment_items": "a portion",
    "source_allotment_item": "a portion",
    "allotment": "a portion",
    "destination": "a destination",
    "_destination_allotment_items": "a portion",
    "destination_allotment_item": "a portion",
    "_capped_clauses": "`max`",
    "capped_kept_or_destination": "`max`",
    "kept_or_destination": "`to` or `kept`",
    "expression": "a value",
    "term": "a value",
    "factor": "a value",
    "atom": "a value",
    "account": "an account",
    "_arguments": "an argument",
    "$END": "the end of the script",
    "IDENTIFIER": "a name",
    "VARIABLE": "a variable",
    "STRING": "a string",
}
_CONTINUATIONS = {
    "ACCOUNT_SEGMENT",
    "BACKSLASH",
    "MINUS",
    "PLUS",
    "SLASH",
    "_account_segments",
    "account_segment",
    "color",
}
"""What may always go on an expression: named only where nothing else could stand."""
_SPELLED = {number: text for text, number in tables.WORDS.items()}


def _name(symbol: int) -> str:
    name = tables.NONTERMINALS[~symbol] if symbol < 0 else tables.TERMINALS[symbol]
    if symbol in _SPELLED:
        return f"`{_SPELLED[symbol]}`"
    return _NAMES.get(name, name)


def expected(states: list[int]) -> str:
    """What could stand where the parser is, in the language's words."""
    symbols: set[int] = set()
    seen: set[tuple[int, ...]] = set()
    open_stacks = [states]
    while open_stacks:
        stack = open_stacks.pop()
        key = (len(stack), stack[-1])
        if key in seen:
            continue
        seen.add(key)
        waits, completes = tables.AHEAD[stack[-1]]
        symbols.update(waits)
        for rule in completes:
            left, length, _ = tables.RULES[rule]
            rest = stack[: len(stack) - length]
            goto = tables.GOTOS[rest[-1]].get(left)
            if goto is not None:
                open_stacks.append([*rest, goto])
            else:
                symbols.add(END)
    plain = {s for s in symbols if _symbol_name(s) not in _CONTINUATIONS}
    names = dict.fromkeys(sorted(_name(symbol) for symbol in plain or symbols))
    listed = sorted(names, key=lambda name: (name.startswith("`"), name))
    if len(listed) > 6:
        listed = [*listed[:6], "..."]
        return ", ".join(listed)
    return " or ".join((", ".join(listed[:-1]), listed[-1])) if len(listed) > 1 else listed[0]


def _symbol_name(symbol: int) -> str:
    return tables.NONTERMINALS[~symbol] if symbol < 0 else tables.TERMINALS[symbol]
