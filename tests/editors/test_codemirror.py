"""The language package for CodeMirror, through its own tests in Node."""

from __future__ import annotations

from tests.editors.tools import codemirror, node, run


def test_codemirror_package() -> None:
    said = run([node(), "--test", "test/language.test.js"], cwd=codemirror())
    assert "# fail 0" in said
    assert "# pass 0" not in said
