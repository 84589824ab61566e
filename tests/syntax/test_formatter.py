"""The formatter: one style, the same tree, the same comments, and nothing more to do afterwards."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numscript
from numscript import ParseError, Script
from numscript.syntax.formatter import format_edits, format_range, format_script
from numscript.syntax.parser import parse
from tests import golden
from tests.material import ROOT, all_scripts
from tests.programs import Case, cases
from tests.syntax.variants import comments_of, shape, variant

CHUNKS = 4


def formatted(text: str) -> str:
    """A text in the canonical style, as the golden file shows it."""
    return format_script(parse(Script(text)))


@pytest.mark.parametrize("entry", golden.read("formatted.txt"), ids=lambda entry: entry.title)
def test_the_style(entry: golden.Entry) -> None:
    assert formatted(entry.script) == entry.expected
    assert_lawful(entry.script)


def assert_lawful(text: str) -> str:
    """What holds of every text: its canonical form, which is returned, is the same script."""
    parsed = parse(Script(text))
    written = format_script(parsed)
    again = parse(Script(written))
    assert again.diagnostics == ()
    assert shape(again.program) == shape(parsed.program)
    assert comments_of(again) == comments_of(parsed)
    assert format_script(again) == written
    assert format_edits(again) == []
    assert parsed.script.edited(format_edits(parsed)).text == written
    assert not re.search(r"[ \t]$|\n\n\n|\A\n|\n\n\Z", written.replace("\r\n", "\n"), re.MULTILINE)
    assert written.endswith("\n") or not written
    return written


def without_blank_lines(text: str) -> str:
    return re.sub(r"[\r\n]+", "\n", text)


def assert_lawful_in_any_spacing(text: str, chance: random.Random) -> None:
    """Also other people's spacing and comments come out well, and spacing alone as the same."""
    if chance.random() < 0.5:
        assert_lawful(variant(text, chance, comments=chance.choice((1, 3, 12))))
        return
    written = assert_lawful(text)
    if not parse(Script(text)).tokens.comments:
        spaced = variant(text, chance, line_end=chance.choice(("\n", "\n", "\r\n", "\r")))
        assert without_blank_lines(assert_lawful(spaced)) == without_blank_lines(written)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_known_script_stays_the_same_script(chunk: int) -> None:
    chance = random.Random(chunk)
    for _, text, _ in all_scripts(corpus_step=3)[chunk::CHUNKS]:
        if not parse(Script(text)).diagnostics:
            assert_lawful_in_any_spacing(text, chance)


@settings(max_examples=1000)
@given(cases(), st.randoms(use_true_random=False))
def test_every_generated_script_stays_the_same_script(case: Case, chance: random.Random) -> None:
    assert_lawful_in_any_spacing(case.script, chance)


def test_the_scripts_of_the_repository_are_formatted() -> None:
    for path in (ROOT / "examples").glob("*.num"):
        text = path.read_text(encoding="utf-8")
        assert formatted(text) == text, f"{path.name}: numscript format examples"


# --- the text around the script ---------------------------------------------------------------


def test_lines_end_as_the_first_one_does() -> None:
    for text in ("print 1\r\n\r\n\nprint 2", "/* a\r\nb */ print 1\nprint 2"):
        written = formatted(text)
        assert "\n" not in written.replace("\r\n", "")
    assert "\r" not in formatted("print 1\nprint 2 /* a\r\n b */\r\n")
    assert formatted("print 1\rprint 2\r\rprint 3\r") == "print 1\nprint 2\n\nprint 3\n"


def test_a_byte_order_mark_is_left_out() -> None:
    assert formatted("\ufeffprint 1") == "print 1\n"
    assert formatted("\ufeff") == ""


def test_nothing_comes_of_nothing() -> None:
    for text in ("", " \n\t\n", "\r\n"):
        assert formatted(text) == ""


# --- broken texts -----------------------------------------------------------------------------


def test_a_text_with_syntax_errors_is_refused() -> None:
    text = "send [USD/2 1] ( source = destination = @b )\nset_tx_meta(\n"
    with pytest.raises(ParseError) as raised:
        numscript.format(text)
    assert [d.code for d in raised.value.diagnostics] == ["NUM101", "NUM103"]
    parsed = parse(Script(text))
    assert format_edits(parsed) == []
    assert format_range(parsed, 0, len(text)) == []


def test_wrong_names_and_types_do_not_matter() -> None:
    assert numscript.format("print   $nobody + nothing( )") == "print $nobody + nothing()\n"
    with pytest.raises(TypeError, match="not int"):
        numscript.format(1)  # type: ignore[arg-type]


# --- edits and ranges -------------------------------------------------------------------------

UNTIDY = """\
print   1
send [USD/2 1](source=@a   destination=@b)

// why
print   2


print   3   // three
"""


def in_range(start: str, end: str) -> str:
    """`UNTIDY` with the range from one word to the end of another formatted."""
    parsed = parse(Script(UNTIDY))
    edits = format_range(parsed, UNTIDY.index(start), UNTIDY.index(end) + len(end))
    return parsed.script.edited(edits).text


def test_edits_are_small_and_in_order() -> None:
    parsed = parse(Script(UNTIDY))
    edits = format_edits(parsed)
    assert all(before.end <= after.start for before, after in pairwise(edits))
    assert all(UNTIDY[edit.start : edit.end].strip() == "" for edit in edits)
    assert parsed.script.edited(edits).name == parsed.script.name


def test_a_range_formats_the_statements_it_touches() -> None:
    assert in_range("print   2", "print   2") == UNTIDY.replace("print   2", "print 2")
    assert in_range("why", "wh") == UNTIDY.replace("print   2", "print 2")
    assert in_range("3", "3") == UNTIDY.replace("\n\n\nprint   3", "\n\nprint 3")
    assert in_range("source", "source") == UNTIDY.replace(
        "\nsend [USD/2 1](source=@a   destination=@b)",
        "\n\nsend [USD/2 1] (\n  source = @a\n  destination = @b\n)",
    )


def test_a_range_of_everything_is_everything() -> None:
    parsed = parse(Script(UNTIDY))
    assert format_range(parsed, 0, len(UNTIDY)) == format_edits(parsed)
    assert format_range(parsed, len(UNTIDY), len(UNTIDY)) == []


@settings(max_examples=100)
@given(cases(), st.randoms(use_true_random=False))
def test_a_range_leaves_the_same_script(case: Case, chance: random.Random) -> None:
    text = variant(case.script, chance, comments=10)
    parsed = parse(Script(text))
    start, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    edits = format_range(parsed, start, end)
    changed = parse(parsed.script.edited(edits))
    assert shape(changed.program) == shape(parsed.program)
    assert comments_of(changed) == comments_of(parsed)
    assert format_script(changed) == format_script(parsed)
