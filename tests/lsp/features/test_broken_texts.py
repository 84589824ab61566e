"""Every feature answers for any text: scripts and spec files in the middle of being typed."""

from __future__ import annotations

import random

import pytest
from numscript_lsp import json_tree
from numscript_lsp.features.code_actions import code_actions, fix_all
from numscript_lsp.features.document_links import script_links
from numscript_lsp.features.folding import folding_ranges
from numscript_lsp.features.inlay_hints import inlay_hints
from numscript_lsp.features.selection import selection_ranges, specs_selection_ranges
from numscript_lsp.features.semantic_tokens import semantic_tokens
from numscript_lsp.features.specs_actions import specs_actions
from numscript_lsp.features.specs_completion import complete_specs
from numscript_lsp.features.specs_hover import hover_specs
from numscript_lsp.features.specs_outline import outline_specs
from numscript_lsp.lines import Lines
from numscript_lsp.names import Names

import numscript
from numscript import CheckedProgram, Span
from tests.lsp.features.test_code_actions import apply_edits
from tests.lsp.features.test_specs_checks import SPEC_FILES, mutated
from tests.material import all_scripts

SIGNS = (
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "@",
    "$x ",
    '"',
    "/*",
    "//",
    "remaining",
    "max ",
    "\n",
    "é",
    "1",
)


def broken(text: str, chance: random.Random) -> str:
    """A script with a few changes of the kind that typing makes."""
    for _ in range(chance.randrange(1, 4)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 0, 1, 3, 30)))
        text = text[:start] + chance.choice((*SIGNS, "")) + text[end:]
    return text


def ask_everything(checked: CheckedProgram, at: Span) -> None:
    text, parsed = checked.script.text, checked.parsed
    lines = Lines(text)
    for token in semantic_tokens(parsed, lines):
        assert "\n" not in text[token.span.start : token.span.end]
    semantic_tokens(parsed, lines, at)
    for fold in folding_ranges(parsed, lines):
        assert 0 <= fold.start_line < fold.end_line < len(lines.starts)
    assert selection_ranges(parsed, at.start) or not text
    assert inlay_hints(checked, at) == [
        hint for hint in inlay_hints(checked) if at.start <= hint.offset <= at.end
    ]
    script_links(parsed, "a.num.specs.json", lambda _: True)
    for action in code_actions(checked, at):
        assert apply_edits(text, action.edits) != text, action
    everything = fix_all(checked)
    if everything is not None:
        apply_edits(text, everything.edits)


@pytest.mark.parametrize("seed", range(4))
def test_scripts_that_are_being_typed(seed: int) -> None:
    chance = random.Random(seed)
    scripts = all_scripts(corpus_step=20)
    for _ in range(250):
        name, text, flags = chance.choice(scripts)
        text = broken(text, chance)
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 1, 10)))
        try:
            ask_everything(numscript.check(text, flags), Span(start, end))
        except Exception as problem:
            raise AssertionError((name, text, start, end)) from problem


@pytest.mark.parametrize("seed", range(4))
def test_spec_files_that_are_being_typed(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        path = chance.choice(SPEC_FILES)
        script = path.with_name(path.name.removesuffix(".specs.json"))
        checked = numscript.check(script.read_bytes().decode("utf-8"))
        text = mutated(mutated(path.read_text("utf-8"), chance) or "{", chance)
        tree = json_tree.read_tree(text)
        at = chance.randrange(len(text) + 1)
        specs_selection_ranges(tree, text, at)
        outline_specs(tree)
        hover_specs(text, tree, at, checked)
        for item in complete_specs(text, tree, at, checked, Names()).items:
            assert item.span.start <= at <= item.span.end
        for action in specs_actions(text, tree, checked, Span(at, at)):
            assert apply_edits(text, action.edits) != text
