"""The Pygments lexer, as the programs find and use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pygments import highlight
from pygments.formatters import NullFormatter
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Error, Keyword, Name, Number, Token

from numscript.pygments import TOKENS, NumscriptLexer
from tests.material import ROOT, all_scripts

SCRIPT = """send [USD/2 1_0] (
  source = @users:$id
  destination = { 7.5% to @fees remaining kept }
)
"""


def test_it_is_found_by_name_and_by_file() -> None:
    for name in ("numscript", "num"):
        assert isinstance(get_lexer_by_name(name), NumscriptLexer)
    assert isinstance(get_lexer_for_filename("sale.num"), NumscriptLexer)


def test_the_words_have_their_kinds() -> None:
    kinds = {text: kind for kind, text in NumscriptLexer().get_tokens(SCRIPT)}
    assert kinds["send"] is kinds["remaining"] is Keyword
    assert kinds["USD/2"] is Name.Constant
    assert kinds["1_0"] is Number.Integer
    assert kinds["7.5%"] is Number
    assert kinds["@users:"] is Name.Entity
    assert kinds["$id"] is Name.Variable


def test_no_text_is_lost_and_what_is_wrong_is_marked() -> None:
    text = '\ufeff; send "open\n\t/* never closed'
    tokens = list(NumscriptLexer().get_tokens_unprocessed(text))
    assert "".join(part for _, _, part in tokens) == text
    assert [at for at, _, _ in tokens] == sorted({at for at, _, _ in tokens})
    assert {part for _, kind, part in tokens if kind is Error} >= {";", '"open'}


def test_every_script_is_coloured_whole() -> None:
    for name, text, _ in all_scripts(corpus_step=50):
        parts = list(NumscriptLexer().get_tokens_unprocessed(text))
        assert "".join(part for _, _, part in parts) == text, name
        assert not any(kind is Error for _, kind, _ in parts), name


def test_every_class_has_a_token_of_its_own() -> None:
    assert len(set(TOKENS.values())) == len(TOKENS)
    assert Token not in TOKENS.values()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.num")), ids=lambda p: p.name)
def test_pygmentize_gives_the_text_back(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert highlight(text, get_lexer_for_filename(path.name), NullFormatter()) == text


def test_pygmentize_knows_the_language() -> None:
    command = [sys.executable, "-m", "pygments", "-l", "numscript", "-f", "html"]
    done = subprocess.run(command, input=SCRIPT, capture_output=True, text=True, check=True)
    assert '<span class="k">send</span>' in done.stdout
