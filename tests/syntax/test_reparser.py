"""Reading a changed text anew: exactly what reading all of it gives, with less of it read."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from numscript import Kind, Limits, Script
from numscript.script import Edit
from numscript.syntax.lexer import Tokens, tokenize
from numscript.syntax.parser import Parsed, parse
from numscript.syntax.reparser import reparse, reparse_all
from tests.material import all_scripts

FRAGMENTS = (
    *(
        "send",
        "vars",
        "$a",
        "@a",
        "[USD/2 1]",
        "max",
        "from",
        "to",
        "remaining",
        "kept",
        "1/2",
        "50%",
    ),
    *("(", ")", "{", "}", ",", "=", "-", "+", "x", ".", ":", '"', "\n", "\n\n", " ", "é", "#!"),
    *("//", "/*", "*/", "/* a */", "// a\n", "source =", "destination =", "print 1\n", "fail\n"),
    'set_tx_meta("k", 1)\n',
    "send [USD/2 1] (\n  source = @a\n  destination = @b\n)\n",
    "vars {\n  account $a\n}\n",
)
STATEMENT = "send [USD/2 1] (\n  source = @a\n  destination = @b\n)\n"


def assert_same(got: Parsed, change: object) -> None:
    """A tree that was made of another one is the one that the text alone gives."""
    fresh = parse(got.script)
    assert got.program == fresh.program, change
    assert got.tokens == fresh.tokens, change
    assert got.diagnostics == fresh.diagnostics, change


def random_edit(text: str, chance: random.Random) -> Edit:
    start = chance.randint(0, len(text))
    end = min(len(text), start + chance.choice((0, 0, 0, 1, 1, 2, 5, 40)))
    words = chance.choice((0, 1, 1, 1, 3))
    return Edit(start, end, " ".join(chance.choice(FRAGMENTS) for _ in range(words)))


@pytest.mark.parametrize("seed", range(4))
def test_any_series_of_edits_gives_what_a_fresh_parse_gives(seed: int) -> None:
    chance = random.Random(seed)
    texts = [text for _, text, _ in all_scripts(corpus_step=7)]
    for _ in range(150):
        text = "\n".join(chance.choice(texts) for _ in range(chance.choice((1, 1, 3))))
        parsed = parse(Script(text + STATEMENT * chance.choice((0, 5))))
        for _ in range(chance.randint(1, 10)):
            edit = random_edit(parsed.script.text, chance)
            before, parsed = parsed.script.text, reparse(parsed, edit)
            assert parsed.script.text == before[: edit.start] + edit.text + before[edit.end :]
            assert_same(parsed, (before, edit))


def test_typing_and_deleting_a_script_letter_by_letter() -> None:
    typed = 'vars {\n  account $a\n}\n\nsend [USD/2 1] (\n  source = { $a "x" }\n)\n/* c */'
    parsed = parse(Script(STATEMENT * 3))
    for at, letter in enumerate(typed):
        parsed = reparse(parsed, Edit(at, at, letter))
        assert_same(parsed, at)
    for at in reversed(range(len(typed))):
        parsed = reparse(parsed, Edit(at, at + 1, ""))
        assert_same(parsed, at)
    assert parsed.script.text == STATEMENT * 3


def test_what_an_edit_does_not_reach_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(script: Script, report: Callable[[Kind, int, int], None]) -> Tokens:
        read.append(script.text)
        return tokenize(script, report)

    monkeypatch.setattr("numscript.syntax.reparser.tokenize", noted)
    monkeypatch.delattr("numscript.syntax.reparser.parse")
    parsed = parse(Script(STATEMENT * 100))
    at = 40 * len(STATEMENT) + STATEMENT.index("@a") + 1
    for text in ("x", " ", "\n", "{", "// ", '"', ")"):
        read.clear()
        changed = reparse(parsed, Edit(at, at, text))
        assert_same(changed, text)
        assert len(read) == 1
        assert len(read[0]) < 4 * len(STATEMENT)
        statements = changed.program.statements
        assert all(statements[n] is parsed.program.statements[n] for n in range(39))
    same_length = reparse(parsed, Edit(at, at + 1, "b"))
    assert same_length.program.statements[-1] is parsed.program.statements[-1]


def test_edits_one_after_the_other() -> None:
    parsed = parse(Script("print 1\n\nprint 2\n", "two.num"))
    changed = reparse_all(parsed, [Edit(0, 0, "fail\n"), Edit(5, 12, "print 3")])
    assert changed.script == Script("fail\nprint 3\n\nprint 2\n", "two.num")
    assert_same(changed, None)


def test_a_long_chain_of_operators_moves_too() -> None:
    chain = " + ".join(["1"] * 3000)
    parsed = parse(Script(f"print 1\nprint 2\nprint 3\nprint {chain}\nprint 4\n"))
    changed = reparse(parsed, Edit(8, 8, "print 0\n"))
    assert changed.tokens == parse(changed.script).tokens
    assert changed.program.statements[-1] == parse(changed.script).program.statements[-1]
    assert changed.program.statements[4].end == parsed.program.statements[3].end + 8


def test_limits_hold_as_for_a_fresh_parse() -> None:
    limits = Limits(length=len(STATEMENT) * 3, errors=3)
    parsed = parse(Script(STATEMENT * 3), limits)
    for text in ("@", "@ ? ? ? ?", "?????", "; \n; \n; \n;", " " * 10):
        for at in (0, len(STATEMENT) + 7, len(STATEMENT) * 3):
            changed = reparse(parsed, Edit(at, at, text), limits)
            fresh = parse(changed.script, limits)
            assert changed.diagnostics == fresh.diagnostics
            assert changed.program == fresh.program
