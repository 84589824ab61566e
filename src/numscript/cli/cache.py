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
    path = entry_path(script, features)
    program = load(path, script)
    if program is None:
        program = _compile(script, features)
        save(path, program)
    return program


def _compile(script: Script, features: Collection[str]) -> Program:
    from numscript.embedding import compile as compile_text

    return compile_text(script, features)


def folder() -> str:
    """The folder of the cache: NUMSCRIPT_CACHE_DIR, or where the system keeps such things."""
    given = os.environ.get("NUMSCRIPT_CACHE_DIR")
    if given:
        return given
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib is not needed on the way to a run
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")  # noqa: PTH118
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")  # noqa: PTH118
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")  # noqa: PTH118
    return os.path.join(base, "numscript")  # noqa: PTH118


def entry_path(script: Script, features: Collection[str]) -> str:
    """The file of a script's entry."""
    text = script.text.encode("utf-8", "surrogatepass")
    flags = ",".join(sorted(features)).encode("utf-8", "surrogatepass")
    name = f"{len(text):x}-{crc32(text):08x}-{crc32(flags):08x}-{__version__}.numc"
    return os.path.join(folder(), name)  # noqa: PTH118


def load(path: str, script: Script) -> Program | None:
    """The program in an entry, if it is that of the script."""
    from numscript.diagnostics import ExecutionError

    try:
        with open(path, "rb") as entry:  # noqa: PTH123
            program = Program.decode(entry.read())
    except (OSError, ExecutionError):
        return None
    if program.script.text != script.text:
        return None
    # The same text may be kept under another name, which errors would show.
    program.script = script
    return program


def save(path: str, program: Program) -> None:
    """Keep a program; where that cannot be done it is not kept."""
    draft = f"{path}.{os.getpid()}"
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
        sweep(os.path.dirname(path))  # noqa: PTH120
        try:
            with open(draft, "wb") as entry:  # noqa: PTH123
                entry.write(program.encode())
            os.replace(draft, path)  # noqa: PTH105
        except OSError:
            os.unlink(draft)  # noqa: PTH108


def sweep(where: str) -> None:
    """Take the oldest entries away where there are too many."""
    with os.scandir(where) as found:
        entries = [entry for entry in found if ".numc" in entry.name]
    if len(entries) <= ENTRIES_KEPT:
        return
    entries.sort(key=lambda entry: entry.stat().st_mtime)
    for entry in entries[: len(entries) - ENTRIES_KEPT // 2]:
        with suppress(OSError):
            os.unlink(entry.path)  # noqa: PTH108
