"""Scripts, variables and balances that were made to hurt: each ends in a result or in one clear
error, in bounded time and memory. Nothing else may be raised, neither RecursionError nor
MemoryError.

The bound on time is a watchdog of a minute for what takes a second or two.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import numscript
from numscript import FEATURES, Limits
from numscript.embedding import Engine

MANY = 100_000
PATIENCE = 60


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """Ends a test that takes far too long."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def bark(*_: object) -> None:
        pytest.fail(f"it takes longer than {PATIENCE} seconds", pytrace=False)

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def name(item: object) -> str:
    """A short name of what a case is about."""
    return ascii(item[:40])[1:-1] if isinstance(item, str) else type(item).__name__


def source(text: str) -> str:
    return f"send [USD/2 1] ( source = {text} destination = @b )"


def destination(text: str) -> str:
    return f"send [USD/2 1] ( source = @world destination = {text} )"


def value(text: str) -> str:
    return f'set_tx_meta("a", {text})'


def outcome(
    script: str,
    variables: dict[str, object] | None = None,
    balances: list[dict[str, object]] | None = None,
    *,
    engine: Engine = "auto",
    limits: Limits | None = None,
) -> str:
    """`ok`, or the code of the first error, after all that is offered has been tried."""
    checked = numscript.check(script, tuple(FEATURES), limits=limits)
    for diagnostic in checked.diagnostics[:200]:
        diagnostic.to_dict()
    try:
        program = numscript.compile(script, tuple(FEATURES), limits=limits)
        again = numscript.Program.decode(program.encode())
        store = numscript.StaticStore()
        for row in balances or ():
            # Written past the constructor, which would refuse some of these assets.
            store.balances[row["account"], row["asset"], ""] = row["amount"]  # type: ignore[index,assignment]
        result = again.run(variables or {}, store, engine=engine)
    except numscript.NumscriptError as error:
        return error.kind.code if str(error) else "an error without words"
    return "ok" if result.to_json() else "a result without words"


# --- depth ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        source("{ " * MANY + "@a" + " }" * MANY),
        source("{ " * MANY),
        source("oneof { " * MANY + "@a" + " }" * MANY),
        source("max [USD/2 1] from " * MANY + "@a"),
        source("{ 1/1 from " * MANY + "@a" + " }" * MANY),
        destination("{ remaining to " * MANY + "@a" + " }" * MANY),
        destination("{ max [USD/2 1] to " * MANY),
        value("(" * MANY + "1" + ")" * MANY),
        value("-" * MANY + "1"),
        value("[USD/2 " * MANY),
        value("get_amount(" * MANY),
    ],
    ids=name,
)
def test_a_hundred_thousand_levels_are_refused(script: str) -> None:
    assert outcome(script) == "NUM107"


@pytest.mark.parametrize("engine", ["vm", "translated"])
@pytest.mark.parametrize(
    ("opening", "middle", "closing"),
    [
        ("{ ", "@world", " }"),
        ("oneof { @a ", "@world", " }"),
        ("max [USD/2 1] from ", "@world", ""),
        ("{ 1/1 from ", "@world", " }"),
    ],
)
def test_what_the_limit_lets_through_can_be_run(
    opening: str, middle: str, closing: str, engine: Engine
) -> None:
    deepest = max(
        depth
        for depth in range(1, 150)
        if not numscript.check(
            source(opening * depth + middle + closing * depth), tuple(FEATURES)
        ).refusals
    )
    assert deepest > 30
    assert outcome(source(opening * deepest + middle + closing * deepest), engine=engine) == "ok"


# --- length -----------------------------------------------------------------------------------


def test_ten_megabytes_are_refused_before_they_are_read() -> None:
    assert outcome(f"{source('@world')}\n" * 200_000) == "NUM106"
    assert outcome("//" + "x" * 10_000_000) == "NUM106"


