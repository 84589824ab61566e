"""Folding: blocks, comments, and what is not worth a fold."""

from __future__ import annotations

from textwrap import dedent

from numscript_lsp.features.folding import folding_ranges
from numscript_lsp.lines import Lines

from numscript import Script
from numscript.syntax.parser import parse


def folds(text: str) -> list[tuple[int, int, str]]:
    """Lines counted from 1, as they stand in the test."""
    text = dedent(text).lstrip("\n")
    found = folding_ranges(parse(Script(text)), Lines(text))
    return [(first + 1, last + 1, kind) for first, last, kind in found]


def test_blocks_fold_and_keep_their_last_line() -> None:
    assert folds(
        """
        vars {
          account $a
          account $b
        }
        send [USD/2 1] (
          source = {
            $a
            $b
          }
          destination = @c
        )
        """
    ) == [(1, 3, "region"), (5, 10, "region"), (6, 8, "region")]


def test_comments_fold_block_by_block_and_run_by_run() -> None:
    assert folds(
        """
        // one
        // two

        // alone
        /* a
           b
           c */
        fail // behind
        // own line
        // next
        """
    ) == [(1, 2, "comment"), (5, 7, "comment"), (9, 10, "comment")]


def test_a_block_on_one_line_or_with_nothing_inside_does_not_fold() -> None:
    assert folds("send [USD/2 1] ( source = { @a @b } destination = @c )\nvars {\n}") == []


def test_of_two_folds_from_one_line_the_larger_one_stays() -> None:
    text = "send [USD/2 1] ( source = {\n @a\n @b\n}\ndestination = @c\n)"
    assert folds(text) == [(1, 5, "region")]


def test_a_missing_bracket_does_not_cost_the_blocks_around_it() -> None:
    text = "send [USD/2 1] (\n source = {\n @a\n destination = @b\n)\nvars {\n account $a\n}"
    assert folds(text) == [(1, 4, "region"), (6, 7, "region")]


def test_lines_end_as_the_protocol_says() -> None:
    assert folds("vars {\raccount $a\r\naccount $b\n}") == [(1, 3, "region")]
