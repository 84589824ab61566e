"""Selection ranges: the chain from a token to the whole file."""

from __future__ import annotations

import itertools

import pytest
from numscript_lsp import json_tree
from numscript_lsp.features.selection import selection_ranges, specs_selection_ranges

from numscript import Script
from numscript.syntax.parser import parse
from tests.lsp.features.marked import marked
from tests.material import all_scripts


def chain(text: str) -> list[str]:
    text, (at, _) = marked(text)
    return [text[start:end] for start, end in selection_ranges(parse(Script(text)), at)]


def test_a_selection_grows_from_the_token_to_the_file() -> None:
    text = "send [USD/2 1¦0] ( source = { @a @b } destination = @c )\nfail"
    assert chain(text) == [
        "10",
        "[USD/2 10]",
        "send [USD/2 10] ( source = { @a @b } destination = @c )",
        "send [USD/2 10] ( source = { @a @b } destination = @c )\nfail",
    ]


def test_clauses_and_the_insides_of_blocks_are_steps() -> None:
    text = "send $x (\n source = { @a¦ @b }\n destination = @c\n)"
    assert chain(text) == [
        "@a",
        "@a @b",
        "{ @a @b }",
        "source = { @a @b }",
        "source = { @a @b }\n destination = @c",
        "send $x (\n source = { @a @b }\n destination = @c\n)",
    ]


def test_the_text_of_a_string_comes_before_its_quotes() -> None:
    assert chain('set_tx_meta("a ¦b", 1)')[:2] == ["a b", '"a b"']


def test_a_comment_is_one_step() -> None:
    assert chain("fail\n// some ¦words\nfail")[0] == "// some words"


def test_a_clause_is_a_step_in_either_order() -> None:
    assert "destination = @b" in chain("send $x ( destination = @¦b source = @a )")


@pytest.mark.parametrize("step", [7])
def test_every_step_holds_the_one_before_and_the_place(step: int) -> None:
    for name, text, _ in all_scripts(corpus_step=200):
        tree = parse(Script(text))
        for at in range(0, len(text), step):
            spans = selection_ranges(tree, at)
            assert spans[-1] == (0, len(text)), name
            for inner, outer in itertools.pairwise(spans):
                assert outer != inner, name
                assert outer.start <= inner.start <= inner.end <= outer.end, name
            assert all(start <= at <= end for start, end in spans), name


def test_a_selection_grows_in_a_spec_file_too() -> None:
    text, (at, _) = marked('{"variables": {"fee": "1/¦2", "tax": 1}}')
    spans = specs_selection_ranges(json_tree.read_tree(text), text, at)
    assert [text[start:end] for start, end in spans] == [
        "1/2",
        '"1/2"',
        '"fee": "1/2"',
        '{"fee": "1/2", "tax": 1}',
        '"variables": {"fee": "1/2", "tax": 1}',
        text,
    ]
