from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call

FUNDED = ("--balances", "balances.json")


def test_postings_are_shown_as_a_table(call: Call, sale: Path) -> None:
    done = call("run", "sale.num", "--vars", "vars.json", *FUNDED)
    assert done.exit_code == 0
    assert done.stdout == (
        "Source  Destination  Asset  Amount\nalice   carol        USD/2      50\n"
    )
    assert done.stderr == ""
    assert sale.exists()


def test_json_has_the_keys_of_the_reference_and_what_is_printed(call: Call, sale: Path) -> None:
    sale.write_text(sale.read_text("utf-8") + 'print 1 set_tx_meta("k", 1/3)', "utf-8")
    done = call("run", "sale.num", "--var", "price=USD/2 50", *FUNDED, "-o", "json")
    assert done.exit_code == 0
    posting = {"source": "alice", "destination": "carol", "amount": 50, "asset": "USD/2"}
    assert json.loads(done.stdout) == {
        "postings": [posting],
        "txMeta": {"k": "1/3"},
        "accountsMeta": {},
        "printed": ["1"],
    }


def test_metadata_colors_and_printed_values_are_shown(call: Call, folder: Path) -> None:
    (folder / "a.num").write_text(
        '#![feature("experimental-asset-colors")]\n'
        'send [USD/2 5] ( source = @world \\ "RED" destination = @a )\n'
        "send [USD/2 1234567] ( source = @world destination = @b )\n"
        'print [USD/2 5]\nset_tx_meta("kind", "日本")\nset_account_meta(@a, "n", 7)\n',
        "utf-8",
    )
    done = call("run", "a.num")
    assert done.stdout == (
        "Printed\nUSD/2 5\n\n"
        "Source  Destination  Asset  Color   Amount\n"
        "world   a            USD/2  RED          5\n"
        "world   b            USD/2         1234567\n\n"
        "Transaction metadata\nKey   Value\nkind  日本\n\n"
        "Account metadata\nAccount  Key  Value\na        n    7\n"
    )


def test_a_script_that_moves_nothing_says_so(call: Call) -> None:
    done = call("run", "-", input="")
    assert (done.exit_code, done.stdout) == (0, "no postings\n")


def test_missing_funds_are_shown_at_their_place(call: Call, sale: Path) -> None:
    done = call("run", sale.name, "--var", "price=USD/2 100", *FUNDED)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == (
        "sale.num:5:12: error NUM401: not enough funds: USD/2 100 needed, 60 available\n"
        "   |\n"
        " 5 |   source = { @alice @bob }\n"
        "   |            ^^^^^^^^^^^^^^^\n"
    )


def test_a_failure_is_json_where_json_is_asked_for(call: Call, sale: Path) -> None:
    done = call("run", sale.name, "-o", "json", "--var", "price=USD/2 100")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert answer["error"] == "NUM401: not enough funds: USD/2 100 needed, 0 available"
    assert answer["diagnostics"][0]["fields"] == {"asset": "USD/2", "needed": 100, "available": 0}
    assert answer["diagnostics"][0]["start"] == {"line": 5, "column": 12}


def test_a_script_that_does_not_compile_fails(call: Call) -> None:
    done = call("run", "-", input="send [USD/2 1] ( source = $a destination = @b )")
    assert done.exit_code == 1
    assert "<stdin>:1:27: error NUM203: the variable `$a` is not declared" in done.stderr


def test_inputs_beside_the_script_are_used_and_named(call: Call, sale: Path) -> None:
    inputs = {
        "variables": {"price": "USD/2 10"},
        "balances": json.loads((sale.parent / "balances.json").read_text("utf-8")),
    }
    (sale.parent / "sale.num.inputs.json").write_text(json.dumps(inputs), "utf-8")
    done = call("run", "sale.num")
    assert (done.exit_code, "10" in done.stdout) == (0, True)
    assert done.stderr == "note: inputs are read from sale.num.inputs.json\n"
    assert call("run", "sale.num", "-o", "json").stderr == ""


