"""`numscript ledger`, and `numscript run` on books: each command, over files of SQLite."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from numscript.cli.ledger import COMMANDS
from numscript.ledger import Ledger
from numscript.storage import open_storage
from numscript.storage.filters import SORTS
from tests.cli.conftest import ROOT, Call

URL = "sqlite:///books.db"
BOOKS = ("--storage", URL)
SALE = """\
vars { monetary $price }
send $price (
  source = @users:ana
  destination = { 10% to @fees remaining to @shop }
)
set_tx_meta("kind", "sale")
"""
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


def tree_of(done: Result) -> Any:
    """The one JSON document of a command that went well."""
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def shown(done: Result) -> str:
    """What a command printed, with a word for each date."""
    assert done.exit_code == 0, done.output
    return INSTANT.sub("DATE", done.stdout)


@pytest.fixture
def opened(call: Call, folder: Path) -> Call:
    """A ledger where Ana has 100.00 and has bought for 10.00; `sale.num` lies beside it."""
    (folder / "sale.num").write_text(SALE, "utf-8")
    assert call("ledger", "init", *BOOKS).exit_code == 0
    fund = ("ledger", "post", "world", "users:ana", "USD/2 10000")
    assert call(*fund, *BOOKS, "--reference", "fund-1").exit_code == 0
    sale = ("run", "sale.num", "--var", "price=USD/2 1000", *BOOKS)
    done = call(*sale, "--reference", "order-7", "--tx-meta", "shop=books")
    assert done.exit_code == 0, done.output
    return call


# --- writing ----------------------------------------------------------------------------------


def test_a_ledger_is_created_once(call: Call, folder: Path) -> None:
    done = call("ledger", "init", *BOOKS)
    assert (done.exit_code, done.stdout) == (0, f"the ledger `main` is created in {URL}\n")
    assert (folder / "books.db").exists()
    again = call("ledger", "init", *BOOKS)
    assert (again.exit_code, again.stdout) == (0, f"the ledger `main` is already there in {URL}\n")
    other = tree_of(call("ledger", "init", *BOOKS, "--ledger", "europe", "-o", "json"))
    assert other == {"ledger": "europe", "storage": URL, "created": True}


def test_a_script_is_committed_and_its_transaction_shown(opened: Call) -> None:
    sale = ("run", "sale.num", "--var", "price=USD/2 500", *BOOKS, "--tx-meta", "shop=books")
    assert shown(opened(*sale, "--reference", "order-8")) == (
        "Transaction  3\n"
        "Timestamp    DATE\n"
        "Reference    order-8\n\n"
        "Source     Destination  Asset  Amount\n"
        "users:ana  fees         USD/2      50\n"
        "users:ana  shop         USD/2     450\n\n"
        "Metadata\n"
        "Key   Value\n"
        "kind  sale\n"
        "shop  books\n\n"
        "Volumes after it\n"
        "Account    Asset  Input  Output  Balance\n"
        "fees       USD/2    150       0      150\n"
        "shop       USD/2   1350       0     1350\n"
        "users:ana  USD/2  10000    1500     8500\n"
    )


def test_what_a_committed_script_prints_is_shown(opened: Call, folder: Path) -> None:
    text = (folder / "sale.num").read_text("utf-8")
    (folder / "loud.num").write_text(f'{text}\nprint "sold"\n', "utf-8")
    loud = ("loud.num", "--var", "price=USD/2 500", *BOOKS)
    for command in (("run",), ("ledger", "run")):
        assert opened(*command, *loud).stdout.startswith("Printed\nsold\n\nTransaction  ")
        assert tree_of(opened(*command, *loud, "-o", "json"))["printed"] == ["sold"]


def test_a_committed_transaction_is_one_document_for_a_machine(opened: Call) -> None:
    when = "2026-01-31T12:00:00+02:00"
    sale = ("run", "sale.num", "--var", "price=USD/2 500", *BOOKS, "-o", "json")
    done = opened(*sale, "--timestamp", when, "--account-meta", "@users:ana", "tier=gold")
    assert done.stderr == ""
    tree = tree_of(done)
    assert tree["id"] == 3
    assert tree["timestamp"] == "2026-01-31T10:00:00.000000Z"
    assert tree["postings"][0]["amount"] == 50
    assert tree["postCommitVolumes"]["shop"]["USD/2"]["balance"] == 1350
    assert tree_of(opened("ledger", "transaction", "3", *BOOKS, "-o", "json")) == tree
    account = tree_of(opened("ledger", "account", "users:ana", *BOOKS, "-o", "json"))
    assert account["metadata"] == {"tier": "gold"}


def test_the_group_runs_scripts_as_the_command_does(opened: Call, folder: Path) -> None:
    (folder / "vars.json").write_text('{"price": {"asset": "USD/2", "amount": 10}}', "utf-8")
    done = opened("ledger", "run", "sale.num", "--vars", "vars.json", *BOOKS)
    assert "users:ana  shop         USD/2       9" in shown(done)
    (folder / "i.json").write_text('{"variables": {"price": "USD/2 20"}}', "utf-8")
    assert "18\n" in shown(opened("ledger", "run", "sale.num", "--inputs", "i.json", *BOOKS))


def test_what_a_run_needs_is_created_with_a_note(call: Call, folder: Path) -> None:
    script = "send [X 1] ( source = @world destination = @a )"
    done = call("run", "-", *BOOKS, "--ledger", "new", input=script)
    assert done.exit_code == 0
    assert done.stderr == "note: the ledger `new` is new\n"
    assert (folder / "books.db").exists()


def test_the_variable_names_the_storage(opened: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMSCRIPT_STORAGE", URL)
    assert "Transaction  3" in opened("run", "sale.num", "--var", "price=USD/2 1").stdout
    assert "3\n" in opened("ledger", "stats").stdout
    simulated = opened("run", "sale.num", "--storage", "", "--var", "price=USD/2 0")
    assert (simulated.exit_code, simulated.stdout[:11]) == (0, "no postings")


def test_inputs_beside_a_script_are_for_simulations(opened: Call, folder: Path) -> None:
    (folder / "sale.num.inputs.json").write_text('{"variables": {"price": "USD/2 1"}}', "utf-8")
    done = opened("run", "sale.num", *BOOKS)
    assert done.exit_code == 1
    assert "note: sale.num.inputs.json is for simulations, and is not read" in done.stderr
    assert "NUM408" in done.stderr


def test_a_dry_run_commits_and_creates_nothing(opened: Call, folder: Path) -> None:
    sale = ("run", "sale.num", "--var", "price=USD/2 500", "--dry-run")
    done = opened(*sale, *BOOKS)
    assert "Transaction  3" in done.stdout
    assert done.stderr == "note: this was a dry run: nothing is committed\n"
    assert tree_of(opened(*sale, *BOOKS, "-o", "json"))["dryRun"] is True
    assert tree_of(opened("ledger", "stats", *BOOKS, "-o", "json"))["transactions"] == 2
    gift = ("ledger", "post", "world", "a", "X 1", "--dry-run")
    new = opened(*gift, "--storage", "sqlite:///none.db")
    assert "there is no ledger `main` yet: this is tried on empty books" in new.stderr
    assert "Transaction  1" in opened(*gift, *BOOKS, "--ledger", "none").stdout
    assert not (folder / "none.db").exists()
    assert opened("ledger", "stats", *BOOKS, "--ledger", "none").exit_code == 1


def test_an_idempotency_key_gives_the_first_result_again(opened: Call) -> None:
    sale = ("run", "sale.num", *BOOKS, "--idempotency-key", "k", "--var")
    first = opened(*sale, "price=USD/2 500")
    again = opened(*sale, "price=USD/2 500")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "the key was used for this before" in again.stderr
    assert tree_of(opened(*sale, "price=USD/2 500", "-o", "json"))["replayed"] is True
    other = opened(*sale, "price=USD/2 501")
    assert (other.exit_code, "NUM504" in other.stderr) == (1, True)


def test_postings_are_committed_from_a_file(opened: Call, folder: Path) -> None:
    big = 10**30
    row = {"source": "world", "destination": "bank", "asset": "USD/2", "amount": big}
    (folder / "p.json").write_text(json.dumps([row, {**row, "color": "RED"}]), "utf-8")
    done = opened("ledger", "post", "--postings", "p.json", *BOOKS)
    assert f"bank     USD/2  RED    {big}" in shown(done)
    rows = tree_of(opened("ledger", "balances", "bank", *BOOKS, "-o", "json"))["data"]
    assert rows == [
        {"account": "bank", "asset": "USD/2", "balance": big},
        {"account": "bank", "asset": "USD/2", "color": "RED", "balance": big},
    ]
    piped = opened("ledger", "post", "--postings", "-", *BOOKS, input=json.dumps([row]))
    assert piped.exit_code == 0
    forced = opened("ledger", "post", "@nobody", "@bank", "X 5", *BOOKS, "--force")
    assert "nobody   X          0       5       -5" in shown(forced)


def test_a_transaction_is_reverted_once(opened: Call) -> None:
    tried = opened("ledger", "revert", "2", *BOOKS, "--dry-run")
    assert "nothing is committed" in tried.stderr
    done = opened("ledger", "revert", "2", *BOOKS, "--tx-meta", "reason=late")
    assert "State        reverts 2" in done.stdout
    assert "reason                           late" in done.stdout
    assert "State        reverted by 3" in opened("ledger", "transaction", "2", *BOOKS).stdout
    again = opened("ledger", "revert", "2", *BOOKS)
    assert again.exit_code == 1
    assert again.stderr == (
        "error NUM502: the transaction 2 was already reverted, by the transaction 3\n"
    )


def test_a_revert_needs_funds_or_force(opened: Call) -> None:
    assert opened("ledger", "post", "shop", "bank", "USD/2 900", *BOOKS).exit_code == 0
    refused = opened("ledger", "revert", "2", *BOOKS)
    assert (refused.exit_code, "NUM501" in refused.stderr) == (1, True)
    forced = opened("ledger", "revert", "2", *BOOKS, "--force", "--at-effective-date")
    assert "State        reverts 2" in forced.stdout


def test_metadata_is_set_and_deleted(opened: Call) -> None:
    done = opened("ledger", "set-metadata", "@users:ana", "tier=gold", "name=Ana B", *BOOKS)
    assert "SET_METADATA  users:ana: name=Ana B, tier=gold" in done.stdout
    both = opened("ledger", "set-metadata", "2", "a=b=c", "--delete", "shop", *BOOKS, "-o", "json")
    assert [row["type"] for row in tree_of(both)["data"]] == ["SET_METADATA", "DELETE_METADATA"]
    found = tree_of(opened("ledger", "transaction", "2", *BOOKS, "-o", "json"))
    assert found["metadata"] == {"kind": "sale", "a": "b=c"}
    assert "name  Ana B" in opened("ledger", "account", "users:ana", *BOOKS).stdout
    once = ("ledger", "set-metadata", "@42", "a=b", *BOOKS, "--idempotency-key", "k")
    assert "  42: a" in opened(*once).stdout
    assert "the key was used for this before" in opened(*once).stderr
    missing = opened("ledger", "set-metadata", "99", "a=b", "--delete", "c", *BOOKS)
    assert (missing.exit_code, "NUM505" in missing.stderr) == (1, True)


# --- reading ----------------------------------------------------------------------------------


def test_transactions_are_listed_a_row_for_each_posting(opened: Call) -> None:
    opened("ledger", "revert", "2", *BOOKS)
    assert shown(opened("ledger", "transactions", *BOOKS)) == (
        "Id  Timestamp                    Source     Destination  Asset  Amount  Reference"
        "  State\n"
        " 3  DATE  shop       users:ana    USD/2     900             reverts 2\n"
        "                                 fees       users:ana    USD/2     100\n"
        " 2  DATE  users:ana  fees         USD/2     100  order-7    reverted by 3\n"
        "                                 users:ana  shop         USD/2     900\n"
        " 1  DATE  world      users:ana    USD/2   10000  fund-1\n"
    )


def test_pages_follow_each_other(opened: Call) -> None:
    command = ("ledger", "transactions", *BOOKS, "-o", "json", "--limit", "1", "--ascending")
    first = tree_of(opened(*command))
    assert ([row["id"] for row in first["data"]], first["hasMore"]) == ([1], True)
    second = tree_of(opened(*command, "--after", first["next"]))
    assert [row["id"] for row in second["data"]] == [2]
    assert (second["hasMore"], "next" in second) == (False, False)
    shown_next = opened("ledger", "accounts", *BOOKS, "--page-size", "1")
    cursor = shown_next.stderr.split("--after ")[1].strip()
    assert "shop" in opened("ledger", "accounts", *BOOKS, "--after", cursor).stdout


FILTERS = [
    ("transactions", '{"$match": {"account": "fees"}}', [2]),
    ("transactions", '{"$match": {"metadata[kind]": "sale"}}', [2]),
    ("transactions", '{"$not": {"$match": {"reference": "order-7"}}}', [1]),
    ("accounts", '{"$gt": {"balance[USD/2]": 800}}', ["shop", "users:ana"]),
    ("volumes", '{"$match": {"account": "users:"}}', ["users:ana"]),
    ("balances", '{"$lt": {"balance[USD/2]": 0}}', ["world"]),
    ("logs", '{"$match": {"id": 2}}', [2]),
]


@pytest.mark.parametrize(("command", "wanted", "expected"), FILTERS)
def test_lists_are_filtered(opened: Call, command: str, wanted: str, expected: list[Any]) -> None:
    done = tree_of(opened("ledger", command, *BOOKS, "--filter", wanted, "-o", "json"))
    key = {"accounts": "address", "volumes": "account", "balances": "account"}.get(command, "id")
    assert [row[key] for row in done["data"]] == expected


def test_points_in_time(opened: Call) -> None:
    past = ("--timestamp", "2020-01-01T00:00:00Z")
    assert opened("ledger", "post", "world", "old", "X 7", *BOOKS, *past).exit_code == 0
    pit = ("--pit", "2021-01-01T00:00:00Z", *BOOKS)
    assert "Id\n" not in opened("ledger", "transactions", *pit).stdout
    assert opened("ledger", "balances", *pit).stdout.count("\n") == 3
    assert "old      X          7" in opened("ledger", "account", "old", *pit).stdout
    assert opened("ledger", "balances", *pit, "--by-insertion").stdout == "no balances\n"
    assert opened("ledger", "transactions", *pit, "--by-insertion").stdout == "no transactions\n"
    assert opened("ledger", "accounts", *pit, "--by-insertion").stdout == "no accounts\n"
    alone = opened("ledger", "accounts", *BOOKS, "--by-insertion")
    assert (alone.exit_code, "give --pit too" in alone.stderr) == (2, True)


def test_accounts_balances_and_volumes_are_tables(opened: Call) -> None:
    assert "shop       DATE  USD/2 900\n" in shown(opened("ledger", "accounts", *BOOKS))
    assert opened("ledger", "account", "nobody", *BOOKS).stdout == (
        "nobody has neither volumes nor metadata\n"
    )
    assert opened("ledger", "balances", "users:", *BOOKS).stdout == (
        "Account    Asset  Balance\nusers:ana  USD/2     9000\n"
    )
    assert opened("ledger", "balances", *BOOKS, "--sum").stdout == "Asset  Sum\nUSD/2    0\n"
    summed = opened("ledger", "balances", "users:...", *BOOKS, "--sum", "-o", "json")
    assert tree_of(summed) == {"data": {"USD/2": 9000}}
    assert opened("ledger", "balances", "none", *BOOKS, "--sum").stdout == "no balances\n"
    grouped = tree_of(opened("ledger", "volumes", "users:", "--group", "1", *BOOKS, "-o", "json"))
    assert grouped["data"] == [
        {"account": "users", "asset": "USD/2", "input": 10000, "output": 1000, "balance": 9000}
    ]
    assert "users:ana  USD/2  10000    1000     9000" in opened("ledger", "volumes", *BOOKS).stdout


def test_a_long_transaction_is_cut_in_a_list(opened: Call, folder: Path) -> None:
    rows = [
        {"source": "world", "destination": f"a:{number}", "asset": "X", "amount": 1}
        for number in range(15)
    ]
    (folder / "p.json").write_text(json.dumps(rows), "utf-8")
    opened("ledger", "post", "--postings", "p.json", *BOOKS)
    assert "and 5 more\n" in opened("ledger", "transactions", *BOOKS).stdout
    assert "a:14 " in opened("ledger", "transaction", "3", *BOOKS).stdout


def test_pages_lead_back(opened: Call) -> None:
    command = ("ledger", "transactions", *BOOKS, "-o", "json", "--limit", "1")
    first = tree_of(opened(*command))
    second = tree_of(opened(*command, "--after", first["next"]))
    assert tree_of(opened(*command, "--cursor", second["previous"]))["data"] == first["data"]
    text = opened("ledger", "transactions", *BOOKS, "--limit", "1", "--after", first["next"])
    assert f"note: the page before: --after {second['previous']}" in text.stderr


def test_volumes_of_an_interval_are_listed_and_added_up(opened: Call) -> None:
    past = ("--timestamp", "2020-01-01T00:00:00Z")
    assert opened("ledger", "post", "world", "old", "X 7", *BOOKS, *past).exit_code == 0
    year = (*BOOKS, "--since", "2020-01-01T00:00:00Z", "--pit", "2020-12-31T23:59:59Z")
    assert opened("ledger", "volumes", *year).stdout == (
        "Account  Asset  Input  Output  Balance\n"
        "old      X          7       0        7\n"
        "world    X          0       7       -7\n"
    )
    assert opened("ledger", "balances", "old", "--sum", *year).stdout == "Asset  Sum\nX        7\n"
    later = ("--since", "2021-01-01T00:00:00Z")
    assert "old" not in opened("ledger", "volumes", *BOOKS, *later).stdout
    assert "old" in opened("ledger", "volumes", *BOOKS, *later, "--by-insertion").stdout


def test_the_ledgers_of_a_storage_are_listed(opened: Call) -> None:
    assert opened("ledger", "init", *BOOKS, "--ledger", "europe").exit_code == 0
    assert shown(opened("ledger", "list", *BOOKS)) == (
        "Ledger  Transactions  Lines  Last change\n"
        "europe             0      0\n"
        "main               2      2  DATE\n"
    )
    europe, main = tree_of(opened("ledger", "list", *BOOKS, "-o", "json"))["data"]
    assert europe == {"name": "europe", "transactions": 0, "logs": 0, "hash": ""}
    assert (main["name"], main["logs"], len(main["hash"])) == ("main", 2, 64)


def test_logs_and_stats(opened: Call) -> None:
    opened("ledger", "revert", "2", *BOOKS)
    opened("ledger", "set-metadata", "2", "--delete", "kind", *BOOKS)
    lines = opened("ledger", "logs", *BOOKS).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["Id", "4", "3", "2", "1"]
    assert "DELETE_METADATA       transaction 2: kind" in lines[1]
    assert "REVERTED_TRANSACTION  transaction 3 reverts 2" in lines[2]
    (row,) = tree_of(opened("ledger", "logs", *BOOKS, "--limit", "1", "-o", "json"))["data"]
    assert row["data"] == {"key": "kind", "targetId": 2, "targetType": "TRANSACTION"}
    assert re.fullmatch("[0-9a-f]{64}", row["hash"])
    assert opened("ledger", "stats", *BOOKS).stdout == (
        "Of            Count\nTransactions      3\nAccounts          4\nLogs              4\n"
    )
    counts = tree_of(opened("ledger", "stats", *BOOKS, "-o", "json"))
    assert counts == {"transactions": 3, "accounts": 4, "logs": 4}


# --- the log ----------------------------------------------------------------------------------


def test_an_export_is_imported_with_every_hash(opened: Call, folder: Path) -> None:
    printed = opened("ledger", "export", *BOOKS).stdout
    assert [json.loads(line)["id"] for line in printed.splitlines()] == [1, 2]
    done = opened("ledger", "export", "log.ndjson", *BOOKS)
    assert (done.exit_code, done.stdout) == (0, "2 lines written to log.ndjson\n")
    assert (folder / "log.ndjson").read_text("utf-8") == printed
    copied = opened("ledger", "import", "log.ndjson", *BOOKS, "--ledger", "copy")
    assert copied.stdout == "2 lines imported into the ledger `copy`\n"
    assert opened("ledger", "export", *BOOKS, "--ledger", "copy").stdout == printed
    piped = ("ledger", "import", "--storage", "sqlite:///other.db", "-o", "json")
    assert tree_of(opened(*piped, input=printed)) == {"ledger": "main", "logs": 2}
    again = opened(*piped, input=printed)
    assert (again.exit_code, json.loads(again.stdout)["error"][:6]) == (1, "NUM510")


def test_an_export_overwrites_only_when_told(opened: Call, folder: Path) -> None:
    (folder / "log.ndjson").write_text("mine", "utf-8")
    refused = opened("ledger", "export", "log.ndjson", *BOOKS)
    assert (refused.exit_code, "--overwrite replaces it" in refused.stderr) == (2, True)
    done = opened("ledger", "export", "log.ndjson", "--overwrite", *BOOKS, "-o", "json")
    assert tree_of(done) == {"ledger": "main", "file": "log.ndjson", "logs": 2}
    elsewhere = opened("ledger", "export", "none/log.ndjson", *BOOKS)
    assert elsewhere.stderr == (
        "error: none/log.ndjson: it cannot be written: no such file or directory\n"
    )
    assert sorted(path.name for path in folder.glob("*.part")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes on Windows")
def test_an_export_replaces_neither_a_link_nor_a_pipe(opened: Call, folder: Path) -> None:
    import os
    from threading import Thread

    (folder / "link").symlink_to(folder / "log.ndjson")
    assert opened("ledger", "export", "link", *BOOKS).exit_code == 0
    assert (folder / "link").is_symlink()
    printed = (folder / "log.ndjson").read_text("utf-8")
    assert printed.count("\n") == 2
    os.mkfifo(folder / "pipe")
    read: list[str] = []
    reader = Thread(target=lambda: read.append((folder / "pipe").read_text("utf-8")), daemon=True)
    reader.start()
    assert opened("ledger", "export", "pipe", "--overwrite", *BOOKS).exit_code == 0
    reader.join(10)
    assert read == [printed]
    assert (folder / "pipe").is_fifo()
    assert "it cannot be written" in opened("ledger", "export", ".", *BOOKS).stderr


def test_books_without_a_flaw_are_verified(opened: Call) -> None:
    done = opened("ledger", "verify", *BOOKS)
    assert done.exit_code == 0
    assert done.stdout == "2 lines replayed: nothing differs from the log\n"
    assert done.stderr == ""
    tree = tree_of(opened("ledger", "verify", *BOOKS, "-o", "json"))
    assert tree == {"ledger": "main", "logs": 2, "clean": True, "problems": []}


def test_what_differs_from_the_log_is_listed(opened: Call) -> None:
    import sqlite3

    database = sqlite3.connect("books.db")
    database.execute(
        "UPDATE numscript_accounts SET metadata = '{\"tier\":\"gold\"}' WHERE address = 'shop'"
    )
    database.commit()
    database.close()
    done = opened("ledger", "verify", *BOOKS)
    assert done.exit_code == 1
    assert "account shop  its metadata is tier: gold, by the log nothing" in done.stdout
    assert "2 lines replayed: 1 problem" in done.stdout
    as_json = opened("ledger", "verify", *BOOKS, "-o", "json")
    assert as_json.exit_code == 1
    tree = json.loads(as_json.stdout)
    assert (tree["clean"], tree["problems"][0]["about"]) == (False, "account shop")


@pytest.mark.parametrize(
    ("change", "code", "exit_code"),
    [
        (lambda text: text.replace("10000", "90000"), "NUM511", 1),
        (lambda text: text[len(text) // 2 :], "NUM512", 2),
        (lambda text: text + "not a line\n", "NUM512", 2),
        (lambda text: text.encode() + b"\xff\n", "line 3 is not UTF-8 text", 2),
    ],
)
def test_a_damaged_log_is_imported_not_at_all(
    opened: Call, change: Any, code: str, exit_code: int
) -> None:
    damaged = change(opened("ledger", "export", *BOOKS).stdout)
    done = opened("ledger", "import", *BOOKS, "--ledger", "copy", input=damaged)
    assert (done.exit_code, code in done.stderr) == (exit_code, True), done.output
    assert "copy" not in done.stderr
    assert "copy" not in opened("ledger", "list", *BOOKS).stdout
    assert opened("ledger", "init", *BOOKS, "--ledger", "copy").exit_code == 0
    assert opened("ledger", "import", *BOOKS, "--ledger", "copy", input=damaged).exit_code
    counts = tree_of(opened("ledger", "stats", *BOOKS, "--ledger", "copy", "-o", "json"))
    assert set(counts.values()) == {0}


# --- the whole --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_the_same_options(call: Call, name: str) -> None:
    done = call("ledger", name, "--help")
    assert done.exit_code == 0
    assert done.stdout.count(f"numscript ledger {name}") >= 2
    shared = ["--storage URL", "--ledger NAME", "--output-format", "NUMSCRIPT_STORAGE"]
    if name == "list":
        shared.remove("--ledger NAME")
    for option in shared:
        assert option in done.stdout
    group = import_module("numscript.cli.ledger").ledger
    command = group.get_command(None, name)
    assert (command.name, command.short_help) == (name, COMMANDS[name])


@pytest.mark.parametrize("resource", ["accounts", "transactions"])
def test_the_orders_are_those_of_the_api(resource: str) -> None:
    orders = import_module(f"numscript.cli.ledger.{resource}").ORDERS
    assert [order.replace("-", "_") for order in orders] == list(SORTS[resource])


def test_two_processes_run_on_one_file_at_once(folder: Path) -> None:
    (folder / "gift.num").write_text(
        "send [USD/2 1] ( source = @world destination = @bob )", "utf-8"
    )
    command = [sys.executable, "-m", "numscript", "ledger", "run", "gift.num", *BOOKS]
    for _ in range(3):
        started = [
            subprocess.Popen(
                [*command, "-o", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(2)
        ]
        for process in started:
            out, err = process.communicate()
            assert (process.returncode, err) == (0, b"")
            assert json.loads(out)["postings"][0]["amount"] == 1
    storage = open_storage(URL)
    ledger = Ledger(storage, "main", create=False)
    assert [found.id for found in ledger.transactions()] == [6, 5, 4, 3, 2, 1]
    assert ledger.balances("bob") == {"USD/2": 6}
    assert ledger.verify() == []
    storage.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
@pytest.mark.parametrize("command", ["verify", "export", "import"])
def test_a_terminal_is_told_how_far_long_work_is(opened: Call, command: str) -> None:
    import os
    import pty

    opened("ledger", "export", "log.ndjson", *BOOKS)
    more = {"verify": [], "export": ["out.ndjson"], "import": ["log.ndjson", "--ledger", "copy"]}
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "numscript", "ledger", command, *more[command], *BOOKS],
        env={**os.environ, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=follower,
        check=True,
    )
    os.close(follower)
    told = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "[####################################]  100%" in told
    assert "\x1b" not in done.stdout.decode()


def test_the_books_of_the_readme_are_as_shown(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMSCRIPT_STORAGE", URL)
    text = (ROOT / "README.md").read_text("utf-8")
    script, *_ = re.findall(r"^```numscript\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (folder / "sale.num").write_text(script, "utf-8")
    (session,) = re.findall(r"^```shell-session\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    steps = re.findall(r"^\$ numscript (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    assert len(steps) > 3
    for command, printed in steps:
        done = call(*shlex.split(command))
        told = [line.rstrip() for line in done.output.splitlines() if not line.startswith("note:")]
        assert INSTANT.sub("DATE", "\n".join(told)) == INSTANT.sub("DATE", printed.rstrip())
