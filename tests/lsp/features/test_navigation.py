"""Definition, references, rename, outline and formatting, without a transport."""

from __future__ import annotations

import pytest
from numscript_lsp import json_tree
from numscript_lsp.features import outline, references, rename
from numscript_lsp.features.diagnostics import findings
from numscript_lsp.features.formatting import format_typed
from numscript_lsp.tokens import Symbol, SymbolKind

from numscript import Span
from tests.lsp.features.marked import checked, marked

TEXT = """\
vars { account $to string $id }
send [USD/2 1] (
  source = { @bank @users:$id }
  destination = $to
)
set_account_meta(@bank, "k", $to)
"""


def shown(text: str, spans: tuple[Span, ...]) -> list[tuple[int, str]]:
    return [(text.count("\n", 0, s.start), text[s.start : s.end]) for s in spans]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("$to", [(0, "to"), (3, "to"), (5, "to")]),
        ("$id", [(0, "id"), (2, "id")]),
        ("@bank", [(2, "bank"), (5, "bank")]),
    ],
)
def test_references(word: str, found: list[tuple[int, str]]) -> None:
    program = checked(TEXT)
    at = TEXT.rindex(word)
    symbol = references.find_symbol(program, at)
    assert symbol is not None
    assert shown(TEXT, references.references(program, symbol.symbol)) == found
    if word.startswith("$"):
        only_uses = references.references(program, symbol.symbol, declaration=False)
        assert shown(TEXT, only_uses) == found[1:]
        assert references.definition(program, symbol.symbol) == Span(
            TEXT.index(word) + 1, TEXT.index(word) + 3
        )


def test_references_are_found_in_broken_text() -> None:
    text, cursor = marked("vars { account $a } send [USD/2 ( source = $a ) ) max $¦a from")
    program = checked(text)
    symbol = references.find_symbol(program, cursor.start)
    assert symbol is not None
    assert len(references.references(program, symbol.symbol)) == 3


def test_an_account_with_variables_in_it_is_no_symbol() -> None:
    program = checked(TEXT)
    assert references.find_symbol(program, TEXT.index("@users") + 2) is None


def test_rename_keeps_what_belongs_together() -> None:
    program = checked(TEXT)
    symbol = Symbol(SymbolKind.VARIABLE, "id")
    edits = rename.rename_in_script(program, symbol, rename.new_symbol(program, symbol, "user_1"))
    after = TEXT
    for edit in reversed(edits):
        after = after[: edit.span.start] + edit.text + after[edit.span.end :]
    assert after == TEXT.replace("$id", "$user_1")


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        (Symbol(SymbolKind.VARIABLE, "to"), "id"),
        (Symbol(SymbolKind.VARIABLE, "to"), "1x"),
        (Symbol(SymbolKind.VARIABLE, "to"), ""),
        (Symbol(SymbolKind.VARIABLE, "to"), "$to me"),
        (Symbol(SymbolKind.ACCOUNT, "bank"), "bank:"),
        (Symbol(SymbolKind.ACCOUNT, "bank"), "world"),
        (Symbol(SymbolKind.ACCOUNT, "world"), "bank"),
    ],
)
def test_rename_refuses_names_that_would_break_the_script(symbol: Symbol, name: str) -> None:
    with pytest.raises(rename.RenameRefused):
        rename.new_symbol(checked(TEXT), symbol, name)


def test_rename_reaches_accounts_given_as_variables_in_spec_files() -> None:
    program = checked("vars { account $to string $s } print $to print $s print @old")
    text = '{"variables": {"to": "old", "s": "old"}, "metadata": {"old": {"k": "old"}}}'
    symbol, renamed = Symbol(SymbolKind.ACCOUNT, "old"), Symbol(SymbolKind.ACCOUNT, "new:1")
    edits = rename.rename_in_specs(program, json_tree.read_tree(text), symbol, renamed)
    for edit in sorted(edits, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    expected = '{"variables": {"to": "new:1", "s": "old"}, "metadata": {"new:1": {"k": "old"}}}'
    assert text == expected


def test_the_outline_has_every_part_inside_its_whole() -> None:
    program = checked('#![feature("experimental-oneof")]\n' + TEXT + "save [USD/2 *] from @a fail")
    rows = outline.outline(program)
    assert [row.name for row in rows] == [
        "features",
        "vars",
        "send [USD/2 1]",
        "set_account_meta",
        "save [USD/2 *]",
        "fail",
    ]
    assert rows[2].detail == "@bank, @users:$id → $to"
    for row in rows:
        for inner in (row, *row.children):
            assert row.span.start <= inner.span.start <= inner.span.end <= row.span.end
            assert inner.span.start <= inner.name_span.start
            assert inner.name_span.end <= inner.span.end


def test_a_search_needs_the_letters_in_their_order() -> None:
    program = checked(TEXT)
    assert "@bank" in {row.name for row in outline.search(program, "BK")}
    assert outline.search(program, "kb$") == ()


def test_findings_say_what_to_do_and_fade_what_does_nothing() -> None:
    (finding,) = findings(checked("vars { number $x }"))
    assert finding.unnecessary
    assert "\n" in finding.message
    assert finding.anchor == "num301-unused-variable"


@pytest.mark.parametrize(
    ("text", "character", "after"),
    [
        ("send [USD/2 1] (\n¦", "\n", "send [USD/2 1] (\n  "),
        ("send [USD/2 1] (\n  source = {\n¦", "\n", "send [USD/2 1] (\n  source = {\n    "),
        ("fail\n   ¦fail", "\n", "fail\nfail"),
        ("send [USD/2 1] (\n¦)", "\n", "send [USD/2 1] (\n)"),
        (
            "send [USD/2 1] (\n  source = {\n    @a\n    }¦",
            "}",
            "send [USD/2 1] (\n  source = {\n    @a\n  }",
        ),
        ("send [USD/2 1] ( source = { @a }¦", "}", "send [USD/2 1] ( source = { @a }"),
        ("save  [USD/2 1]  from (@a)¦\n", ")", "save [USD/2 1] from (@a)\n"),
    ],
)
def test_what_was_typed_gets_its_place(text: str, character: str, after: str) -> None:
    text, cursor = marked(text)
    for edit in reversed(format_typed(checked(text).parsed, cursor.start, character)):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    assert text == after
