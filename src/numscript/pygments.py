"""The Pygments lexer of Numscript, for Sphinx, MkDocs, `pygmentize` and whatever else uses it.

Pygments finds it by the entry point `numscript` of the group `pygments.lexers`. It has no patterns
of its own: the tokens are those of the language's lexer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pygments.lexer import Lexer
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String
from pygments.token import Whitespace as Blank
from pygments.token import _TokenType as Token

from numscript.highlighting import TokenClass, classify
from numscript.script import Script

TOKENS: dict[TokenClass, Token] = {
    TokenClass.COMMENT: Comment,
    TokenClass.KEYWORD: Keyword,
    TokenClass.TYPE: Keyword.Type,
    TokenClass.FUNCTION: Name.Function,
    TokenClass.IDENTIFIER: Name,
    TokenClass.VARIABLE: Name.Variable,
    TokenClass.ACCOUNT: Name.Entity,
    TokenClass.ASSET: Name.Constant,
    TokenClass.NUMBER: Number.Integer,
    TokenClass.PORTION: Number,
    TokenClass.STRING: String,
    TokenClass.OPERATOR: Operator,
    TokenClass.PUNCTUATION: Punctuation,
}
"""The Pygments token of each class of the language."""


class NumscriptLexer(Lexer):
    """Numscript, the language for moving money."""

    name = "Numscript"
    aliases: ClassVar[list[str]] = ["numscript", "num"]
    filenames: ClassVar[list[str]] = ["*.num"]
    mimetypes: ClassVar[list[str]] = ["text/x-numscript"]
    url = "https://docs.formance.com/numscript"

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Token, str]]:
        """Every stretch of a text with its token; what is no token of the language is an error."""
        position = 0
        for start, end, token_class in classify(Script(text)):
            yield from _between(text, position, start)
            yield start, TOKENS[token_class], text[start:end]
            position = end
        yield from _between(text, position, len(text))


def _between(text: str, start: int, end: int) -> Iterator[tuple[int, Token, str]]:
    """What stands between two tokens: blanks, and signs that the language does not know."""
    while start < end:
        blank = _is_blank(text[start])
        stop = start + 1
        while stop < end and _is_blank(text[stop]) is blank:
            stop += 1
        yield start, Blank if blank else Error, text[start:stop]
        start = stop


def _is_blank(character: str) -> bool:
    return character.isspace() or character == "\ufeff"
