"""What must hold of every program: laws, tried on random programs.

The programs come from `tests.programs`; the examples are the same on every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import numscript
from numscript import FEATURES, ExecutionError, ExecutionResult
from numscript.bytecode.program import Allotment
from numscript.embedding import Engine
from numscript.runtime.allotment import allocate, make_allotment
from numscript.runtime.result import end_balances
from numscript.values import Portion, is_account, is_asset, is_color
from tests.programs import UNBOUNDED, Case, Send, balances, cases, sends

SOME = settings(max_examples=100)
MANY = settings(max_examples=200)


def successful(case: Case) -> ExecutionResult:
    try:
        return case.run()
    except ExecutionError:
        assume(False)
        raise


def outcome(action: Callable[[], object]) -> object:
    """What an action gives, or the error it raises as text."""
    try:
        return action()
    except numscript.NumscriptError as error:
        return str(error)


def resolved_of(case: Case) -> numscript.ResolvedProgram:
    try:
        return case.compile().resolve(case.variables, case.store)
    except ExecutionError:
        assume(False)
        raise


# --- postings ---------------------------------------------------------------------------------


@SOME
@given(cases())
def test_a_posting_moves_something_between_accounts_that_can_be(case: Case) -> None:
    for posting in successful(case).postings:
        assert posting.amount > 0
        assert type(posting.amount) is int
        assert is_account(posting.source)
        assert is_account(posting.destination)
        assert is_asset(posting.asset)
        assert is_color(posting.color)


@SOME
@given(cases())
def test_money_is_conserved_in_each_asset_and_color(case: Case) -> None:
    """What all accounts together have, @world among them, is the same before and after."""
    before = case.store.balances
    after = end_balances(before, successful(case).postings)
    change: Counter[tuple[str, str]] = Counter()
    for (_, asset, color), amount in after.items():
        change[asset, color] += amount
    for (_, asset, color), amount in before.items():
        change[asset, color] -= amount
    assert set(change.values()) <= {0}


@MANY
@given(cases())
def test_no_account_falls_below_its_floor_at_any_time(case: Case) -> None:
    """The floor: zero less the greatest overdraft that the script allows; or where it was."""
    result = successful(case)
    balances = dict(case.store.balances)
    for source, destination, amount, asset, color in result.postings:
        key, other = (source, asset, color), (destination, asset, color)
        start = case.store.balances.get(key, 0)
        balances[key] = balances.get(key, 0) - amount
        balances[other] = balances.get(other, 0) + amount
        allowed = case.floors.get(key, 0)
        if source in ("world", "swap") or allowed is UNBOUNDED:
            continue
        assert balances[key] >= min(start, -allowed), posting_text(source, asset, color)


def posting_text(source: str, asset: str, color: str) -> str:
    return f"@{source} fell too low in {asset} {color}"


@SOME
@given(sends())
def test_exactly_what_is_sent_arrives(send: Send) -> None:
    """All of it, where nothing is kept; with `kept`, no more than that."""
    result = successful(send.case)
    moved = sum(posting.amount for posting in result.postings)
    assert {posting.asset for posting in result.postings} <= {send.asset}
    if send.case.kept:
        assert moved <= send.amount
    else:
        assert moved == send.amount


@MANY
@given(
    st.dictionaries(st.integers(0, 6), st.integers(-50, 5000), min_size=2),
    st.integers(0, 6),
    st.integers(0, 3000) | st.none(),
)
def test_scaling_loses_no_unit(holdings: dict[int, int], scale: int, amount: int | None) -> None:
    """What goes to @swap, in all precisions together, is worth what comes back from there.

    There is enough exactly where the whole units of the sent precision that each holding is worth
    cover the amount; a holding below zero is worth nothing, unless it is of the sent precision.
    """
    rows = [
        {"account": "a", "asset": f"USD/{decimals}", "amount": held}
        for decimals, held in holdings.items()
    ]
    others = [
        max(0, held) * 10**scale // 10**decimals
        for decimals, held in holdings.items()
        if decimals != scale
    ]
    available = max(0, holdings.get(scale, 0) + sum(others))
    script = (
        f"send [USD/{scale} {'*' if amount is None else amount}] "
        "( source = @a with scaling through @swap destination = @b )"
    )
    program = numscript.compile(script, ["experimental-asset-scaling"])
    if amount is not None and amount > available:
        with pytest.raises(ExecutionError, match="NUM401"):
            program.run({}, numscript.StaticStore(rows))
        return
    result = program.run({}, numscript.StaticStore(rows))
    worth = 0
    for posting in result.postings:
        decimals = int(posting.asset.removeprefix("USD/"))
        value = posting.amount * 10 ** (6 - decimals)
        worth += value * ((posting.destination == "swap") - (posting.source == "swap"))
        if posting.source == "a" and posting.destination == "swap":
            assert posting.amount <= holdings[decimals]
    assert worth == 0
    arrived = sum(posting.amount for posting in result.postings if posting.destination == "b")
    assert arrived == (available if amount is None else amount)


# --- shares -----------------------------------------------------------------------------------

weights = st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(sum)
amounts = st.integers(0, 10**6) | st.integers(0, 10**40)


@SOME
@given(amounts, weights)
def test_shares_make_the_whole_and_are_exact_to_less_than_a_unit(
    amount: int, parts: list[int]
) -> None:
    """Each share is its exact part rounded down, and the first ones get a unit more.

    So that the shares sum to the amount, and none differs from its exact part by a unit or more.
    """
    whole = sum(parts)
    shares = allocate(amount, Allotment(tuple(parts), whole))
    assert sum(shares) == amount
    extra = [share - amount * part // whole for share, part in zip(shares, parts, strict=True)]
    assert extra == sorted(extra, reverse=True)
    assert set(extra) <= {0, 1}
    for share, part in zip(shares, parts, strict=True):
        exact = Fraction(amount * part, whole)
        assert share - exact <= 1
        assert exact - share < 1


@SOME
@given(amounts, weights, st.data())
def test_the_remaining_portion_is_what_the_others_leave(
    amount: int, parts: list[int], data: st.DataObject
) -> None:
    whole = sum(parts)
    portions = [Portion.of(part, whole) for part in parts]
    place = data.draw(st.integers(0, len(parts) - 1))
    others = portions[:place] + portions[place + 1 :]
    complete = allocate(amount, make_allotment(portions, 0))
    assert allocate(amount, make_allotment(others, place + 1)) == complete


@SOME
@given(st.integers(0, 10**12), weights)
def test_a_script_splits_as_the_shares_say(amount: int, parts: list[int]) -> None:
    whole = sum(parts)
    rows = " ".join(f"{part}/{whole} to @r{place}" for place, part in enumerate(parts))
    script = f"send [USD/2 {amount}] ( source = @world destination = {{ {rows} }} )"
    received = {p.destination: p.amount for p in numscript.compile(script).run().postings}
    shares = allocate(amount, Allotment(tuple(parts), whole))
    assert [received.get(f"r{place}", 0) for place in range(len(parts))] == shares


# --- the same thing said otherwise ------------------------------------------------------------


@SOME
@given(sends(scaling=True))
def test_braces_around_one_source_change_nothing(send: Send) -> None:
    assert send.variant(source=f"{{ {send.source} }}").outcome() == send.case.outcome()


@SOME
@given(sends(scaling=True))
def test_oneof_a_single_source_changes_nothing(send: Send) -> None:
    assert send.variant(source=f"oneof {{ {send.source} }}").outcome() == send.case.outcome()


@SOME
@given(sends(scaling=True))
def test_a_cap_that_is_high_enough_changes_nothing(send: Send) -> None:
    cap = f"[{send.asset} {send.amount}]"
    assert send.variant(source=f"max {cap} from {send.source}").outcome() == send.case.outcome()


@SOME
@given(sends(scaling=True))
def test_a_source_that_cannot_give_all_leaves_no_trace_in_oneof(send: Send) -> None:
    """A branch that gives less than is wanted is undone, whatever it did."""
    short = f"{{ max [{send.asset} {send.amount // 2}] from @world @nobody }}"
    assume(send.amount > 0)
    variant = send.variant(source=f"oneof {{ {short} {send.source} }}")
    assert variant.outcome() == send.case.outcome()


@SOME
@given(sends(scaling=True))
def test_the_whole_to_one_receiver_is_the_receiver(send: Send) -> None:
    expected = send.case.outcome()
    for block in ("{ 100% to %s }", "{ remaining to %s }", "{ 1/1 to %s remaining kept }"):
        destination = block.replace("%s", send.destination)
        assert send.variant(destination=destination).outcome() == expected


@SOME
@given(sends())
def test_kept_gives_everything_back(send: Send) -> None:
    successful(send.case)
    result = send.variant(destination="{ remaining kept }").run()
    assert result.postings == ()


# --- programs ---------------------------------------------------------------------------------


@SOME
@given(cases())
def test_bytes_stand_for_the_program(case: Case) -> None:
    program = case.compile()
    data = program.encode()
    again = numscript.Program.decode(data)
    assert again == program
    assert hash(again) == hash(program)
    assert again.encode() == data
    assert again.variables == program.variables
    assert again.needs == program.needs
    assert again.disassemble() == program.disassemble()
    expected = outcome(lambda: program.run(case.variables, case.store))
    assert outcome(lambda: again.run(case.variables, case.store)) == expected


@MANY
@given(cases(), balances())
def test_the_translated_function_does_what_the_machine_does(
    case: Case, others: list[dict[str, object]]
) -> None:
    """The same result or error, at the same place, after the same questions to the store."""
    program = case.compile()
    for rows in (case.balances, others):
        outcomes = []
        for engine in ENGINES:
            store = Recording(rows, case.metadata)
            outcomes.append((engine_outcome(program, case, store, engine), store.questions))
        assert outcomes[0] == outcomes[1]


ENGINES: tuple[Engine, Engine] = ("vm", "translated")


def engine_outcome(
    program: numscript.Program, case: Case, store: numscript.Store, engine: Engine
) -> object:
    return outcome(lambda: program.run(case.variables, store, engine=engine))


class Recording(numscript.StaticStore):
    """A store that remembers what it was asked."""

    def __init__(
        self, balances: list[dict[str, object]], metadata: Mapping[str, Mapping[str, str]]
    ) -> None:
        super().__init__(balances, metadata)
        self.questions: list[object] = []

    def get_balances(
        self, query: Sequence[numscript.BalanceKey]
    ) -> Mapping[numscript.BalanceKey, int]:
        self.questions.append(sorted(query))
        return super().get_balances(query)

    def get_metadata(self, query: Mapping[str, Sequence[str]]) -> Mapping[str, Mapping[str, str]]:
        self.questions.append(sorted((account, tuple(keys)) for account, keys in query.items()))
        return super().get_metadata(query)


@SOME
@given(cases())
def test_running_is_pure(case: Case) -> None:
    """The store, the variables and the resolved program are as before, and so is the result."""
    resolved = resolved_of(case)
    slots, balances = resolved.slots.copy(), resolved.balances.copy()
    first = outcome(lambda: numscript.execute(resolved))
    for _ in range(2):
        assert outcome(lambda: numscript.execute(resolved)) == first
    assert (resolved.slots, resolved.balances) == (slots, balances)
    store = case.store
    assert case.compile().resolve(case.variables, store) == resolved
    assert store.balances == case.store.balances


@SOME
@given(cases())
def test_only_what_is_needed_is_read(case: Case) -> None:
    """With a store that has nothing but what `resolve` read, the run is the same."""
    resolved = resolved_of(case)
    rows = [
        {"account": account, "asset": asset, "amount": amount, "color": color}
        for (account, asset, color), amount in resolved.balances.items()
    ]
    smaller = numscript.StaticStore(rows, case.metadata)
    expected = outcome(lambda: numscript.execute(resolved))
    assert outcome(lambda: case.compile().run(case.variables, smaller)) == expected


@SOME
@given(cases())
def test_the_result_as_json_has_exact_amounts(case: Case) -> None:
    import json

    result = successful(case)
    tree = json.loads(result.to_json())
    assert set(tree) == {"postings", "txMeta", "accountsMeta"}
    assert tree["postings"] == [posting.to_dict() for posting in result.postings]
    assert tree["txMeta"] == result.tx_metadata
    assert tree["accountsMeta"] == result.account_metadata


# --- any text ---------------------------------------------------------------------------------

WORDS = """
    vars send save source destination max from up to remaining allowing unbounded overdraft oneof
    kept with scaling through feature print fail account monetary portion number string asset
    set_tx_meta meta balance { } ( ) [ ] = , * + - / \\ @a @world @a:b :c @x:$v $v $w USD/2 COIN
    0 1 100 1/2 50% 12.5% "text" "RED" #! // /* */ " $ @ ; é
