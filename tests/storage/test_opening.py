"""What can go wrong with a storage, and what is said then: one clear error each, nothing lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any, LiteralString
from uuid import uuid4

import pytest

from numscript import errors
from numscript.diagnostics import Kind, StorageError
from numscript.ledger import Ledger, Post, Posting
from numscript.storage import hide_password, open_storage, tables
from numscript.storage.memory import MemoryStorage
from tests.storage.backends import START, Clock

SALE = [Posting("world", "a", 1, "USD/2")]


def refused(kind: type[Kind], act: Callable[[], object]) -> Kind:
    with pytest.raises(StorageError) as raised:
        act()
    found = raised.value.kind
    assert type(found) is kind
    return found


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("mongodb://host/db", errors.UnknownScheme, "no storage"),
        ("", errors.UnknownScheme, "no storage"),
        ("sqlite:books.db", errors.CannotOpen, "sqlite:///path"),
        ("sqlite:///", errors.CannotOpen, "sqlite:///path"),
        ("sqlite:///x.db?mode=rw", errors.CannotOpen, "options"),
        ("sqlite:///x.db?timeout=soon", errors.CannotOpen, "seconds"),
        ("sqlite:////no/such/folder/books.db", errors.CannotOpen, "no folder `/no/such/folder`"),
        ("sqlite:////tmp", errors.CannotOpen, "unable to open"),
        ("postgresql://127.0.0.1:1/books?connect_timeout=2", errors.CannotOpen, "refused"),
        ("postgresql://u:secret@127.0.0.1:1/books", errors.CannotOpen, r"u:\*\*\*@"),
        ("postgresql://[", errors.CannotOpen, "[sS]yntax|invalid|missing|end of string"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url: str, kind: type[Kind], said: str) -> None:
    with pytest.raises(StorageError, match=said) as raised:
        open_storage(url)
    assert type(raised.value.kind) is kind
    assert "secret" not in str(raised.value)
    assert not set("\t\r\n") & set(raised.value.kind.message)


def test_passwords_are_not_shown() -> None:
    assert hide_password("postgresql://u:p@ss@host/db") == "postgresql://u:***@host/db"
    assert hide_password("postgresql://u@host/db") == "postgresql://u@host/db"
    assert hide_password("sqlite:///a.db") == "sqlite:///a.db"


def test_a_database_that_is_not_there(postgres_url: str) -> None:
    url = postgres_url.replace("/postgres?", "/nowhere?")
    if url == postgres_url:
        pytest.skip("the server given has a database of another name")
    assert "does not exist" in refused(errors.CannotOpen, lambda: open_storage(url)).message


def test_a_wrong_password(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:

        def value(text: LiteralString) -> str:
            row = connection.execute(text).fetchone()
            assert row is not None
            return str(row[0])

        rules = Path(value("SHOW hba_file"))
        if not rules.is_file():
            pytest.skip("the server given is not on this machine")
        before, name = rules.read_text(), f"r{uuid4().hex[:8]}"
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right'".encode())
        connection.execute(f"GRANT CREATE ON SCHEMA public TO {name}".encode())
        try:
            kinds = "".join(f"{kind} all {name} scram-sha-256\n" for kind in ("local",))
            rules.write_text(kinds + before)
            value("SELECT pg_reload_conf()")
            where = postgres_url.partition("@")[2]
            url = f"postgresql://{name}:wrong@{where}"
            kind = refused(errors.CannotOpen, partial(open_storage, url))
            assert f'password authentication failed for user "{name}"' in kind.message
            assert "\t" not in kind.message
            assert "\n" not in kind.message
            assert "wrong" not in kind.message
        finally:
            rules.write_text(before)
            value("SELECT pg_reload_conf()")
            connection.execute(f"DROP OWNED BY {name}".encode())
            connection.execute(f"DROP ROLE {name}".encode())


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    path.write_text("these are no books " * 100)
    assert "not a database" in refused(
        errors.CannotOpen, lambda: open_storage(f"sqlite:///{path}")
    ).message  # fmt: skip
    assert path.read_text().startswith("these are no books")


def test_a_file_opened_for_reading_only(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    refused(errors.CannotOpen, lambda: open_storage(f"sqlite:///{path}?mode=ro"))
    sqlite3.connect(path).close()
    refused(errors.NoBooks, lambda: open_storage(f"sqlite:///{path}?mode=ro"))
    storage = open_storage(f"sqlite:///{path}")
    Ledger(storage, "main").post(SALE)
    reading = open_storage(f"sqlite:///{path}?mode=ro")
    ledger = Ledger(reading, "main")
    assert ledger.balances("a") == {"USD/2": 1}
    refused(errors.WriteRefused, lambda: ledger.post(SALE))
    assert ledger.verify() == []
    reading.close()
    storage.close()


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    storage = open_storage(f"sqlite:///{path}")
    ledger = Ledger(storage, "main")
    ledger.post(SALE)
    writer = storage._writer  # type: ignore[attr-defined]  # the test stands in for the disk
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for _ in range(100):
            ledger.post(SALE, metadata={"long": "x" * 5000})

    with pytest.raises(StorageError) as raised:
        fill()
    assert isinstance(raised.value.kind, errors.WriteRefused)
    assert "full" in raised.value.kind.message
    count = ledger.stats().transactions
    assert ledger.verify() == []
    writer.execute("PRAGMA max_page_count = 1000000")
    assert ledger.post(SALE).id == count + 1
    storage.close()


def test_a_file_that_somebody_holds(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    storage = open_storage(f"sqlite:///{path}?timeout=0.2")
    ledger = Ledger(storage, "main")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused(errors.StorageUnavailable, lambda: ledger.post(SALE))
    other.close()
    assert ledger.post(SALE).id == 1
    storage.close()


def test_a_newer_schema_is_left_alone(tmp_path: Path, postgres_url: str) -> None:
    import psycopg

    path = tmp_path / "books.db"
    open_storage(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE numscript_schema SET version = 99")
    database.close()
    refused(errors.NewerSchema, lambda: open_storage(f"sqlite:///{path}?mode=ro"))
    kind = refused(errors.NewerSchema, lambda: open_storage(f"sqlite:///{path}"))
    assert kind.fields == {"found": 99, "known": len(tables.migrations(tables.SQLITE))}
    url, drop = fresh_database(postgres_url)
    open_storage(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE numscript_schema SET version = 99")
    refused(errors.NewerSchema, lambda: open_storage(url))
    drop()


def fresh_database(postgres_url: str) -> tuple[str, Callable[[], None]]:
    """The URL of a database of its own, and what drops it."""
    import psycopg
    from psycopg import sql
    from psycopg.conninfo import conninfo_to_dict

    name = f"d{uuid4().hex[:12]}"

    def do(text: LiteralString) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(sql.SQL(text).format(sql.Identifier(name)))

    do("CREATE DATABASE {}")
    old = str(conninfo_to_dict(postgres_url)["dbname"])
    head, _, tail = postgres_url.rpartition(f"/{old}")
    return f"{head}/{name}{tail}", lambda: do("DROP DATABASE {} WITH (FORCE)")


def first(
    whole: Callable[[tables.Dialect], list[list[str]]], dialect: tables.Dialect, count: int = 1
) -> list[list[str]]:
    return whole(dialect)[:count]


def test_an_older_schema_is_upgraded(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, drop = fresh_database(postgres_url)
    for place in (f"sqlite:///{tmp_path / 'books.db'}", url):
        with monkeypatch.context() as patch:
            whole = tables.migrations
            patch.setattr(tables, "migrations", partial(first, whole))
            old = open_storage(place)
            old.create_ledger("main", START)
            old.close()
        new = open_storage(place)
        assert new.ledgers() == ["main"]
        ledger = Ledger(new, "main")
        ledger.post(SALE)
        ledger.post(SALE)
        assert ledger.balances("a") == {"USD/2": 2}
        assert ledger.verify() == []
        new.close()
    drop()


def test_books_of_an_older_schema_tell_when_something_was_deleted(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a deletion the older histories kept nothing, if there was nothing to delete; and setting
    no metadata on an account touched it."""
    import psycopg

    url, drop = fresh_database(postgres_url)
    path = tmp_path / "books.db"
    for place in (f"sqlite:///{path}", url):
        with monkeypatch.context() as patch:
            patch.setattr(tables, "migrations", partial(first, tables.migrations, count=4))
            storage = open_storage(place)
            ledger = Ledger(storage, "main", clock=Clock())
            ledger.post(SALE, metadata={"k": "v"})
            for target in ("a", 1):
                ledger.set_metadata(target, {'é"': "v"})
                ledger.delete_metadata(target, 'é"')
                ledger.delete_metadata(target, "nothing")
            then = ledger.transaction(1).updated_at, ledger.account("a").updated_at
            ledger.set_metadata(1, {"k": "w"})
            ledger.set_metadata("a", {"k": "w"})
            storage.close()
        as_before = [
            "DELETE FROM numscript_account_metadata WHERE date = ended",
            "DELETE FROM numscript_transaction_metadata WHERE date = ended",
            "UPDATE numscript_accounts SET updated_at = updated_at + 1 WHERE address = 'world'",
        ]
        connect: Any = psycopg.connect if place == url else sqlite3.connect
        with closing(connect(url if place == url else path)) as database:
            for text in as_before:
                database.execute(text)
            database.commit()
        storage = open_storage(place)
        ledger = Ledger(storage, "main")
        when: dict[str, Any] = {"pit": then[0], "by_insertion": True}
        (row,) = ledger.transactions(**when)
        assert (row.updated_at, row.metadata) == (then[0], {"k": "v"})
        account = ledger.account("a", **when)
        assert (account.updated_at, account.metadata) == (then[1], {})
        assert ledger.verify() == []
        storage.close()
    drop()


