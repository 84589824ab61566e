"""Golden files: cases with what they must give beside them, in one text that people read.

A case is a title, a script, and the expected text:

    === a missing sign
    send [USD/2 100] ( source @a destination = @b )
    ---
    1:27 expected `=`, found `@a`

`make golden` writes the expectations anew; the difference is then read before it is committed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

GOLDEN = Path(__file__).with_name("golden")


class Entry(NamedTuple):
    """One case of a golden file."""

    title: str
    script: str
    expected: str


def read(name: str) -> list[Entry]:
    """The cases of a golden file."""
    text = (GOLDEN / name).read_text(encoding="utf-8")
    entries = []
    for chunk in text.split("=== ")[1:]:
        title, _, rest = chunk.partition("\n")
        script, _, expected = rest.partition("---\n")
        entries.append(Entry(title, script, expected.rstrip("\n") + "\n"))
    return entries


def write(name: str, give: Callable[[str], str]) -> None:
    """Write the expectations of a golden file anew."""
    chunks = [f"=== {entry.title}\n{entry.script}---\n{give(entry.script)}" for entry in read(name)]
    (GOLDEN / name).write_text("\n".join(chunks), encoding="utf-8")


def main() -> None:
    """Write all golden files."""
    from tests.bytecode.test_compiler import disassembled
    from tests.debugging.material import listed
    from tests.syntax.test_formatter import formatted
    from tests.syntax.test_parser import errors_of

    for name, give in (
        ("code.txt", disassembled),
        ("formatted.txt", formatted),
        ("syntax-errors.txt", errors_of),
        ("traces.txt", listed),
    ):
        write(name, give)
        sys.stdout.write(f"wrote tests/golden/{name}\n")


if __name__ == "__main__":
    main()