"""
soup = st.lists(st.sampled_from(WORDS.split()), max_size=40).map(" ".join)


def survives(text: str) -> None:
    """`check` never raises, and `compile` raises what it should."""
    checked = numscript.check(text, tuple(FEATURES))
    for diagnostic in checked.diagnostics:
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
        str(diagnostic)
        diagnostic.to_dict()
    if checked.refusals:
        syntax = [d for d in checked.refusals if d.code < "NUM2"]
        expected = numscript.ParseError if syntax else numscript.CheckError
        with pytest.raises(expected) as raised:
            numscript.compile(text, tuple(FEATURES))
        assert len(raised.value.diagnostics) == len(syntax or checked.refusals)
        return
    program = numscript.compile(text, tuple(FEATURES))
    assert numscript.Program.decode(program.encode()) == program
    stops(program, {name: VALUES[kind] for name, kind in program.variables.items()})


def stops(
    program: numscript.Program,
    variables: Mapping[str, object],
    store: numscript.Store | None = None,
) -> None:
    """A run ends, with a result or with an ExecutionError of the kinds of execution."""
    try:
        program.run(variables, store)
    except ExecutionError as error:
        stopped = error
    else:
        return
    assert str(stopped)
    for diagnostic in stopped.diagnostics:
        assert diagnostic.code.startswith("NUM4") or diagnostic.code == "NUM108"


VALUES = {
    "account": "a",
    "asset": "USD/2",
    "monetary": "USD/2 100",
    "number": "3",
    "portion": "1/2",
    "string": "text",
}


@MANY
@given(st.text(max_size=80))
def test_any_text_is_answered(text: str) -> None:
    survives(text)


@MANY
@given(soup)
def test_any_words_in_any_order_are_answered(text: str) -> None:
    survives(text)


@MANY
@given(cases(), st.data())
def test_any_mutation_of_a_program_is_answered(case: Case, data: st.DataObject) -> None:
    text = case.script
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        to = data.draw(st.integers(at, min(len(text), at + 12)))
        put = data.draw(st.sampled_from(["", " ", *WORDS.split()]) | st.text(max_size=3))
        text = text[:at] + put + text[to:]
    survives(text)


@MANY
@given(cases(), st.data())
def test_any_value_of_a_variable_is_answered(case: Case, data: st.DataObject) -> None:
    texts = st.text(max_size=12) | st.sampled_from(["USD/2 1", "1/2", "50%", "-1", "world", ""])
    numbers = st.booleans() | st.floats() | st.integers() | st.fractions()
    anything = texts | numbers | st.none() | st.binary()
    values = st.dictionaries(st.sampled_from(["asset", "amount", "x"]), anything) | anything
    given_values = {name: data.draw(values) for name in case.variables}
    stops(case.compile(), given_values, case.store)
