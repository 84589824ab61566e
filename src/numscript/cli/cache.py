"""Compiled programs kept on disk, so that a script that was run before is not compiled again.

An entry is the encoded program, in a file named by its text and feature flags. The text stands in
the entry too and must be the same, so that the name need not be a strong hash. Whatever is wrong
with an entry (damaged, of another version, of another text) makes it worth nothing: the script is
compiled and the entry replaced. Files are put in place whole, so that any number of runs can
share the folder. Nothing that goes wrong with the cache ever stops a run.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from numscript import __version__
from numscript.embedding import Program

if TYPE_CHECKING:
    from collections.abc import Collection

    from numscript.script import Script

ENTRIES_KEPT = 512
"""How many entries stay when the folder is swept, those written last."""


def compile_script(script: Script, features: Collection[str], *, use_cache: bool) -> Program:
    """The program of a script, from the cache where it is there. Raises as `compile` does."""
    if not use_cache:
        return _compile(script, features)
    try:
        path = entry_path(script, features)
    except RuntimeError:  # there is no home
        return _compile(script, features)
    program = load(path, script)
    if program is None:
        program = _compile(script, features)
        save(path, program)
    return program


def _compile(script: Script, features: Collection[str]) -> Program:
    from numscript.embedding import compile as compile_text

    return compile_text(script, features)


def folder() -> Path:
    """The folder of the cache: NUMSCRIPT_CACHE_DIR, or where the system keeps such things."""
    given = os.environ.get("NUMSCRIPT_CACHE_DIR")
    if given:
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "numscript"


def entry_path(script: Script, features: Collection[str]) -> Path:
    """The file of a script's entry."""
    text = script.text.encode("utf-8", "surrogatepass")
    flags = ",".join(sorted(features)).encode("utf-8", "surrogatepass")
    return folder() / f"{len(text):x}-{crc32(text):08x}-{crc32(flags):08x}-{__version__}.numc"


def load(path: Path, script: Script) -> Program | None:
    """The program in an entry, if it is that of the script."""
    from numscript.diagnostics import ExecutionError

    try:
        program = Program.decode(path.read_bytes())
    except (OSError, ExecutionError):
        return None
    if program.script.text != script.text:
        return None
    # The same text may be kept under another name, which errors would show.
    program.script = script
    return program


def save(path: Path, program: Program) -> None:
    """Keep a program; where that cannot be done it is not kept."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError, RuntimeError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(path.parent)
        try:
            draft.write_bytes(program.encode())
            draft.replace(path)
        except OSError:
            draft.unlink()


def sweep(where: Path) -> None:
    """Take the oldest entries away where there are too many."""
    entries = list(where.glob("*.numc*"))
    if len(entries) <= ENTRIES_KEPT:
        return
    entries.sort(key=lambda entry: entry.stat().st_mtime)
    for entry in entries[: len(entries) - ENTRIES_KEPT // 2]:
        with suppress(OSError):
            entry.unlink()
