"""The grammar of record, `numscript.lark`, and what is made from it."""

from __future__ import annotations

from pathlib import Path

GRAMMAR = Path(__file__).with_name("numscript.lark")
"""The file that defines the syntax."""
