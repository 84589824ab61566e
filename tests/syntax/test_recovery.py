"""The tree of a text that is being typed: a slip costs what it is in, and nothing around it."""

from __future__ import annotations

from typing import Any

import pytest

import numscript
from numscript import Script
from numscript.syntax import nodes
from numscript.syntax.parser import parse, walk_tokens
from tests.material import THINNED, conformance_scripts
from tests.syntax.variants import shape

VARS = "vars {\n  account $a\n  monetary $m\n}\n"
TAIL = '\nset_tx_meta("k", $a)\nsend $m ( source = @x destination = @y )\n'


def program_of(text: str) -> nodes.Program:
    parsed = parse(Script(text))
    assert parsed.diagnostics
    return parsed.program


def unfinished(text: str) -> Any:
    """The first statement of a script that goes on with `TAIL`, which is understood whole."""
    program = program_of(VARS + text + TAIL)
    whole = parse(Script(TAIL)).program.statements
    assert [shape(s) for s in program.statements[-2:]] == [shape(s) for s in whole]
    assert len(program.statements) == 3
    return program.statements[0]


def names(node: Any) -> list[str]:
    """The names of the variables below a node, in order."""
    if isinstance(node, nodes.Variable):
        return [node.name]
    values = node.fields if isinstance(node, nodes.Node) else node
    inside = (names(value) for value in values if isinstance(value, (nodes.Node, tuple)))
    return [name for found in inside for name in found]


@pytest.mark.parametrize(
    ("text", "sent", "source", "destination"),
    [
        ("send $m", "SentValueLiteral", "Broken", "Broken"),
        ("send [USD/2 ", "Broken", "Broken", "Broken"),
        ("send $m (", "SentValueLiteral", "Broken", "Broken"),
        ("send $m ( source", "SentValueLiteral", "Broken", "Broken"),
        ("send $m ( source =", "SentValueLiteral", "Broken", "Broken"),
        ("send $m ( source = @a", "SentValueLiteral", "SourceAccount", "Broken"),
        ("send $m ( source = max $m from @a", "SentValueLiteral", "SourceCapped", "Broken"),
        ("send $m ( source = { @a $a", "SentValueLiteral", "Broken", "Broken"),
        ("send $m ( destination = @b", "SentValueLiteral", "Broken", "DestinationAccount"),
        ("send $m ( source = { $a }", "SentValueLiteral", "SourceInorder", "Broken"),
        ("send $m ( source = @a destination =", "SentValueLiteral", "SourceAccount", "Broken"),
        (
            "send $m ( source = @a destination = @b",
            "SentValueLiteral",
            "SourceAccount",
            "DestinationAccount",
        ),
        (
            "send $m ( source = @a destination = { 1/2 to $a",
            "SentValueLiteral",
            "SourceAccount",
            "Broken",
        ),
    ],
)
def test_an_unfinished_send_has_the_clauses_it_has(
    text: str, sent: str, source: str, destination: str
) -> None:
    statement = unfinished(text)
    assert isinstance(statement, nodes.SendStatement)
    found = (statement.sent, statement.source, statement.destination)
    assert [type(part).__name__ for part in found] == [sent, source, destination]
    assert names(statement) == [word.strip("$") for word in text.split() if word[0] == "$"]


@pytest.mark.parametrize(
    ("text", "kind", "used"),
    [
        ("save $m", "SaveStatement", ["m"]),
        ("save $m from", "SaveStatement", ["m"]),
        ("set_account_meta($a,", "FnCall", ["a"]),
        ("set_account_meta(", "FnCall", []),
        ("print $m +", "PrintStatement", ["m"]),
    ],
)
def test_other_unfinished_statements_stay_what_they_are(
    text: str, kind: str, used: list[str]
) -> None:
    program = program_of(VARS + text + "\nsend $m ( source = @x destination = @y )")
    first, last = program.statements
    assert type(first).__name__ == kind
    assert isinstance(last, nodes.SendStatement)
    assert names(first) == used


