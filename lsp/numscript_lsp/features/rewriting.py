"""The small changes of a script that fixes and refactorings are made of.

Each gives edits that keep the layout around it: lines that become empty go, new lines are
indented as their neighbours are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Sequence

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import BUILTINS, TYPES, Type
from numscript.script import Span
from numscript.syntax import nodes, tables
from numscript_lsp.features.records import Edit
from numscript_lsp.tree import walk

_VARS = tables.TERMINALS.index("VARS")
_FLAGS = tables.WORDS["#!"]
_LINE_COMMENT = re.compile(r"[ \t]*//[^\r\n]*")
_BLANKS = re.compile(r"[ \t]*")


def removed(text: str, span: Span) -> Edit:
    """Take a stretch away: with its lines and the comment behind it, where it has them alone."""
    start, end = span
    while start and text[start - 1] in " \t":
        start -= 1
    match = _LINE_COMMENT.match(text, end) or _BLANKS.match(text, end)
    behind = match.end() if match else end
    if start == 0 or text[start - 1] == "\n":
        for line_end in ("\r\n", "\n"):
            if text.startswith(line_end, behind):
                return Edit(Span(start, behind + len(line_end)), "")
        if behind == len(text):
            return Edit(Span(start, behind), "")
    return Edit(Span(start, end), "")


def indentation(text: str, offset: int) -> str | None:
    """The blanks in front of a place on its line; none where something else stands there."""
    start = text.rfind("\n", 0, offset) + 1
    blanks = text[start:offset]
    return blanks if not blanks.strip() else None


def added_behind(text: str, node: nodes.Node, new: str) -> Edit:
    """Put something behind a node: on a line of its own where the node has one."""
    blanks = indentation(text, node.start)
    if blanks is None:
        return Edit(Span(node.end, node.end), f" {new}")
    comment = _LINE_COMMENT.match(text, node.end)
    at = comment.end() if comment else node.end
    return Edit(Span(at, at), f"\n{blanks}{new}")


def added_before(text: str, node: nodes.Node, new: str) -> Edit:
    """Put something in front of a node: on a line of its own where the node has one."""
    blanks = indentation(text, node.start)
    between = " " if blanks is None else f"\n{blanks}"
    return Edit(Span(node.start, node.start), f"{new}{between}")


def declared(
    checked: CheckedProgram, declaration: str, before: nodes.Node | None = None
) -> Edit | None:
    """Add a declaration to `vars`, in front of another or behind all; nothing if `vars` is broken.

    before: something that uses it: where that lies in `vars`, the declaration goes in front.
    """
    text, program = checked.script.text, checked.program
    block = program.vars
    if block is None:
        if _VARS in checked.parsed.tokens.kinds:
            return None
        new = f"vars {{\n  {declaration}\n}}"
        if program.features is not None:
            end = program.features.end
            return Edit(Span(end, end), f"\n\n{new}")
        start = program.start
        return Edit(Span(start, start), f"{new}\n\n")
    inside = text.find("{", block.start, block.end) + 1
    if not inside:
        return None
    blanks = indentation(text, block.start) or ""
    if any(d.code < "NUM2" and d.span.start < block.end for d in checked.diagnostics):
        # In front of all, where nothing is broken yet.
        return Edit(Span(inside, inside), f"\n{blanks}  {declaration}")
    if before is not None:
        for other in block.declarations:
            if other.start <= before.start and before.end <= other.end:
                return added_before(text, other, declaration)
    if block.declarations:
        return added_behind(text, block.declarations[-1], declaration)
    return Edit(Span(inside, block.end - 1), f"\n{blanks}  {declaration}\n{blanks}")


def undeclared(checked: CheckedProgram, declaration: nodes.VarDeclaration) -> Edit:
    """Take a declaration away, and `vars` with it where it is the only one."""
    text, block = checked.script.text, checked.program.vars
    if block is None or len(block.declarations) > 1:
        return removed(text, declaration.span)
    edit = removed(text, block.span)
    end = edit.span.end
    while text[end : end + 1] in ("\r", "\n") and end < len(text):
        end += 1
    return Edit(Span(edit.span.start, end), edit.text)


def enabled(checked: CheckedProgram, feature: str) -> Edit | None:
    """Switch a feature flag on in the script; nothing if it is on, or flags are broken."""
    if feature in checked.features:
        return None
    flags = checked.program.features
    if flags is None:
        if _FLAGS in checked.parsed.tokens.kinds:
            return None
        at = 1 if checked.script.text.startswith("\ufeff") else 0
        return Edit(Span(at, at), f'#![feature("{feature}")]\n')
    if flags.flags:
        at = flags.flags[-1].end
        return Edit(Span(at, at), f', "{feature}"')
    at = checked.script.text.index(")", flags.start)
    return Edit(Span(at, at), f'"{feature}"')


def uses_of(checked: CheckedProgram, declaration: nodes.VarDeclaration) -> list[nodes.Variable]:
    """Where a variable is used."""
    return [
        node
        for node in walk(checked.program)
        if isinstance(node, nodes.Variable) and checked.uses.get(id(node)) is declaration
    ]


def fresh_name(checked: CheckedProgram, wish: str, otherwise: str) -> str:
    """A name for a new variable: what is wished, as far as the language allows it, and unused."""
    name = re.sub(r"[^a-z0-9_]+", "_", wish.lower()).strip("_")
    name = name if re.match(r"[a-z_]", name) else otherwise
    taken: Collection[str] = checked.variables
    number = 2
    chosen = name
    while chosen in taken:
        chosen = f"{name}_{number}"
        number += 1
    return chosen


def token_between(checked: CheckedProgram, kind: str, start: int, end: int) -> int | None:
    """The number of the first token of a terminal in a stretch."""
    tokens = checked.parsed.tokens
    wanted = tables.TERMINALS.index(kind)
    number = bisect_left(tokens.starts, start)
    while number < len(tokens.starts) and tokens.starts[number] < end:
        if tokens.kinds[number] == wanted:
            return number
        number += 1
    return None


_EXPECTED: dict[tuple[type[nodes.Node], str], Type] = {
    (nodes.MonetaryLiteral, "asset"): Type.ASSET,
    (nodes.MonetaryLiteral, "amount"): Type.NUMBER,
    (nodes.SentValueLiteral, "monetary"): Type.MONETARY,
    (nodes.SentValueAll, "asset"): Type.ASSET,
    (nodes.SourceAccount, "address"): Type.ACCOUNT,
    (nodes.SourceAccount, "color"): Type.STRING,
    (nodes.SourceOverdraft, "address"): Type.ACCOUNT,
    (nodes.SourceOverdraft, "color"): Type.STRING,
    (nodes.SourceOverdraft, "bound"): Type.MONETARY,
    (nodes.SourceWithScaling, "address"): Type.ACCOUNT,
    (nodes.SourceWithScaling, "through"): Type.ACCOUNT,
    (nodes.SourceCapped, "cap"): Type.MONETARY,
    (nodes.CappedKeptOrDestination, "cap"): Type.MONETARY,
    (nodes.DestinationAccount, "address"): Type.ACCOUNT,
    (nodes.SaveStatement, "address"): Type.ACCOUNT,
    (nodes.ValueAllotment, "value"): Type.PORTION,
    (nodes.AccountLiteral, "parts"): Type.STRING,
}
"""The type that a field of a node must have."""


def expected_type(checked: CheckedProgram, path: Sequence[nodes.Node]) -> Type:
    """The type that the last expression of a path must have where it stands, as far as is known."""
    if len(path) < 2:
        return Type.ANY
    parent, node = path[-2], path[-1]
    match parent:
        case nodes.VarDeclaration():
            return Type(parent.type) if parent.type in TYPES else Type.ANY
        case nodes.FnCall():
            builtin = BUILTINS.get(parent.name)
            places = [number for number, item in enumerate(parent.arguments) if item is node]
            if builtin is None or not places or places[0] >= len(builtin.parameters):
                return Type.ANY
            return builtin.parameters[places[0]][1]
        case nodes.Prefix():
            return expected_type(checked, path[:-1])
        case nodes.BinaryInfix(operator="/"):
            return Type.NUMBER
        case nodes.BinaryInfix():
            other = parent.right if parent.left is node else parent.left
            known = checked.types.get(id(other), Type.ANY)
            return known if known is not Type.ANY else expected_type(checked, path[:-1])
        case _:
            for name in parent.__match_args__:
                value = getattr(parent, name)
                if value is node or (isinstance(value, tuple) and node in value):
                    return _EXPECTED.get((type(parent), name), Type.ANY)
            return Type.ANY
