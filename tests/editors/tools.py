"""The programs that the editors' tests need: where they are, and what is said where they are not.

In CI, which installs all of them, nothing is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.material import ROOT

EDITORS = ROOT / "lsp" / "editors"
CLEAN = {"LC_ALL": "C.UTF-8", "TERM": "dumb"}


def program(name: str, advice: str) -> str:
    """The path of a program; a test without it is skipped with the advice, or fails in CI."""
    found = shutil.which(name)
    if found is None:
        absent(f"{name} is not installed: {advice}")
    return str(found)


def absent(reason: str) -> None:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def node() -> str:
    """The path of Node, with the editors' packages installed."""
    path = program("node", "get Node 20 or later")
    if not (EDITORS / "node_modules").is_dir():
        absent("the editors' packages are not installed: `npm ci` in lsp/editors")
    return path


def emacs() -> str:
    """The path of Emacs."""
    return program("emacs", "apt-get install emacs-nox elpa-eglot")


def neovim() -> str:
    """The path of Neovim, which is among the packages that the tests install."""
    path = program("nvim", "pip install -e '.[test]'")
    said = run([path, "--version"])
    if "v0.1" not in said.splitlines()[0] or "v0.10" in said.splitlines()[0]:
        absent(f"Neovim 0.11 or later is needed, not {said.splitlines()[0]}")
    return path


def run(
    arguments: list[str | Path],
    *,
    cwd: Path = EDITORS,
    text: str = "",
    environment: dict[str, str] | None = None,
    seconds: int = 120,
) -> str:
    """What a program writes; fails with all that it wrote where it does not succeed."""
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        input=text,
        env={**os.environ, **CLEAN, **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout
