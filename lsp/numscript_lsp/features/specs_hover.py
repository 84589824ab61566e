"""Hover in spec files: what a case gives now, what a variable is, what a key or an error means."""

from __future__ import annotations

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import FEATURES, TYPES
from numscript.specs import Status, kinds_named
from numscript_lsp.features.cases import run_case
from numscript_lsp.features.hover import Hover
from numscript_lsp.features.specs_completion import KEY_DOCS
from numscript_lsp.features.specs_tree import case_at
from numscript_lsp.json_tree import Member, Object, Text, Value, walk


def hover_specs(
    text: str,
    tree: Value | None,
    offset: int,
    checked: CheckedProgram | None,
) -> Hover | None:
    """What is known of what stands at an offset; a case is run for it."""
    for path, value in walk(tree):
        if isinstance(value, Object):
            for member in value.members:
                if member.key.span.start <= offset <= member.key.span.end:
                    return _key(path, member, checked)
                inside = member.value
                if isinstance(inside, Text) and inside.span.start <= offset <= inside.span.end:
                    return _text(text, tree, member, checked)
        elif not value.span.start <= offset <= value.span.end:
            continue
        elif isinstance(value, Text) and path[:-1] == ("featureFlags",):
            doc = FEATURES.get(value.value)
            return Hover(value.span, f"Switches on {doc}.") if doc else None
    return None


def _key(
    path: tuple[str | int, ...], member: Member, checked: CheckedProgram | None
) -> Hover | None:
    """A variable, or a key of the format."""
    name = member.key.value
    if path and path[-1] == "variables":
        declaration = checked.variables.get(name) if checked is not None else None
        if declaration is None or checked is None:
            return None
        text = f"```numscript\n{declaration.type} ${name}\n```"
        doc = TYPES.get(declaration.type)
        asset = checked.assets.get(name)
        lines = [text, *([doc] if doc else [])]
        if asset is not None:
            lines.append(f"The script can only use it with `{asset}`.")
        return Hover(member.key.span, "\n\n".join(lines))
    # Names of accounts and of metadata are no keys of the format.
    named = path and path[-1] in ("metadata", "expect.metadata", "expect.txMetadata")
    if named or name not in KEY_DOCS:
        return None
    return Hover(member.key.span, KEY_DOCS[name])


def _text(
    text: str, tree: Value | None, member: Member, checked: CheckedProgram | None
) -> Hover | None:
    """The name of a case, or of an error."""
    value = member.value
    if not isinstance(value, Text):
        return None
    if member.key.value == "expect.error":
        rows = [
            f"**{kind.code}**: {kind.title}\n\n{(kind.__doc__ or '').splitlines()[0]}"
            for kind in kinds_named(value.value)
        ]
        return Hover(value.span, "\n\n".join(rows)) if rows else None
    case = case_at(tree, value.span.start)
    if member.key.value != "it" or case is None or checked is None:
        return None
    result = run_case(checked.script, text, case.number)
    if result.problem:
        return Hover(value.span, result.problem)
    (row,) = result.results
    words = {Status.PASSED: "This case passes.", Status.FAILED: "This case fails."}
    said = f"{words.get(row.status, '')}\n\n```text\n{row.text}\n```"
    return Hover(value.span, said)
