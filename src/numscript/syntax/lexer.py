"""Text to tokens: one regular expression, made of the terminals of the grammar of record.

Comments nest, which a regular expression cannot follow, so block comments are read by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from numscript import errors, values
from numscript.diagnostics import Kind
from numscript.script import Script, Span
from numscript.syntax import tables


class Tokens(NamedTuple):
    """The tokens of a script, column by column, comments apart; the last one is the end."""

    kinds: list[int]
    starts: list[int]
    ends: list[int]
    comments: list[Span]


END = 0
TERMINAL = {name: number for number, name in enumerate(tables.TERMINALS)}
NONTERMINAL = {name: number for number, name in enumerate(tables.NONTERMINALS)}
IDENTIFIER = TERMINAL["IDENTIFIER"]
OVERDRAFT = TERMINAL["OVERDRAFT"]
LPAR = TERMINAL["LPAR"]
VARIABLE = TERMINAL["VARIABLE"]
NUMBER = TERMINAL["NUMBER"]
ASSET = TERMINAL["ASSET"]
_NUMERIC = {TERMINAL["NUMBER"], TERMINAL["PERCENTAGE"]}

_SIGNS = sorted((text for text in tables.WORDS if not text.isalpha()), key=len, reverse=True)
_PATTERNS = [
    ("LINE_COMMENT", tables.PATTERNS["LINE_COMMENT"]),
    ("BLOCK", r"/\*"),
    ("SIGN", "|".join(re.escape(sign) for sign in _SIGNS)),
    *(
        (name, tables.PATTERNS[name])
        for name in (
            "IDENTIFIER",
            "ACCOUNT",
            "PERCENTAGE",
            "NUMBER",
            "VARIABLE",
            "ASSET",
            "STRING",
            "ACCOUNT_SEGMENT",
        )
    ),
    ("END", r"\Z"),
    ("OPEN_STRING", r'"[^\r\n]*'),
    ("OTHER", r"(?s:.)"),
]


def _grouped(pattern: str) -> str:
    """The pattern with its own groups turned into ones that are not captured."""
    return re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern)


_TOKEN = re.compile(
    r"[ \t\r\n]*+(?:" + "|".join(f"({_grouped(pattern)})" for _, pattern in _PATTERNS) + ")"
)
_GROUPS = {name: number for number, (name, _) in enumerate(_PATTERNS, start=1)}
_WORD_GROUPS = (_GROUPS["SIGN"], _GROUPS["IDENTIFIER"])
_KIND_BY_GROUP = [TERMINAL.get(name, -1) for name in ("", *(name for name, _ in _PATTERNS))]
_KIND_BY_GROUP[_GROUPS["END"]] = END
_KIND_BY_GROUP[_GROUPS["LINE_COMMENT"]] = -1
_BLOCK_ENDS = re.compile(r"/\*|\*/")


def tokenize(script: Script, report: Callable[[Kind, int, int], None]) -> Tokens:
    """The tokens of a script; what is no token is reported and left out."""
    text = script.text
    kinds: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    comments: list[Span] = []
    words, kind_by_group = tables.WORDS, _KIND_BY_GROUP
    words_groups = _WORD_GROUPS
    longest = values.MAX_DIGITS
    position = 1 if text.startswith("\ufeff") else 0
    while position >= 0:
        matches = _TOKEN.finditer(text, position)
        position = -1
        for match in matches:
            group: Any = match.lastindex
            start, end = match.span(group)
            kind = kind_by_group[group]
            if group in words_groups:
                kind = words.get(match[group], IDENTIFIER)
            elif kind < 0:
                end = _no_token(text, match, group, comments, report)
                if end != match.end():
                    position = end
                    break
                continue
            elif end - start > longest and kind in _NUMERIC:
                digits = end - start - match[group].count("_")
                report(errors.NumberTooLong(digits=digits, limit=longest), start, end)
            kinds.append(kind)
            starts.append(start)
            ends.append(end)
            if kind == END:
                break
    return Tokens(kinds, starts, ends, comments)


def _no_token(
    text: str,
    match: re.Match[str],
    group: int,
    comments: list[Span],
    report: Callable[[Kind, int, int], None],
) -> int:
    """Deal with a comment or with what is no token; returns where to go on."""
    start, end = match.span(group)
    if group == _GROUPS["LINE_COMMENT"]:
        comments.append(Span(start, end))
        return end
    if group == _GROUPS["BLOCK"]:
        end = _block_comment_end(text, start)
        if end < 0:
            report(errors.UnterminatedComment(), start, start + 2)
            return len(text)
        comments.append(Span(start, end))
        return end
    if group == _GROUPS["OPEN_STRING"]:
        report(errors.UnterminatedString(), start, end)
        return end
    advice = _ADVICE.get(text[start], "")
    kind = errors.UnexpectedCharacter(character=_shown(text[start]), advice=advice)
    report(kind, start, end)
    return end


_ADVICE = {
    ".": "amounts are whole, in the asset's smallest unit; portions are written `1/2` or `12.5%`",
    "'": 'strings stand between `"`',
    "\u201c": 'strings stand between `"`',
    "\u201d": 'strings stand between `"`',
    "#": "comments start with `//`",
    ";": "a statement ends without a sign",
    "%": "a percentage is digits and `%`, without a blank between them",
    "$": "a variable is `$` and small letters, digits or `_`",
    "@": "an account is `@` and letters, digits, `_` or `-`, its segments joined by `:`",
}
"""What may have been meant by a character that has no meaning."""


def _block_comment_end(text: str, start: int) -> int:
    """The end of a block comment, or -1.

    Comments nest. Where the openings outnumber the closings the last closing ends the comment, as
    in the reference, whose lexer then takes the surplus openings for text.
    """
    depth = 0
    end = -1
    for match in _BLOCK_ENDS.finditer(text, start):
        if match[0] == "/*":
            depth += 1
        else:
            depth -= 1
            end = match.end()
            if depth == 0:
                break
    return end


def _shown(character: str) -> str:
    if character.isprintable() and not character.isspace():
        return f"`{character}`"
    return f"U+{ord(character):04X}"
