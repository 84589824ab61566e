"""Code actions in spec files: misspelt names, values that are missing or say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import Type
from numscript.script import Span
from numscript_lsp.features.actions import Action
from numscript_lsp.features.diagnostics import Finding
from numscript_lsp.features.records import Edit
from numscript_lsp.features.specs_changes import added, without
from numscript_lsp.features.specs_script import specs_findings
from numscript_lsp.features.specs_tree import cases_of
from numscript_lsp.json_tree import Member, Object, Value, walk

_MEANT = re.compile(r"(?:is|did you mean) `([^`]+)`(?: meant)?\?")
_NO_VALUE = re.compile(r"the variable `\$(\w+)` \((\w+)\) has no value")
_PLACEHOLDERS: dict[str, str] = {
    Type.ACCOUNT: '"account"',
    Type.ASSET: '"USD/2"',
    Type.MONETARY: '"USD/2 100"',
    Type.NUMBER: "100",
    Type.PORTION: '"1/2"',
    Type.STRING: '"text"',
}


def specs_actions(
    text: str, tree: Value | None, checked: CheckedProgram | None, span: Span
) -> Iterator[Action]:
    """The quick fixes for what is wrong at a place of a spec file."""
    for finding in specs_findings(text, tree, checked):
        if finding.span.start <= span.end and span.start <= finding.span.end:
            for action in specs_fixes(text, tree, checked, finding):
                yield action._replace(fixes=finding, preferred=True)


def specs_fixes(
    text: str, tree: Value | None, checked: CheckedProgram | None, finding: Finding
) -> Iterator[Action]:
    """The ways to do away with one finding."""
    message = finding.message
    closed = finding.span.end - finding.span.start > 1 and text[finding.span.end - 1] == '"'
    meant = _MEANT.search(message)
    if meant is not None and closed:
        edit = Edit(Span(finding.span.start + 1, finding.span.end - 1), meant[1])
        yield Action(f"Change to `{meant[1]}`", (edit,))
    if message.startswith("accounts stand here without") and closed:
        name = text[finding.span.start + 1 : finding.span.end - 1].lstrip("@")
        edit = Edit(Span(finding.span.start + 1, finding.span.end - 1), name)
        yield Action(f"Change to `{name}`", (edit,))
    missing = _NO_VALUE.match(message)
    if missing is not None and isinstance(tree, Object):
        yield from _give(tree, finding, missing[1], missing[2], checked)
    for start, title in _REMOVABLE.items():
        if start in message:
            member = _member(tree, finding.span)
            if member is not None:
                yield Action(title, (without(*member),))


_REMOVABLE = {
    "the value is ignored": "Take the value away",
    "only cases with `focus` run": "Take `focus` away",
    "this is never looked at": "Take the expectation away",
}
"""What a message has in it where its key can go, and how that is offered."""


def _give(
    tree: Object, finding: Finding, name: str, kind: str, checked: CheckedProgram | None
) -> Iterator[Action]:
    """A value to fill in, for one case or for all."""
    value = _PLACEHOLDERS.get(kind, '""')
    asset = checked.assets.get(name) if checked is not None else None
    if asset is not None:
        value = value.replace("USD/2", asset)
    holders: list[tuple[str, Object]] = [("all cases", tree)]
    holders += [("this case", c.tree) for c in cases_of(tree) if c.name_span == finding.span]
    for whom, holder in reversed(holders):
        edit = added(holder, name, value)
        yield Action(f"Give `${name}` a value for {whom}", (edit,))


def _member(tree: Value | None, key: Span) -> tuple[Object, Member] | None:
    for _, value in walk(tree):
        if isinstance(value, Object):
            for member in value.members:
                if member.key.span == key:
                    return value, member
    return None
