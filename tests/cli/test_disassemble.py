from __future__ import annotations

import json
from pathlib import Path

import numscript
from tests.cli.conftest import SALE, Call


def test_instructions_are_shown_with_their_places(call: Call, sale: Path) -> None:
    done = call("disassemble", sale.name)
    assert done.exit_code == 0
    assert done.stdout == numscript.compile(SALE).disassemble()
    assert '  TAKE               @alice  ""' in done.stdout


def test_instructions_as_json(call: Call, sale: Path) -> None:
    answer = json.loads(call("disassemble", sale.name, "-o", "json").stdout)
    assert answer["variables"] == [{"name": "price", "type": "monetary"}]
    assert {"type": "account", "value": "alice"} in answer["constants"]
    assert {"op": "TAKE_EXACT", "operands": [], "line": 5, "column": 12} in answer["code"]["main"]


def test_allotments_and_empty_scripts_can_be_shown(call: Call) -> None:
    text = "send [X 9] ( source = @world destination = { 1/3 to @a remaining to @b } )"
    answer = json.loads(call("disassemble", "-", "-o", "json", input=text).stdout)
    assert {"type": "allotment", "value": ["1/3", "2/3"]} in answer["constants"]
    assert call("disassemble", "-", input="").stdout == "no instructions\n"


def test_a_script_that_does_not_compile_fails(call: Call) -> None:
    assert call("disassemble", "-", input="send").exit_code == 1
    assert call("disassemble", "nope.num").exit_code == 2