def test_a_limit_can_be_raised_and_lowered() -> None:
    script = "// " + "x" * 2_000_000
    assert outcome(script) == "NUM106"
    assert outcome(script, limits=Limits(length=3_000_000)) == "ok"
    assert outcome("print 1", limits=Limits(length=3)) == "NUM106"
    assert outcome(source("{ { @world } }"), limits=Limits(depth=5)) == "NUM107"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("/*" * 500_000, "NUM105"),
        ("/*" * 100_000 + "*/" * 99_999, "ok"),
        ('set_tx_meta("a", "' + "x" * 1_000_000 + '")', "ok"),
        ('set_tx_meta("a", "' + "x" * 1_000_000, "NUM104"),
        ('"' * 200_000, "NUM101"),
        ('"' + "\\" * 1_000_000, "NUM104"),
        ("a" * 1_000_000, "NUM103"),
        (source("@" + "a:" * 500_000 + "a"), "NUM401"),
        (f"send [{'A' * 1_000_000} 1] ( source = @world destination = @b )", "NUM425"),
        (f"vars {{ number ${'v' * 1_000_000} }} print 1", "NUM408"),
        ("send send )\n" * MANY, "NUM101"),
        ("} " * MANY, "NUM101"),
        ("; " * MANY, "NUM102"),
        ("\0" * MANY, "NUM102"),
        ("\n" * 1_000_000, "ok"),
    ],
    ids=name,
)
def test_long_words_and_long_nonsense(script: str, expected: str) -> None:
    assert outcome(script) == expected


def test_only_so_many_errors_are_listed() -> None:
    found = numscript.check("; " * MANY).diagnostics
    assert len(found) == Limits().errors + 1
    assert found[-1].code == "NUM109"


def test_segments_apart_from_each_other() -> None:
    assert outcome(source("@a" + " :a" * 500_000)) == "NUM401"


# --- numbers ----------------------------------------------------------------------------------

HUGE = 10**1_000_000
LONG = "9" * 1_000_000
META = 'vars { %s $v } set_tx_meta("a", $v)'
SENT = "vars { number $v } send [USD/2 $v] ( source = %s destination = @b )"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (value(LONG), "NUM108"),
        (value(f"{LONG}%"), "NUM108"),
        (destination(f"{{ {LONG}% to @b remaining kept }}"), "NUM108"),
        (destination(f"{{ 0.{LONG}% to @b remaining kept }}"), "NUM108"),
        (value("9_" * 500_000 + "9"), "NUM108"),
        (value("9" * 4000), "ok"),
        (value("+".join(["9" * 4000] * 100)), "ok"),
        (destination(f"{{ 0.{'9' * 3990}% to @b remaining kept }}"), "ok"),
        (destination(f"{{ 1/{'9' * 4000} to @b remaining kept }}"), "ok"),
        (destination(f"{{ 1/{'9' * 4000} to @b 1/{'7' * 4000} to @c }}"), "NUM406"),
        (destination(f"{{ 1/{'9' * 4000} to @b 1/{'7' * 4000} to @c remaining kept }}"), "ok"),
    ],
    ids=name,
)
def test_literals_of_many_digits(script: str, expected: str) -> None:
    assert outcome(script) == expected


@pytest.mark.parametrize("engine", ["vm", "translated"])
@pytest.mark.parametrize(
    ("script", "given", "expected"),
    [
        (META % "number", LONG, "NUM108"),
        (META % "number", HUGE, "NUM108"),
        (META % "number", -HUGE, "NUM108"),
        (META % "monetary", f"USD/2 {LONG}", "NUM108"),
        (META % "monetary", {"asset": "USD/2", "amount": HUGE}, "NUM108"),
        (META % "portion", f"1/{LONG}", "NUM108"),
        (META % "portion", f"0.{LONG}%", "NUM108"),
        (META % "portion", HUGE, "NUM108"),
        (META % "asset", "A" * 1_000_000, "NUM413"),
        (META % "account", "a" * 1_000_000, "ok"),
        (META % "account", {"x": HUGE}, "NUM417"),
        (META % "monetary", {"x": HUGE}, "NUM409"),
        (META % "string", "a" * 1_000_000, "ok"),
        (META % "string", "\ud800 \0 \n", "ok"),
        (META % "string", HUGE, "NUM417"),
        (SENT % "@world", HUGE, "NUM108"),
        (SENT % "@world", 10**3999, "ok"),
        (SENT % "@world", -(10**3999), "NUM402"),
        (SENT % "@a", 10**3999, "NUM401"),
    ],
    ids=name,
)
def test_variables_of_many_digits(
    script: str, given: object, expected: str, engine: Engine
) -> None:
    assert outcome(script, {"v": given}, engine=engine) == expected


