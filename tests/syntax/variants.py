"""Scripts as other people would have spaced and commented them, and what must stay the same."""

from __future__ import annotations

import random
from typing import Any

from numscript import Script
from numscript.syntax import nodes
from numscript.syntax.parser import Parsed, parse, walk_tokens

BLANKS = (" ", " ", "\n", "\n\n", "\n\n\n", "\t", "\n    ", "  \n", "\n \n  \n")
COMMENTS = (
    "// line\n",
    "  // behind\n",
    "\n// own line\n",
    "\n  // own line\n\n",
    "\n\n// apart\n\n\n",
    "//\n",
    "// one\n// two\n\n// three\n",
    " /* block */ ",
    "/**/",
    "\n /* own */\n",
    " /* leads */",
    "\n/* leads a line */ ",
    "/* ends a line */\n",
    "\n    /* tall\n     * as a tower   \n\n     */\n",
    " /* tall\n   within */ ",
    "/* with /* another */ inside */",
    "/* one *//* two */ // three\n",
)


def variant(text: str, chance: random.Random, *, comments: int = 0, line_end: str = "\n") -> str:
    """A script with other blanks, and with a comment before one token in `comments`."""
    pieces: list[str] = []
    before = ""
    for kind, start, end in [*walk_tokens(parse(Script(text))), ("$END", 0, 0)]:
        if pieces or chance.random() < 0.3:
            pieces.append(chance.choice(("", *BLANKS)) if loose(before, kind) else blank(chance))
        if comments and chance.randrange(comments) == 0:
            pieces += (chance.choice(COMMENTS), chance.choice(("", *BLANKS)))
        pieces.append(text[start:end])
        before = kind
    return "".join(pieces).replace("\n", line_end)


def blank(chance: random.Random) -> str:
    return chance.choice(BLANKS)


LOOSE = {"LPAR", "RPAR", "LSQB", "RSQB", "LBRACE", "RBRACE", "COMMA", "EQUAL", "$END"}
"""What may stand close to anything."""


def loose(before: str, kind: str) -> bool:
    return before in LOOSE or kind in LOOSE


def shape(value: Any) -> Any:
    """A tree without its places: nested names and values."""
    if isinstance(value, nodes.Node):
        places = ("start", "end")
        fields = (getattr(value, name) for name in value.__match_args__ if name not in places)
        return (type(value).__name__, *(shape(field) for field in fields))
    if isinstance(value, tuple):
        return tuple(shape(item) for item in value)
    return value


def comments_of(parsed: Parsed) -> list[str]:
    """The comments of a script in order, without the blanks around their lines."""
    text = parsed.script.text
    return [
        "\n".join(line.strip() for line in text[start:end].splitlines())
        for start, end in parsed.tokens.comments
    ]
