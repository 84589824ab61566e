"""What the translator writes: only its own names, and constants that cannot be anything else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

import numscript
from numscript.runtime.translation.names import NAMES
from numscript.runtime.translator import translate_to_source

FEATURES = tuple(numscript.FEATURES)
HOSTILE = [
    '\\"); import os; os.abort(); (\\"',
    "'); raise SystemExit; ('",
    "{__import__('os').abort()}",
    "\\\\'''\\n",
    "%(x)s {0} {} \\x00 \\u2028",
    '\\"); exit()  #',
    "a' + str(exit()) + 'b",
    "\u2028\u2029\u0085 \x0b \x0c",
    "# coding: rot13",
]
SCRIPT = """vars {{
  string $note = meta(@orders:1, "{0}")
  account $seller
  number $count
  monetary $price
  portion $fee
}}
send $price (
  source = oneof {{
    max [USD/2 $count] from @alice
    {{ @bob \\ "RED" $seller @shop:$count allowing overdraft up to $price }}
    @world
  }}
  destination = {{
    $fee to {{ max $price to @fees remaining kept }}
    1/7 to oneof {{ max [USD/2 3] to $seller remaining to @rest }}
    remaining to $seller
  }}
)
save [USD/2 *] from @alice
send [USD/2 *] (
  source = {{ @carol allowing overdraft up to [USD/2 10] @dave }}
  destination = @rest
)
set_tx_meta("{0}", "{0}")
set_tx_meta("held", overdraft(@carol, USD/2))
set_account_meta($seller, "{0}", $note)
print "{0}"
"""
VARIABLES = {"seller": "sellers:7", "count": "5", "price": "USD/2 900", "fee": "2.5%"}
OWN_NAME = re.compile(
    r"given|store|program|place|failure|span|p|x|run|b|m|f|j|out|tx|am|printed|done|"
    r"KeyError|len|str|tuple|[a-z]\d+[an]?|[a-z]_\d+[adn]?|m[fj]\d+"
)


def source_of(text: str) -> str:
    source = translate_to_source(numscript.compile(text, FEATURES))
    assert source is not None
    return source


def names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_the_script_stays_text(text: str) -> None:
    program = numscript.compile(SCRIPT.format(text), FEATURES)
    tree = ast.parse(source_of(SCRIPT.format(text)))
    for name in names_in(tree):
        assert name in NAMES or OWN_NAME.fullmatch(name), name
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.Lambda))]
    store = numscript.StaticStore(
        [{"account": "alice", "asset": "USD/2", "amount": 300}],
        {"orders:1": {text: "kept as it is"}},
    )
    machine = program.run(VARIABLES, store, engine="vm")
    assert program.run(VARIABLES, store, engine="translated") == machine
    assert machine.tx_metadata[text] == text
    assert machine.account_metadata["sellers:7"][text] == "kept as it is"
    assert machine.printed == (text,)


def test_values_that_are_given_never_reach_the_code() -> None:
    program = numscript.compile(
        'vars { string $s account $a } set_tx_meta("s", $s) set_tx_meta("a", $a)'
    )
    source = source_of(program.script.text)
    for text in HOSTILE:
        result = program.run({"s": text, "a": "users:1"}, engine="translated")
        assert result.tx_metadata == {"s": text, "a": "users:1"}
        with pytest.raises(numscript.ExecutionError) as stopped:
            program.run({"s": "", "a": text}, engine="translated")
        assert stopped.value.kind.code == "NUM412"
    assert source == source_of(program.script.text)


def test_an_engine_that_does_not_exist_is_refused() -> None:
    program = numscript.compile("send [USD/2 1] ( source = @world destination = @a )")
    with pytest.raises(ValueError, match="no engine 'jit'"):
        program.run(engine="jit")  # type: ignore[arg-type]


def test_a_program_is_translated_once_it_has_run_often() -> None:
    program = numscript.compile("send [USD/2 3] ( source = @world destination = @often )")
    postings = {program.run().postings for _ in range(150)}
    assert postings == {program.run(engine="vm").postings}


def test_many_rows_over_one_program() -> None:
    program = numscript.compile(
        "vars { number $n } send [USD/2 $n] ( source = @world destination = @a )"
    )
    rows = [{"n": number} for number in range(1, 200)]
    amounts = [result.postings[0].amount for result in program.run_many(rows)]
    assert amounts == list(range(1, 200))
    bound = program.bind(numscript.StaticStore())
    assert bound({"n": 7}).postings[0].amount == 7


@pytest.mark.parametrize("engine", ["vm", "translated"])
def test_both_engines_name_the_same_place(engine: numscript.embedding.Engine) -> None:
    text = "send [USD/2 5] (\n  source = { @a @b }\n  destination = @c\n)"
    with pytest.raises(numscript.ExecutionError) as stopped:
        numscript.compile(text).run(engine=engine)
    assert text[slice(*stopped.value.span)] == "{ @a @b }"
    assert stopped.value.diagnostics[0].start == (1, 11)