class Holding:
    """A store that gives one amount for whatever it is asked."""

    def __init__(self, amount: Any) -> None:
        self.amount = amount

    def get_balances(self, query: Any) -> Any:
        return dict.fromkeys(query, self.amount)

    def get_metadata(self, query: Any) -> Any:
        return {account: dict.fromkeys(keys, self.amount) for account, keys in query.items()}


@pytest.mark.parametrize("engine", ["vm", "translated"])
@pytest.mark.parametrize("amount", [HUGE, -HUGE, 1.5, "7", True, None], ids=name)
def test_balances_that_cannot_be(amount: object, engine: Engine) -> None:
    script = "vars { monetary $m = balance(@a, USD/2) } send $m ( source = @a destination = @b )"
    with pytest.raises(numscript.ExecutionError) as raised:
        numscript.compile(script).run({}, Holding(amount), engine=engine)
    assert raised.value.kind.code == "NUM422"
    assert len(str(raised.value)) < 500


def test_a_row_of_a_static_store_that_cannot_be_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="too long"):
        numscript.StaticStore([{"account": "a", "asset": "USD/2", "amount": HUGE}])


@pytest.mark.parametrize(
    ("asset", "held", "expected"),
    [
        ("USD/2", "USD/999999", "NUM426"),
        ("USD/999999", "USD", "NUM426"),
        ("USD/1002", "USD/2", "NUM401"),
        ("USD/2", f"USD/{'9' * 5000}", "NUM426"),
        ("USD/2", "USD/x", "NUM426"),
        (f"USD/{'9' * 4500}", "USD/2", "NUM426"),
    ],
    ids=name,
)
def test_precisions_that_lie_far_apart(asset: str, held: str, expected: str) -> None:
    script = f"send [{asset} 1] ( source = @a with scaling through @swap destination = @b )"
    balances: list[dict[str, object]] = [{"account": "a", "asset": held, "amount": 10**5}]
    assert outcome(script, {}, balances) in (expected, "ok")


def test_scaling_again_and_again_does_not_grow_without_a_bound() -> None:
    sends = [
        f"send [USD/{n} *] ( source = @a{n - 900} with scaling through @s destination = @a{n} )"
        for n in range(900, 9001, 900)
    ]
    sends.append(value("balance(@a9000, USD/9000)"))
    balances: list[dict[str, object]] = [{"account": "a0", "asset": "USD", "amount": 10}]
    assert outcome("\n".join(sends), {}, balances) == "NUM426"


# --- breadth ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        value("+".join(["1"] * MANY)),
        f"send {'+'.join(['[USD/2 1]'] * 20_000)} ( source = @world destination = @b )",
        value("get_amount(" + "+".join(["[USD/2 1]"] * 20_000) + ")"),
        source("{ " + " ".join(f"@a{n}" for n in range(10_000)) + " @world }"),
        source("oneof { " + " ".join(f"@a{n}" for n in range(10_000)) + " @world }"),
        destination("{ " + " ".join(f"1/10000 to @a{n}" for n in range(10_000)) + " }"),
        destination(
            "{ " + " ".join(f"1/{n + 10**4} to @a{n}" for n in range(2_000)) + " remaining kept }"
        ),
        destination(
            "{ " + " ".join(f"max [USD/2 1] to @a{n}" for n in range(10_000)) + " remaining kept }"
        ),
        "print 1 " * 10_000,
        "send [USD/2 *] ( source = @a destination = @b )\n" * 5_000,
    ],
    ids=name,
)
def test_ten_thousand_of_anything(script: str) -> None:
    assert outcome(script) in ("ok", "NUM401")


def test_ten_thousand_variables_missing_or_misspelt() -> None:
    names = range(3_000)
    head = "vars { " + " ".join(f"account $v{n}" for n in names) + " }"
    assert outcome(head, {f"w{n}": "a" for n in names}) == "NUM408"
    assert outcome(head, {f"v{n}": "a" for n in names}) == "ok"
    uses = " ".join(f"print $x{n}" for n in names)
    assert outcome(f"{head} {uses}") == "NUM203"
    assert outcome("#![feature(" + ",".join(['"experimental-onof"'] * 3_000) + ")]") == "NUM207"