def test_the_nearer_input_comes_first_key_by_key(call: Call, folder: Path) -> None:
    (folder / "s.num").write_text(
        'vars { number $a number $b number $c string $m = meta(@x, "k") }\n'
        "send [X $a + $b + $c] ( source = { @p @q } destination = @r )\n"
        'set_tx_meta("m", $m)',
        "utf-8",
    )
    combined = {
        "variables": {"a": 1, "b": "10", "c": 100},
        "balances": [
            {"account": "p", "asset": "X", "amount": 1},
            {"account": "q", "asset": "X", "amount": 5000},
        ],
        "metadata": {"x": {"k": "outer", "l": ""}},
    }
    (folder / "i.json").write_text(json.dumps(combined), "utf-8")
    (folder / "v.json").write_text('{"b": 20, "c": 200}', "utf-8")
    (folder / "b.json").write_text('[{"account": "p", "asset": "X", "amount": 7}]', "utf-8")
    (folder / "m.json").write_text('{"x": {"k": "inner"}}', "utf-8")
    files = ("--inputs", "i.json", "--vars", "v.json", "--balances", "b.json")
    done = call("run", "s.num", *files, "--metadata", "m.json", "--var", "$c=300", "-o", "json")
    answer = json.loads(done.stdout)
    assert [posting["amount"] for posting in answer["postings"]] == [7, 314]
    assert answer["txMeta"] == {"m": "inner"}


def test_feature_flags_of_the_inputs_and_of_the_caller_count(call: Call, folder: Path) -> None:
    text = "send [USD/2 1] ( source = oneof { @a @world } destination = @b )"
    (folder / "s.num").write_text(text, "utf-8")
    assert "NUM420" in call("run", "s.num").stderr
    assert call("run", "s.num", "--feature", "experimental-oneof").exit_code == 0
    (folder / "i.json").write_text('{"featureFlags": ["experimental-oneof"]}', "utf-8")
    assert call("run", "s.num", "--inputs", "i.json").exit_code == 0
    (folder / "i.json").write_text('{"featureFlags": ["experimental-onof"]}', "utf-8")
    done = call("run", "s.num", "--inputs", "i.json")
    assert "warning: there is no feature flag `experimental-onof`" in done.stderr
    assert "is `experimental-oneof` meant?" in done.stderr


def test_variables_come_as_text_integers_and_objects(call: Call, folder: Path) -> None:
    (folder / "s.num").write_text(
        "vars { monetary $m number $n portion $p }\nsend $m ( source = @world destination = "
        '{ $p to @a remaining to @b } )\nset_tx_meta("n", $n)',
        "utf-8",
    )
    given = '{"m": {"asset": "USD/2", "amount": 1e30}, "n": -12, "p": "50%"}'
    done = call("run", "s.num", "--vars", "-", "-o", "json", input=given)
    answer = json.loads(done.stdout)
    assert [posting["amount"] for posting in answer["postings"]] == [10**30 // 2] * 2
    assert answer["txMeta"] == {"n": "-12"}


def test_a_variable_that_the_script_lacks_is_warned_of(call: Call, sale: Path) -> None:
    done = call("run", sale.name, "--var", "pirce=USD/2 1")
    assert done.exit_code == 1
    assert "warning: the script declares no variable `pirce`; is `price` meant?" in done.stderr
    assert "NUM408: the variable `$price` (monetary) has no value" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--var", "price"), "`price` has no name and value; write it as --var price="),
        (("--var", "=1"), "`=1` has no name and value"),
        (("--var", "a=1", "--var", "a=2"), "`a` is given twice"),
        (("--feature", "experimental-onof"), "is `experimental-oneof` meant?"),
        (("--feature", "x"), "there is no feature flag `x`; the flags are"),
        (("--vars", "-", "--balances", "-"), "standard input (`-`) can be read only once"),
        (("-o", "xml"), "'xml' is not one of 'pretty', 'json'"),
        (("--nope",), "No such option"),
    ],
)
def test_wrong_usage_gives_two(
    call: Call, sale: Path, arguments: tuple[str, ...], reason: str
) -> None:
    done = call("run", sale.name, *arguments)
    assert done.exit_code == 2
    assert reason in " ".join(done.stderr.split())
    assert done.stdout == ""


