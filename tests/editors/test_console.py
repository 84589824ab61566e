"""The console's editor, which the package holds as it was built."""

from __future__ import annotations

from tests.editors.tools import EDITORS, codemirror, node, run


def test_the_built_editor_is_that_of_its_sources() -> None:
    codemirror()
    run([node(), "build.js", "--check"], cwd=EDITORS / "console")
