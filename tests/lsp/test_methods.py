"""The table of methods: each is said to do something, and is asked for by a test."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from numscript_lsp.server import ROWS


def test_every_method_that_is_served_is_asked_for_by_a_test() -> None:
    asked = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for row in ROWS:
        words = re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", row.method)
        name = words.replace("/", "_")
        called = f".{name}(" in asked or f".{name}_async(" in asked
        assert called or f"types.{name.upper()}" in asked or name == "initialized", name


def test_handlers_say_what_they_are_for() -> None:
    for row in ROWS:
        assert inspect.getdoc(row.handler), row.method
