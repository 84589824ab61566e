"""The table of instructions, and that everything that has a part for each has all of them."""

from __future__ import annotations

import ast
import inspect

from numscript.bytecode import opcodes
from numscript.bytecode.opcodes import BY_BYTE, ROWS, Op
from numscript.runtime import translator, vm

OPERANDS = {"slot", "label", "variable", "type", "failure", "count"}
PICTURES = {"account", "allotment", "asset", "monetary", "number", "portion", "string", "value"}


def test_rows_and_names_are_the_same_set() -> None:
    assert {row.name: row.byte for row in ROWS} == {op.name: int(op) for op in Op}
    assert len(BY_BYTE) == len(ROWS)
    assert all(0 < row.byte < 256 for row in ROWS)


def test_every_row_says_what_it_does() -> None:
    for row in ROWS:
        assert row.doc, row.name
        assert set(row.operands) <= OPERANDS
        assert len(row.operands) <= 2
        words = {*row.before.split(), *row.after.split()}
        assert words - PICTURES <= {"..."}, row.name


def test_the_machine_has_an_arm_for_every_instruction() -> None:
    """Each is compared with in the code of the machine, but those that an `else` stands for."""
    tree = ast.parse(inspect.getsource(vm))
    compared: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for part in (node.left, *node.comparators):
                elements = part.elts if isinstance(part, ast.Tuple) else [part]
                compared |= {item.id for item in elements if isinstance(item, ast.Name)}
    by_else = {op.name for op in Op} - compared
    assert by_else <= {"SCALE_ALL", "POSTINGS_CHECK", "BALANCE", "SWAP", "STORE", "POP"}, by_else


def test_the_translator_has_a_template_for_every_instruction() -> None:
    templates = {name.removeprefix("do_").upper() for name in dir(translator._Translator)}
    left_to_the_machine = {"SCALE", "SCALE_ALL"}
    assert {op.name for op in Op} - templates <= left_to_the_machine


def test_the_module_says_how_a_row_is_read() -> None:
    doc = opcodes.__doc__ or ""
    assert all(f"`{operand}`" in doc for operand in OPERANDS)
