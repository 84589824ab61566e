"""Write the highlighters that cannot ask Python: `python -m numscript.grammar.editors`.

The words come from the prelude, the patterns from the grammar and the classes from
`numscript.highlighting`. TextMate's and Lezer's grammars are made whole, as their patterns are
those of the grammar of record; the syntax files of Vim and Emacs, whose regular expressions are of
another kind, hold a part that is made, between two lines that say so. A test compares what all of
them make of every conformance script.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from numscript.highlighting import (
    CLASS_BY_TERMINAL,
    CLASS_BY_WORD,
    FUNCTION_KEYWORDS,
    KEYWORDS,
    TokenClass,
)
from numscript.prelude import BUILTINS, FEATURES, TYPES
from numscript.prelude import KEYWORDS as KEYWORD_DOCS
from numscript.syntax import tables

from . import GRAMMAR
from .lezer import make_lezer_grammar

FOLDER = Path("lsp") / "editors"
BEGIN = "Written by `make editors`; do not edit."
END = "The rest is written by hand."


class Names(NamedTuple):
    """What editors call a class: TextMate's scope, Vim's group, the face of Emacs; "" is plain."""

    textmate: str
    vim: str
    emacs: str


NAMES: dict[TokenClass, Names] = {
    TokenClass.COMMENT: Names("comment", "Comment", "font-lock-comment-face"),
    TokenClass.KEYWORD: Names("keyword.control", "Keyword", "font-lock-keyword-face"),
    TokenClass.TYPE: Names("support.type", "Type", "font-lock-type-face"),
    TokenClass.FUNCTION: Names("support.function", "Function", "font-lock-function-name-face"),
    TokenClass.IDENTIFIER: Names("", "", ""),
    TokenClass.VARIABLE: Names("variable.other", "Identifier", "font-lock-variable-name-face"),
    TokenClass.ACCOUNT: Names("entity.name.tag.account", "Tag", "numscript-account-face"),
    TokenClass.ASSET: Names("constant.language.asset", "Constant", "font-lock-constant-face"),
    TokenClass.NUMBER: Names("constant.numeric.integer", "Number", "numscript-number-face"),
    TokenClass.PORTION: Names("constant.numeric.portion", "Float", "numscript-portion-face"),
    TokenClass.STRING: Names("string.quoted.double", "String", "font-lock-string-face"),
    TokenClass.OPERATOR: Names("keyword.operator", "Operator", "font-lock-builtin-face"),
    TokenClass.PUNCTUATION: Names("punctuation", "", ""),
}


def make_files(root: Path) -> dict[Path, str]:
    """The text of every generated file, by its path below the root of the repository.

    What of a file is written by hand is read from there.
    """

    def section(name: str, comment: str, lines: Iterable[str]) -> tuple[Path, str]:
        path = FOLDER / name
        return path, _with_section((root / path).read_text(encoding="utf-8"), comment, lines)

    return dict(
        [
            (FOLDER / "vscode/syntaxes/numscript.tmLanguage.json", make_textmate_grammar()),
            (
                FOLDER / "codemirror/src/numscript.grammar",
                make_lezer_grammar(GRAMMAR.read_text(encoding="utf-8")),
            ),
            (FOLDER / "codemirror/src/words.js", make_script_words()),
            section("neovim/syntax/numscript.vim", '"', _vim_lines()),
            section("emacs/numscript-mode.el", ";;", _emacs_lines()),
        ]
    )


def _with_section(text: str, comment: str, lines: Iterable[str]) -> str:
    """A file with the lines between its marks made anew."""
    begin, end = f"{comment} {BEGIN}\n", f"{comment} {END}\n"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the file has no lines `{begin.strip()}` and `{end.strip()}`")
    return head + begin + "".join(f"{line}\n" for line in lines) + end + tail


# --- TextMate ---------------------------------------------------------------------------------


def make_textmate_grammar() -> str:
    """The TextMate grammar, for VS Code and all who read its kind."""
    ends = r"(?![a-z_])"

    def word(token_class: TokenClass, words: Iterable[str], behind: str = "") -> dict[str, object]:
        inside = "|".join(re.escape(text) for text in words)
        return {"name": _scope(token_class), "match": f"(?:{inside}){behind}"}

    def terminal(name: str, **more: object) -> dict[str, object]:
        return {
            "name": _scope(CLASS_BY_TERMINAL[name]),
            "match": tables.PATTERNS[name],
            **more,
        }

    variables = {
        "patterns": [
            {"name": _scope(TokenClass.VARIABLE), "match": tables.PATTERNS["VARIABLE"]},
        ]
    }
    functions = (name for name in BUILTINS if name not in FUNCTION_KEYWORDS)
    signs = sorted((word for word in CLASS_BY_WORD if not word.isalpha()), key=len, reverse=True)
    patterns: list[dict[str, object]] = [
        {
            "name": "comment.line.double-slash.numscript",
            "match": tables.PATTERNS["LINE_COMMENT"],
        },
        {"include": "#block-comment"},
        *(
            word(kind, [sign for sign in signs if CLASS_BY_WORD[sign] is kind])
            for kind in (TokenClass.KEYWORD, TokenClass.OPERATOR, TokenClass.PUNCTUATION)
        ),
        word(TokenClass.FUNCTION, sorted(FUNCTION_KEYWORDS), rf"{ends}(?=\s*\()"),
        word(TokenClass.KEYWORD, KEYWORDS, ends),
        word(TokenClass.TYPE, TYPES, ends),
        word(TokenClass.FUNCTION, functions, ends),
        {"name": "meta.identifier.numscript", "match": tables.PATTERNS["IDENTIFIER"]},
        terminal("ACCOUNT", captures={"0": variables}),
        terminal("PERCENTAGE"),
        terminal("NUMBER"),
        terminal("VARIABLE"),
        terminal("ASSET"),
        terminal("STRING", captures={"0": {"patterns": [ESCAPE]}}),
        terminal("ACCOUNT_SEGMENT", captures={"0": variables}),
        {"name": "invalid.illegal.unclosed-string.numscript", "match": r'"[^\r\n]*'},
        {"name": "invalid.illegal.numscript", "match": r"\S"},
    ]
    grammar = {
        "$schema": "https://json.schemastore.org/tmlanguage",
        "comment": BEGIN,
        "name": "Numscript",
        "scopeName": "source.numscript",
        "fileTypes": ["num"],
        "patterns": patterns,
        "repository": {
            "block-comment": {
                "name": "comment.block.numscript",
                "begin": r"/\*",
                "end": r"\*/",
                "patterns": [{"include": "#block-comment"}],
            }
        },
    }
    return json.dumps(grammar, indent=2) + "\n"


ESCAPE = {"name": "constant.character.escape.numscript", "match": r'\\"'}


def _scope(token_class: TokenClass) -> str:
    return f"{NAMES[token_class].textmate}.numscript"


# --- words ------------------------------------------------------------------------------------


def make_script_words() -> str:
    """The names of the language with their documentation, for the web."""
    functions = {
        name: {
            "signature": builtin.signature,
            "parameters": [parameter for parameter, _ in builtin.parameters],
            "doc": builtin.doc,
        }
        for name, builtin in BUILTINS.items()
    }
    texts = {
        "keywords": {word: KEYWORD_DOCS[word] for word in KEYWORDS},
        "types": {str(name): doc for name, doc in TYPES.items()},
        "functions": functions,
        "features": FEATURES,
    }
    parts = [
        f"export const {name} = {json.dumps(value, indent=2, ensure_ascii=False)};"
        for name, value in texts.items()
    ]
    return "\n\n".join([f"// The names of the language. {BEGIN}", *parts]) + "\n"


def _plain_words() -> list[tuple[TokenClass, list[str]]]:
    """The words that have their class wherever they stand."""
    return [
        (TokenClass.KEYWORD, list(KEYWORDS)),
        (TokenClass.TYPE, [str(name) for name in TYPES]),
        (TokenClass.FUNCTION, [name for name in BUILTINS if name not in FUNCTION_KEYWORDS]),
    ]


def _vim_lines() -> Iterable[str]:
    def group(token_class: TokenClass) -> str:
        return f"numscript{token_class.capitalize()}"

    for token_class, words in _plain_words():
        yield from _wrapped(
            [word for word in words if word not in FUNCTION_KEYWORDS],
            first=f"syntax keyword {group(token_class)}",
            more="      \\",
        )
    for word in sorted(FUNCTION_KEYWORDS):
        yield rf"syntax match {group(TokenClass.KEYWORD)} /\<{word}\>/"
        yield rf"syntax match {group(TokenClass.FUNCTION)} /\<{word}\>\ze\_s*(/"
    for token_class, names in NAMES.items():
        if names.vim:
            yield f"highlight default link {group(token_class)} {names.vim}"


def _emacs_lines() -> Iterable[str]:
    for token_class, words in _plain_words():
        yield f"(defconst numscript-{token_class}-words"
        yield from _wrapped([f'"{word}"' for word in words], first="  '(", more="   ", glue="")
        yield f'  "Words of class {token_class}.")'
    yield "(defconst numscript-keyword-functions"
    both = " ".join(f'"{word}"' for word in sorted(FUNCTION_KEYWORDS))
    yield f"  '({both})"
    yield '  "Keywords that are functions where a parenthesis follows.")'
    yield "(defconst numscript-faces"
    rows = [f"({kind} . {names.emacs})" for kind, names in NAMES.items() if names.emacs]
    yield "  '(" + "\n    ".join(rows) + ")"
    yield '  "The face of each class of words.")'


def _wrapped(words: list[str], first: str, more: str, glue: str = " ") -> Iterable[str]:
    """Words on lines of readable length."""
    line = first
    for word in words:
        if len(line) + len(word) > 90:
            yield line
            line = more
        line += (" " if line != first or glue else "") + word
    yield line + ("" if glue else ")")


def main(write: Callable[[str], object] = sys.stdout.write) -> None:
    """Write the files in the repository that the command runs in."""
    root = GRAMMAR.resolve().parent.parent
    for path, text in make_files(root).items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
