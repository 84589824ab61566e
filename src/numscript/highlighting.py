"""What kind of word each stretch of a script is: the one table that all highlighters go by.

    for start, end, token_class in classify(script): ...

The classes follow from the tokens of the grammar and the names of the prelude alone, so text that
is no program is coloured too. The highlighters under lsp/editors/, which cannot ask Python, are
made from this table or compared with it by a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum, unique
from operator import itemgetter
from typing import NamedTuple

from numscript.prelude import BUILTINS, TYPES
from numscript.script import Script
from numscript.syntax import tables
from numscript.syntax.lexer import END, TERMINAL, Tokens, tokenize


@unique
class TokenClass(StrEnum):
    """The kinds of words that a reader tells apart by colour."""

    COMMENT = "comment"
    KEYWORD = "keyword"
    TYPE = "type"
    FUNCTION = "function"
    IDENTIFIER = "identifier"
    VARIABLE = "variable"
    ACCOUNT = "account"
    ASSET = "asset"
    NUMBER = "number"
    PORTION = "portion"
    STRING = "string"
    OPERATOR = "operator"
    PUNCTUATION = "punctuation"


class ClassifiedToken(NamedTuple):
    """A stretch of a script, by offsets into its text, and its class."""

    start: int
    end: int
    token_class: TokenClass


OPERATORS = frozenset("+-*/=\\")
SIGNS = frozenset(word for word in tables.WORDS if not word.isalpha())
"""What is written without letters: operators, brackets, the comma, and `#!` in front of flags."""
KEYWORDS = tuple(sorted(word for word in tables.WORDS if word.isalpha()))
FUNCTION_KEYWORDS = frozenset(BUILTINS).intersection(KEYWORDS)
"""Keywords that are builtins where a parenthesis follows."""


def _word_class(word: str) -> TokenClass:
    if word.isalpha() or word == "#!":
        return TokenClass.KEYWORD
    return TokenClass.OPERATOR if word in OPERATORS else TokenClass.PUNCTUATION


CLASS_BY_TERMINAL: dict[str, TokenClass] = {
    "VARIABLE": TokenClass.VARIABLE,
    "ASSET": TokenClass.ASSET,
    "NUMBER": TokenClass.NUMBER,
    "PERCENTAGE": TokenClass.PORTION,
    "STRING": TokenClass.STRING,
    "ACCOUNT": TokenClass.ACCOUNT,
    "ACCOUNT_SEGMENT": TokenClass.ACCOUNT,
    "IDENTIFIER": TokenClass.IDENTIFIER,
    "LINE_COMMENT": TokenClass.COMMENT,
    "BLOCK_COMMENT": TokenClass.COMMENT,
}
"""The class of every terminal that has a pattern, blanks apart."""

CLASS_BY_WORD: dict[str, TokenClass] = {word: _word_class(word) for word in tables.WORDS}
"""The class of every keyword and sign."""

_CLASS_BY_KIND = {
    **{kind: CLASS_BY_WORD[word] for word, kind in tables.WORDS.items()},
    **{TERMINAL[name]: kind for name, kind in CLASS_BY_TERMINAL.items() if name in TERMINAL},
}


def classify(script: Script) -> list[ClassifiedToken]:
    """The stretches of a script that are tokens or comments, in order; the rest is blank or wrong.

    A variable inside the name of an account is a stretch of its own.
    """
    tokens = tokenize(script, lambda _kind, _start, _end: None)
    comments = (
        ClassifiedToken(span.start, span.end, TokenClass.COMMENT) for span in tokens.comments
    )
    return sorted((*_words(script.text, tokens), *comments), key=itemgetter(0))


def _words(text: str, tokens: Tokens) -> Iterator[ClassifiedToken]:
    for at, (kind, start, end) in enumerate(
        zip(tokens.kinds, tokens.starts, tokens.ends, strict=True)
    ):
        if kind == END:
            return
        token_class = _CLASS_BY_KIND[kind]
        if token_class is TokenClass.ACCOUNT:
            yield from _account_pieces(text, start, end)
            continue
        word = text[start:end]
        if word in FUNCTION_KEYWORDS:
            if tokens.kinds[at + 1] == TERMINAL["LPAR"]:
                token_class = TokenClass.FUNCTION
        elif token_class is TokenClass.IDENTIFIER:
            if word in TYPES:
                token_class = TokenClass.TYPE
            elif word in BUILTINS:
                token_class = TokenClass.FUNCTION
        yield ClassifiedToken(start, end, token_class)


def _account_pieces(text: str, start: int, end: int) -> Iterator[ClassifiedToken]:
    """The name of an account, cut where variables stand in it."""
    while start < end:
        variable = text.find("$", start, end)
        if variable < 0:
            variable = end
        if start < variable:
            yield ClassifiedToken(start, variable, TokenClass.ACCOUNT)
        if variable < end:
            start = text.find(":", variable, end)
            if start < 0:
                start = end
            yield ClassifiedToken(variable, start, TokenClass.VARIABLE)
        else:
            start = end