BAD_JSON = [
    ("", "bad.json: it is empty; it should hold a JSON object, at least `{}`"),
    ("[1]", "bad.json: variables must be a JSON object, not a list"),
    ('{"a": 1,}', "bad.json:1:9: this is not valid JSON: a key in double quotes is expected here"),
    ('{\n  "a" 1}', "bad.json:2:7: this is not valid JSON: a `:` is expected here"),
    ('{"a": nope}', "bad.json:1:7: this is not valid JSON: a value is expected here"),
    ('{"a": 1} x', "bad.json:1:10: this is not valid JSON: nothing may follow the first value"),
    ('{"a": "x\n"}', "bad.json:1:9: this is not valid JSON: a string may not hold a line break"),
    ('{"a": 1, "a": 2}', "bad.json: the key `a` stands twice in one object: a: 1, a: 2"),
    ('{"a": 1.5}', "bad.json: `1.5` is not a whole number: amounts are counted in the asset's"),
    ('{"a": NaN}', "bad.json: `NaN` is not a whole number"),
    ('{"a": 1e999999999}', "bad.json: `1e999999999` has too many digits: the limit is 4000"),
    ('{"a": 1e-999999999999}', "bad.json: `1e-999999999999` is not a whole number"),
    ('{"a": ' + "9" * 5000 + "}", "bad.json: a number of 5000 digits is too long"),
    ('{"a": null}', "bad.json: the value of `a` must be text, a whole number, or an object"),
    ('{"a": ' + "[" * 100_000, "bad.json: its lists and objects are nested too deeply"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_JSON, ids=range(len(BAD_JSON)))
def test_a_file_that_is_no_good_json_gives_one_sentence(
    call: Call, sale: Path, text: str, reason: str
) -> None:
    (sale.parent / "bad.json").write_text(text, "utf-8")
    done = call("run", sale.name, "--vars", "bad.json")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {reason}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_files_that_cannot_be_read_give_one_sentence(call: Call, sale: Path) -> None:
    (sale.parent / "latin.json").write_bytes(b'{"a":\n "caf\xe9"}')
    for arguments, reason in (
        (("nope.num",), "error: nope.num: there is no such file\n"),
        ((".",), "error: .: this is a folder; a file is needed\n"),
        (("sale.num", "--vars", "nope.json"), "error: nope.json: there is no such file\n"),
        (
            ("sale.num", "--vars", "latin.json"),
            "error: latin.json: it is not UTF-8 text: line 2 has the byte 0xe9; save it as UTF-8\n",
        ),
    ):
        done = call("run", *arguments)
        assert (done.exit_code, done.stderr) == (2, reason)


def test_unreadable_input_is_json_where_json_is_asked_for(call: Call) -> None:
    done = call("run", "nope.num", "-o", "json")
    assert done.exit_code == 2
    assert json.loads(done.stdout) == {
        "error": "nope.num: there is no such file",
        "diagnostics": [],
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"balance": []}', "there is no key `balance`; is `balances` meant?"),
        ('{"balances": {}}', "balances: balances must be a list of rows such as"),
        (
            json.dumps({"balances": [{"account": "a", "asset": "X", "amount": 1}] * 2}),
            "balances[1]: two rows are given for @a in X",
        ),
        ('{"balances": [{"account": "a", "asset": "X"}]}', "balances[0]: `amount` is missing"),
        ('{"balances": [{"account": 1}]}', "balances[0]: `account` must be text, not 1"),
        (
            '{"balances": [{"account": "a", "asset": "X", "amount": "1"}]}',
            'balances[0]: `amount` must be a whole number, not "1"',
        ),
        (
            '{"balances": [{"acount": "a"}]}',
            "balances[0]: there is no key `acount`; is `account` meant?",
        ),
        ('{"metadata": {"a": 1}}', "metadata.a: the metadata of @a must be a JSON object, not 1"),
        ('{"metadata": {"a": {"k": 1}}}', "metadata.a: the value of `k` must be text, not 1"),
        ('{"featureFlags": "x"}', "featureFlags: feature flags must be a list of names"),
    ],
)
def test_inputs_of_the_wrong_form_say_where(call: Call, sale: Path, text: str, reason: str) -> None:
    (sale.parent / "i.json").write_text(text, "utf-8")
    done = call("run", sale.name, "--inputs", "i.json")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: i.json: {reason}")


def test_colors_are_only_for_terminals_or_on_demand(call: Call, sale: Path) -> None:
    assert "\x1b" not in call("run", sale.name).stderr
    assert "\x1b[1;31merror NUM408" in call("--color", "always", "run", sale.name).stderr
    assert "\x1b" in call("run", sale.name, env={"FORCE_COLOR": "1"}).stderr
    both = {"FORCE_COLOR": "1", "NO_COLOR": "1"}
    assert "\x1b" not in call("run", sale.name, env=both).stderr
    assert "\x1b" not in call("--color", "never", "run", sale.name, env=both).stderr


def test_control_characters_of_a_script_do_not_reach_the_terminal(call: Call) -> None:
    done = call("run", "-", input='set_tx_meta("k", "a\x1b[31m\u202eb\ttab")')
    assert "a␛[31m�b\\ttab" in done.stdout
