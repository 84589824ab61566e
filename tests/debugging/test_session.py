from __future__ import annotations

import json
import re

import pytest

from numscript.debugging.session import Session
from tests.debugging.material import traced

INPUTS = {
    "variables": {"fee": "1/4"},
    "balances": [
        {"account": "ana", "asset": "X", "amount": 60},
        {"account": "tax", "asset": "X", "amount": 7},
    ],
}
SCRIPT = """\
// INPUTS
vars { portion $fee }
send [X 40] (
  source = {
    max [X 10] from @ana
    @card allowing unbounded overdraft
  }
  destination = {
    $fee to @fees
    remaining to { max [X 5] to @tax remaining to @shop }
  }
)
send [X 2] ( source = @ana destination = @bob )
""".replace("INPUTS", json.dumps(INPUTS))


@pytest.fixture
def session() -> Session:
    return Session(traced(SCRIPT))


def place(session: Session) -> str:
    line, column = session.trace.script.position(session.step.span.start)
    return f"{line + 1}:{column + 1}"


def test_over_a_statement_goes_to_the_next_one(session: Session) -> None:
    assert place(session) == "3:1"
    assert session.step_over() == "step"
    assert place(session) == "13:1"
    assert session.step_over() == "end"
    assert session.at == session.last


def test_in_goes_clause_by_clause_and_back_as_well(session: Session) -> None:
    places = [place(session)]
    while session.step_in() != "end":
        places.append(place(session))
    assert places == [
        "3:1",
        "5:5",
        "6:5",
        "8:3",
        "9:5",
        "10:20",
        "10:38",
        "13:1",
        "13:23",
        "13:42",
    ]
    back = []
    while session.at:
        session.step_back()
        back.append(place(session))
    assert back == places[::-1]
    assert session.reason == "start"


def test_over_and_out_of_a_block(session: Session) -> None:
    session.place_breakpoint(8)
    assert session.resume() == "breakpoint"
    assert place(session) == "9:5"
    session.step_over()
    assert place(session) == "13:1"
    session.at = 5
    session.step_over()
    assert place(session) == "10:38"
    session.step_out()
    assert place(session) == "13:1"


def test_a_breakpoint_moves_to_the_next_line_that_does_something(session: Session) -> None:
    clause = session.place_breakpoint(3)
    assert clause is not None
    assert clause.title == "max [X 10] from @ana"
    assert session.place_breakpoint(40) is None
    first = session.place_breakpoint(0)
    assert first is not None
    assert first.title == "send [X 40]"


def test_a_breakpoint_can_be_inside_a_line(session: Session) -> None:
    clause = session.place_breakpoint(9, 25)
    assert clause is not None
    assert clause.title == "remaining to @shop"
    session.resume()
    assert place(session) == "10:38"


def test_stepping_over_stops_at_a_breakpoint_inside(session: Session) -> None:
    session.place_breakpoint(5)
    assert session.step_over() == "breakpoint"
    assert place(session) == "6:5"


def test_going_back_stops_at_breakpoints_too(session: Session) -> None:
    session.place_breakpoint(5)
    assert session.resume() == "breakpoint"
    assert session.resume() == "end"
    assert session.resume_back() == "breakpoint"
    assert place(session) == "6:5"
    assert session.resume_back() == "start"


def test_a_watched_account_stops_the_run_when_its_balance_has_changed(session: Session) -> None:
    session.watched.add("tax")
    assert session.resume() == "watch"
    assert place(session) == "10:38"
    assert session.state.balances["tax", "X", ""] == 5
    session.watched = {"ana"}
    assert session.resume() == "watch"
    assert place(session) == "13:42"
    assert session.resume() == "end"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("fee", "1/4"),
        ("$fee", "1/4"),
        ("[X 2] + [X 3]", "X 5"),
        ("balance(@ana, X)", "X 50"),
        ("get_amount(balance(@ana, X)) + 1", "51"),
        ("overdraft(@card, X)", "X 30"),
        ("@ana", "X 50"),
        ("balance(@tax, X)", "X 7"),
        ("@nobody", "nobody"),
    ],
)
def test_expressions_are_worked_out_on_what_is_in_flight(
    session: Session, expression: str, value: str
) -> None:
    session.at = 3
    assert session.evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("$nope", "the variable `$nope` is not declared"),
        ("1 + $fee", "expected number, got portion"),
        ("balance(@card, X)", "the balance of"),
        ("(", "expected a value"),
        ("1 print 2", "this is not an expression"),
    ],
)
def test_what_is_no_expression_is_refused(session: Session, expression: str, reason: str) -> None:
    session.at = 3
    with pytest.raises(ValueError, match=re.escape(reason)):
        session.evaluate(expression)


def test_a_balance_that_the_run_never_reads_is_read_where_it_is_asked_for(
    session: Session,
) -> None:
    assert session.evaluate("balance(@ana, X)") == "X 60"
    assert session.evaluate("balance(@tax, X)") == "X 7"
    session.at = session.last
    assert session.state.balances["tax", "X", ""] == 5
    assert session.evaluate("balance(@tax, X)") == "X 12"
    assert session.evaluate("balance(@ana, X)") == "X 48"


def test_a_variable_has_its_value_once_it_is_declared() -> None:
    inputs = '// {"metadata": {"order": {"by": "ana"}}}'
    session = Session(traced(f'{inputs}\nvars {{ account $a = meta(@order, "by") }}\nprint $a'))
    with pytest.raises(ValueError, match="not declared"):
        session.evaluate("$a")
    session.step_in()
    assert session.evaluate("$a") == "ana"
