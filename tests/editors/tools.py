"""The programs that the editors' tests need: where they are, and what is said where they are not.

In CI, which installs all of them, nothing is skipped.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
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


def codemirror() -> Path:
    """The folder of the package for CodeMirror, built; once, where tests run beside each other."""
    package = EDITORS / "codemirror"
    built = package / "dist" / "index.js"
    sources = [package / "build.js", *(package / "src").glob("*.grammar")]
    sources += [package / "src" / f"{name}.js" for name in ("index", "highlight", "words")]
    with (EDITORS / "node_modules" / ".numscript-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = max(path.stat().st_mtime for path in sources)
        if not built.is_file() or built.stat().st_mtime < newest:
            run([node(), "build.js"], cwd=package)
    return package


def emacs(script: Path, **environment: str) -> str:
    """What a script in Lisp writes, in Emacs with the mode of Numscript on its path."""
    path = program("emacs", "apt-get install emacs-nox elpa-eglot")
    arguments = ["--batch", "-L", str(EDITORS / "emacs"), "-l", str(script)]
    return run([path, "--no-init-file", *arguments], environment=environment)


def neovim(script: Path, **environment: str) -> str:
    """What a script in Lua writes, in Neovim with the files for Numscript on its path."""
    path = program("nvim", "it is among what `pip install -e '.[test]'` installs")
    version = re.search(r"v0\.(\d+)", run([path, "--version"]))
    if version is None or int(version[1]) < 11:
        absent("Neovim 0.11 or later is needed")
    files = ["--cmd", f"set runtimepath^={EDITORS / 'neovim'}", "-c", f"luafile {script}"]
    return run([path, "--headless", "--clean", *files], environment=environment)


def run(
    arguments: Sequence[str | Path],
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
