"""What starting up loads: a list of modules, not seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """vars { monetary $price }
send $price ( source = @alice allowing unbounded overdraft destination = @bob )
set_tx_meta("kind", "sale")
"""
LIST_MODULES = "import sys; from numscript.cli import main; import atexit; \
atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr)); \
sys.argv[0] = 'numscript'; main()"
THIRD_PARTIES = {
    *("lark", "rich", "msgspec", "psycopg", "hypothesis", "pytest"),
    *("starlette", "uvicorn", "prometheus_client", "jwt"),
}
BOOKS = ("numscript.storage", "numscript.ledger", "numscript.cli.ledger")
FRONT_HALF = {
    "numscript.analysis.checker",
    "numscript.bytecode.compiler",
    "numscript.runtime.translator",
    "numscript.syntax.nodes",
    "numscript.syntax.parser",
    "numscript.syntax.tables",
}


def modules_of(arguments: list[str], folder: Path) -> set[str]:
    """The modules that a command has loaded by its end."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *arguments],
        env={**os.environ, "NUMSCRIPT_CACHE_DIR": str(folder / "cache")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sale.num").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def own(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split(".")[0] == "numscript"}


def test_the_version_needs_the_command_line_only(folder: Path) -> None:
    modules = modules_of(["--version"], folder)
    assert own(modules) == {"numscript", "numscript.cli"}
    assert not modules & THIRD_PARTIES


def test_a_cached_script_runs_without_the_front_half(folder: Path) -> None:
    arguments = ["run", "sale.num", "--var", "price=USD/2 100"]
    first = modules_of(arguments, folder)
    assert first > FRONT_HALF - {"numscript.runtime.translator"}
    second = modules_of(arguments, folder)
    assert not second & (FRONT_HALF | THIRD_PARTIES)
    assert not second & {"dataclasses", "decimal", "difflib", "fractions", "sqlite3", "tempfile"}
    assert not {name for name in first | second if name.startswith(BOOKS)}


def test_a_cached_script_is_committed_without_the_front_half(folder: Path) -> None:
    script = "send [USD/2 1] ( source = @world destination = @bob )"
    (folder / "gift.num").write_text(script, encoding="utf-8")
    arguments = ["ledger", "run", "gift.num", "--storage", "sqlite:///books.db"]
    first = modules_of(arguments, folder)
    assert first > FRONT_HALF - {"numscript.runtime.translator"}
    second = modules_of(arguments, folder)
    assert {"sqlite3", "numscript.storage.sqlite", "numscript.ledger.books"} < second
    assert not second & ((FRONT_HALF | THIRD_PARTIES) - {"numscript.runtime.translator"})
    assert not second & {"numscript.storage.postgres", "numscript.cli.ledger.verify"}


def test_a_list_of_the_ledger_needs_no_script(folder: Path) -> None:
    storage = ["--storage", "sqlite:///books.db"]
    modules_of(["ledger", "init", *storage], folder)
    modules = modules_of(["ledger", "transactions", *storage], folder)
    assert not modules & (FRONT_HALF | THIRD_PARTIES)
    assert not modules_of(["ledger", "--help"], folder) & {"sqlite3", "numscript.ledger"}


def test_the_import_of_the_package_loads_nothing_of_it() -> None:
    code = "import sys, numscript; print([m for m in sys.modules if m.startswith('numscript.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_help_of_the_service_needs_no_web_framework(folder: Path) -> None:
    modules = modules_of(["serve", "--help"], folder)
    assert not modules & THIRD_PARTIES
    assert "numscript.cli.serve" in modules
    assert not {name for name in modules if name.startswith("numscript.service")}
