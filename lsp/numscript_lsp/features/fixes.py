"""Quick fixes: for each kind of diagnostic, the changes that do away with it.

`FIXES` is the table; a function is given the checked program and the diagnostic. What a fix
changes is found by the diagnostic's span, which is that of a node, and by the fields of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from numscript import errors
from numscript.analysis.checked import CheckedProgram
from numscript.diagnostics import Diagnostic, Kind
from numscript.prelude import TYPES, Type
from numscript.script import Script, Span
from numscript.syntax import nodes, tables
from numscript.syntax.parser import parse
from numscript.values import is_account, is_asset
from numscript_lsp.features.actions import Action, Given
from numscript_lsp.features.clauses import ALLOTMENT_FIXES
from numscript_lsp.features.records import Edit
from numscript_lsp.features.rewriting import (
    declared,
    enabled,
    expected_type,
    fresh_name,
    removed,
    token_between,
    undeclared,
    uses_of,
)
from numscript_lsp.tree import path_around, walk

Fix = Callable[[CheckedProgram, Diagnostic], Iterator[Action]]

_MEANT = re.compile(r"did you mean `(.+)`\?")


def change_to_what_is_meant(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Take the word that a diagnostic suggests, whatever its kind."""
    fields = diagnostic.kind.fields
    suggested = str(fields.get("suggestion") or fields.get("advice") or "")
    match = _MEANT.fullmatch(suggested)
    if match is None:
        return
    span = diagnostic.span
    if isinstance(diagnostic.kind, errors.UnexpectedToken):
        # What was misspelt is the word before the one that does not fit.
        before = _token_before(checked, span.start)
        if before is None:
            return
        span = before
    yield Action(f"Change to `{match[1]}`", (Edit(span, match[1]),), preferred=True)


def _token_before(checked: CheckedProgram, offset: int) -> Span | None:
    _, starts, ends, _ = checked.parsed.tokens
    found = [Span(s, e) for s, e in zip(starts, ends, strict=True) if e <= offset]
    return found[-1] if found else None


def _text(checked: CheckedProgram, span: Span) -> str:
    return checked.script.text[span.start : span.end]


def _path(checked: CheckedProgram, span: Span, *kinds: type[Any]) -> list[nodes.Node] | None:
    """The path to the innermost node of some classes that covers exactly a span."""
    path = path_around(checked.program, span)
    while path and not (isinstance(path[-1], kinds) and path[-1].span == span):
        path.pop()
    return path or None


# --- syntax -----------------------------------------------------------------------------------


