"""Where in a spec file a place is: inside which lists and objects, in a key or in a value.

Read from the tokens in front of the place, so that it works where the text is not JSON yet.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from numscript.script import Span

_TOKEN = re.compile(r'"(?:[^"\\\r\n]|\\.)*"?|[{}\[\]:,]|[^\s{}\[\]:,"]+')


class SpecsPlace(NamedTuple):
    """A place in a spec file.

    path: the keys and numbers that lead to the list or object around it; key: the key whose value
    is asked for, nothing in a list; in_key: whether a key is asked for; span: the word there,
    without its quotes; quoted: whether it has some; has_value: whether a `:` follows already.
    """

    path: tuple[str | int, ...]
    key: str
    in_key: bool
    span: Span
    quoted: bool
    has_value: bool

    @property
    def holder(self) -> str:
        """The key that the list or object around the place is the value of."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")

    @property
    def in_row(self) -> bool:
        """Whether it is directly inside an object in a list."""
        return bool(self.path) and isinstance(self.path[-1], int)


class _Frame:
    """A list or object that is open: where it is read."""

    def __init__(self, *, is_object: bool) -> None:
        self.is_object = is_object
        self.key = ""
        self.number = 0
        self.behind_colon = False

    @property
    def step(self) -> str | int:
        """The key or number of what is read in it."""
        return self.key if self.is_object else self.number


def place_at(text: str, offset: int) -> SpecsPlace | None:
    """Where an offset is; none where no list or object is open."""
    frames: list[_Frame] = []
    word = Span(offset, offset)
    quoted = False
    for match in _TOKEN.finditer(text):
        token, start, end = match[0], match.start(), match.end()
        if start >= offset:
            break
        if end >= offset and token[0] not in "{}[]:,":
            closed = len(token) > 1 and token.endswith('"')
            if token[0] != '"':
                word = Span(start, end)
                break
            if not (closed and end == offset):
                word, quoted = Span(start + 1, end - closed), True
                break
        _read(frames, token)
    if not frames:
        return None
    top = frames[-1]
    in_key = top.is_object and not top.behind_colon
    behind = text[word.end + quoted :].lstrip()
    return SpecsPlace(
        tuple(frame.step for frame in frames[:-1]),
        top.key if top.is_object and top.behind_colon else "",
        in_key,
        word,
        quoted,
        behind.startswith(":"),
    )


def _read(frames: list[_Frame], token: str) -> None:
    """Take a token that lies wholly in front of the place."""
    if token in ("{", "["):
        frames.append(_Frame(is_object=token == "{"))
        return
    if not frames:
        return
    top = frames[-1]
    if token in ("}", "]"):
        frames.pop()
    elif token == ",":
        top.number += 1
        top.key, top.behind_colon = "", False
    elif token == ":":
        top.behind_colon = True
    elif token[0] == '"' and top.is_object and not top.behind_colon:
        top.key = token.strip('"')
