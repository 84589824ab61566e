"""Diagnostics of a spec file against its script: variables, values, accounts.

A case may expect an error on purpose; what would give just that error is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from numscript import errors
from numscript.analysis.checked import CheckedProgram
from numscript.analysis.checker import suggestion
from numscript.diagnostics import Failure, Kind, Severity
from numscript.inputs import InputError
from numscript.prelude import TYPES, WORLD, Type
from numscript.syntax import nodes
from numscript.values import Monetary, is_account, read
from numscript_lsp.features.diagnostics import Finding
from numscript_lsp.features.specs_format import failed, format_findings, problem
from numscript_lsp.features.specs_tree import (
    ROW_LISTS,
    CaseAt,
    cases_of,
    member_of,
    members_of,
    plain,
    rows_of,
)
from numscript_lsp.json_tree import Object, Text, Value
from numscript_lsp.tree import walk

_SEGMENTS = r"[a-zA-Z0-9_:-]+"


def specs_findings(
    text: str, tree: Value | None, checked: CheckedProgram | None
) -> tuple[Finding, ...]:
    """All that is wrong with a spec file, in the order of the text."""
    found = [*format_findings(text, tree)]
    if checked is not None:
        found += script_findings(tree, checked)
    return tuple(sorted(found, key=lambda finding: finding.span))


def script_findings(tree: Value | None, checked: CheckedProgram) -> Iterator[Finding]:
    """What a spec file says that does not fit its script."""
    if not isinstance(tree, Object) or any(d.code < "NUM2" for d in checked.diagnostics):
        return  # Of a script that cannot be read, too little is known.
    cases = cases_of(tree)
    expected = tuple(kind for case in cases for kind in case.expected_errors)
    yield from _variables(tree, checked, expected)
    for case in cases:
        yield from _variables(case.tree, checked, case.expected_errors)
    yield from _missing(tree, cases, checked)
    yield from _accounts(tree, cases, checked)


# --- variables --------------------------------------------------------------------------------


def _variables(
    tree: Object, checked: CheckedProgram, expected: Sequence[type[Kind]]
) -> Iterator[Finding]:
    for member in members_of(tree, "variables"):
        name = member.key.value
        declaration = checked.variables.get(name)
        if declaration is None:
            hint = suggestion(name, checked.variables) or "the value is ignored"
            message = f"the script declares no variable `${name}`; {hint}"
            yield problem(member.key.span, message, Severity.WARNING)
        elif declaration.origin is not None:
            message = f"the script works `${name}` out itself: the value is ignored"
            yield problem(member.key.span, message, Severity.WARNING, unnecessary=True)
        elif member.value is not None and declaration.type in TYPES:
            yield from _value(member.value, declaration, checked, expected)


def _value(
    value: Value,
    declaration: nodes.VarDeclaration,
    checked: CheckedProgram,
    expected: Sequence[type[Kind]],
) -> Iterator[Finding]:
    try:
        given = read(declaration.type, plain(value))
    except InputError:
        return  # The format says it already.
    except Failure as failure:
        if not isinstance(failure.kind, tuple(expected)):
            found = failed(value.span, failure)
            declared = f"`${declaration.variable.name}` is declared as {declaration.type}"
            yield found._replace(message=f"{found.message}\n{declared}")
        return
    asset = given.asset if isinstance(given, Monetary) else given
    if declaration.type not in (Type.MONETARY, Type.ASSET) or expected:
        return
    forced = checked.assets.get(declaration.variable.name, asset)
    if forced != asset:
        message = f"the script can only use `${declaration.variable.name}` with {forced}"
        yield problem(value.span, message, Severity.WARNING)


def _missing(tree: Object, cases: Sequence[CaseAt], checked: CheckedProgram) -> Iterator[Finding]:
    """Variables without a value: said once where no case has one, else case by case."""
    given = {member.key.value for member in members_of(tree, "variables")}
    running = [case for case in cases if errors.MissingVariable not in case.expected_errors]
    for name, declaration in checked.variables.items():
        if declaration.origin is not None or name in given:
            continue
        without = [case for case in running if not _gives(case.tree, name)]
        message = f"the variable `${name}` ({declaration.type}) has no value"
        if len(without) == len(running) and len(running) > 1:
            member = member_of(tree, "variables") or member_of(tree, "testCases")
            if member is not None:
                yield problem(member.key.span, f"{message} in any case", Severity.WARNING)
        else:
            for case in without:
                yield problem(case.name_span, f"{message} in this case", Severity.WARNING)


def _gives(tree: Object, name: str) -> bool:
    return any(member.key.value == name for member in members_of(tree, "variables"))


# --- accounts ---------------------------------------------------------------------------------


class Known(NamedTuple):
    """The accounts that a script can meet: by name, and by the form of interpolated ones."""

    names: frozenset[str]
    forms: tuple[re.Pattern[str], ...]

    def has(self, account: str) -> bool:
        """Whether the script can meet an account."""
        return account in self.names or any(form.fullmatch(account) for form in self.forms)


def known_accounts(
    checked: CheckedProgram, trees: Iterable[Object | None], *, needed: bool = False
) -> Known | None:
    """The accounts that a script can meet with the inputs of some objects of a spec file.

    None where it cannot be told: a variable gets its account in a way that is not followed, or,
    where that is needed, has no value.
    """
    names = {WORLD}
    forms = []
    for node in walk(checked.program):
        if isinstance(node, nodes.AccountLiteral):
            if all(isinstance(part, str) for part in node.parts):
                names.add(node.name)
            else:
                parts = (re.escape(p) if isinstance(p, str) else _SEGMENTS for p in node.parts)
                forms.append(re.compile("".join(parts)))
    objects = [tree for tree in trees if tree is not None]
    values = {m.key.value: m.value for tree in objects for m in members_of(tree, "variables")}
    for name, declaration in checked.variables.items():
        if declaration.type != Type.ACCOUNT:
            continue
        value = values.get(name)
        if declaration.origin is None:
            if isinstance(value, Text):
                names.add(value.value)
            elif needed:
                return None
        elif isinstance(declaration.origin, nodes.FnCall):
            read_names = [text for tree in objects for text in _metadata_texts(tree)]
            names.update(text for text in read_names if is_account(text))
    return Known(frozenset(names), tuple(forms))


def _metadata_texts(tree: Object) -> Iterator[str]:
    for _, items in members_of(tree, "metadata"):
        for _, text in items.members if isinstance(items, Object) else ():
            if isinstance(text, Text):
                yield text.value


def _accounts(tree: Object, cases: Sequence[CaseAt], checked: CheckedProgram) -> Iterator[Finding]:
    everywhere = known_accounts(checked, [tree, *(case.tree for case in cases)])
    if everywhere is not None:
        yield from _unmet(tree, everywhere)
    for case in cases:
        known = known_accounts(checked, [tree, case.tree], needed=True)
        if known is None:
            continue
        yield from _unmet(case.tree, known)
        held = _balance_names(tree) | _balance_names(case.tree)
        for key, names in ROW_LISTS.items():
            if key == "balances":
                continue
            balances = key.startswith("expect.endBalances")
            for row in rows_of(case.tree, key):
                for member in row.members if isinstance(row, Object) else ():
                    text = member.value
                    if member.key.value in names and isinstance(text, Text):
                        if member.key.value in ("asset", "color") or known.has(text.value):
                            continue
                        if not (balances and text.value in held):
                            yield _unknown_account(text, known)
        for member in members_of(case.tree, "expect.metadata"):
            if not known.has(member.key.value):
                yield _unknown_account(member.key, known)


def _balance_names(tree: Object) -> set[str]:
    return {text.value for text in _balance_accounts(tree)}


def _balance_accounts(tree: Object) -> Iterator[Text]:
    for row in rows_of(tree, "balances"):
        account = row.get("account") if isinstance(row, Object) else None
        if isinstance(account, Text):
            yield account


def _unmet(tree: Object, known: Known) -> Iterator[Finding]:
    """Balances of accounts that the script never looks at: a slip, or nothing to worry about."""
    for account in _balance_accounts(tree):
        if not known.has(account.value) and is_account(account.value):
            meant = suggestion(account.value, known.names)
            message = f"the script never looks at `@{account.value}`"
            if meant:
                yield problem(account.span, f"{message}; {meant}", Severity.WARNING)
            else:
                yield problem(account.span, message, Severity.HINT, unnecessary=True)


def _unknown_account(text: Text, known: Known) -> Finding:
    meant = suggestion(text.value, known.names)
    message = f"the script never names `@{text.value}`"
    return problem(text.span, f"{message}; {meant}" if meant else message, Severity.WARNING)
