"""Reachability of sources and sums of allotments: what runs, but not as its author thinks.

`Reach` follows the funds through one send: which accounts are empty, which source never runs out.
`Allotments` adds up portions. Both repeat the reference's rules, scope for scope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from numscript import errors
from numscript.analysis.constants import constant_portion, rest, sum_portions
from numscript.diagnostics import Kind, Severity
from numscript.prelude import WORLD
from numscript.script import Span
from numscript.values import Portion, sum_text

if TYPE_CHECKING:
    from numscript.syntax import nodes


class Report(Protocol):
    """How a finding is reported; of the kind's own severity where none is given."""

    def __call__(self, kind: Kind, span: Span, severity: Severity | None = None, /) -> None:
        """Add a diagnostic."""
        ...


class Scope(NamedTuple):
    """What `Reach` knows inside a cap or a share, kept while it looks inside one."""

    emptied: dict[str, None]
    unbounded: bool
    sends_all: bool


class Reach:
    """Which sources of a send are ever reached, and by what."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.scope = Scope({}, unbounded=False, sends_all=False)

    def enter_send(self, sends_all: bool) -> None:
        """A new send: nothing is emptied yet."""
        self.scope = Scope({}, unbounded=False, sends_all=sends_all)

    def enter_scope(self) -> Scope:
        """Inside a cap or a share: a copy of what is emptied, and an amount to take."""
        outer = self.scope
        self.scope = Scope(dict(outer.emptied), unbounded=False, sends_all=False)
        return outer

    def leave_scope(self, outer: Scope) -> None:
        """Outside again: what was taken inside may not have been all."""
        self.scope = outer

    def visit(self, source: nodes.Source) -> None:
        """A source is looked at: is it ever reached?"""
        if self.scope.unbounded:
            self.report(errors.UnboundedAccountIsNotLast(), source.span)

    def take(self, source: nodes.SourceAccount) -> None:
        """All that an account has is taken."""
        address: Any = source.address
        if not hasattr(address, "parts"):
            return
        if address.parts == (WORLD,):
            if self.scope.sends_all:
                self.report(errors.UnboundedInSendAll(name=f"@{WORLD}"), source.span)
            else:
                self.scope = self.scope._replace(unbounded=True)
            return
        color: Any = source.color
        key: str = address.name
        if color is not None:
            key += f"\\{getattr(color, 'name', '')}\\{getattr(color, 'string', '')}"
            key = key.removesuffix("\\\\")
        if key in self.scope.emptied:
            self.report(errors.EmptiedAccount(name=address.name), address.span)
        self.scope.emptied[key] = None

    def take_overdraft(self, source: nodes.SourceOverdraft) -> None:
        """An account that may go below zero."""
        address: Any = source.address
        world = getattr(address, "parts", None) == (WORLD,)
        if world:
            self.report(errors.InvalidWorldOverdraft(), address.span)
        if source.bound is None:
            if self.scope.sends_all:
                self.report(errors.UnboundedInSendAll(name=address_text(address)), address.span)
            self.scope = self.scope._replace(unbounded=True)

    def take_allotment(self, source: nodes.SourceAllotment) -> None:
        """Shares of an amount, which "all" is not."""
        if self.scope.sends_all:
            # Only a warning, as in the reference: the run says so if it gets there.
            self.report(errors.AllotmentInSendAll(), source.span, Severity.WARNING)


class Allotments:
    """Opens a `Whole` for every allotment."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def open(self, span: Span, clauses: int) -> Whole:
        """An allotment of so many clauses."""
        return Whole(self.report, span, clauses)


class Whole:
    """The portions of one allotment, added up."""

    def __init__(self, report: Report, span: Span, clauses: int) -> None:
        self.report = report
        self.span = span
        self.left = clauses
        self.known: list[Portion] = []
        self.unknown: list[nodes.Expression] = []
        self.remaining: Span | None = None

    def add(self, allotment: nodes.Allotment) -> None:
        """The next clause's portion, or `remaining`."""
        self.left -= 1
        value: nodes.Expression | None = getattr(allotment, "value", None)
        if value is None:
            self.remaining = allotment.span
            if self.left:
                self.report(errors.RemainingIsNotLast(), self.span)
            return
        portion = constant_portion(value)
        if portion is None:
            self.unknown.append(value)
        else:
            self.known.append(portion)

    def close(self) -> None:
        """The end of the allotment: do the portions make a whole?"""
        total = sum_portions(self.known)
        missing = rest(total).numerator
        if missing == 0:
            for value in self.unknown:
                self.report(errors.FixedPortionVariable(value="0"), value.span)
            if self.remaining is not None:
                self.report(errors.RedundantRemaining(), self.remaining)
        elif missing > 0 and (self.remaining is not None or len(self.unknown) > 1):
            return
        elif missing > 0 and len(self.unknown) == 1:
            fixed = errors.FixedPortionVariable(value=sum_text(rest(total)))
            self.report(fixed, self.unknown[0].span)
        else:
            self.report(errors.InvalidAllotmentSum(sum=sum_text(total), reason=""), self.span)


def address_text(address: nodes.Expression) -> str:
    """An account's address as it is written, as far as it is a literal or a variable."""
    name = getattr(address, "name", "this account")
    return f"@{name}" if hasattr(address, "parts") else f"${name}"
