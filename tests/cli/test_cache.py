"""The cache of compiled programs: never wrong, never in the way."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import numscript
from numscript.cli import cache
from numscript.script import Script

TEXT = "send [USD/2 100] ( source = @world destination = @bob )"
OTHER = "send [USD/2 999] ( source = @world destination = @eve )"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMSCRIPT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def compile_text(text: str = TEXT, name: str = "a.num") -> numscript.Program:
    return cache.compile_script(Script(text, name), (), use_cache=True)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_program_comes_back_as_it_was(folder: Path) -> None:
    first = compile_text()
    (entry,) = entries(folder)
    kept = cache.load(entry, Script(TEXT, "a.num"))
    assert kept == first
    assert kept is not None
    assert kept.run().postings == first.run().postings


def test_errors_show_the_name_that_the_script_has_now(folder: Path) -> None:
    compile_text(name="old.num")
    (entry,) = entries(folder)
    kept = cache.load(entry, Script(TEXT, "new.num"))
    assert kept is not None
    assert kept.script.name == "new.num"


@pytest.mark.parametrize("damage", [b"", b"NUMC", b"NUMC\x01{}", b"\x00" * 100, b"NUMC\xff[]"])
def test_a_damaged_entry_is_replaced(folder: Path, damage: bytes) -> None:
    compile_text()
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    entry.write_bytes(damage)
    assert compile_text().run().postings[0].amount == 100
    assert entry.read_bytes() == whole


def test_an_entry_of_another_text_is_not_used(folder: Path) -> None:
    compile_text()
    (entry,) = entries(folder)
    entry.write_bytes(numscript.compile(OTHER).encode())
    assert compile_text().run().postings[0].amount == 100


def test_feature_flags_have_entries_of_their_own(folder: Path) -> None:
    text = "send [USD/2 1] ( source = oneof { @a @world } destination = @b )"
    for features in ((), ("experimental-oneof",)):
        cache.compile_script(Script(text), features, use_cache=True)
    assert len(entries(folder)) == 2


def test_a_folder_that_cannot_be_written_is_no_hindrance(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file stands where the folder should", encoding="utf-8")
    assert compile_text().run().postings[0].amount == 100


def test_nothing_is_kept_without_the_cache(folder: Path) -> None:
    cache.compile_script(Script(TEXT), (), use_cache=False)
    assert entries(folder) == []


def test_the_oldest_entries_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "ENTRIES_KEPT", 4)
    for number in range(12):
        compile_text(f"send [USD/2 {number}] ( source = @world destination = @bob )")
    assert 1 <= len(entries(folder)) <= 6


def write_often(worker: int) -> int:
    total = 0
    for _ in range(30):
        program = cache.compile_script(Script(TEXT, f"{worker}.num"), (), use_cache=True)
        total += program.run().postings[0].amount
    return total


def test_many_writers_share_the_folder(folder: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        assert list(pool.map(write_often, range(8))) == [3000] * 8
    assert [entry.suffix for entry in entries(folder)] == [".numc"]
