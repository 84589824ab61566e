"""Where ours differs from the reference on purpose, row by row of docs/architecture.md.

Each is run by the machine and by the translated function.
"""

from __future__ import annotations

import pytest

import numscript
from numscript import FEATURES, ExecutionError, Posting
from numscript.embedding import Engine

ENGINES: tuple[Engine, ...] = ("vm", "translated")


def run(script: str, rows: list[tuple[str, str, int]], **variables: object) -> tuple[Posting, ...]:
    """The postings of a script, the same from both engines."""
    balances = [{"account": a, "asset": asset, "amount": amount} for a, asset, amount in rows]
    program = numscript.compile(script, tuple(FEATURES))
    machine, translated = (
        program.run(variables, numscript.StaticStore(balances), engine=engine).postings
        for engine in ENGINES
    )
    assert machine == translated
    return machine


def code(script: str, rows: list[tuple[str, str, int]], **variables: object) -> str:
    with pytest.raises(ExecutionError) as raised:
        run(script, rows, **variables)
    return raised.value.kind.code


def test_clauses_may_stand_in_either_order() -> None:
    script = "send [USD/2 5] ( destination = @b source = @world )"
    assert run(script, []) == (Posting("world", "b", 5, "USD/2"),)


def test_print_adds_to_what_is_printed_and_fail_stops() -> None:
    program = numscript.compile("print 1 + 2 print [USD/2 5] print 1/2")
    for engine in ENGINES:
        assert program.run(engine=engine).printed == ("3", "USD/2 5", "1/2")
    assert code("print 1 fail", []) == "NUM424"


def test_a_comment_may_end_the_file_and_a_byte_order_mark_start_it() -> None:
    assert run("\ufeffsend [USD/2 5] ( source = @world destination = @b ) // done", [])


@pytest.mark.parametrize("value", ["1/4", "3/4", "1/1"])
def test_two_remaining_make_no_whole(value: str) -> None:
    script = (
        "vars { portion $p } send [USD/2 9] ( source = @world destination = "
        "{ $p to @a remaining to @b remaining to @c } )"
    )
    assert code(script, [], p=value) == "NUM406"


def test_portions_above_one_leave_nothing_to_remaining() -> None:
    script = (
        "vars { portion $p } send [USD/2 9] ( source = @world destination = "
        "{ $p to @a 3/4 to @b remaining to @c } )"
    )
    assert code(script, [], p="1/2") == "NUM406"
    assert len(run(script, [], p="1/4")) == 2


def test_a_balance_in_mid_script_is_the_real_one() -> None:
    """Also of an account that was only a destination, or unbounded, so far."""
    rows = [("b", "USD/2", 100), ("c", "USD/2", 50)]
    received = (
        "send [USD/2 5] ( source = @world destination = @b ) "
        "send balance(@b, USD/2) ( source = @world destination = @d )"
    )
    assert run(received, rows)[-1].amount == 105
    given = (
        "send [USD/2 5] ( source = @c allowing unbounded overdraft destination = @d ) "
        "send balance(@c, USD/2) ( source = @world destination = @d )"
    )
    assert run(given, rows)[-1].amount == 45


def test_a_branch_of_oneof_that_fails_leaves_no_conversions() -> None:
    script = (
        "send [USD/2 500] ( source = oneof { @a with scaling through @swap @b } destination = @c )"
    )
    rows = [("a", "USD", 3), ("a", "USD/2", 0), ("b", "USD/2", 500)]
    assert run(script, rows) == (Posting("b", "c", 500, "USD/2"),)
    enough = [("a", "USD", 5), ("a", "USD/2", 0), ("b", "USD/2", 500)]
    assert run(script, enough) == (
        Posting("a", "swap", 5, "USD"),
        Posting("swap", "a", 500, "USD/2"),
        Posting("a", "c", 500, "USD/2"),
    )


def test_after_a_failed_branch_the_account_has_what_it_had() -> None:
    script = (
        "send [USD/2 500] ( "
        "source = oneof { @a with scaling through @swap @b } destination = @c ) "
        "send [USD *] ( source = @a destination = @d )"
    )
    rows = [("a", "USD", 3), ("a", "USD/2", 0), ("b", "USD/2", 500)]
    assert run(script, rows)[-1] == Posting("a", "d", 3, "USD")


def test_a_precision_below_zero_counts_as_nothing() -> None:
    script = "send [USD/2 100] ( source = @a with scaling through @swap destination = @c )"
    rows = [("a", "USD", 2), ("a", "USD/4", -5000), ("a", "USD/2", 0)]
    assert run(script, rows) == (
        Posting("a", "swap", 1, "USD"),
        Posting("swap", "a", 100, "USD/2"),
        Posting("a", "c", 100, "USD/2"),
    )
    assert code(script, [("a", "USD/4", -5000), ("a", "USD/2", 99)]) == "NUM401"


def test_amounts_are_exact_whatever_their_size() -> None:
    amount = 2**200 + 1
    script = "send [USD/2 *] ( source = @a destination = { 1/2 to @b remaining to @c } )"
    postings = run(script, [("a", "USD/2", amount)])
    assert [posting.amount for posting in postings] == [2**199 + 1, 2**199]