@pytest.mark.parametrize(
    "block",
    [
        "vars {\n  account $a\n  monetary $m\n",
        "vars {\n  account $a\n  monetary $m\n  number\n",
        "vars {\n  account $a\n  monetary $m = \n",
        "vars {\n  account $a\n  monetary $m number }\n",
        "vars {\n  account $a $x\n  monetary $m }\n",
        "vars {\n  account $a\n  monetary $m = balance(@a, \n",
    ],
)
def test_the_variables_of_an_unfinished_block_are_declared(block: str) -> None:
    checked = numscript.check(block + "send $m ( source = $a destination = @y )")
    assert {d.code[:4] for d in checked.diagnostics} == {"NUM1"}
    assert set(checked.variables) == {"a", "m"}


def test_flags_of_an_unfinished_line_are_on() -> None:
    send = "send [USD/2 1] ( source = oneof { @a @b } destination = @c )"
    script = f'#![feature("experimental-oneof"\n{send}'
    assert [d.code for d in numscript.check(script).diagnostics] == ["NUM101"]


@pytest.mark.parametrize(
    "text",
    [
        "send [USD/2 1] ( source = { $a max [USD/2 1] } destination = @b )",
        "send [USD/2 1] ( source = @x destination = { 1/2 to $a 1/2 } )",
        "send [USD/2 1] ( source = { 1/2 from $a 1/2 x } destination = @b )",
        "send [USD/2 1] ( source = @x destination = { max [USD/2 1] to $a } )",
        'set_tx_meta("k", [USD/2 $a)',
    ],
)
def test_what_is_left_of_a_block_still_uses_its_variables(text: str) -> None:
    checked = numscript.check("vars { account $a }\n" + text)
    assert {d.code[:4] for d in checked.diagnostics} == {"NUM1"}
    assert {declaration.variable.name for declaration in checked.uses.values()} == {"a"}


def test_a_statement_taken_for_an_argument_of_the_one_before_stands_for_itself() -> None:
    text = 'send [USD/2 1] ( source =\nset_tx_meta("k", 1)\nprint 2'
    sent, call, last = program_of(text).statements
    assert isinstance(sent, nodes.SendStatement)
    assert sent.end < call.start
    assert isinstance(call, nodes.FnCall)
    assert (call.name, len(call.arguments)) == ("set_tx_meta", 2)
    assert isinstance(last, nodes.PrintStatement)


def test_a_token_less_costs_the_statement_it_is_missing_in() -> None:
    for _, text, _ in conformance_scripts()[:: 6 * THINNED]:
        parsed = parse(Script(text))
        block = parsed.program.vars
        parts = [*(block.declarations if block else ()), *parsed.program.statements]
        for _, start, end in walk_tokens(parsed):
            changed = parse(Script(text[:start] + text[end:]))
            touched = [part for part in parts if part.start < start < part.end]
            if not changed.diagnostics or not touched:
                # Without its first word a statement goes on with the one before it.
                continue
            block = changed.program.vars
            found = [*(block.declarations if block else ()), *changed.program.statements]
            shapes = [shape(part) for part in found]
            lost = [part for part in parts if shape(part) not in shapes]
            assert [part for part in lost if part not in touched] == [], text[:start]


def test_a_text_cut_anywhere_keeps_the_statements_before_the_cut() -> None:
    for _, text, _ in conformance_scripts()[:: 12 * THINNED]:
        statements = parse(Script(text)).program.statements
        for at in range(len(text)):
            checked = numscript.check(text[:at])
            found = [shape(statement) for statement in checked.program.statements]
            # The last one may be of the start of a longer word.
            before = [shape(s) for s in statements if s.end < at]
            assert found[: len(before)] == before
            for diagnostic in checked.diagnostics:
                assert 0 <= diagnostic.span.start <= diagnostic.span.end <= at
