"""The examples in README and docs do what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from click.testing import CliRunner

import numscript
from numscript.cli import main
from tests.material import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[ParameterSet]:
    """The fenced blocks of a language, with the page and line of each as its name."""
    found_blocks = []
    for page in PAGES:
        if page.name == "errors.md":
            continue  # its examples are run by tests/test_errors.py
        text = page.read_text(encoding="utf-8")
        for indent, found, body in FENCE.findall(text):
            if found == language:
                line = text.count("\n", 0, text.index(body)) + 1
                plain = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
                found_blocks.append(pytest.param(plain, id=f"{page.name}:{line}"))
    return found_blocks


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples_run(code: str) -> None:
    exec(compile(code, "example", "exec"), {})


@pytest.mark.parametrize("text", blocks("numscript"))
def test_scripts_compile_without_an_error(text: str) -> None:
    checked = numscript.check(text, tuple(numscript.FEATURES))
    assert [str(found) for found in checked.errors] == []


@pytest.mark.usefixtures("at_root")
@pytest.mark.parametrize("text", blocks("console"))
def test_commands_print_what_is_shown(text: str) -> None:
    for command, shown in re.findall(r"^\$ numscript (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        done = CliRunner().invoke(main, shlex.split(command))
        printed = [line.rstrip() for line in done.output.splitlines()]
        notes = [line for line in printed if line.startswith("note:")]
        assert [line for line in printed if line not in notes] == shown.splitlines()


@pytest.mark.usefixtures("at_root")
def test_the_first_command_of_the_readme_prints_its_table() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\.venv/bin/numscript (.*)$", text, re.MULTILINE)
    (table,) = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    done = CliRunner().invoke(main, shlex.split(command))
    assert done.exit_code == 0
    assert done.output.split("note:")[0].startswith(table) or table in done.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
