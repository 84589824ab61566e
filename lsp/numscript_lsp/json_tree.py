"""JSON as a tree with the place of every key and value, for the spec files beside scripts.

It reads what it can of broken text: an editor asks about files that somebody is typing. What a
spec file must hold is the matter of `numscript.specs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from numscript.script import Span


class Text(NamedTuple):
    """A string; the span includes its quotes, the value has its escapes resolved."""

    span: Span
    value: str

    @property
    def inside(self) -> Span:
        """The span between the quotes."""
        return Span(self.span.start + 1, max(self.span.start + 1, self.span.end - 1))


class Plain(NamedTuple):
    """A number, `true`, `false`, `null`, or whatever word stands in place of a value."""

    span: Span
    word: str


class Member(NamedTuple):
    """A key of an object with its value; no value where it is not written yet."""

    key: Text
    value: Value | None


class Object(NamedTuple):
    """An object."""

    span: Span
    members: tuple[Member, ...]

    def get(self, key: str) -> Value | None:
        """The value under a key."""
        return next((m.value for m in self.members if m.key.value == key), None)


class List(NamedTuple):
    """A list."""

    span: Span
    items: tuple[Value, ...]


Value: TypeAlias = Text | Plain | Object | List

_TOKEN = re.compile(r'\s*(?:([{}\[\]:,])|("(?:[^"\\\r\n]|\\.)*"?)|([^\s{}\[\]:,"]+))')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
DEPTH = 100
"""How deep lists and objects are read; what lies deeper is left out."""


def read_tree(text: str) -> Value | None:
    """The tree of a JSON text; nothing where it has no value at all."""
    return _Reader(text).value(0)


def walk(value: Value | None) -> Iterator[tuple[tuple[str | int, ...], Value]]:
    """Every value with the keys and numbers that lead to it, the outer before the inner."""
    waiting: list[tuple[tuple[str | int, ...], Value | None]] = [((), value)]
    while waiting:
        path, here = waiting.pop()
        if here is None:
            continue
        yield path, here
        if isinstance(here, Object):
            waiting += [((*path, m.key.value), m.value) for m in reversed(here.members)]
        elif isinstance(here, List):
            waiting += [((*path, n), item) for n, item in enumerate(here.items)][::-1]


class _Reader:
    """The tokens of a text, read one after the other."""

    def __init__(self, text: str) -> None:
        self.tokens = [
            (found[found.lastindex or 0], Span(*found.span(found.lastindex or 0)))
            for found in _TOKEN.finditer(text)
            if found.lastindex
        ]
        self.at = 0
        self.length = len(text)

    def peek(self) -> str:
        """The first character of the next token; nothing at the end."""
        return self.tokens[self.at][0][0] if self.at < len(self.tokens) else ""

    def value(self, depth: int) -> Value | None:
        """The value that starts here, if one does."""
        sign = self.peek()
        if sign in ("", "}", "]", ",", ":"):
            return None
        word, span = self.tokens[self.at]
        self.at += 1
        if sign == '"':
            return Text(span, _unescape(word))
        if sign == "{":
            return self.object(span.start, depth + 1)
        if sign == "[":
            return self.list(span.start, depth + 1)
        return Plain(span, word)

    def object(self, start: int, depth: int) -> Object:
        """The rest of an object."""
        members: list[Member] = []
        while (sign := self.peek()) and sign not in "}]":
            key = self.value(depth) if sign == '"' else None
            if not isinstance(key, Text):
                self.skip()
                continue
            value = None
            if self.peek() == ":":
                self.at += 1
                value = self.value(depth) if depth < DEPTH else None
            members.append(Member(key, value))
        return Object(Span(start, self.close("}")), tuple(members))

    def list(self, start: int, depth: int) -> List:
        """The rest of a list."""
        items: list[Value] = []
        while (sign := self.peek()) and sign not in "}]":
            value = self.value(depth) if depth < DEPTH else None
            if value is None:
                self.skip()
            else:
                items.append(value)
        return List(Span(start, self.close("]")), tuple(items))

    def skip(self) -> None:
        """Pass over one token."""
        self.at += 1

    def close(self, sign: str) -> int:
        """The end of a list or object: behind its sign, or where the text stops being one."""
        if self.peek() == sign:
            self.at += 1
            return self.tokens[self.at - 1][1].end
        return self.tokens[self.at - 1][1].end if self.at else self.length


def _unescape(word: str) -> str:
    inside = word[1:-1] if len(word) > 1 and word.endswith('"') else word[1:]
    if "\\" not in inside:
        return inside

    def resolve(found: re.Match[str]) -> str:
        sign = found[1]
        return chr(int(sign[1:], 16)) if len(sign) == 5 else _ESCAPES.get(sign, sign)

    return _ESCAPE.sub(resolve, inside)
