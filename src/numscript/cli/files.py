"""Reading what the commands are given: scripts, JSON files, folders, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from numscript.cli.console import BadInput

if TYPE_CHECKING:
    from numscript.script import Script

Read = TypeVar("Read")

STDIN = "-"


def shown_name(path: str) -> str:
    """The name under which a file is shown."""
    return "<stdin>" if path == STDIN else path


def read_text(path: str) -> str:
    """The text of a file, or of standard input for `-`. Raises BadInput."""
    name = shown_name(path)
    if path == STDIN and sys.stdin is None:
        raise BadInput(f"{name}: the standard input is closed")
    try:
        data = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{name}: this is a folder; a file is needed") from None
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise BadInput(f"{name}: it cannot be read: {reason}") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise BadInput(
            f"{name}: it is not UTF-8 text: line {line} has the byte "
            f"0x{data[problem.start]:02x}; save it as UTF-8"
        ) from None


def read_script(path: str) -> Script:
    """The script of a file, or of standard input. Raises BadInput."""
    from numscript.script import Script

    return Script(read_text(path), shown_name(path))


def read_json_file(path: str, reader: Callable[[str], Read]) -> Read:
    """What `reader` makes of the JSON text of a file. Raises BadInput."""
    from numscript.inputs import InputError

    try:
        return reader(read_text(path).removeprefix("\ufeff"))
    except InputError as problem:
        raise BadInput(problem.located(shown_name(path))) from None


def only_one_stdin(*paths: str | None) -> None:
    """Refuse `-` where it stands for two inputs at once."""
    if sum(path == STDIN for path in paths) > 1:
        raise click.UsageError("standard input (`-`) can be read only once")


def find_files(paths: Iterable[str], ending: str) -> Iterator[str]:
    """The files themselves, and of folders all files in them whose name has an ending, sorted.

    Folders whose name starts with a dot are left out, and no file is given twice.
    """
    seen: set[str] = set()
    for path in paths:
        for file in _in_folder(path, ending) if Path(path).is_dir() else [path]:
            key = file if file == STDIN else os.path.realpath(file)
            if key not in seen:
                seen.add(key)
                yield file


def _in_folder(folder: str, ending: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(ending):
                file = Path(place, name)
                yield str(file)
