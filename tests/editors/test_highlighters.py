"""Every highlighter gives every word of every conformance script the class that Python gives it.

Each runs in the tool it is written for and says what it made of each character; what is compared
is the class of all that is not blank.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from numscript.grammar.editors import NAMES, make_files

from numscript.highlighting import TokenClass, classify
from numscript.prelude import BUILTINS, KEYWORDS, TYPES
from numscript.script import Script
from numscript.syntax import nodes
from numscript.syntax.parser import parse
from tests.editors import tools
from tests.editors.tools import EDITORS, node, run
from tests.material import CONFORMANCE, ROOT

WORDS = Path(__file__).with_name("words.num")
LAYOUT = Path(__file__).with_name("layout.num")
SCRIPTS = (LAYOUT, *sorted(CONFORMANCE.rglob("*.num")), *sorted((ROOT / "examples").glob("*.num")))
Runs = Iterable[tuple[int, int, str]]
"""Stretches of a text, in the unit that a tool counts in, with the name that the tool has."""

PLAIN = {TokenClass.IDENTIFIER, TokenClass.PUNCTUATION}
"""Classes that Vim and Emacs show as plain text."""


def expected(text: str, plain: set[TokenClass]) -> list[str]:
    """The class of each character; "" for those that have none or a plain one."""
    classes = [""] * len(text)
    for start, end, kind in classify(Script(text)):
        if kind not in plain:
            classes[start:end] = [kind.value] * (end - start)
    return classes


def received(text: str, runs: Runs, class_by_name: Callable[[str], str], unit: str) -> list[str]:
    """The class of each character, from what a tool says of stretches in its own unit."""
    places: list[int] = []
    for number, character in enumerate(text):
        width = len(character.encode(unit)) // {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}[unit]
        places += [number] * width
    classes = [""] * len(text)
    for start, end, name in runs:
        for place in places[start:end]:
            classes[place] = class_by_name(name)
    return classes


def compare(
    path: Path,
    runs: Runs,
    class_by_name: Callable[[str], str],
    *,
    unit: str,
    plain: set[TokenClass],
) -> None:
    text = path.read_bytes().decode("utf-8")
    rows = zip(text, expected(text, plain), received(text, runs, class_by_name, unit), strict=True)
    wrong = []
    line, column = 1, 0
    for character, wanted, got in rows:
        line, column = (line + 1, 0) if character == "\n" else (line, column + 1)
        if not character.isspace() and wanted != got:
            wrong.append(f"{path}:{line}:{column}: `{character}` is {got or 'plain'}, not {wanted}")
    assert wrong == []


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """A file that names the scripts, one a line."""
    path = tmp_path / "scripts.txt"
    path.write_text("".join(f"{script}\n" for script in (*SCRIPTS, WORDS)), encoding="utf-8")
    return path


# --- Vim and Emacs ----------------------------------------------------------------------------


def test_vim(listing: Path) -> None:
    script = Path(__file__).with_name("neovim-classes.lua")
    answer = tools.neovim(script, NUMSCRIPT_LIST=str(listing))
    groups = {f"numscript{kind.capitalize()}": kind.value for kind in TokenClass}
    groups |= {"numscriptAccountVariable": "variable", "numscriptUnclosedString": ""}
    groups["numscriptBlockComment"] = "comment"
    for path, runs in zip((*SCRIPTS, WORDS), json.loads(answer), strict=True):
        compare(path, runs, groups.__getitem__, unit="utf-8", plain=PLAIN)


def test_emacs(listing: Path) -> None:
    script = Path(__file__).with_name("emacs-classes.el")
    answer = tools.emacs(script, NUMSCRIPT_LIST=str(listing))
    faces = {names.emacs: kind.value for kind, names in NAMES.items()}
    faces["font-lock-warning-face"] = ""
    faces["font-lock-comment-delimiter-face"] = TokenClass.COMMENT.value
    for path, runs in zip((*SCRIPTS, WORDS), json.loads(answer), strict=True):
        compare(path, runs, faces.__getitem__, unit="utf-32-le", plain=PLAIN)


# --- TextMate ---------------------------------------------------------------------------------


def test_textmate() -> None:
    listing = "".join(f"{path}\n" for path in (*SCRIPTS, WORDS))
    answer = run([node(), "test/classes.js"], cwd=EDITORS / "vscode", text=listing)
    kinds = {names.textmate: kind.value for kind, names in NAMES.items() if names.textmate}

    def class_of(scopes: str) -> str:
        for scope in reversed(scopes.split()):
            for name, kind in kinds.items():
                if scope.startswith(f"{name}."):
                    return str(kind)
        return TokenClass.IDENTIFIER.value if scopes.startswith("meta.identifier") else ""

    for path, runs in zip((*SCRIPTS, WORDS), json.loads(answer), strict=True):
        compare(path, runs, class_of, unit="utf-16-le", plain=set())


# --- CodeMirror -------------------------------------------------------------------------------

SAME_RECORD = {
    "SourceOverdraftBounded": "SourceOverdraft",
    "SendStatementReversed": "SendStatement",
}
"""Nodes of the grammar whose record in the tree is that of another."""
KNOWN = {"error", *SAME_RECORD, *vars(nodes)} - {"Program"}


class Found(NamedTuple):
    """What CodeMirror makes of a script: classes and nodes, by stretches of UTF-16."""

    runs: Runs
    nodes: Runs


@pytest.fixture(scope="module")
def codemirror() -> list[Found]:
    listing = "".join(f"{path}\n" for path in SCRIPTS)
    answer = json.loads(run([node(), "test/classes.js"], cwd=tools.codemirror(), text=listing))
    return [Found(**found) for found in answer]


def test_codemirror(codemirror: list[Found]) -> None:
    for path, found in zip(SCRIPTS, codemirror, strict=True):
        compare(path, found.runs, str, unit="utf-16-le", plain={TokenClass.IDENTIFIER})


def test_codemirrors_tree_is_that_of_the_parser(codemirror: list[Found]) -> None:
    for path, found in zip(SCRIPTS, codemirror, strict=True):
        text = path.read_bytes().decode("utf-8")
        program = parse(Script(text)).program
        wanted = {
            (each.start, each.end, type(each).__name__)
            for each in nodes_of(program)
            if each is not program
        }
        place = [0]
        for character in text:
            width = len(character.encode("utf-16-le")) // 2
            place += [place[-1]] * (width - 1) + [place[-1] + 1]
        got = {
            (place[start], place[end], SAME_RECORD.get(name, name))
            for start, end, name in found.nodes
            if name in KNOWN
        }
        assert got == wanted, path


def nodes_of(value: object) -> Iterator[nodes.Node]:
    """A node and all nodes below it."""
    if isinstance(value, nodes.Node):
        yield value
        for field in value.fields:
            yield from nodes_of(field)
    elif isinstance(value, tuple):
        for item in value:
            yield from nodes_of(item)


# --- what is made -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", make_files(ROOT), ids=lambda path: path.name)
def test_the_made_files_are_fresh(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == make_files(ROOT)[path], "run `make editors`"


def test_every_word_of_the_language_is_in_the_scripts() -> None:
    """A word that no script has would be compared in none."""
    seen: set[str] = set()
    for path in (*SCRIPTS, WORDS):
        text = path.read_bytes().decode("utf-8")
        seen.update(text[start:end] for start, end, _ in classify(Script(text)))
    for word in (*KEYWORDS, *map(str, TYPES), *BUILTINS):
        assert word in seen, word
