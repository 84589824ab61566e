"""Diagnostics: everything the checker says, with what belongs to it elsewhere in the script."""

from __future__ import annotations

from typing import NamedTuple

from numscript import errors
from numscript.analysis.checked import CheckedProgram
from numscript.diagnostics import Diagnostic, Severity
from numscript.script import Span


class Related(NamedTuple):
    """Another place of the same script that a finding is about."""

    span: Span
    message: str


class Finding(NamedTuple):
    """A diagnostic as editors show it.

    anchor: where the code's page starts among those of docs/errors.md; unnecessary: whether the
    place is faded, since it does nothing.
    """

    span: Span
    severity: Severity
    code: str
    message: str
    anchor: str
    unnecessary: bool = False
    related: tuple[Related, ...] = ()


_UNNECESSARY = (errors.UnusedVariable, errors.RedundantRemaining, errors.UnreachableStatement)


def findings(checked: CheckedProgram) -> tuple[Finding, ...]:
    """Every diagnostic of a script, in the order of the text."""
    return tuple(finding(diagnostic, checked) for diagnostic in checked.diagnostics)


def finding(diagnostic: Diagnostic, checked: CheckedProgram) -> Finding:
    """A diagnostic of a script."""
    hint = diagnostic.hint
    return Finding(
        span=diagnostic.span,
        severity=diagnostic.severity,
        code=diagnostic.code,
        message=f"{diagnostic.message}\n{hint}" if hint else diagnostic.message,
        anchor=f"{diagnostic.code} {diagnostic.kind.title}".lower().replace(" ", "-"),
        unnecessary=isinstance(diagnostic.kind, _UNNECESSARY),
        related=related(diagnostic, checked),
    )


def related(diagnostic: Diagnostic, checked: CheckedProgram) -> tuple[Related, ...]:
    """Where else to look: the first declaration of a name that is declared twice."""
    kind = diagnostic.kind
    if isinstance(kind, errors.DuplicateVariable):
        first = checked.variables.get(kind.name)
        if first is not None:
            return (Related(first.variable.span, f"`${kind.name}` is declared here first"),)
    return ()
