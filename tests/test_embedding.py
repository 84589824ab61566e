"""The embedding API: everything that a program that runs scripts can rely on."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest

import numscript
from numscript import Account, Asset, Monetary, Portion, Type

SALE = """
vars {
  account $buyer
  account $seller = meta($buyer, "seller")
  monetary $price
  portion $fee
}
send $price (
  source = { $buyer @credit allowing overdraft up to [USD/2 50] }
  destination = { $fee to @fees remaining to $seller }
)
set_tx_meta("fee", $fee)
set_account_meta($buyer, "last", $price)
"""
STORE = numscript.StaticStore(
    balances=[{"account": "ana", "asset": "USD/2", "amount": 80}],
    metadata={"ana": {"seller": "bob"}},
)
VARIABLES: dict[str, object] = {"buyer": "ana", "price": "USD/2 100", "fee": "2.5%"}


def test_from_text_to_result() -> None:
    program = numscript.compile(SALE)
    result = program.run(VARIABLES, STORE)
    assert result.postings == (
        numscript.Posting("ana", "fees", 3, "USD/2", ""),
        numscript.Posting("ana", "bob", 77, "USD/2", ""),
        numscript.Posting("credit", "bob", 20, "USD/2", ""),
    )
    assert result.tx_metadata == {"fee": "1/40"}
    assert result.account_metadata == {"ana": {"last": "USD/2 100"}}
    assert result.printed == ()


def test_a_result_as_json() -> None:
    result = numscript.compile(SALE).run(VARIABLES, STORE)
    expected = {
        "postings": [
            {"source": "ana", "destination": "fees", "amount": 3, "asset": "USD/2"},
            {"source": "ana", "destination": "bob", "amount": 77, "asset": "USD/2"},
            {"source": "credit", "destination": "bob", "amount": 20, "asset": "USD/2"},
        ],
        "txMeta": {"fee": "1/40"},
        "accountsMeta": {"ana": {"last": "USD/2 100"}},
    }
    assert json.loads(result.to_json()) == expected == result.to_dict()
    assert list(expected) == list(json.loads(result.to_json(indent=2)))
    assert "\n" in result.to_json(indent=2)
    coloured = numscript.Posting("a", "b", 10**30, "USD/2", "RED").to_dict()
    assert coloured == {
        "source": "a",
        "destination": "b",
        "amount": 10**30,
        "asset": "USD/2",
        "color": "RED",
    }


def test_what_a_program_asks_for() -> None:
    program = numscript.compile(SALE)
    assert program.variables == {
        "buyer": Type.ACCOUNT,
        "price": Type.MONETARY,
        "fee": Type.PORTION,
    }
    assert list(program.variables) == ["buyer", "price", "fee"]
    assert program.variables["fee"] == "portion"
    assert set(program.needs.balances) == {("$buyer", "$price", ""), ("credit", "$price", "")}
    assert set(program.needs.metadata) == {("$buyer", "seller")}


def test_needs_say_what_only_the_run_can_tell() -> None:
    flags = tuple(numscript.FEATURES)
    scaled = "send [USD/2 1] ( source = @a with scaling through @s destination = @b )"
    assert numscript.compile(scaled, flags).needs.balances[0] == ("a", "USD/*", "")
    joined = 'vars { string $x } send [USD/2 1] ( source = @a:$x \\ "RED" destination = @b )'
    assert numscript.compile(joined, flags).needs.balances == ((None, "USD/2", "RED"),)
    nothing = numscript.compile("print 1").needs
    assert nothing == numscript.Needs((), ())


def test_resolving_reads_and_executing_does_not() -> None:
    program = numscript.compile(SALE)
    resolved = program.resolve(VARIABLES, STORE)
    assert resolved.variables == {
        "buyer": "ana",
        "price": Monetary("USD/2", 100),
        "fee": Portion(1, 40),
    }
    assert set(resolved.needs.balances) == {("ana", "USD/2", ""), ("credit", "USD/2", "")}
    assert resolved.needs.metadata == (("ana", "seller"),)
    assert resolved.balances["ana", "USD/2", ""] == 80
    first = numscript.execute(resolved)
    assert first == numscript.execute(resolved) == program.run(VARIABLES, STORE)


@pytest.mark.parametrize(
    "variables",
    [
        {"m": "USD/2 100", "p": "1/3", "n": "7", "a": "x:y", "c": "USD/2", "s": "t"},
        {
            "m": {"asset": "USD/2", "amount": 100},
            "p": Fraction(1, 3),
            "n": 7,
            "a": Account("x:y"),
            "c": Asset("USD/2"),
            "s": "t",
        },
        {
            "m": Monetary("USD/2", 100),
            "p": Portion(1, 3),
            "n": "+7",
            "a": "x:y",
            "c": "USD/2",
            "s": "t",
        },
        {
            "m": {"asset": Asset("USD/2"), "amount": "100"},
            "p": "1 / 3",
            "n": 7,
            "a": "x:y",
            "c": "USD/2",
            "s": "t",
            "unknown": object(),
        },
    ],
    ids=["text", "values of Python", "values of ours", "a mix"],
)
def test_variables_may_be_given_in_several_ways(variables: dict[str, object]) -> None:
    script = """
    vars { monetary $m portion $p number $n account $a asset $c string $s }
    set_tx_meta("m", $m) set_tx_meta("p", $p) set_tx_meta("n", $n)
    set_tx_meta("a", $a) set_tx_meta("c", $c) set_tx_meta("s", $s)
    """
    assert numscript.compile(script).run(variables).tx_metadata == {
        "m": "USD/2 100",
        "p": "1/3",
        "n": "7",
        "a": "x:y",
        "c": "USD/2",
        "s": "t",
    }


# --- errors -----------------------------------------------------------------------------------


def test_a_parse_error_has_all_of_them() -> None:
    with pytest.raises(numscript.ParseError) as raised:
        numscript.compile("send [USD/2 1] ( source = destination = )\nprint\nprint 1")
    error = raised.value
    assert isinstance(error, numscript.NumscriptError)
    assert len(error.diagnostics) == 3
    assert error.kind is error.diagnostics[0].kind
    assert error.span == error.diagnostics[0].span
    assert str(error).count("\n") == 2


def test_a_check_error_has_all_of_them() -> None:
    with pytest.raises(numscript.CheckError) as raised:
        numscript.compile("send $a ( source = $b destination = @c )")
    assert [d.code for d in raised.value.diagnostics] == ["NUM203", "NUM203"]
    assert raised.value.kind.code == "NUM203"
    assert raised.value.kind.reference == ("UnboundVariable", "UnboundVariableErr")


def test_an_execution_error_has_its_kind_and_place() -> None:
    script = numscript.Script("send [USD/2 9] (\n  source = @a\n  destination = @b\n)", "pay.num")
    with pytest.raises(numscript.ExecutionError) as raised:
        numscript.compile(script).run()
    error = raised.value
    (diagnostic,) = error.diagnostics
    assert error.kind.code == "NUM401"
    assert error.kind.fields == {"asset": "USD/2", "needed": 9, "available": 0}
    assert error.span == diagnostic.span
    assert script.text[error.span.start : error.span.end] == "@a"
    assert (diagnostic.start, diagnostic.end) == ((1, 11), (1, 13))
    assert diagnostic.severity is numscript.Severity.ERROR
    assert diagnostic.severity.word == "error"
    assert diagnostic.script.name == "pay.num"
    assert str(error) == (
        "pay.num:2:12: error NUM401: not enough funds: USD/2 9 needed, 0 available"
    )


def test_the_check_never_raises() -> None:
    for text in ("", "send", "send $a ( source = @a destination = @b )", "\0", SALE):
        checked = numscript.check(text)
        for diagnostic in checked.diagnostics:
            assert diagnostic.kind.code.startswith("NUM")
            assert isinstance(diagnostic.kind.reference, tuple)
            assert diagnostic.severity in numscript.Severity
            assert diagnostic.span.start <= diagnostic.span.end
            assert diagnostic.message


def test_features_of_the_caller() -> None:
    text = "send [USD/2 1] ( source = oneof { @a @world } destination = @b )"
    for features in (["experimental-oneof"], {"experimental-oneof", "of-the-future"}):
        assert len(numscript.compile(text, features).run().postings) == 1
    with pytest.raises(numscript.ExecutionError) as raised:
        numscript.compile(text).run()
    assert raised.value.kind.fields == {"feature": "experimental-oneof"}


def test_missing_and_surplus_variables() -> None:
    program = numscript.compile(
        "vars { account $a } send [USD/2 1] ( source = @world destination = $a )"
    )
    assert program.run({"a": "x", "b": 1.5}).postings[0].destination == "x"
    for variables in (None, {}, {"b": "x"}):
        with pytest.raises(numscript.ExecutionError) as raised:
            program.run(variables)
        assert raised.value.kind.code == "NUM408"
        assert raised.value.kind.fields["name"] == "a"


# --- running many times -----------------------------------------------------------------------

COUNT = """
vars { number $n }
send [USD/2 $n] ( source = @world destination = { 1/3 to @a remaining to @b } )
"""


def test_a_program_runs_any_number_of_times() -> None:
    program = numscript.compile(COUNT)
    for n in range(1, 100):
        amounts = [posting.amount for posting in program.run({"n": n}).postings]
        assert sum(amounts) == n


def test_a_program_runs_from_several_threads() -> None:
    program = numscript.compile(COUNT + "// threads")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: program.run({"n": n}), range(400)))
    assert [sum(p.amount for p in result.postings) for result in results] == list(range(400))


def test_rows_of_variables() -> None:
    program = numscript.compile(COUNT)
    results = list(program.run_many([{"n": n} for n in range(5)]))
    assert [sum(p.amount for p in result.postings) for result in results] == [0, 1, 2, 3, 4]
    run = numscript.compile(SALE).bind(STORE)
    assert run(VARIABLES) == numscript.compile(SALE).run(VARIABLES, STORE)


def test_an_engine_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="there is no engine 'turbo'"):
        numscript.compile("print 2").run(engine="turbo")  # type: ignore[arg-type]


def test_a_program_can_be_kept_as_bytes() -> None:
    program = numscript.compile(SALE)
    again = numscript.Program.decode(program.encode())
    assert isinstance(again, numscript.Program)
    assert again.run(VARIABLES, STORE) == program.run(VARIABLES, STORE)


def test_values_can_be_pickled() -> None:
    result = numscript.compile(SALE).run(VARIABLES, STORE)
    assert pickle.loads(pickle.dumps(result)) == result
    for value in (Account("a"), Asset("USD"), Monetary("USD", 1), Portion(1, 2)):
        again = pickle.loads(pickle.dumps(value))
        assert (again, type(again)) == (value, type(value))


def test_the_language_is_listed() -> None:
    assert numscript.BUILTINS["balance"].signature == (
        "balance(account: account, asset: asset) -> monetary"
    )
    assert set(numscript.BUILTINS) == {
        "set_tx_meta",
        "set_account_meta",
        "meta",
        "balance",
        "overdraft",
        "get_asset",
        "get_amount",
    }
    assert len(numscript.FEATURES) == 8
    assert all(name.startswith("experimental-") and doc for name, doc in numscript.FEATURES.items())


def test_errors_and_programs_can_be_sent_to_other_processes() -> None:
    program = numscript.compile(
        "vars { number $n } send [USD/2 $n] ( source = @a destination = @b )"
    )
    with pytest.raises(numscript.ExecutionError) as stopped:
        program.run({"n": 5})
    again = pickle.loads(pickle.dumps(stopped.value))
    assert str(again) == str(stopped.value)
    assert again.diagnostics == stopped.value.diagnostics
    bound = program.bind(numscript.StaticStore([{"account": "a", "asset": "USD/2", "amount": 9}]))
    assert bound({"n": 5}).postings[0].amount == 5
    copied = pickle.loads(pickle.dumps(program))
    assert copied == program
    assert copied.script.name == program.script.name


def test_what_is_no_script_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="str or Script, not bytes"):
        numscript.compile(b"send")  # type: ignore[arg-type]


def test_one_flag_may_be_given_as_it_is() -> None:
    text = "send [USD/2 1] ( source = oneof { @a @world } destination = @b )"
    assert numscript.compile(text, "experimental-oneof").run().postings


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"account": "@a", "asset": "USD/2", "amount": 1}, "without the `@`"),
        ({"account": "a", "asset": "usd", "amount": 1}, "an asset such as `USD/2`"),
        ({"account": "a", "asset": "USD", "amount": 1, "color": "red"}, "capital letters only"),
    ],
)
def test_balances_that_no_script_could_ask_for_are_refused(
    row: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        numscript.StaticStore([row])