def test_many_chained_divisions_are_many_mistakes() -> None:
    assert outcome(value("/".join(["1"] * 10_000))) == "NUM204"


ODD = ("\ud800", 'set_tx_meta("a", "\ud800")', "send [USD/2 1] (\0", "\ufeff\ufeff", "é", "\x85")


@pytest.mark.parametrize("text", ODD, ids=name)
def test_odd_characters(text: str) -> None:
    assert outcome(text) in ("ok", "NUM102", "NUM101", "NUM103")


def test_a_long_bad_value_is_not_repeated_whole_in_its_message() -> None:
    program = numscript.compile('vars { number $n }\nset_tx_meta("n", $n)')
    with pytest.raises(numscript.ExecutionError) as caught:
        program.run({"n": "x" * 1_000_000})
    [diagnostic] = caught.value.diagnostics
    assert len(diagnostic.message) < 1_000
    assert "(1,000,000 characters)" in diagnostic.message
    assert diagnostic.kind.fields["text"] == "x" * 1_000_000


@pytest.mark.parametrize("engine", ["vm", "translated"])
def test_accounts_that_double_again_and_again_are_stopped(engine: Engine) -> None:
    doubled = "".join(f"account $a{n} = @x:$a{n - 1}:$a{n - 1}\n" for n in range(1, 60))
    text = (
        '#![feature("experimental-account-interpolation", '
        '"experimental-mid-script-function-call")]\n'
        f"vars {{ account $a0\n{doubled}}}\n"
        "send [USD/2 1] (source = @world destination = $a59)"
    )
    program = numscript.compile(text)
    with pytest.raises(numscript.ExecutionError) as caught:
        program.run({"a0": "y"}, engine=engine)
    assert caught.value.diagnostics[0].code == "NUM428"
    parts = "send [USD/2 1] (source = @world destination = @x" + ":$a" * 10_000 + ")"
    wide = '#![feature("experimental-account-interpolation")] vars { account $a } ' + parts
    with pytest.raises(numscript.ExecutionError) as caught:
        numscript.compile(wide).run({"a": "y" * 10_000}, engine=engine)
    assert caught.value.diagnostics[0].code == "NUM428"


@pytest.mark.parametrize("engine", ["vm", "translated"])
def test_numbers_that_double_again_and_again_are_refused(engine: Engine) -> None:
    doubled = "".join(f"number $a{n} = $a{n - 1} + $a{n - 1}\n" for n in range(1, 3_000))
    text = (
        '#![feature("experimental-mid-script-function-call")]\n'
        f'vars {{ number $a0\n{doubled}}}\nset_tx_meta("n", $a2999)'
    )
    program = numscript.compile(text)
    with pytest.raises(numscript.ExecutionError) as caught:
        program.run({"a0": "9" * 4_000}, engine=engine)
    [diagnostic] = caught.value.diagnostics
    assert diagnostic.code == "NUM108"
    assert diagnostic.message == "a number of 4903 digits is too long: the limit is 4000"


@pytest.mark.parametrize("engine", ["vm", "translated"])
@pytest.mark.parametrize("source", ["world", "nobody"])
def test_amounts_that_double_again_and_again_are_refused(engine: Engine, source: str) -> None:
    doubled = "".join(f"monetary $a{n} = $a{n - 1} + $a{n - 1}\n" for n in range(1, 3_000))
    text = (
        '#![feature("experimental-mid-script-function-call")]\n'
        f"vars {{ monetary $a0\n{doubled}}}\n"
        f"send $a2999 (source = @{source} destination = @b)"
    )
    program = numscript.compile(text)
    with pytest.raises(numscript.ExecutionError) as caught:
        program.run({"a0": "USD/2 " + "9" * 3_900}, engine=engine)
    [diagnostic] = caught.value.diagnostics
    assert diagnostic.code == ("NUM108" if source == "world" else "NUM401")
    assert len(str(caught.value)) < 2_000
