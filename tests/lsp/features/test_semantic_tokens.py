"""Semantic tokens: every token of every script has its colour, and edits change few numbers."""

from __future__ import annotations

import itertools

import pytest
from numscript_lsp.features.semantic_tokens import (
    PUNCTUATION,
    TOKEN_TYPES,
    TYPE_BY_TERMINAL,
    data_edits,
    semantic_tokens,
)
from numscript_lsp.lines import Lines

from numscript import Script, Span
from numscript.syntax import tables
from numscript.syntax.parser import Parsed, parse
from tests.material import all_scripts


def tokens(text: str, within: Span | None = None) -> list[tuple[str, str, int]]:
    found = semantic_tokens(parsed(text), Lines(text), within)
    return [(text[t.span.start : t.span.end], t.type, t.modifiers) for t in found]


def parsed(text: str) -> Parsed:
    return parse(Script(text))


def test_every_word_has_its_type() -> None:
    text = '#![feature("x")]\nvars { monetary $a = balance(@b:$c, USD/2) }\nsend $a // done'
    assert tokens(text) == [
        ("#!", "macro", 0),
        ("feature", "macro", 0),
        ('"x"', "string", 0),
        ("vars", "keyword", 0),
        ("monetary", "type", 2),
        ("$a", "variable", 1),
        ("=", "operator", 0),
        ("balance", "function", 2),
        ("@b:", "namespace", 0),
        ("$c", "variable", 0),
        ("USD/2", "enumMember", 0),
        ("send", "keyword", 0),
        ("$a", "variable", 0),
        ("// done", "comment", 0),
    ]


@pytest.mark.parametrize(
    ("text", "word", "kind"),
    [
        ("set_tx_meta($a)", "set_tx_meta", ("function", 2)),
        ("made_up($a)", "made_up", ("function", 0)),
        ("vars { money $a }", "money", ("type", 0)),
        ("print overdraft(@a, EUR)", "overdraft", ("function", 2)),
        ("source = @a allowing unbounded overdraft", "overdraft", ("keyword", 0)),
        ("12.5% from @a", "12.5%", ("number", 0)),
        ("1_000", "1_000", ("number", 0)),
        ('@a \\ "RED"', "\\", ("operator", 0)),
    ],
)
def test_neighbours_decide_what_a_name_is(text: str, word: str, kind: tuple[str, int]) -> None:
    assert (word, *kind) in tokens(text)


def test_a_comment_of_several_lines_is_a_token_a_line() -> None:
    text = "/* one\r\n\r\n  two */ fail"
    assert tokens(text) == [
        ("/* one", "comment", 0),
        ("  two */", "comment", 0),
        ("fail", "keyword", 0),
    ]


def test_broken_text_keeps_its_colours() -> None:
    words = [word for word, _, _ in tokens("send [USD/2 ( source = @a } vars")]
    assert words == ["send", "USD/2", "source", "=", "@a", "vars"]


def test_a_stretch_has_the_tokens_that_touch_it() -> None:
    text = "fail\nprint 1\nfail"
    assert tokens(text, Span(7, 11)) == [("print", "keyword", 0)]


def test_every_terminal_of_the_grammar_has_a_type() -> None:
    by_neighbours = {"IDENTIFIER", "$END", "BLANK", "LINE_COMMENT", "BLOCK_COMMENT"}
    signs = {
        tables.TERMINALS[number] for sign, number in tables.WORDS.items() if sign in PUNCTUATION
    }
    named = {tables.TERMINALS[number] for number in TYPE_BY_TERMINAL}
    assert named | signs | by_neighbours == set(tables.TERMINALS)
    assert set(TYPE_BY_TERMINAL.values()) <= set(TOKEN_TYPES)


def test_every_token_of_every_script_is_classified() -> None:
    for name, text, _ in all_scripts(corpus_step=10):
        tree = parsed(text)
        lines = Lines(text)
        found = semantic_tokens(tree, lines)
        assert all(t.type in TOKEN_TYPES for t in found), name
        covered = {at for t in found for at in range(*t.span)}
        for kind, start, end in zip(*tree.tokens[:3], strict=True):
            signs = text[start:end] in PUNCTUATION or kind == 0
            assert signs or covered.issuperset(range(start, end)), (name, text[start:end])
        for before, after in itertools.pairwise(found):
            assert before.span.end <= after.span.start, name


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([], [1, 2]),
        ([1, 2], []),
        ([1, 2, 3], [1, 2, 3]),
        ([1, 2, 3], [1, 9, 9, 3]),
        ([1, 1], [1, 1, 1]),
        ([1, 1, 1], [1]),
        ([1, 2], [3, 4]),
    ],
)
def test_edits_turn_the_numbers_before_into_those_after(
    before: list[int], after: list[int]
) -> None:
    edits = data_edits(before, after)
    assert len(edits) == (before != after)
    for edit in edits:
        before[edit.start : edit.start + edit.delete_count] = edit.data
    assert before == after
