"""Refactorings: an expression becomes a variable, and a `send` changes the order of its clauses."""

from __future__ import annotations

from collections.abc import Iterator

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import MID_SCRIPT_FUNCTION_CALL, TYPES, Type
from numscript.script import Span
from numscript.syntax import nodes
from numscript_lsp.features.actions import EXTRACT, REWRITE, Action, Given
from numscript_lsp.features.records import Edit
from numscript_lsp.features.rewriting import declared, enabled, expected_type, fresh_name
from numscript_lsp.features.selection import clause_spans
from numscript_lsp.tree import path_around, walk

_EXPRESSIONS = (
    nodes.AssetLiteral,
    nodes.NumberLiteral,
    nodes.StringLiteral,
    nodes.PercentageLiteral,
    nodes.AccountLiteral,
    nodes.MonetaryLiteral,
    nodes.Prefix,
    nodes.BinaryInfix,
    nodes.FnCall,
)
_NAMES = {
    Type.ACCOUNT: "account",
    Type.ASSET: "asset",
    Type.MONETARY: "amount",
    Type.NUMBER: "number",
    Type.PORTION: "share",
    Type.STRING: "text",
}


def refactorings(checked: CheckedProgram, span: Span) -> Iterator[Action]:
    """The refactorings that a place or a selection allows."""
    yield from extract_variable(checked, span)
    yield from change_order(checked, span)


def extract_variable(checked: CheckedProgram, span: Span) -> Iterator[Action]:
    """Give the selected expression a name in `vars`: worked out there, or given by the caller."""
    text = checked.script.text
    stripped = text[span.start : span.end]
    start = span.start + len(stripped) - len(stripped.lstrip())
    end = span.end - (len(stripped) - len(stripped.rstrip()))
    path = path_around(checked.program, Span(start, max(start, end)))
    while len(path) > 1 and not isinstance(path[-1], _EXPRESSIONS):
        path.pop()
    node = path[-1]
    if start >= end or not isinstance(node, _EXPRESSIONS) or node.span != (start, end):
        return
    kind = checked.types.get(id(node), Type.ANY)
    if kind is Type.ANY:
        kind = expected_type(checked, path)
    if kind not in TYPES or any(isinstance(part, nodes.Broken) for part in walk(node)):
        return
    if isinstance(path[-2], nodes.VarDeclaration):
        return  # It has a name already.
    name = fresh_name(checked, _wish(node, kind), _NAMES[kind])
    replaced = Edit(node.span, f"${name}")
    origin = text[node.start : node.end]
    computed = declared(checked, f"{kind} ${name} = {origin}", before=node)
    if computed is not None:
        edits = [computed, replaced]
        flag = None
        if not isinstance(node, nodes.FnCall):
            flag = enabled(checked, MID_SCRIPT_FUNCTION_CALL)
        if flag is not None:
            edits.append(flag)
        yield Action(f"Extract to the variable `${name}`", _joined(edits), kind=EXTRACT)
    given = declared(checked, f"{kind} ${name}", before=node)
    if given is not None:
        title = f"Have the caller give it, as `{kind} ${name}`"
        value = _json(node)
        change = Given(name, "added", value) if value else None
        yield Action(title, (given, replaced), kind=EXTRACT, given=change)


def _json(node: nodes.Node) -> str:
    """The value of a literal as a spec file gives it; nothing where a run must work it out."""
    match node:
        case nodes.NumberLiteral(number=number):
            return str(number)
        case nodes.AccountLiteral() if all(isinstance(part, str) for part in node.parts):
            return f'"{node.name}"'
        case nodes.AssetLiteral(asset=text) | nodes.StringLiteral(string=text):
            return f'"{text}"' if "\\" not in text else ""
        case nodes.PercentageLiteral(text=text):
            return f'"{text}%"'
        case nodes.MonetaryLiteral(
            asset=nodes.AssetLiteral(asset=asset), amount=nodes.NumberLiteral(number=number)
        ):
            return f'"{asset} {number}"'
        case nodes.BinaryInfix(
            operator="/",
            left=nodes.NumberLiteral(number=above),
            right=nodes.NumberLiteral(number=below),
        ) if above <= below:
            return f'"{above}/{below}"'
        case _:
            return ""


def _wish(node: nodes.Node, kind: Type) -> str:
    """A name that says something: of the function, or of the last part of an account."""
    if isinstance(node, nodes.FnCall):
        return node.name.removeprefix("get_")
    if isinstance(node, nodes.AccountLiteral) and isinstance(node.parts[-1], str):
        return node.parts[-1].rsplit(":", 1)[-1]
    return _NAMES[kind]


def _joined(edits: list[Edit]) -> tuple[Edit, ...]:
    """Edits in their order, where a flag and `vars` go in at one place the flag first."""
    return tuple(sorted(edits, key=lambda e: (e.span, not e.text.startswith("#!"))))


def change_order(checked: CheckedProgram, span: Span) -> Iterator[Action]:
    """Put the other clause of a `send` first: both orders mean the same."""
    path = path_around(checked.program, span)
    sends = [node for node in path if isinstance(node, nodes.SendStatement)]
    if not sends:
        return
    clauses = clause_spans(checked.parsed, sends[-1])
    if clauses is None:
        return
    text = checked.script.text
    source, destination = clauses
    title = "Put the destination before the source (older dialect)"
    if destination.start < source.start:
        title = "Put the source before the destination"
    yield Action(
        title,
        (
            Edit(source, text[destination.start : destination.end]),
            Edit(destination, text[source.start : source.end]),
        ),
        kind=REWRITE,
    )
