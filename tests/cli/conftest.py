"""How the tests call the command line: in this process, in a folder of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from numscript.cli import main

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("NUMSCRIPT_SHARED") or ROOT.parent / "shared")

Call = Callable[..., Result]

SALE = """\
vars {
  monetary $price
}
send $price (
  source = { @alice @bob }
  destination = @carol
)
"""
BALANCES = '[{"account": "alice", "asset": "USD/2", "amount": 60}]'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one; no variable of the environment has a say."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "NUMSCRIPT_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def call() -> Call:
    """Call `numscript` with arguments; an exception that is no exit reaches the test."""

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(main, arguments, catch_exceptions=False, **options)

    return run


@pytest.fixture
def sale(folder: Path) -> Path:
    """A small script, `sale.num`, with its variable and balances beside it."""
    path = folder / "sale.num"
    path.write_text(SALE, encoding="utf-8")
    (folder / "vars.json").write_text('{"price": "USD/2 50"}', encoding="utf-8")
    (folder / "balances.json").write_text(BALANCES, encoding="utf-8")
    return path
