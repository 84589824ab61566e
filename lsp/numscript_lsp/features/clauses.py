"""Quick fixes of allotments: `remaining` for what is missing, at the end of its block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from numscript import errors
from numscript.analysis.checked import CheckedProgram
from numscript.analysis.constants import constant_portion, rest, sum_portions
from numscript.diagnostics import Diagnostic, Kind
from numscript.script import Span
from numscript.syntax import nodes
from numscript.values import Portion
from numscript_lsp.features.actions import Action, Given
from numscript_lsp.features.inlay_hints import portion_text
from numscript_lsp.features.records import Edit
from numscript_lsp.features.rewriting import added_behind, removed, undeclared, uses_of
from numscript_lsp.tree import path_around

Block: TypeAlias = nodes.SourceAllotment | nodes.DestinationAllotment
Item: TypeAlias = nodes.SourceAllotmentItem | nodes.DestinationAllotmentItem


def _block(checked: CheckedProgram, span: Span) -> Block | None:
    """The innermost allotment around a place."""
    blocks: list[Any] = [
        node
        for node in path_around(checked.program, span)
        if isinstance(node, (nodes.SourceAllotment, nodes.DestinationAllotment))
    ]
    return blocks[-1] if blocks else None


def _constants(items: Sequence[Item]) -> list[Portion] | None:
    """The portions of clauses, if all of them are constants."""
    found = []
    for item in items:
        if isinstance(item.allotment, nodes.RemainingAllotment):
            return None
        portion = constant_portion(item.allotment.value)
        if portion is None:
            return None
        found.append(portion)
    return found


def mend_sum(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """The last clause takes what remains, or another does."""
    block = _block(checked, diagnostic.span)
    if block is None or block.span != diagnostic.span:
        return
    portions = _constants(block.items)
    if portions is None:
        return
    before, last = rest(sum_portions(portions[:-1])), block.items[-1]
    if before.numerator > 0:
        percentage = checked.script.text[last.allotment.end - 1] == "%"
        share = portion_text(before, as_percentage=percentage)
        edit = Edit(last.allotment.span, "remaining")
        title = f"Write `remaining` for the last portion, which makes it {share}"
        yield Action(title, (edit,), preferred=True)
    if rest(sum_portions(portions)).numerator > 0 and isinstance(block, nodes.DestinationAllotment):
        edit = added_behind(checked.script.text, last, "remaining kept")
        yield Action("Add `remaining kept`", (edit,))


def write_remaining(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """A variable portion that can have one value only becomes `remaining`, or its clause goes."""
    block = _block(checked, diagnostic.span)
    items: tuple[Item, ...] = block.items if block is not None else ()
    item = next((i for i in items if i.allotment.span == diagnostic.span), None)
    if block is None or item is None or not isinstance(item.allotment, nodes.ValueAllotment):
        return
    text = checked.script.text
    if diagnostic.kind.fields["value"] == "0":
        if len(items) > 1:
            edit = removed(text, item.span)
            yield _and_its_variable(checked, item, "Take the clause away", [edit])
        return
    edits = [Edit(item.allotment.span, "remaining")]
    title = "Write `remaining` instead"
    if item is not items[-1]:
        edits = _moved(text, item, items[-1], "remaining")
        title = "Write `remaining` instead, at the end"
    yield _and_its_variable(checked, item, title, edits)


def _and_its_variable(checked: CheckedProgram, item: Item, title: str, edits: list[Edit]) -> Action:
    """An action that also takes the variable of a portion away, if it is used nowhere else."""
    value = getattr(item.allotment, "value", None)
    declaration = checked.uses.get(id(value))
    if declaration is None or len(uses_of(checked, declaration)) > 1:
        return Action(title, tuple(edits))
    given = Given(declaration.variable.name, "gone")
    return Action(title, (*edits, undeclared(checked, declaration)), given=given)


def _moved(text: str, item: Item, last: Item, allotment: str) -> list[Edit]:
    """Move a clause to the end of its block, with another portion."""
    clause = f"{allotment}{text[item.allotment.end : item.end]}"
    return [removed(text, item.span), added_behind(text, last, clause)]


def remove_remaining(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Take a clause away that never gets anything."""
    block = _block(checked, diagnostic.span)
    items: tuple[Item, ...] = block.items if block is not None else ()
    for item in items:
        if item.allotment.span == diagnostic.span and len(items) > 1:
            # One that is not the last may get a unit that is left over.
            safe = item is items[-1]
            edit = removed(checked.script.text, item.span)
            yield Action("Take the clause away", (edit,), safe=safe)


def move_remaining(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """Move the clause of `remaining` to the end of its block."""
    block = _block(checked, diagnostic.span)
    items: tuple[Item, ...] = block.items if block is not None else ()
    found = [item for item in items if isinstance(item.allotment, nodes.RemainingAllotment)]
    if len(found) == 1 and found[0] is not items[-1]:
        edits = _moved(checked.script.text, found[0], items[-1], "remaining")
        yield Action("Move the clause to the end of its block", tuple(edits))


ALLOTMENT_FIXES: dict[type[Kind], Callable[[CheckedProgram, Diagnostic], Iterator[Action]]] = {
    errors.FixedPortionVariable: write_remaining,
    errors.RedundantRemaining: remove_remaining,
    errors.RemainingIsNotLast: move_remaining,
    errors.InvalidAllotmentSum: mend_sum,
}
