"""What a change of a script's variables means for the values in the spec file beside it."""

from __future__ import annotations

from collections.abc import Iterator

from numscript.script import Span
from numscript_lsp.features.actions import Given
from numscript_lsp.features.records import Edit
from numscript_lsp.features.specs_tree import cases_of, member_of
from numscript_lsp.json_tree import Member, Object, Plain, Text, Value


def specs_edits(tree: Value | None, given: Given) -> tuple[Edit, ...]:
    """The edits of a spec file with which its cases run as before."""
    if not isinstance(tree, Object):
        return ()
    if given.change == "added":
        return (added(tree, given.name, given.value),)
    return tuple(_changes(tree, given))


def _changes(tree: Object, given: Given) -> Iterator[Edit]:
    for holder in (tree, *(case.tree for case in cases_of(tree))):
        variables = holder.get("variables")
        member = member_of(variables, given.name) if isinstance(variables, Object) else None
        if member is None or not isinstance(variables, Object):
            continue
        if given.change == "gone":
            yield without(variables, member)
        else:
            number = _amount(member.value)
            if member.value is not None and number:
                yield Edit(member.value.span, number)


def _amount(value: Value | None) -> str:
    """The number in a monetary, as it is written; nothing where there is none."""
    if isinstance(value, Text):
        number = value.value.partition(" ")[2]
        return number if number.removeprefix("-").isdecimal() else ""
    if isinstance(value, Object):
        amount = value.get("amount")
        return amount.word if isinstance(amount, Plain) else ""
    return ""


def added(holder: Object, name: str, value: str) -> Edit:
    """A value more, in JSON, among the variables of the file or of a case."""
    member = member_of(holder, "variables")
    new = f'"{name}": {value}'
    if member is not None and isinstance(member.value, Object):
        at = member.value.span.start + 1
        return Edit(Span(at, at), f" {new}{',' if member.value.members else ' '}")
    at = holder.span.start + 1
    comma = "," if holder.members else ""
    return Edit(Span(at, at), f' "variables": {{ {new} }}{comma}')


def without(holder: Object, member: Member) -> Edit:
    """A member less, with one of the commas beside it."""
    number = holder.members.index(member)
    end = (member.value or member.key).span.end
    if number + 1 < len(holder.members):
        return Edit(Span(member.key.span.start, holder.members[number + 1].key.span.start), "")
    if number:
        before = holder.members[number - 1]
        return Edit(Span((before.value or before.key).span.end, end), "")
    return Edit(Span(member.key.span.start, end), "")
