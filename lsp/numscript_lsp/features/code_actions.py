"""Code actions: the quick fixes of what is wrong at a place, and the refactorings it allows.

Nothing is changed here: an action says what would be. The fixes are in `fixes`, one function a kind
of diagnostic, the refactorings in `refactorings`.
"""

from __future__ import annotations

from collections.abc import Iterator

from numscript.analysis.checked import CheckedProgram
from numscript.diagnostics import Diagnostic
from numscript.script import Span
from numscript_lsp.features.actions import FIX_ALL, Action
from numscript_lsp.features.fixes import FIXES, change_to_what_is_meant
from numscript_lsp.features.records import Edit
from numscript_lsp.features.refactorings import refactorings


def code_actions(checked: CheckedProgram, span: Span) -> Iterator[Action]:
    """What is offered for a place or a selection."""
    for diagnostic in checked.diagnostics:
        if diagnostic.span.start <= span.end and span.start <= diagnostic.span.end:
            yield from quick_fixes(checked, diagnostic)
    yield from refactorings(checked, span)
    everything = fix_all(checked)
    if everything is not None:
        yield everything


def quick_fixes(checked: CheckedProgram, diagnostic: Diagnostic) -> Iterator[Action]:
    """The ways to do away with one diagnostic."""
    found = [*change_to_what_is_meant(checked, diagnostic)]
    fix = FIXES.get(type(diagnostic.kind))
    if fix is not None:
        found += fix(checked, diagnostic)
    preferred = any(action.preferred for action in found)
    for action in found:
        # An only way out is what people want.
        alone = len(found) == 1 and not preferred
        yield action._replace(fixes=diagnostic, preferred=action.preferred or alone)


def fix_all(checked: CheckedProgram) -> Action | None:
    """All that can be mended without changing what a run gives; none where there is nothing."""
    edits: list[Edit] = []
    for diagnostic in checked.diagnostics:
        safe = next((a for a in quick_fixes(checked, diagnostic) if a.safe), None)
        if safe is not None and not any(_meet(a, b) for a in safe.edits for b in edits):
            edits += safe.edits
    if not edits:
        return None
    return Action("Mend all that can be mended safely", tuple(edits), kind=FIX_ALL)


def _meet(one: Edit, other: Edit) -> bool:
    return one.span.start < other.span.end and other.span.start < one.span.end
