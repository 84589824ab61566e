"""Outline of a spec file: its inputs and its cases, for outlines and searches."""

from __future__ import annotations

from numscript.script import Span
from numscript_lsp.features.outline import Entry, EntryKind, fits
from numscript_lsp.features.specs_tree import case_at, is_true
from numscript_lsp.json_tree import List, Member, Object, Plain, Text, Value


def outline_specs(tree: Value | None) -> tuple[Entry, ...]:
    """The parts of a spec file, in the order of the text."""
    if not isinstance(tree, Object):
        return ()
    members = (member for member in tree.members if not member.key.value.startswith("$"))
    return tuple(_section(tree, member) for member in members)


def _section(tree: Object, member: Member) -> Entry:
    value = member.value
    inner: list[Entry] = []
    if isinstance(value, List):
        inner = [found for item in value.items if (found := _item(tree, item)) is not None]
    elif isinstance(value, Object):
        inner = [_named(row) for row in value.members if row.key.value]
    kind = EntryKind.VARIABLES
    name, span = member.key.value or "?", member.key.span
    whole = Span(span.start, span.end if value is None else value.span.end)
    detail = str(len(inner)) if inner else ""
    return Entry(name, detail, kind, whole, span, tuple(inner))


def _named(member: Member) -> Entry:
    value, span = member.value, member.key.span
    detail = ""
    if isinstance(value, Text):
        detail = value.value
    elif isinstance(value, Plain):
        detail = value.word
    whole = Span(span.start, span.end if value is None else value.span.end)
    return Entry(member.key.value, detail, EntryKind.VARIABLE, whole, span)


def _item(tree: Object, item: Value) -> Entry | None:
    """A case, a flag, or the account of a row."""
    if isinstance(item, Text) and item.value:
        return Entry(item.value, "", EntryKind.FLAG, item.span, item.span)
    if not isinstance(item, Object):
        return None
    case = case_at(tree, item.span.start)
    if case is not None and case.tree is item:
        marks = [key for key in ("focus", "skip") if is_true(item.get(key))]
        name = case.name or f"case {case.number + 1}"
        return Entry(name, ", ".join(marks), EntryKind.CASE, item.span, case.name_span)
    account = item.get("account")
    if not isinstance(account, Text) or not account.value:
        return None
    asset, amount = item.get("asset"), item.get("amount")
    parts = [asset.value if isinstance(asset, Text) else ""]
    parts.append(amount.word if isinstance(amount, Plain) else "")
    detail = " ".join(part for part in parts if part)
    return Entry(f"@{account.value}", detail, EntryKind.ACCOUNT, item.span, account.span)


def search_specs(tree: Value | None, query: str) -> tuple[Entry, ...]:
    """The cases whose names fit a query."""
    entries = (entry for section in outline_specs(tree) for entry in section.children)
    cases = (entry for entry in entries if entry.kind is EntryKind.CASE)
    return tuple(entry for entry in cases if fits(query, entry.name))
