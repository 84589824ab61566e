"""Every example in the README and the docs is run.

* ```python: executed, block after block, in one namespace a page. A line that is followed by
  `# -> text` is an expression whose repr is that text.
* ```console: each `$ numscript ...` is called, and prints what stands below it (its `note:` lines
  may be left out). What stands behind `(debug) ` is typed.
* ```sh: how to set up and test, which is not run; that CI does the same is checked below. What a
  `numscript` in it prints is the ```text behind it.
* ```numscript: run with the inputs of the ```json behind it, and gives what is behind that: its
  ```postings (and metadata), or its ```error. Without either it only has to be free of mistakes.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

import numscript
from docs.generate import pages
from numscript.cli import main
from tests.material import ROOT

PAGES = [
    path
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "grammar" / "README.md",
    )
    if path.name not in pages()
]
FENCE = re.compile(r"^( *)```([\w-]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)]+)\)")
LANGUAGES = {
    "python",
    "console",
    "numscript",
    "json",
    "postings",
    "error",
    "text",
    "sh",
    "shell-session",
    "ndjson",
}


class Block(NamedTuple):
    """A fenced block: where it starts, its language and its text."""

    line: int
    language: str
    text: str


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            text.count("\n", 0, match.start()) + 1,
            match[2],
            re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE),
        )
        for match in FENCE.finditer(text)
    ]


each_page = pytest.mark.parametrize("path", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])


@each_page
def test_every_block_has_a_language_that_is_known(path: Path) -> None:
    for block in blocks(path):
        assert block.language in LANGUAGES, f"{path.name}:{block.line}: {block.language!r}"


@each_page
def test_python_examples_run(path: Path) -> None:
    scope: dict[str, Any] = {}
    for block in blocks(path):
        if block.language == "python":
            run_python(block, scope, path.name)


def run_python(block: Block, scope: dict[str, Any], page: str) -> None:
    """Execute a block, comparing the expressions that say what they give."""
    lines = block.text.split("\n")
    for statement in ast.parse(block.text).body:
        end = statement.end_lineno or statement.lineno
        behind = lines[end] if end < len(lines) else ""
        where = f"{page}:{block.line + end}"
        if behind.startswith("# -> "):
            assert isinstance(statement, ast.Expr), where
            value = eval(compile(ast.Expression(statement.value), where, "eval"), scope)
            assert repr(value) == behind.removeprefix("# -> "), where
        else:
            exec(compile(ast.Module([statement], []), where, "exec"), scope)


@each_page
def test_console_examples_print_what_they_show(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NUMSCRIPT_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    for block in blocks(path):
        if block.language == "console":
            for command, shown in commands(block):
                assert printed(command, typed(shown)) == shown, f"{path.name}:{block.line}"


def typed(shown: str) -> str:
    """What a person types at a prompt, of what stands below a command."""
    return "\n".join(re.findall(r"^\(debug\) (.+)$", shown, re.MULTILINE))


def printed(command: list[str], given: str = "") -> str:
    """What a command prints, without notes and without blanks at the ends of lines."""
    output = CliRunner().invoke(main, command, input=given).output
    lines = [line.rstrip() for line in output.split("\n") if not line.startswith("note:")]
    return "\n".join(lines).rstrip()


def commands(block: Block) -> list[tuple[list[str], str]]:
    """The calls of `numscript` in a block, and what stands below each."""
    found = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        words = shlex.split(line.removeprefix(".venv/bin/"))
        if words[0] == "numscript":
            found.append((words[1:], shown.rstrip()))
    return found


@each_page
def test_scripts_do_what_is_behind_them(path: Path) -> None:
    found = blocks(path)
    for number, block in enumerate(found):
        if block.language != "numscript":
            continue
        behind: dict[str, str] = {}
        for other in found[number + 1 :]:
            if other.language not in ("json", "postings", "error") or other.language in behind:
                break
            behind[other.language] = other.text
        outcome = answer(block.text, json.loads(behind.get("json", "{}")))
        where = f"{path.name}:{block.line}"
        if "error" in behind:
            assert outcome == behind["error"].rstrip(), where
        elif "postings" in behind:
            assert outcome == behind["postings"].rstrip(), where
        else:
            assert numscript.check(block.text).errors == (), where


def answer(script: str, inputs: dict[str, Any]) -> str:
    """What a script does, in lines; or its first error."""
    assert set(inputs) <= {"variables", "balances", "metadata", "featureFlags"}
    try:
        program = numscript.compile(script, inputs.get("featureFlags", ()))
        store = numscript.StaticStore(inputs.get("balances", ()), inputs.get("metadata"))
        result = program.run(inputs.get("variables", {}), store)
    except numscript.NumscriptError as error:
        found = error.diagnostics[0]
        place = f"{found.start.line + 1}:{found.start.column + 1}"
        return f"{place} {found.code}: {found.message}"
    lines = [
        f"{p.source} -> {p.destination}: {p.asset} {p.amount}" + (f" {p.color}" if p.color else "")
        for p in result.postings
    ]
    lines += [f"transaction {key}: {value}" for key, value in result.tx_metadata.items()]
    lines += [
        f"account {account} {key}: {value}"
        for account, items in result.account_metadata.items()
        for key, value in items.items()
    ]
    return "\n".join(lines) or "nothing"


@each_page
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in LINK.findall(FENCE.sub("", text)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{path.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
            assert anchor in anchors, f"{path.name} links to {target}"


def test_the_readme_sets_up_and_tests_as_ci_does() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert (
        "\npython3 -m venv .venv && .venv/bin/pip install --quiet --editable '.[test]'\n" in readme
    )
    assert "\n.venv/bin/pytest -n auto\n" in readme
    assert 'python3 -m venv "$venv"\n' in ci
    assert "/pip\" install --quiet --disable-pip-version-check --editable '.[test]'\n" in ci
    assert '/pytest" -n auto\n' in ci


def test_the_first_run_of_the_readme_prints_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = blocks(ROOT / "README.md")
    first = next(block for block in found if "numscript run" in block.text)
    table = found[found.index(first) + 1]
    assert table.language == "text"
    (command,) = re.findall(r"^\.venv/bin/numscript (.*)$", first.text, re.MULTILINE)
    assert printed(shlex.split(command)).startswith(table.text.rstrip())


def test_every_feature_builtin_and_type_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    names = [*numscript.FEATURES, *numscript.BUILTINS, *(str(kind) for kind in numscript.Type)]
    assert [name for name in names if name not in guide] == []
