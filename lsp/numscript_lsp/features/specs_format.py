"""Diagnostics of a spec file by itself: keys, types of values, names of errors and flags.

It says all that is wrong, where `numscript.specs` stops at the first thing; it asks the same
readers, one piece at a time, so that both refuse the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from numscript import errors
from numscript.diagnostics import Failure, Severity
from numscript.inputs import (
    INPUT_KEYS,
    InputError,
    read_row,
    read_texts,
    read_variables,
    shown,
    spelling,
)
from numscript.prelude import FEATURES
from numscript.script import Span
from numscript.specs import CASE_KEYS, kinds_named, suggested_kind
from numscript.values import is_color, read_account, read_asset
from numscript_lsp.features.diagnostics import Finding, Related
from numscript_lsp.features.specs_tree import (
    FLAG_ERRORS,
    ROW_LISTS,
    CaseAt,
    cases_of,
    is_true,
    member_of,
    plain,
    syntax_of,
)
from numscript_lsp.json_tree import List, Member, Object, Plain, Text, Value

FILE_KEYS = ("$schema", *INPUT_KEYS, "testCases")
CODE = "specs"
"""The code of what is no error of the language."""


def problem(
    span: Span,
    message: str,
    severity: Severity = Severity.ERROR,
    *,
    unnecessary: bool = False,
    related: tuple[Related, ...] = (),
) -> Finding:
    """Something wrong with a spec file."""
    return Finding(span, severity, CODE, message, "", unnecessary, related)


def failed(span: Span, failure: Failure, severity: Severity = Severity.ERROR) -> Finding:
    """A value that the language refuses, with the code that a run would give."""
    kind = failure.kind
    message = f"{kind.message}\n{kind.hint}" if kind.hint else kind.message
    anchor = f"{kind.code} {kind.title}".lower().replace(" ", "-")
    return Finding(span, severity, kind.code, message, anchor)


def format_findings(text: str, tree: Value | None) -> Iterator[Finding]:
    """What is wrong with a spec file whatever its script says."""
    for message, span in syntax_of(text, tree):
        yield problem(span, message)
    if tree is None:
        return
    if not isinstance(tree, Object):
        yield problem(tree.span, "a spec file must be a JSON object")
        return
    yield from _keys(tree, FILE_KEYS)
    yield from _inputs(tree)
    yield from _flags(tree)
    rows = tree.get("testCases")
    if not isinstance(rows, List) or not rows.items:
        place = rows.span if rows is not None else Span(tree.span.start, tree.span.start + 1)
        yield problem(place, "it has no cases; list at least one in `testCases`")
        return
    for row in rows.items:
        if not isinstance(row, Object):
            yield problem(row.span, "a case must be a JSON object")
    yield from _cases(tree)


def _keys(tree: Object, known: Sequence[str]) -> Iterator[Finding]:
    for key, _ in tree.members:
        if key.value not in known:
            message = f"there is no key `{key.value}`{spelling(key.value, known)}"
            yield problem(key.span, message)


# --- cases ------------------------------------------------------------------------------------


def _cases(tree: Object) -> Iterator[Finding]:
    cases = cases_of(tree)
    names: dict[str, Span] = {}
    focused = any(is_true(case.tree.get("focus")) for case in cases)
    for case in cases:
        name = case.tree.get("it")
        if not isinstance(name, Text):
            wrong = "is missing" if name is None else "must be text"
            yield problem(case.name_span, f"the name of the case, `it`, {wrong}")
        elif name.value in names:
            first = (Related(names[name.value], "the first case of this name"),)
            message = "another case has the same name"
            yield problem(name.span, message, Severity.WARNING, related=first)
        names.setdefault(case.name, case.name_span)
        yield from _keys(case.tree, CASE_KEYS)
        yield from _inputs(case.tree)
        yield from _set_apart(case.tree, focused=focused)
        yield from _expectations(case)


def _set_apart(case: Object, *, focused: bool) -> Iterator[Finding]:
    """Cases that do not run, and why; the run as a whole then fails."""
    skip, focus = member_of(case, "skip"), member_of(case, "focus")
    for member in (skip, focus):
        if member is not None:
            yield from _flag(member)
    if skip is not None and is_true(skip.value):
        message = "this case is skipped; while one is, the run fails"
        yield problem(case.span, message, Severity.HINT, unnecessary=True)
    elif focus is not None and is_true(focus.value):
        message = "only cases with `focus` run, and while there is one the run fails"
        yield problem(focus.key.span, message, Severity.WARNING)
    elif focused:
        message = "this case is skipped, because another has `focus`"
        yield problem(case.span, message, Severity.HINT, unnecessary=True)


def _flag(member: Member) -> Iterator[Finding]:
    value = member.value
    right = isinstance(value, Plain) and value.word in ("true", "false", "null")
    if value is not None and not right:
        yield problem(value.span, f"`{member.key.value}` must be true or false")


def _expectations(case: CaseAt) -> Iterator[Finding]:
    for member in case.tree.members:
        key, value = member.key.value, member.value
        if value is None or (isinstance(value, Plain) and value.word == "null"):
            continue
        if key in ROW_LISTS and key != "balances":
            yield from _rows(value, key)
        elif key == "expect.txMetadata":
            yield from _texts(value, "metadata")
        elif key == "expect.metadata":
            yield from _metadata(value)
        elif key == "expect.error":
            yield from _error(value)
        elif key in FLAG_ERRORS:
            yield from _flag(member)
    if case.expected_errors:
        for key_text, _ in case.tree.members:
            name = key_text.value
            if name.startswith("expect.") and not name.startswith("expect.error"):
                message = "this is never looked at: the case expects an error"
                yield problem(key_text.span, message, Severity.HINT, unnecessary=True)


def _error(value: Value) -> Iterator[Finding]:
    if not isinstance(value, Text):
        yield problem(value.span, "`expect.error` must be the name or code of an error")
    elif not kinds_named(value.value):
        message = f"there is no error `{value.value}`{suggested_kind(value.value)}"
        yield problem(value.span, message)


# --- inputs -----------------------------------------------------------------------------------


def _inputs(tree: Object) -> Iterator[Finding]:
    for key, value in tree.members:
        if value is None:
            continue
        if key.value == "balances":
            yield from _rows(value, key.value)
        elif key.value == "variables":
            yield from _variables(value)
        elif key.value == "metadata":
            yield from _metadata(value)


def _variables(value: Value) -> Iterator[Finding]:
    if not isinstance(value, Object):
        yield problem(value.span, "variables must be a JSON object")
        return
    for member in value.members:
        yield from _variable(member)


def _variable(member: Member) -> Iterator[Finding]:
    if member.value is not None:
        yield from _read(member.value, lambda found: read_variables({member.key.value: found}))


def _metadata(value: Value) -> Iterator[Finding]:
    if not isinstance(value, Object):
        yield problem(value.span, "metadata must be a JSON object")
        return
    for account, items in value.members:
        yield from _named(account, read_account)
        if items is not None:
            yield from _texts(items, f"the metadata of @{account.value}")


def _texts(value: Value, what: str) -> Iterator[Finding]:
    yield from _read(value, lambda found: read_texts(found, "", what))


def _rows(value: Value, key: str) -> Iterator[Finding]:
    if not isinstance(value, List):
        yield problem(value.span, f"`{key}` must be a list of rows")
        return
    names = ROW_LISTS[key]
    seen: dict[tuple[str, ...], Span] = {}
    for row in value.items:
        yield from _row(row, names)
        if key == "expect.postings":
            continue  # The same may be posted twice.
        identity = _identity(row, names)
        if identity is None:
            continue
        if identity in seen:
            first = (Related(seen[identity], "the first row"),)
            yield problem(row.span, "two rows are given for the same", related=first)
        seen.setdefault(identity, row.span)


def _identity(row: Value, names: Sequence[str]) -> tuple[str, ...] | None:
    """What tells a row from the others; none where it cannot be read."""
    try:
        return read_row(plain(row), names, "")[0]
    except InputError:
        return None


def _row(row: Value, names: Sequence[str]) -> Iterator[Finding]:
    if not isinstance(row, Object):
        yield problem(row.span, f"a row must be a JSON object, not {_shown(row)}")
        return
    unknown = [*_keys(row, (*names, "amount"))]
    yield from unknown
    if not unknown:
        yield from _read(row, lambda found: read_row(found, names, ""))
    for key, inner in row.members:
        if not isinstance(inner, Text):
            continue
        if key.value in ("account", "source", "destination"):
            yield from _named(inner, read_account)
        elif key.value == "asset":
            yield from _named(inner, read_asset)
        elif key.value == "color" and is_color(inner.value) is None:
            wrong = Failure(errors.InvalidColor(name=inner.value))
            yield failed(inner.span, wrong, Severity.WARNING)


def _named(text: Text, reader: Callable[[object], object]) -> Iterator[Finding]:
    try:
        reader(text.value)
    except Failure as failure:
        severity = Severity.WARNING  # The run takes it, but no script will ever mean it.
        found = failed(text.span, failure, severity)
        if text.value.startswith("@"):
            found = found._replace(message=f"accounts stand here without their `@`: {text.value}")
        yield found


def _flags(tree: Object) -> Iterator[Finding]:
    value = tree.get("featureFlags")
    if value is None:
        return
    if not isinstance(value, List):
        yield problem(value.span, "feature flags must be a list of names")
        return
    for flag in value.items:
        if not isinstance(flag, Text):
            yield problem(flag.span, "feature flags must be a list of names")
        elif flag.value not in FEATURES:
            message = f"there is no feature `{flag.value}`{spelling(flag.value, FEATURES)}"
            yield problem(flag.span, message, Severity.WARNING)


def _read(value: Value, reader: Callable[[object], object]) -> Iterator[Finding]:
    """What a reader finds wrong with a value."""
    try:
        found = plain(value)
    except InputError:
        return  # The syntax says it already.
    try:
        reader(found)
    except InputError as wrong:
        yield problem(value.span, wrong.message)


def _shown(value: Value) -> str:
    try:
        return shown(plain(value))
    except InputError:
        return "this"