def test_several_processes_make_the_tables_at_once(postgres_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    url, drop = fresh_database(postgres_url)
    with ThreadPoolExecutor(6) as threads:
        for storage in threads.map(lambda _: open_storage(url), range(6)):
            storage.close()
    drop()


def test_books_are_read_without_being_made_or_upgraded(tmp_path: Path, postgres_url: str) -> None:
    import psycopg

    url, drop = fresh_database(postgres_url)
    known = len(tables.migrations(tables.POSTGRES))

    def found() -> object:
        kind = refused(errors.NoBooks, lambda: open_storage(url, read_only=True))
        return kind.fields["found"]

    with psycopg.connect(url, autocommit=True) as connection:
        assert found() == "no books"
        made = connection.execute("SELECT count(*) FROM pg_class WHERE relname ~ 'numscript'")
        assert made.fetchone() == (0,)
        open_storage(url).close()
        connection.execute("UPDATE numscript_schema SET version = 1")
        assert found() == "books of the older version 1"
        connection.execute("UPDATE numscript_schema SET version = %s", (known,))
    file = f"sqlite:///{tmp_path / 'books.db'}"
    for place in (url, file):
        storage = open_storage(place)
        Ledger(storage, "main").post(SALE)
        storage.close()
        reading = open_storage(place, read_only=True)
        ledger = Ledger(reading, "main", create=False)
        assert ledger.balances("a") == {"USD/2": 1}
        refused(errors.WriteRefused, partial(ledger.post, SALE))
        assert ledger.verify() == []
        reading.close()
    drop()


def test_a_storage_that_was_closed_says_so(tmp_path: Path, postgres_url: str) -> None:
    for url in ("memory:", f"sqlite:///{tmp_path / 'books.db'}", postgres_url):
        storage = open_storage(url)
        ledger = Ledger(storage, f"l-{uuid4().hex[:8]}")
        ledger.post(SALE)
        storage.close()
        refused(errors.StorageUnavailable, partial(ledger.post, SALE))
        refused(errors.StorageUnavailable, ledger.stats)


def test_other_packages_bring_storages(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", "numscript.storage.memory:MemoryStorage", "numscript.storage")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: EntryPoints([point]))
    storage = open_storage("mine://here")
    assert isinstance(storage, MemoryStorage)
    assert storage.url == "mine://here"
    kind = refused(errors.UnknownScheme, lambda: open_storage("yours://here"))
    assert "mine" in str(kind.fields["known"])


def test_damage_is_found_and_named(tmp_path: Path) -> None:
    path = tmp_path / "books.db"

    def problems(*statements: str) -> list[str]:
        path.unlink(missing_ok=True)
        storage = open_storage(f"sqlite:///{path}")
        times = iter(datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in range(9))
        ledger = Ledger(storage, "main", clock=lambda: next(times))
        ledger.post([Posting("world", "a", 100, "USD/2")], metadata={"k": "v"})
        ledger.post([Posting("a", "b", 30, "USD/2")])
        for statement in statements:
            storage._writer.execute(statement)  # type: ignore[attr-defined]  # as an intruder would
        found = [str(problem) for problem in ledger.verify()]
        storage.close()
        return found

    rest = "log: nothing behind this line was compared"
    broken = "its hash does not follow from what it says and the line before it"
    assert problems() == []
    assert problems("UPDATE numscript_logs SET data = replace(data, '30', '31')") == [
        f"log 2: {broken}", rest,
    ]  # fmt: skip
    assert problems("UPDATE numscript_logs SET date = date + 1 WHERE id = 1") == [
        f"log 1: {broken}", rest,
    ]  # fmt: skip
    assert problems("DELETE FROM numscript_logs WHERE id = 1") == [
        "log 2: the line before it is 0", rest,
    ]  # fmt: skip
    assert problems(
        "UPDATE numscript_volumes SET input = '900', balance = '100003870' WHERE account = 'a'"
    ) == [
        (
            "account a: its volumes is USD/2: input 900, output 30, "
            "by the log USD/2: input 100, output 30"
        ),
        "volume a USD/2: its input is 900, by the log 100",
        "asset USD/2: the balances add up to 800, not 0",
    ]
    assert problems("DELETE FROM numscript_transactions WHERE id = 2") == [
        "transaction 2: it is missing",
        "history of transaction 2: it is missing",
    ]
    assert problems("UPDATE numscript_transactions SET metadata = '{}' WHERE id = 1") == [
        "transaction 1: its metadata is nothing, by the log k: v"
    ]
    assert problems("DELETE FROM numscript_moves WHERE account = 'b'") == [
        "history of account b: its volumes is nothing, by the log USD/2: input 30, output 0",
        "history of volume b USD/2: it is missing",
    ]
    assert problems("UPDATE numscript_transaction_metadata SET value = 'w'") == [
        "history of transaction 1: its metadata is k: w, by the log k: v"
    ]
    assert problems("UPDATE numscript_ledgers SET last_transaction = 7")[0].startswith("head: ")


def test_what_is_opened_for_reading_refuses_writes_in_memory_too() -> None:
    storage = open_storage("memory:", read_only=True)
    assert storage.ledgers() == []
    refused(errors.WriteRefused, lambda: Ledger(storage, "main"))


def test_a_storage_is_closed_at_the_end_of_a_with_block(tmp_path: Path) -> None:
    for url in ("memory:", f"sqlite:///{tmp_path / 'books.db'}"):
        with open_storage(url) as storage:
            ledger = Ledger(storage, "main")
            ledger.post(SALE)
        refused(errors.StorageUnavailable, ledger.stats)


def test_reading_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    with open_storage(url) as storage:
        Ledger(storage, "main").post(SALE)
    with open_storage(url, read_only=True) as storage:
        ledger = Ledger(storage, "main", create=False)
        assert ledger.balances("a") == {"USD/2": 1}
        refused(errors.WriteRefused, lambda: ledger.post(SALE))
    assert [path.name for path in tmp_path.iterdir()] == ["books.db"]


def test_books_on_a_medium_that_nobody_can_write_to_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    with open_storage(url) as storage:
        Ledger(storage, "main").post(SALE)
    (tmp_path / "books.db").chmod(0o444)
    tmp_path.chmod(0o555)
    # For the user root no folder is read-only.
    monkeypatch.setattr("numscript.storage.sqlite._is_writable", lambda _path: False)
    try:
        with open_storage(url, read_only=True) as storage:
            ledger = Ledger(storage, "main", create=False)
            assert ledger.balances("a") == {"USD/2": 1}
            assert ledger.verify() == []
            assert [path.name for path in tmp_path.iterdir()] == ["books.db"]
    finally:
        tmp_path.chmod(0o755)


def test_a_path_is_no_url_and_the_error_writes_one() -> None:
    wrong: Any = Path("books.db")
    with pytest.raises(TypeError, match=r"for a file write sqlite:///books\.db"):
        open_storage(wrong)


def test_a_damaged_file_is_not_told_to_try_again(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    with open_storage(f"sqlite:///{path}") as storage:
        ledger = Ledger(storage, "main")
        ledger.bulk([Post(SALE) for _ in range(200)])
    data = bytearray(path.read_bytes())

    def read() -> object:
        with open_storage(f"sqlite:///{path}", read_only=True) as storage:
            return Ledger(storage, "main", create=False).verify()

    for start in (4096, len(data) // 2):
        path.write_bytes(data[:start] + b"\xff" * (len(data) - start))
        with pytest.raises(StorageError, match="malformed; restore the file") as raised:
            read()
        assert "try again" not in raised.value.kind.hint
