"""What a run reads: any store, in as few questions as the script allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import numscript
from numscript import FEATURES, BalanceKey, ExecutionError, StaticStore
from numscript.embedding import Engine

Balances = Sequence[BalanceKey]
Metadata = Mapping[str, Sequence[str]]


class Recording:
    """A store of one's own: it inherits from nothing, and remembers what it was asked."""

    def __init__(
        self, balances: Mapping[BalanceKey, int], metadata: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.inner = StaticStore(
            [
                {"account": account, "asset": asset, "amount": amount, "color": color}
                for (account, asset, color), amount in balances.items()
            ],
            metadata,
        )
        self.balances: list[set[BalanceKey]] = []
        self.metadata: list[dict[str, list[str]]] = []

    def get_balances(self, query: Balances) -> Mapping[BalanceKey, int]:
        assert len(set(query)) == len(query), "asked twice in one question"
        self.balances.append(set(query))
        return self.inner.get_balances(query)

    def get_metadata(self, query: Metadata) -> Mapping[str, Mapping[str, str]]:
        self.metadata.append({account: list(keys) for account, keys in query.items()})
        return self.inner.get_metadata(query)


BANK: dict[BalanceKey, int] = {
    ("a", "USD/2", ""): 1000,
    ("b", "USD/2", ""): 1000,
    ("c", "USD/2", ""): 1000,
    ("a", "EUR/2", ""): 1000,
    ("a", "USD/2", "RED"): 1000,
    ("a", "USD", ""): 10,
    ("users:ana", "USD/2", ""): 1000,
}
BOOK = {
    "a": {"friend": "b", "limit": "USD/2 5"},
    "b": {"friend": "c"},
    "c": {"friend": "a"},
}


def asked(
    script: str, variables: Mapping[str, object] | None = None, engine: Engine = "vm"
) -> Recording:
    store = Recording(BANK, BOOK)
    numscript.compile(script, tuple(FEATURES)).run(variables or {}, store, engine=engine)
    return store


def usd(*accounts: str) -> set[BalanceKey]:
    return {(account, "USD/2", "") for account in accounts}


SEVERAL = """
send [USD/2 1] ( source = @a destination = @b )
send [EUR/2 1] ( source = @a destination = @b )
send [USD/2 1] ( source = @b destination = @a )
"""
IN_VARS = """
vars { monetary $m = balance(@a, USD/2) }
print $m
send [USD/2 1] ( source = { @b @c } destination = @d )
"""
ONE_BATCH: list[tuple[str, str, dict[str, object], list[set[BalanceKey]]]] = [
    ("nothing", "print 1", {}, []),
    ("@world", "send [USD/2 1] ( source = @world destination = @b )", {}, []),
    (
        "no limit",
        "send [USD/2 1] ( source = @a allowing unbounded overdraft destination = @b )",
        {},
        [],
    ),
    ("a source", "send [USD/2 1] ( source = @a destination = @b )", {}, [usd("a")]),
    (
        "all sources, reached or not",
        "send [USD/2 1] ( source = { @a @b max [USD/2 1] from { @c @d } } destination = @e )",
        {},
        [usd("a", "b", "c", "d")],
    ),
    (
        "several sends",
        SEVERAL,
        {},
        [usd("a", "b") | {("a", "EUR/2", "")}],
    ),
    (
        "colours",
        'send [USD/2 1] ( source = { @a \\ "RED" @a } destination = @b )',
        {},
        [{("a", "USD/2", "RED"), ("a", "USD/2", "")}],
    ),
    (
        "variables",
        "vars { account $x monetary $m } send $m ( source = $x destination = @b )",
        {"x": "a", "m": "USD/2 1"},
        [usd("a")],
    ),
    ("save", "save [USD/2 1] from @a", {}, [usd("a")]),
    (
        "accounts put together",
        "vars { string $x } send [USD/2 1] ( source = @users:$x destination = @b )",
        {"x": "ana"},
        [usd("users:ana")],
    ),
    (
        "balance() in vars, with all that is known by then",
        IN_VARS,
        {},
        [usd("a", "b", "c")],
    ),
    (
        "balance() on the way",
        'set_tx_meta("x", balance(@a, USD/2)) send [USD/2 1] ( source = @b destination = @c )',
        {},
        [usd("a", "b")],
    ),
    (
        "all precisions",
        "send [USD/2 1100] ( source = @a with scaling through @s destination = @b )",
        {},
        [{("a", "USD/*", "")}],
    ),
]


@pytest.mark.parametrize("engine", ["vm", "translated"])
@pytest.mark.parametrize(
    ("script", "variables", "expected"),
    [row[1:] for row in ONE_BATCH],
    ids=[row[0] for row in ONE_BATCH],
)
def test_balances_are_read_in_one_batch(
    script: str,
    variables: dict[str, object],
    expected: list[set[BalanceKey]],
    engine: Engine,
) -> None:
    assert asked(script, variables, engine).balances == expected


@pytest.mark.parametrize("engine", ["vm", "translated"])
def test_an_account_that_depends_on_a_balance_takes_a_second_question(engine: Engine) -> None:
    script = (
        "vars { monetary $held = balance(@a, EUR/2) asset $asset = get_asset($held) } "
        "send [$asset 1] ( source = @a destination = @b ) "
        "send [USD/2 1] ( source = @b destination = @c )"
    )
    found = asked(script, engine=engine).balances
    assert len(found) <= 2
    assert set().union(*found) == {("a", "EUR/2", ""), *usd("b")}


@pytest.mark.parametrize("engine", ["vm", "translated"])
def test_metadata_that_is_known_is_read_at_once(engine: Engine) -> None:
    script = (
        'vars { account $x = meta(@a, "friend") monetary $l = meta(@a, "limit") '
        'account $y = meta(@b, "friend") } '
        "send $l ( source = $x destination = $y )"
    )
    store = asked(script, engine=engine)
    assert store.metadata == [{"a": ["friend", "limit"], "b": ["friend"]}]
    assert store.balances == [usd("b")]


@pytest.mark.parametrize("engine", ["vm", "translated"])
def test_metadata_of_an_account_that_metadata_names_is_the_second_level(engine: Engine) -> None:
    script = (
        'vars { account $x = meta(@a, "friend") account $y = meta($x, "friend") } '
        "send [USD/2 1] ( source = { $x $y } destination = @d )"
    )
    store = asked(script, engine=engine)
    assert store.metadata == [{"a": ["friend"]}, {"b": ["friend"]}]
    assert store.balances == [usd("b", "c")]


def test_nothing_is_read_by_executing() -> None:
    store = Recording(BANK, BOOK)
    program = numscript.compile("send [USD/2 1] ( source = @a destination = @b )")
    resolved = program.resolve({}, store)
    assert len(store.balances) == 1
    for _ in range(3):
        numscript.execute(resolved)
    assert len(store.balances) == 1
    assert program.resolve({}, store) == resolved
    assert len(store.balances) == 2


def test_the_store_may_change_between_runs() -> None:
    program = numscript.compile("send [USD/2 *] ( source = @a destination = @b )")
    for amount in (5, 7):
        store = StaticStore([{"account": "a", "asset": "USD/2", "amount": amount}])
        assert program.run({}, store).postings[0].amount == amount


# --- stores that fail -------------------------------------------------------------------------

READS_BALANCE = "send [USD/2 1] ( source = @a destination = @b )"
READS_METADATA = 'vars { string $s = meta(@a, "k") } set_tx_meta("s", $s)'


class Answering:
    """A store that gives whatever it was told to give, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get_balances(self, _query: Any) -> Any:
        return self.give()

    def get_metadata(self, _query: Any) -> Any:
        return self.give()

    def give(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("engine", ["vm", "translated"])
@pytest.mark.parametrize("answer", [ConnectionError("no route"), KeyError("x"), None, 7, [1]])
def test_what_a_store_raises_reaches_the_caller_as_one_error(answer: Any, engine: Engine) -> None:
    for script, code in ((READS_BALANCE, "NUM422"), (READS_METADATA, "NUM423")):
        with pytest.raises(ExecutionError) as raised:
            numscript.compile(script).run({}, Answering(answer), engine=engine)
        assert raised.value.kind.code == code
        if isinstance(answer, Exception):
            assert raised.value.__cause__ is answer
            assert type(answer).__name__ in str(raised.value)


@pytest.mark.parametrize("engine", ["vm", "translated"])
@pytest.mark.parametrize("amount", [1.0, "1", True, None])
def test_a_balance_must_be_an_int(amount: object, engine: Engine) -> None:
    store = Answering({("a", "USD/2", ""): amount})
    with pytest.raises(ExecutionError, match="NUM422"):
        numscript.compile(READS_BALANCE).run({}, store, engine=engine)


@pytest.mark.parametrize("engine", ["vm", "translated"])
def test_metadata_must_be_text(engine: Engine) -> None:
    with pytest.raises(ExecutionError, match="metadata must be text, not int"):
        numscript.compile(READS_METADATA).run({}, Answering({"a": {"k": 1}}), engine=engine)


def test_a_store_may_leave_out_what_is_zero_and_give_more_than_asked() -> None:
    with pytest.raises(ExecutionError, match="NUM401"):
        numscript.compile(READS_BALANCE).run({}, Answering({}))
    plenty = {("a", "USD/2", ""): 1, ("z", "USD/2", ""): 5}
    assert len(numscript.compile(READS_BALANCE).run({}, Answering(plenty)).postings) == 1
    with pytest.raises(ExecutionError, match="NUM415"):
        numscript.compile(READS_METADATA).run({}, Answering({}))
    with pytest.raises(ExecutionError, match="NUM415"):
        numscript.compile(READS_METADATA).run({}, Answering({"a": {}}))


# --- the static store -------------------------------------------------------------------------


def test_the_static_store_gives_what_it_was_told() -> None:
    store = StaticStore(
        [
            {"account": "a", "asset": "USD/2", "amount": 10},
            {"account": "a", "asset": "USD/2", "amount": "20", "color": "RED"},
            {"account": "a", "asset": "USD", "amount": 1e3},
            {"account": "a", "asset": "USDT", "amount": 1},
            {"account": "b", "asset": "USD/4", "amount": -5},
        ],
        {"a": {"k": "v"}},
    )
    key = ("a", "USD/2", "")
    answer = store.get_balances([key, ("a", "USD/2", "RED"), ("z", "USD/2", "")])
    assert answer[key] == 10
    assert answer["a", "USD/2", "RED"] == 20
    assert ("z", "USD/2", "") not in answer
    answer = store.get_balances([("a", "USD/*", "")])
    assert answer[key] == 10
    assert answer["a", "USD", ""] == 1000
    assert store.get_metadata({"a": ["k"], "z": ["k"]}) == {"a": {"k": "v"}}
    assert repr(store) == "StaticStore(5 balances, 1 accounts)"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"account": "a", "asset": "USD/2"}, "no `amount`"),
        ({"asset": "USD/2", "amount": 1}, "`account` as text"),
        ({"account": "a", "asset": 2, "amount": 1}, "`asset` as text"),
        ({"account": "a", "asset": "USD/2", "amount": 1, "color": 1}, "`color` as text"),
        ({"account": "a", "asset": "USD/2", "amount": 1.5}, "1.5"),
        ({"account": "a", "asset": "USD/2", "amount": float("nan")}, "nan"),
        ({"account": "a", "asset": "USD/2", "amount": float("inf")}, "inf"),
        ({"account": "a", "asset": "USD/2", "amount": "x"}, "`x`"),
        ({"account": "a", "asset": "USD/2", "amount": None}, "None"),
        ({"account": "a", "asset": "USD/2", "amount": 1, "note": ""}, "no field `note`"),
        ("a", "must be an object"),
    ],
    ids=str,
)
def test_the_static_store_refuses_rows_that_are_none(row: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        StaticStore([row])


def test_the_static_store_refuses_two_rows_of_one_balance() -> None:
    row = {"account": "a", "asset": "USD/2", "amount": 1, "color": "RED"}
    with pytest.raises(ValueError, match="two balances are given for @a in USD/2 of color RED"):
        StaticStore([row, dict(row, amount=2)])
