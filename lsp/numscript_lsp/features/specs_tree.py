"""The parts of a spec file by place: its cases, inputs and rows, read from the tolerant tree.

What the format allows is asked of `numscript.specs` and `numscript.inputs`, piece by piece; only
where things stand is known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from numscript.diagnostics import Kind
from numscript.inputs import InputError, read_json
from numscript.script import Span
from numscript.specs import kinds_named
from numscript_lsp.json_tree import List, Member, Object, Plain, Text, Value, walk

FLAG_ERRORS = {
    "expect.error.missingFunds": "MissingFunds",
    "expect.error.negativeAmount": "NegativeAmount",
}
"""The flags of a case that expect an error, and the kinds that they stand for."""
ROW_LISTS = {
    "balances": ("account", "asset", "color"),
    "expect.endBalances": ("account", "asset", "color"),
    "expect.endBalances.include": ("account", "asset", "color"),
    "expect.postings": ("source", "destination", "asset", "color"),
    "expect.movements": ("source", "destination", "asset", "color"),
}
"""The lists of rows, and the texts of a row; each has an `amount` too."""


class CaseAt(NamedTuple):
    """A case: its number from 0, its name, all of it, and the place of its name."""

    number: int
    name: str
    tree: Object
    name_span: Span

    @property
    def expected_errors(self) -> tuple[type[Kind], ...]:
        """The kinds of error that it expects, as far as they are known."""
        found: list[type[Kind]] = []
        named = self.tree.get("expect.error")
        if isinstance(named, Text):
            found += kinds_named(named.value)
        for key, name in FLAG_ERRORS.items():
            if is_true(self.tree.get(key)):
                found += kinds_named(name)
        return tuple(found)


def cases_of(tree: Value | None) -> list[CaseAt]:
    """The cases of a spec file that are objects."""
    rows = tree.get("testCases") if isinstance(tree, Object) else None
    found = []
    for number, row in enumerate(rows.items if isinstance(rows, List) else ()):
        if isinstance(row, Object):
            name = row.get("it")
            place = Span(row.span.start, row.span.start + 1)
            text = name.value if isinstance(name, Text) else ""
            found.append(CaseAt(number, text, row, name.span if name is not None else place))
    return found


def case_at(tree: Value | None, offset: int) -> CaseAt | None:
    """The case around a place."""
    for case in cases_of(tree):
        if case.tree.span.start <= offset <= case.tree.span.end:
            return case
    return None


def member_of(tree: Object, key: str) -> Member | None:
    """The member with a key."""
    return next((member for member in tree.members if member.key.value == key), None)


def is_true(value: Value | None) -> bool:
    """Whether a value is `true`."""
    return isinstance(value, Plain) and value.word == "true"


def plain(value: Value) -> object:
    """A value as data, its numbers whole and exact. Raises InputError."""
    match value:
        case Text():
            return value.value
        case Plain():
            return read_json(value.word)
        case Object():
            return {m.key.value: plain(m.value) for m in value.members if m.value is not None}
        case List():
            return [plain(item) for item in value.items]


def members_of(tree: Value | None, key: str) -> tuple[Member, ...]:
    """The members of the object under a key; none where there is no object."""
    inner = tree.get(key) if isinstance(tree, Object) else None
    return inner.members if isinstance(inner, Object) else ()


def rows_of(tree: Value | None, key: str) -> tuple[Value, ...]:
    """The items of the list under a key; none where there is no list."""
    inner = tree.get(key) if isinstance(tree, Object) else None
    return inner.items if isinstance(inner, List) else ()


class Syntax(NamedTuple):
    """What makes a text no JSON, or no JSON of ours, and where."""

    message: str
    span: Span


def syntax_of(text: str, tree: Value | None) -> Iterator[Syntax]:
    """What the strict reader would refuse: keys that stand twice, numbers, broken text."""
    found = [*_values(tree)]
    yield from found
    try:
        read_json(text.removeprefix("\ufeff"))
    except InputError as problem:
        if problem.line:
            start = _offset(text, problem.line, problem.column)
            # A word is marked whole, whatever else as one character.
            end = start + 1
            while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
                end += 1
            yield Syntax(problem.message, Span(min(start, len(text)), min(end, len(text))))
        elif not found:
            yield Syntax(problem.message, Span(0, len(text)))


def _values(tree: Value | None) -> Iterator[Syntax]:
    for _, value in walk(tree):
        if isinstance(value, Object):
            seen: set[str] = set()
            for key, _ in value.members:
                if key.value in seen:
                    yield Syntax(f"the key `{key.value}` stands twice in one object", key.span)
                seen.add(key.value)
        elif isinstance(value, Plain):
            try:
                read_json(value.word)
            except InputError as problem:
                if not problem.line:
                    yield Syntax(problem.message, value.span)


def _offset(text: str, line: int, column: int) -> int:
    """The offset of a line and a column from 1, lines ending with a line feed."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    # The strict reader was given the text without its mark at the start.
    return start + column - 1 + (line == 1 and text.startswith("\ufeff"))
