"""`Action`: a change of a script or a spec file that is offered, as `code_actions` gives it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from numscript.diagnostics import Diagnostic
from numscript_lsp.features.diagnostics import Finding
from numscript_lsp.features.records import Edit

QUICK_FIX = "quickfix"
EXTRACT = "refactor.extract"
REWRITE = "refactor.rewrite"
FIX_ALL = "source.fixAll"


class Given(NamedTuple):
    """What becomes of the values that a spec file gives to a variable.

    change: `gone`, `number` (a monetary becomes its number) or `added`, with the value in JSON.
    """

    name: str
    change: Literal["gone", "number", "added"]
    value: str = ""


class Action(NamedTuple):
    """A change that is offered.

    fixes: what it does away with, a diagnostic of a script or a finding of a spec file; preferred:
    whether it is what most people want; safe: whether a run gives the same result with it, so
    that it needs nobody to look; given: what it means for the spec file.
    """

    title: str
    edits: tuple[Edit, ...]
    kind: str = QUICK_FIX
    fixes: Diagnostic | Finding | None = None
    preferred: bool = False
    safe: bool = False
    given: Given | None = None
