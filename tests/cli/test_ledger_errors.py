"""What the commands of the ledger refuse: one clear sentence, 1 or 2, never a traceback."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.storage.backends import postgres_url
from tests.storage.test_opening import fresh_database

__all__ = ["postgres_url"]

URL = "sqlite:///books.db"
BOOKS = ("--storage", URL)
READERS = (
    ("transactions",),
    ("transaction", "1"),
    ("accounts",),
    ("account", "a"),
    ("balances",),
    ("balances", "--sum"),
    ("volumes",),
    ("revert", "1"),
    ("set-metadata", "a", "b=c"),
    ("logs",),
    ("export",),
    ("export", "log.ndjson"),
    ("verify",),
    ("stats",),
    ("list",),
)


@pytest.fixture
def opened(call: Call, sale: Path) -> Call:
    assert sale.exists()
    assert call("ledger", "post", "world", "alice", "USD/2 100", *BOOKS).exit_code == 0
    return call


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_what_reads_creates_no_file(call: Call, folder: Path, command: tuple[str, ...]) -> None:
    done = call("ledger", *command, *BOOKS)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "error: books.db: there is no such file; "
        "`numscript ledger init --storage sqlite:///books.db` creates it\n"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", READERS[:-1], ids=" ".join)
def test_an_unknown_ledger_is_refused(opened: Call, command: tuple[str, ...]) -> None:
    done = opened("ledger", *command, *BOOKS, "--ledger", "mian")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "error NUM506: there is no ledger `mian`\n  = hint: did you mean `main`?\n"
    )


def test_what_reads_leaves_the_file_of_another_program_alone(call: Call, folder: Path) -> None:
    database = sqlite3.connect("other.db")
    database.execute("CREATE TABLE theirs (a)")
    database.close()
    before = (folder / "other.db").read_bytes()
    done = call("ledger", "stats", "--storage", "sqlite:///other.db")
    assert done.exit_code == 2
    assert done.stderr == (
        "error NUM609: `sqlite:///other.db` has no books\n"
        "  = hint: `numscript ledger init` makes or upgrades them\n"
    )
    assert (folder / "other.db").read_bytes() == before


def test_what_reads_makes_no_tables_in_an_empty_database(call: Call, postgres_url: str) -> None:
    import psycopg

    url, drop = fresh_database(postgres_url)
    for command in READERS:
        if command[0] not in ("revert", "set-metadata"):
            done = call("ledger", *command, "--storage", url)
            assert (done.exit_code, done.stdout) == (2, "")
            assert "has no books" in done.stderr
            assert "`numscript ledger init` makes or upgrades them" in done.stderr
    tried = call("ledger", "post", "world", "a", "X 1", "--dry-run", "--storage", url)
    assert (tried.exit_code, "this is tried on empty books" in tried.stderr) == (0, True)
    with psycopg.connect(url) as connection:
        made = connection.execute("SELECT count(*) FROM pg_class WHERE relname ~ 'numscript'")
        assert made.fetchone() == (0,)
    assert call("ledger", "init", "--storage", url).exit_code == 0
    assert "main" in call("ledger", "list", "--storage", url).stdout
    drop()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no storage is named: give --storage sqlite:///books.db, or set NUMSCRIPT_STORAGE"),
        ("books.db", "`books.db` is no URL of a storage; for a file of SQLite write sqlite:///boo"),
        ("mongodb://h/books", "NUM602: there is no storage for `mongodb://h/books`"),
        ("sqlite://books.db", "cannot be opened: write sqlite:///path"),
        ("sqlite:///", "cannot be opened: write sqlite:///path"),
        ("sqlite:///sale.num", "`sqlite:///sale.num` cannot be opened: file is not a database"),
        ("sqlite:///.", "`sqlite:///.` cannot be opened"),
        ("sqlite:///none/books.db", "none/books.db"),
        ("sqlite:///books.db?timeout=x", "`timeout` is no number of seconds"),
        ("sqlite:///books.db?size=1", "the options are `timeout` and `mode=ro`"),
        ("postgresql://ana:secret@127.0.0.1:1/x", "`postgresql://ana:***@127.0.0.1:1/x` cannot be"),
    ],
)
@pytest.mark.parametrize("command", [("init",), ("stats",), ("post", "world", "a", "X 1")])
def test_a_storage_that_cannot_be_used_gives_two(
    opened: Call, url: str, reason: str, command: tuple[str, ...]
) -> None:
    done = opened("ledger", *command, "--storage", url)
    assert (done.exit_code, done.stdout) == (2, "")
    assert reason in done.stderr
    assert "secret" not in done.stderr
    as_json = opened("ledger", *command, "--storage", url, "-o", "json")
    assert (as_json.exit_code, as_json.stderr) == (2, "")
    assert reason in json.loads(as_json.stdout)["error"]


def test_memory_is_no_place_for_a_ledger_to_be_created(call: Call) -> None:
    done = call("ledger", "init", "--storage", "memory:")
    assert (done.exit_code, "memory: keeps nothing" in done.stderr) == (2, True)


def test_a_file_that_is_read_only_can_be_read_and_not_written(opened: Call) -> None:
    only = ("--storage", f"{URL}?mode=ro")
    assert "Transactions      1" in opened("ledger", "stats", *only).stdout
    done = opened("ledger", "post", "world", "a", "X 1", *only)
    assert (done.exit_code, "NUM606" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a b", "`a b` is no name of a ledger: use 1 to 63 letters, digits, `-` and `_`"),
        ("", "`` is no name of a ledger"),
        ("x" * 64, "is no name of a ledger"),
        ("_info", "`_info` is reserved; give the ledger another name"),
    ],
)
@pytest.mark.parametrize("command", [("init",), ("stats",), ("post", "world", "a", "X 1")])
def test_a_bad_name_is_told_before_anything_is_created(
    call: Call, folder: Path, name: str, reason: str, command: tuple[str, ...]
) -> None:
    done = call("ledger", *command, *BOOKS, "--ledger", name)
    assert (done.exit_code, reason in done.stderr) == (2, True)
    assert list(folder.iterdir()) == []


PRICE = ("--var", "price=USD/2 5")
REFUSED = [
    (("run", "sale.num", "--var", "price=USD/2 101", *BOOKS), "NUM401: not enough funds: USD/2"),
    (("run", "sale.num", *BOOKS), "NUM408: the variable `$price` (monetary) has no value"),
    (("run", "sale.num", *PRICE, "--reference", "r", *BOOKS), "NUM503: the transaction 2 already"),
    (("ledger", "post", "bob", "a", "X 1", *BOOKS), "NUM501: `@bob` has X 0, and 1 would be"),
    (("ledger", "post", "world", "a", "X 1", "--reference", "r", *BOOKS), "NUM503"),
    (("ledger", "transaction", "99", *BOOKS), "NUM505: the ledger `main` has no transaction 99"),
    (("ledger", "transaction", *BOOKS, "--", "-1"), "NUM505"),
    (("ledger", "transaction", "9" * 30, *BOOKS), "NUM505"),
    (("ledger", "revert", "99", *BOOKS), "NUM505"),
]


@pytest.mark.parametrize(("command", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_the_ledger_refuses_gives_one(
    opened: Call, command: tuple[str, ...], reason: str
) -> None:
    assert opened("run", "sale.num", *PRICE, "--reference", "r", *BOOKS).exit_code == 0
    done = opened(*command)
    assert (done.exit_code, done.stdout) == (1, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_no_postings_are_no_transaction(opened: Call) -> None:
    done = opened("run", "-", *BOOKS, input='set_tx_meta("a", "b")')
    assert (done.exit_code, "NUM508" in done.stderr) == (1, True)


def test_a_script_that_does_not_compile_creates_nothing(call: Call, folder: Path) -> None:
    done = call("run", "-", *BOOKS, input="send [X 1] ( source = $a destination = @b )")
    assert (done.exit_code, "NUM203" in done.stderr) == (1, True)
    assert not (folder / "books.db").exists()


USAGE = [
    (("run", "sale.num", "--ledger", "main"), "--ledger is for books: say where they are with"),
    (("run", "sale.num", "--reference", "r"), "--reference is for books"),
    (("run", "sale.num", "--tx-meta", "a=b"), "--tx-meta is for books"),
    (("run", "sale.num", "--dry-run"), "--dry-run is for books"),
    (("run", "sale.num", "--idempotency-key", "k"), "--idempotency-key is for books"),
    (("run", "sale.num", "--force"), "--force is for books"),
    (("run", "sale.num", "--force", *BOOKS), "a script says itself what may be overdrawn"),
    (
        ("run", "sale.num", "--balances", "balances.json", *BOOKS),
        "--balances is for a simulation, and --storage names books, which have their own",
    ),
    (("run", "sale.num", "--metadata", "m.json", *BOOKS), "--metadata is for a simulation"),
    (("run", "sale.num", "--inputs", "i.json", *BOOKS), "i.json: it holds balances, and books"),
    (("run", "sale.num", "--tx-meta", "a", *BOOKS), "`a` has no key and value; write it as"),
    (("run", "sale.num", "--tx-meta", "a=b", "--tx-meta", "a=c", *BOOKS), "`a` is given twice"),
    (("run", "sale.num", *PRICE, "--timestamp", "now", *BOOKS), "NUM509: the timestamp cannot be"),
    (("run", "sale.num", *PRICE, "--timestamp", "2026-01-31", *BOOKS), "has no time zone"),
    (("run", "sale.num", *PRICE, "--reference", "", *BOOKS), "the reference cannot be taken"),
    (("run", "-", "--vars", "-", *BOOKS), "standard input (`-`) can be read only once"),
    (("ledger", "lst"), "there is no command `lst`"),
    (("ledger", "accuonts"), "is `accounts` meant?"),
    (("ledger", "post", *BOOKS), "a posting is SOURCE DESTINATION AMOUNT"),
    (("ledger", "post", "a", "b", "USD/2", *BOOKS), "`USD/2` is no amount of an asset such as"),
    (("ledger", "post", "a", "b", "USD/2 1.5", *BOOKS), "`1.5` is not a whole number"),
    (("ledger", "post", "a", "b", "USD/2 -1", *BOOKS), "-1 is negative"),
    (("ledger", "post", "a", "b", "usd 1", *BOOKS), "the asset cannot be taken"),
    (("ledger", "post", "a b", "b", "X 1", *BOOKS), "the source cannot be taken"),
    (("ledger", "post", "a", "b", "X 1", "--postings", "-", *BOOKS), "either one posting is given"),
    (("ledger", "post", "--postings", "i.json", *BOOKS), "i.json: postings must be a JSON list"),
    (("ledger", "post", "--postings", "none", *BOOKS), "none: there is no such file"),
    (("ledger", "revert", "one", *BOOKS), "'one' is not a valid integer"),
    (("ledger", "set-metadata", "alice", *BOOKS), "say what to set, as KEY=VALUE"),
    (("ledger", "set-metadata", "alice", "a=b", "--delete", "a", *BOOKS), "either set or deleted"),
    (
        ("ledger", "set-metadata", "a", "a=b", "--delete", "c", "--idempotency-key", "k", *BOOKS),
        "an idempotency key is for one change",
    ),
    (("ledger", "set-metadata", "a b", "a=b", *BOOKS), "the target cannot be taken"),
    (("ledger", "set-metadata", "9" * 5000, "a=b", *BOOKS), "the target cannot be taken"),
    (("ledger", "transactions", "--filter", "{", *BOOKS), "--filter:1:2: this is not valid JSON"),
    (("ledger", "transactions", "--filter", '{"account": "a"}', *BOOKS), "NUM513"),
    (("ledger", "accounts", "--filter", '{"$match": {"id": 1}}', *BOOKS), "NUM513"),
    (("ledger", "transactions", "--after", "page2", *BOOKS), "NUM514: this is no cursor"),
    (("ledger", "transactions", "--limit", "0", *BOOKS), "0 is not in the range"),
    (("ledger", "transactions", "--order", "size", *BOOKS), "'size' is not one of"),
    (("ledger", "transactions", "--pit", "noon", *BOOKS), "the point in time cannot be taken"),
    (("ledger", "account", "a b", *BOOKS), "'a b' is no account"),
    (("ledger", "balances", "--sum", "--after", "x", *BOOKS), "--sum adds all balances up"),
    (("ledger", "import", "none.ndjson", *BOOKS), "none.ndjson: there is no such file"),
    (("ledger", "import", ".", *BOOKS), ".: this is a folder"),
]


@pytest.mark.parametrize(("command", "reason"), USAGE, ids=range(len(USAGE)))
def test_wrong_usage_gives_two(
    opened: Call, folder: Path, command: tuple[str, ...], reason: str
) -> None:
    inputs = {"balances": [{"account": "a", "asset": "X", "amount": 1}]}
    (folder / "i.json").write_text(json.dumps(inputs), "utf-8")
    done = opened(*command)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert reason in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "Transactions      1" in opened("ledger", "stats", *BOOKS).stdout


def test_the_variable_is_named_where_it_is_in_the_way(
    opened: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMSCRIPT_STORAGE", URL)
    done = opened("run", "sale.num", *PRICE, "--balances", "balances.json")
    assert done.exit_code == 2
    assert "NUMSCRIPT_STORAGE names books" in done.stderr
    assert "--storage '' simulates all the same" in done.stderr
    simulated = opened(
        "run", "sale.num", *PRICE, "--balances", "balances.json", "--storage", "", "-o", "json"
    )
    assert simulated.exit_code == 0
