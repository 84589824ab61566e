"""Lines and columns: offsets to positions and back, by every encoding and line end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numscript_lsp import json_tree
from numscript_lsp.documents import Change, Document, path_of
from numscript_lsp.lines import Encoding, LineColumn, Lines

TEXTS = st.text(alphabet="aé€😀\r\n\x0b\u2028 ", max_size=40)


@pytest.mark.parametrize(
    ("encoding", "column"), [(Encoding.UTF8, 7), (Encoding.UTF16, 5), (Encoding.UTF32, 4)]
)
def test_columns_count_the_units_of_the_encoding(encoding: Encoding, column: int) -> None:
    lines = Lines('fail\nx="😋"')
    assert lines.position(9, encoding) == LineColumn(1, column)
    assert lines.offset(LineColumn(1, column), encoding) == 9


@given(TEXTS, st.sampled_from(Encoding))
def test_every_offset_but_those_inside_line_ends_comes_back(text: str, encoding: Encoding) -> None:
    lines = Lines(text)
    for offset in range(len(text) + 1):
        if text[offset - 1 : offset + 1] != "\r\n" or not offset:
            assert lines.offset(lines.position(offset, encoding), encoding) == offset


@given(TEXTS, st.integers(0, 60), st.integers(0, 60), st.sampled_from(Encoding))
def test_every_position_is_held_within_its_line(
    text: str, line: int, column: int, encoding: Encoding
) -> None:
    lines = Lines(text)
    offset = lines.offset(LineColumn(line, column), encoding)
    assert 0 <= offset <= len(text)
    if line < len(lines.starts):
        assert lines.starts[line] <= offset <= lines.ends[line]


def test_lines_end_where_the_protocol_ends_them() -> None:
    assert Lines("a\rb\r\nc\nd\x0be\u2028f").starts == [0, 2, 5, 7]


@given(st.lists(st.tuples(TEXTS, st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_changes_of_ranges_are_changes_of_the_text(edits: list[tuple[str, int, int]]) -> None:
    document = Document("file:///a.num", "", 0)
    text = ""
    for version, (inserted, one, other) in enumerate(edits, start=1):
        start, end = sorted((min(one, len(text)), min(other, len(text))))
        lines = Lines(text)
        first, last = (lines.position(offset, Encoding.UTF16) for offset in (start, end))
        start, end = (lines.offset(place, Encoding.UTF16) for place in (first, last))
        document = document.changed([Change(first, last, inserted)], version, Encoding.UTF16)
        text = text[:start] + inserted + text[end:]
        assert (document.text, document.version) == (text, version)


def test_uris_of_files_are_paths() -> None:
    assert str(path_of("file:///a%20b/c%C3%A9.num")) == "/a b/cé.num"
    assert path_of("untitled:Untitled-1") is None


@given(st.text(alphabet='{}[]:,"\\ au1\n', max_size=40))
def test_any_text_can_be_read_as_json(text: str) -> None:
    for _, value in json_tree.walk(json_tree.read_tree(text)):
        assert 0 <= value.span.start <= value.span.end <= len(text)


def test_json_that_is_whole_is_read_whole() -> None:
    text = '{"a": [1, {"b\\n": "\\u00e9\\""}], "c": null}'
    found = dict(json_tree.walk(json_tree.read_tree(text)))
    inner = found["a", 1, "b\n"]
    assert isinstance(inner, json_tree.Text)
    assert inner.value == 'é"'
    assert text[inner.inside.start : inner.inside.end] == '\\u00e9\\"'
    assert ("c",) in found


def test_json_that_is_being_typed_gives_what_is_there() -> None:
    found = dict(json_tree.walk(json_tree.read_tree('{"a": {"b": "x", "c": }, "d": [1, {"e": "')))
    assert set(found) >= {("a", "b"), ("d", 0), ("d", 1, "e")}
