"""How diagnostics are shown: the caret stands under what it is about."""

from __future__ import annotations

import pytest

from numscript import Diagnostic, Script, Span
from numscript.errors import DivideByZero, UnusedVariable
from numscript.render import page, snippet, table, visible, width


def shown(text: str, start: int, end: int) -> list[str]:
    """The lines of a snippet, without the first one."""
    kind = DivideByZero()
    diagnostic = Diagnostic(kind, Span(start, end), Script(text, "x.num"), kind.severity)
    head, *lines = snippet(diagnostic, color=False).split("\n")
    assert head.startswith("x.num:")
    return lines


def test_the_caret_counts_tabs_and_wide_characters() -> None:
    text = "\t日本 x"
    assert shown(text, 4, 5) == ["   |", " 1 |     日本 x", "   |          ^"]
    assert shown(text, 1, 3) == ["   |", " 1 |     日本 x", "   |     ^^^^"]
    assert shown("ae\u0301b", 2, 3)[2] == "   |  ^"
    assert shown("ae\u0301b", 3, 4)[2] == "   |   ^"


def test_a_span_over_lines_shows_the_first_and_the_last() -> None:
    text = "one {\n  two\n  three\n}\nfour"
    assert shown(text, 4, text.index("}") + 1) == [
        "   |",
        " 1 | one {",
        "   |     ^",
        "   :",
        " 4 | }",
        "   | ^",
    ]
    assert shown(text, 0, 6) == ["   |", " 1 | one {", "   | ^^^^^"]
    assert shown(text, 8, 16)[1:] == [" 2 |   two", "   |   ^^^", " 3 |   three", "   |   ^^"]


def test_an_empty_span_and_an_end_after_blank_lines_are_shown() -> None:
    assert shown("send", 4, 4) == ["   |", " 1 | send", "   |     ^"]
    assert shown("send\n\n", 6, 6) == ["   |", " 1 | send", " 3 |", "   | ^"]


def test_a_place_that_is_nowhere_has_no_lines() -> None:
    kind = DivideByZero()
    diagnostic = Diagnostic(kind, Span(0, 0), Script("x", "x.num"), kind.severity)
    assert snippet(diagnostic, color=False) == "x.num: error NUM419: this divides by zero"


@pytest.mark.parametrize("at", [0, 20, 150, 299, 300])
def test_of_a_long_line_the_part_around_the_span_is_shown(at: int) -> None:
    text = "".join(chr(ord("a") + number % 26) for number in range(300))
    _, line, carets = shown(text, at, at + 3)
    assert len(line) < 130
    place = carets.index("^")
    assert line[place : place + 3] == text[at : at + 3]
    assert ("..." in line[:10]) == (at > 40)


def test_control_characters_never_reach_the_terminal() -> None:
    assert shown("\x1b[31mx\x9b", 0, 1)[1] == " 1 | ␛[31mx\ufffd"
    assert visible("a\u202eb\r\n\tc") == "a\ufffdb␍\n\tc"
    assert width("a日") == 3


def test_hints_stand_below_and_colours_only_when_asked_for() -> None:
    kind = UnusedVariable(name="x")
    diagnostic = Diagnostic(kind, Span(0, 1), Script("x" * 3, "x.num"), kind.severity)
    plain = snippet(diagnostic, color=False)
    assert plain.endswith("\n   = hint: take the declaration away")
    assert "\x1b" not in plain
    assert "\x1b[1;33mwarning NUM301\x1b[0m" in snippet(diagnostic, color=True)
    assert "\x1b" in page(UnusedVariable, color=True)


def test_columns_are_aligned_by_what_is_seen() -> None:
    rows = [("日本", "5"), ("a\nb", "10")]
    lines = table(("Name", "Amount"), rows, color=False, numbers=("Amount",)).split("\n")
    assert lines == ["Name  Amount", "日本       5", "a\\nb      10"]
