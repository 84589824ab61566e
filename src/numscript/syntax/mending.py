"""Unfinished text to the best node that can be made of it: what was read well stays in the tree.

Where a text does not fit, the parser gives up what it has read of a construct: values in the order
of the text, which are nodes, lists of nodes, and the words and signs between them. A statement or
block of declarations is made of them as far as they go, with `Broken` in the places of what is
missing; of anything else a `Broken` node that holds the pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, get_args

from numscript.prelude import BUILTINS
from numscript.syntax import nodes

Values: TypeAlias = Sequence[Any]
"""Nodes, lists of nodes, text of words and signs, pairs of text and place (account segments)."""

_EXPRESSIONS = tuple(set(get_args(nodes.Expression)) - {nodes.Broken})
_SENT = get_args(nodes.SentValue)
_SOURCES = get_args(nodes.Source)
_DESTINATIONS = get_args(nodes.Destination)


def swallowed_call(values: Values) -> tuple[Values, nodes.FnCall | None]:
    """A statement at the end of what an unfinished one before it was read as, and the values left.

    `source =` goes on with `set_tx_meta("k", 1)` of the next line, as any call is an expression;
    that one is a statement, the names of calls tell.
    """
    if len(values) < 2:
        return values, None
    last, rest = values[-1], values[:-1]
    if isinstance(last, list) and last:
        rest = [*rest, last[:-1]] if last[:-1] else rest
        last = last[-1]
    if isinstance(last, (nodes.SourceAccount, nodes.DestinationAccount)):
        last = last.address
    builtin = BUILTINS.get(last.name) if isinstance(last, nodes.FnCall) else None
    return (rest, last) if builtin is not None and builtin.statement else (values, None)


def broken(values: Values, starts: Sequence[int], end: int) -> nodes.Broken:
    """A place that could not be read, with the nodes among its values."""
    pieces: list[nodes.Node] = []
    for value in values:
        if isinstance(value, nodes.Node):
            pieces.append(value)
        elif isinstance(value, list):
            pieces += (item for item in value if isinstance(item, nodes.Node))
    return nodes.Broken(starts[0] if starts else end, end, tuple(pieces))


def _part(values: Values, end: int) -> nodes.Node:
    """What a clause was given: its one value, or what there is of it."""
    if len(values) == 1 and isinstance(values[0], nodes.Node):
        return values[0]
    pieces = broken(values, (), end).pieces
    start = pieces[0].start if pieces else end
    return nodes.Broken(min(start, end), end, pieces)


def _sent(values: Values, end: int) -> Any:
    part = _part(values, end)
    if isinstance(part, _EXPRESSIONS):
        return nodes.SentValueLiteral(part.start, part.end, part)
    return part if isinstance(part, _SENT) else nodes.Broken(part.start, part.end, (part,))


def _source(values: Values, end: int) -> Any:
    part = _part(values, end)
    if isinstance(part, _EXPRESSIONS):
        return nodes.SourceAccount(part.start, part.end, part, None)
    return part if isinstance(part, _SOURCES) else nodes.Broken(part.start, part.end, (part,))


def _destination(values: Values, end: int) -> Any:
    part = _part(values, end)
    if isinstance(part, _EXPRESSIONS):
        return nodes.DestinationAccount(part.start, part.end, part)
    return part if isinstance(part, _DESTINATIONS) else nodes.Broken(part.start, part.end, (part,))


def _send(values: Values, starts: Sequence[int], end: int) -> nodes.SendStatement:
    """`send VALUE ( source = ... destination = ...`, as far as it goes."""
    clauses: dict[str, list[Any]] = {"sent": [], "(": [], "source": [], "destination": []}
    clause = "sent"
    for value in values[1:]:
        if isinstance(value, str) and value in ("source", "destination"):
            clause = value
        elif value == "(" and clause == "sent" and clauses["sent"]:
            clause = "("
        elif value != "=" and not (clause == "(" and isinstance(value, str)):
            clauses[clause].append(value)
    # Clauses that were read to their end stand alone behind the bracket.
    for value in clauses["("]:
        where = "source" if isinstance(value, _SOURCES) else "destination"
        if not clauses[where]:
            clauses[where].append(value)
    sent = _sent(clauses["sent"], _end_of(clauses["sent"], end))
    source = _source(clauses["source"], _end_of(clauses["source"], end))
    destination = _destination(clauses["destination"], _end_of(clauses["destination"], end))
    return nodes.SendStatement(starts[0], end, sent, source, destination)


def _end_of(values: Values, end: int) -> int:
    """Where the last node among values ends; of none, where the construct does."""
    found = broken(values, (), end).pieces
    return found[-1].end if found else end


def _save(values: Values, starts: Sequence[int], end: int) -> nodes.SaveStatement:
    """`save VALUE from ACCOUNT`, as far as it goes."""
    at = values.index("from") if "from" in values else len(values)
    sent = _sent(values[1:at], _end_of(values[1:at], end))
    account: Any = _part(values[at + 1 :], end)
    if not isinstance(account, _EXPRESSIONS):
        account = nodes.Broken(account.start, end, (account,))
    return nodes.SaveStatement(starts[0], end, sent, account)


def _print(values: Values, starts: Sequence[int], end: int) -> nodes.PrintStatement:
    """`print EXPRESSION`, as far as it goes."""
    value: Any = _part(values[1:], end)
    if not isinstance(value, _EXPRESSIONS):
        value = broken(values[1:], starts[1:], end)
    return nodes.PrintStatement(starts[0], end, value)


def _call(values: Values, starts: Sequence[int], end: int) -> nodes.FnCall:
    """`name(ARGUMENTS`: what was not read of them is one broken argument more."""
    arguments: list[Any] = (
        list(values[2]) if len(values) > 2 and isinstance(values[2], list) else []
    )
    read = 3 if arguments else 2
    missing = broken(values[read:], starts[read:], end)
    return nodes.FnCall(starts[0], end, values[0], (*arguments, missing))


def _variables(values: Values, starts: Sequence[int], end: int) -> nodes.VarsDeclaration:
    """`vars { DECLARATIONS`, the last of which may lack its name or origin."""
    declarations: list[Any] = []
    for number, value in enumerate(values):
        if isinstance(value, list):
            declarations += value
        elif number > 1:
            declarations.append(_declaration(values[number:], starts[number:], end))
            break
    return nodes.VarsDeclaration(starts[0], end, tuple(declarations))


def _declaration(
    values: Values, starts: Sequence[int], end: int
) -> nodes.VarDeclaration | nodes.Broken:
    """`TYPE $name = EXPRESSION`, as far as it goes."""
    if len(values) < 2 or not isinstance(values[1], nodes.Variable):
        return broken(values, starts, end)
    origin: Any = None
    if len(values) > 2:
        origin = _part(values[3:], end)
        if not isinstance(origin, _EXPRESSIONS):
            origin = nodes.Broken(origin.start, end, (origin,))
    return nodes.VarDeclaration(starts[0], end, values[0], values[1], origin)


def _features(values: Values, starts: Sequence[int], end: int) -> nodes.FeatureDeclaration:
    """`#![feature(FLAGS`, as far as it goes."""
    flags = broken(values, starts, end).pieces
    return nodes.FeatureDeclaration(
        starts[0], end, tuple(flag for flag in flags if isinstance(flag, nodes.StringLiteral))
    )


def _value(values: Values, starts: Sequence[int], end: int) -> nodes.Node:
    """A call as far as it goes, or whatever else was to be a value."""
    called = len(values) > 1 and isinstance(values[0], str) and values[1] == "("
    return (_call if called else broken)(values, starts, end)


def _statement(values: Values, starts: Sequence[int], end: int) -> nodes.Node:
    """A statement or a declaration at the head of the script, by the word that it starts with."""
    head = values[0] if isinstance(values[0], str) else ""
    return _BY_WORD.get(head, _value)(values, starts, end)


Mend: TypeAlias = Callable[[Values, Sequence[int], int], nodes.Node]
_BY_WORD: dict[str, Mend] = {
    "#!": _features,
    "print": _print,
    "save": _save,
    "send": _send,
    "vars": _variables,
}
MENDERS: dict[str, Mend] = {
    "expression": _value,
    "term": _value,
    "factor": _value,
    "statement": _statement,
    "var_declaration": _declaration,
    "vars_declaration": _statement,
    "feature_declaration": _statement,
}
"""What makes the node for an unfinished construct, by the name of what stands in its place.

It is given the values, where each of them starts, and where the last one ends. For anything else
there is `broken`.
"""