def bracket_amount(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """`USD/2 100` is a monetary only in brackets."""
    asset = _token_before(checked, diagnostic.span.start)
    if asset is None or "brackets" not in str(diagnostic.kind.fields.get("advice")):
        return
    new = f"[{_text(checked, asset)} {_text(checked, diagnostic.span)}]"
    yield Action(f"Write `{new}`", (Edit(Span(asset.start, diagnostic.span.end), new),))


_CHARACTERS = {"#": "//", "\u201c": '"', "\u201d": '"', "'": '"'}


def replace_character(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """A character without a meaning goes, or becomes the one that was meant."""
    found = _text(checked, diagnostic.span)
    if found in _CHARACTERS:
        new = _CHARACTERS[found]
        yield Action(f"Write `{new}`", (Edit(diagnostic.span, new),))
    else:
        shown = found if found.isprintable() else "what cannot be read"
        yield Action(f"Take `{shown}` away", (Edit(diagnostic.span, ""),))


def close_string(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """A quote at the end of the string, in front of the brackets that most likely follow it."""
    text = _text(checked, diagnostic.span)
    inside = re.sub(r"[\s)\],}]*$", "", text)
    at = diagnostic.span.start + max(len(inside), 1)
    yield Action("Close the string", (Edit(Span(at, at), '"'),))


def close_comment(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """`*/` at the end of the line."""
    text = checked.script.text
    match = re.compile(r"[^\r\n]*").match(text, diagnostic.span.start)
    at = match.end() if match else len(text)
    yield Action("Close the comment at the end of the line", (Edit(Span(at, at), " */"),))


_CLOSERS = {tables.WORDS[opener]: closer for opener, closer in ("()", "{}", "[]")}


def close_brackets(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """What is open at the end of the script is closed there, each on the line that it needs."""
    kinds, _, ends, _ = checked.parsed.tokens
    text = checked.script.text
    opened: list[tuple[int, int]] = []
    for kind, end in zip(kinds, ends, strict=True):
        if kind in _CLOSERS:
            opened.append((kind, end))
        elif opened and tables.WORDS[_CLOSERS[opened[-1][0]]] == kind:
            opened.pop()
    if not opened:
        return
    at = len(text.rstrip())
    new = ""
    for kind, end in reversed(opened):
        line = text[text.rfind("\n", 0, end) + 1 : end]
        same_line = "\n" not in text[end:at]
        blanks = line[: len(line) - len(line.lstrip())]
        new += (
            _CLOSERS[kind]
            if same_line and kind == tables.WORDS["["]
            else f"\n{blanks}{_CLOSERS[kind]}"
        )
    del diagnostic
    mended = parse(Script(text[:at] + new + text[at:]))
    if len(mended.diagnostics) >= sum(d.code < "NUM2" for d in checked.diagnostics):
        return  # More is missing than brackets.
    signs = "".join(_CLOSERS[kind] for kind, _ in reversed(opened))
    yield Action(f"Close with `{signs}`", (Edit(Span(at, at), new),))


# --- variables --------------------------------------------------------------------------------


def declare_variable(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Declare a variable with the type that it must have where it stands."""
    path = _path(checked, diagnostic.span, nodes.Variable)
    if path is None:
        return
    node: Any = path[-1]
    kind = expected_type(checked, path)
    if kind not in TYPES:
        kind = Type.STRING
    edit = declared(checked, f"{kind} ${node.name}", before=node)
    if edit is not None:
        yield Action(f"Declare `{kind} ${node.name}`", (edit,))


def remove_declaration(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Take a declaration away."""
    path = path_around(checked.program, diagnostic.span)
    for node in path:
        if isinstance(node, nodes.VarDeclaration):
            title = f"Take the declaration of `${node.variable.name}` away"
            unused = isinstance(diagnostic.kind, errors.UnusedVariable)
            given = Given(node.variable.name, "gone") if unused else None
            yield Action(title, (undeclared(checked, node),), given=given)


def fix_asset(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """A variable whose asset is forced: the script says the asset, the caller only the number."""
    path = _path(checked, diagnostic.span, nodes.VarDeclaration)
    if path is None:
        return
    declaration: Any = path[-1]
    name, asset = declaration.variable.name, str(diagnostic.kind.fields["asset"])
    uses = [use.span for use in uses_of(checked, declaration)]
    if declaration.type == Type.MONETARY:
        new = f"[{asset} ${name}]"
        edits = (Edit(declaration.type_span, Type.NUMBER), *(Edit(span, new) for span in uses))
        title = f"Declare `number ${name}` and write `{new}`"
        yield Action(title, edits, given=Given(name, "number"))
    elif declaration.type == Type.ASSET:
        edits = (undeclared(checked, declaration), *(Edit(span, asset) for span in uses))
        title = f"Write `{asset}` instead of `${name}`"
        yield Action(title, edits, given=Given(name, "gone"))


def name_nested_meta(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """`meta()` inside an expression gets a variable of its own."""
    path = _path(checked, diagnostic.span, nodes.FnCall)
    if path is None:
        return
    kind = expected_type(checked, path)
    kind = kind if kind in TYPES else Type.STRING
    call: Any = path[-1]
    wish = call.arguments[1].string if len(call.arguments) > 1 and _is_text(call) else str(kind)
    name = fresh_name(checked, wish, str(kind))
    edit = declared(checked, f"{kind} ${name} = {_text(checked, call.span)}", before=call)
    if edit is not None:
        title = f"Give it a variable of its own, `${name}`"
        yield Action(title, (edit, Edit(call.span, f"${name}")))


def _is_text(call: nodes.FnCall) -> bool:
    return isinstance(call.arguments[1], nodes.StringLiteral)


# --- types ------------------------------------------------------------------------------------


def fit_type(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Write a value as the type that is needed, or declare the variable with it."""
    path = path_around(checked.program, diagnostic.span)
    while path and path[-1].span != diagnostic.span:
        path.pop()
    if len(path) < 2:
        return
    expected, got = (str(diagnostic.kind.fields[key]) for key in ("expected", "got"))
    node, parent = path[-1], path[-2]
    if isinstance(node, nodes.Variable) and expected in TYPES:
        declaration = checked.uses.get(id(node))
        if declaration is not None and declaration.origin is None:
            edit = Edit(declaration.type_span, expected)
            yield Action(f"Declare `${node.name}` as {expected}", (edit,))
    if isinstance(parent, nodes.VarDeclaration) and got in TYPES:
        name = parent.variable.name
        yield Action(f"Declare `${name}` as {got}", (Edit(parent.type_span, got),))
    new = _written_as(checked, path, expected)
    if new is not None:
        yield Action(f"Write `{new}`", (Edit(node.span, new),), preferred=True)
    if got == Type.MONETARY and isinstance(parent, nodes.MonetaryLiteral):
        new = _text(checked, node.span)
        yield Action(f"Write `{new}` without brackets", (Edit(parent.span, new),))


def _written_as(checked: CheckedProgram, path: list[nodes.Node], expected: str) -> str | None:
    """A literal written as another type; none where that is not possible."""
    node = path[-1]
    match node, expected:
        case nodes.StringLiteral(string=name), Type.ACCOUNT if is_account(name):
            return f"@{name}"
        case nodes.StringLiteral(string=name), Type.ASSET if is_asset(name):
            return name
        case nodes.AccountLiteral(), Type.STRING:
            return f'"{node.name}"'
        case ((nodes.NumberLiteral() | nodes.Variable()), Type.MONETARY):
            if checked.types.get(id(node)) is not Type.NUMBER:
                return None
            for outer in reversed(path):
                if isinstance(outer, nodes.SendStatement):
                    assets = [n for n in walk(outer.sent) if isinstance(n, nodes.AssetLiteral)]
                    if assets:
                        return f"[{assets[0].asset} {_text(checked, node.span)}]"
            return None
        case _:
            return None


def change_asset(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Write the asset that is expected where a literal says another."""
    expected, got = (str(diagnostic.kind.fields[key]) for key in ("expected", "got"))
    inside = [
        node
        for node in walk(path_around(checked.program, diagnostic.span)[-1])
        if isinstance(node, nodes.AssetLiteral)
        and diagnostic.span.start <= node.start <= node.end <= diagnostic.span.end
    ]
    found = {node.asset for node in inside}
    # Which of the two was met first is no matter of who is right.
    for wrong, right in ((got, expected), (expected, got)):
        if found == {wrong}:
            yield Action(f"Write `{right}`", tuple(Edit(node.span, right) for node in inside))


def upper_color(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """A colour in capital letters."""
    name = str(diagnostic.kind.fields["name"])
    new = re.sub(r"[^A-Z]", "", name.upper())
    if new:
        yield Action(f'Write `"{new}"`', (Edit(diagnostic.span, f'"{new}"'),))
    del checked


# --- flags, reach -----------------------------------------------------------------------------


def enable_feature(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Switch on the flag that a construct needs."""
    feature = str(diagnostic.kind.fields["feature"])
    edit = enabled(checked, feature)
    if edit is not None:
        yield Action(f"Switch on `{feature}` in this script", (edit,), preferred=True)


def remove_flag(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Take a flag that does not exist away, and the attribute with it if it is the only one."""
    features = checked.program.features
    if features is None:
        return
    spans = [flag.span for flag in features.flags]
    at = spans.index(diagnostic.span)
    if len(spans) == 1:
        edit = removed(checked.script.text, features.span)
    elif at:
        edit = Edit(Span(spans[at - 1].end, spans[at].end), "")
    else:
        edit = Edit(Span(spans[0].start, spans[1].start), "")
    yield Action("Take the flag away", (edit,))


def remove_overdraft(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """`@world` needs no overdraft."""
    for node in path_around(checked.program, diagnostic.span):
        if isinstance(node, nodes.SourceOverdraft) and node.address.span == diagnostic.span:
            number = token_between(checked, "ALLOWING", node.address.end, node.end)
            if number is not None:
                start = checked.parsed.tokens.ends[number - 1]
                edit = Edit(Span(start, node.end), "")
                # A bound is worked out even so, and may be a mistake of its own.
                yield Action("Take the overdraft away", (edit,), safe=node.bound is None)


def remove_source(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Take a source out of a list of several."""
    for parent in reversed(path_around(checked.program, diagnostic.span)):
        if isinstance(parent, (nodes.SourceInorder, nodes.SourceOneof)):
            for source in parent.sources:
                address = getattr(source, "address", source)
                if diagnostic.span in (source.span, address.span) and len(parent.sources) > 1:
                    unreached = isinstance(diagnostic.kind, errors.UnboundedAccountIsNotLast)
                    # A `oneof` needs one source at least; a list can do without any.
                    listed = isinstance(parent, nodes.SourceInorder)
                    safe = unreached and listed and _is_plain(source)
                    edit = removed(checked.script.text, source.span)
                    yield Action("Take this source away", (edit,), safe=safe)
                    return


def _is_plain(source: nodes.Source) -> bool:
    """Whether nothing of a source can be a mistake of its own: it is the name of an account."""
    match source:
        case nodes.SourceAccount(address=nodes.AccountLiteral(parts=(str(),)), color=None):
            return True
        case nodes.SourceOverdraft(
            address=nodes.AccountLiteral(parts=(str(),)), color=None, bound=None
        ):
            return True
        case _:
            return False


def remove_statement(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Take a statement away that is never reached."""
    edit = removed(checked.script.text, diagnostic.span)
    yield Action("Take this statement away", (edit,))


FIXES: dict[type[Kind], Fix] = {
    errors.UnexpectedToken: bracket_amount,
    errors.UnexpectedCharacter: replace_character,
    errors.UnexpectedEnd: close_brackets,
    errors.UnterminatedString: close_string,
    errors.UnterminatedComment: close_comment,
    errors.DuplicateVariable: remove_declaration,
    errors.UnboundVariable: declare_variable,
    errors.TypeMismatch: fit_type,
    errors.InvalidFeature: remove_flag,
    errors.UnusedVariable: remove_declaration,
    errors.InvalidWorldOverdraft: remove_overdraft,
    errors.EmptiedAccount: remove_source,
    errors.UnboundedAccountIsNotLast: remove_source,
    errors.BoundAsset: fix_asset,
    errors.UnreachableStatement: remove_statement,
    errors.AssetMismatch: change_asset,
    errors.InvalidColor: upper_color,
    errors.NestedMeta: name_nested_meta,
    errors.ExperimentalFeature: enable_feature,
    **ALLOTMENT_FIXES,
}
"""The fixes of each kind that has any."""
