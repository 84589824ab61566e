"""Document links: from a script to its spec file and back, and to files that comments name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from numscript.script import Span
from numscript.syntax.parser import Parsed
from numscript_lsp import json_tree

_FILE = re.compile(r"(?<![\w./-])[\w./-]*\w\.num(?:\.specs\.json)?(?![\w-])")


class Link(NamedTuple):
    """A stretch that leads to a file; `file` is its path, seen from the folder of the document."""

    span: Span
    file: str
    tooltip: str


Exists = Callable[[str], bool]
"""Whether there is a file, by its path as seen from the folder of the document."""


def script_links(parsed: Parsed, specs_name: str, exists: Exists) -> list[Link]:
    """From the first word of a script to its cases, and from the files that comments name."""
    found: list[Link] = []
    _, starts, ends, comments = parsed.tokens
    if starts and ends[0] > starts[0] and exists(specs_name):
        found.append(Link(Span(starts[0], ends[0]), specs_name, f"Open the cases in {specs_name}"))
    for comment in comments:
        found += [
            Link(Span(*match.span()), match[0], f"Open {match[0]}")
            for match in _FILE.finditer(parsed.script.text, *comment)
            if exists(match[0])
        ]
    return found


def specs_links(tree: json_tree.Value | None, script_name: str, exists: Exists) -> list[Link]:
    """From the cases of a spec file to the script that they are about."""
    if not isinstance(tree, json_tree.Object) or not exists(script_name):
        return []
    return [
        Link(member.key.inside, script_name, f"Open the script {script_name}")
        for member in tree.members
        if member.key.value == "testCases"
    ]
