"""Programs as data: bytes there and back, and a verifier that lets nothing wrong through."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numscript
from numscript import FEATURES, ExecutionError, Program
from numscript.bytecode.opcodes import BY_BYTE, ROWS
from numscript.bytecode.program import MAGIC, VERSION, Code, Instruction, seal
from numscript.bytecode.verifier import verify
from numscript.embedding import Engine
from tests.material import all_scripts
from tests.programs import ACCOUNTS, ASSETS

CHUNKS = 4


def programs(step: int) -> list[Program]:
    found = []
    for _, text, flags in all_scripts(corpus_step=step):
        try:
            found.append(numscript.compile(text, flags))
        except numscript.NumscriptError:
            continue
    return found


@cache
def some_programs() -> list[Program]:
    return programs(60)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_what_the_compiler_makes_is_verified_and_keeps_its_bytes(chunk: int) -> None:
    made = programs(4)[chunk::CHUNKS]
    assert made
    for program in made:
        verify(program)
        data = program.encode()
        again = Program.decode(data)
        assert again == program
        assert again.encode() == data
        assert again.script.name == program.script.name


def test_the_head_of_the_bytes_says_what_they_are() -> None:
    data = numscript.compile("print 1").encode()
    assert data[:5] == MAGIC + bytes([VERSION])
    for broken in (b"", data[:3], b"NUMD" + data[4:], data[:4] + b"\xff" + data[5:], data[:-1]):
        with pytest.raises(ExecutionError) as raised:
            Program.decode(broken)
        assert raised.value.kind.code == "NUM427"


def test_a_decoded_program_needs_no_parser() -> None:
    import subprocess
    import sys

    data = numscript.compile("send [USD/2 1] ( source = @world destination = @b )").encode()
    code = (
        "import sys, numscript\n"
        f"result = numscript.Program.decode({data!r}).run()\n"
        "print(result.postings[0].destination)\n"
        "front = ('numscript.syntax.parser', 'numscript.analysis', 'numscript.bytecode.compiler')\n"
        "print([name for name in front if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["b", "[]"]


# --- damaged bytes ----------------------------------------------------------------------------


ENGINES: tuple[Engine, ...] = ("vm",)
"""The verifier speaks for the machine."""


def ends_well(data: bytes) -> None:
    """Bytes are refused with NUM427, or stand for a program whose run ends as runs do."""
    try:
        program = Program.decode(data)
    except ExecutionError as error:
        codes = {d.code for d in error.diagnostics}
    else:
        codes = {"NUM427"}
        runs_well(program)
    assert codes == {"NUM427"}


def runs_well(program: Program) -> None:
    values: dict[str, object] = {
        "account": "a",
        "asset": "USD/2",
        "monetary": "USD/2 7",
        "number": 3,
        "portion": "1/2",
        "string": "RED",
    }
    variables = {name: values[kind] for name, kind in program.variables.items()}
    rows = [
        {"account": account, "asset": asset, "amount": 50}
        for account in ACCOUNTS
        for asset in ASSETS
    ]
    for engine in ENGINES:
        try:
            program.run(variables, numscript.StaticStore(rows), engine=engine)
        except ExecutionError as error:
            str(error)
    program.disassemble()


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"NUMC\x01" + tail))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ExecutionError) as raised:
        Program.decode(data)
    assert raised.value.kind.code == "NUM427"


@settings(max_examples=300)
@given(st.data())
def test_bytes_that_were_changed_are_refused_or_run(data: st.DataObject) -> None:
    program = data.draw(st.sampled_from(some_programs()))
    encoded = bytearray(program.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(5, len(encoded) - 1))
        encoded[at] = data.draw(st.integers(32, 126))
    ends_well(bytes(encoded))


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats(0, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=400)
@given(st.data())
def test_a_tree_with_something_else_in_it_is_refused_or_runs(data: st.DataObject) -> None:
    """The bytes hold JSON; any part of it may be anything."""
    program = data.draw(st.sampled_from(some_programs()))
    tree = json.loads(program.encode()[9:])
    node: Any = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        child = node[key]
        if not isinstance(child, (dict, list)) or data.draw(st.integers(0, 3)) == 0:
            node[key] = data.draw(anything)
            break
        node = child
    ends_well(seal(json.dumps(tree).encode("ascii")))


def test_a_program_that_does_not_say_what_it_reads_runs_the_same_when_translated() -> None:
    program = numscript.compile("send [USD/2 1] ( source = @a destination = @b )")
    tree = json.loads(program.encode()[9:])
    tree["balances"] = []
    silent = Program.decode(seal(json.dumps(tree).encode("ascii")))
    for engine in ("vm", "translated"):
        with pytest.raises(ExecutionError) as raised:
            silent.run(engine=engine)
        assert raised.value.kind.code == "NUM401"


def test_an_error_without_its_fields_is_refused() -> None:
    program = numscript.compile("send [USD/2 1] ( source = oneof { @a @b } destination = @c )")
    tree = json.loads(program.encode()[9:])
    assert tree["failures"] == [["NUM420", {"feature": "experimental-oneof"}]]
    tree["failures"] = [["NUM420", {}]]
    with pytest.raises(ExecutionError, match="NUM427"):
        Program.decode(seal(json.dumps(tree).encode("ascii")))


# --- changed programs -------------------------------------------------------------------------


@settings(max_examples=600)
@given(st.data())
def test_a_program_with_other_instructions_is_refused_or_ends(data: st.DataObject) -> None:
    """The verifier either sees that it is wrong, or its run ends as runs do."""
    program = data.draw(st.sampled_from(some_programs()))
    piece = data.draw(st.sampled_from(["bind_code", "needs_code", "main"]))
    code: Code = getattr(program, piece)
    instructions, places = list(code.instructions), list(code.places)
    for _ in range(data.draw(st.integers(1, 3))):
        change(data, instructions, places, program.slot_count)
    changed = rebuilt(program, piece, Code(tuple(instructions), tuple(places)))
    try:
        verify(changed)
    except ValueError:
        return
    runs_well(changed)


def change(
    data: st.DataObject,
    instructions: list[Instruction],
    places: list[int],
    slots: int,
) -> None:
    """Change, take away, add or exchange an instruction."""
    byte = st.sampled_from([row.byte for row in ROWS])
    operand = st.integers(-1, max(slots, len(instructions)) + 1)
    what = data.draw(st.sampled_from(["change", "take", "add", "swap"]))
    if what == "add" or not instructions:
        at = data.draw(st.integers(0, len(instructions)))
        instructions.insert(at, (data.draw(byte), data.draw(operand), data.draw(operand)))
        places[2 * at : 2 * at] = (0, 1)
        return
    at = data.draw(st.integers(0, len(instructions) - 1))
    if what == "take":
        del instructions[at], places[2 * at : 2 * at + 2]
    elif what == "swap":
        other = data.draw(st.integers(0, len(instructions) - 1))
        instructions[at], instructions[other] = instructions[other], instructions[at]
    else:
        old = instructions[at]
        place = data.draw(st.integers(0, len(BY_BYTE[old[0]].operands)))
        new = data.draw(byte) if place == 0 else data.draw(operand)
        instructions[at] = (*old[:place], new, *old[place + 1 :])  # type: ignore[assignment]


def rebuilt(program: Program, piece: str, code: Code) -> Program:
    """The program with another piece of code."""
    parts = {name: getattr(program, name) for name in ("bind_code", "needs_code", "main")}
    parts[piece] = code
    return Program(
        script=program.script,
        constants=program.constants,
        supplied=program.supplied,
        slots=program.slots,
        failures=program.failures,
        balances=program.balances,
        metadata=program.metadata,
        probes=program.probes,
        **parts,
    )


REFUSED: list[tuple[str, list[Instruction], str]] = [
    ("a stack that is too short", [(10, 0, 0)], "too short"),
    ("something that is left", [(1, 0, 0)], "left on the stack"),
    ("a slot that is not there", [(1, 99, 0)], "there is no slot"),
    ("a label that leads back", [(1, 0, 0), (72, 0, 0)], "forward"),
    ("a failure that is not there", [(95, 7, 0)], "no such failure"),
    ("an undo without a try", [(1, 0, 0), (1, 0, 0), (71, 3, 0)], "ONEOF_TRY"),
]


@pytest.mark.parametrize(
    ("instructions", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_the_verifier_refuses(instructions: list[Instruction], reason: str) -> None:
    program = numscript.compile("print 1", tuple(FEATURES))
    code = Code(tuple(instructions), (0, 1) * len(instructions))
    with pytest.raises(ValueError, match=reason):
        verify(rebuilt(program, "main", code))


def test_a_program_shows_itself() -> None:
    program = numscript.compile(numscript.Script("print 1", "one.num"))
    assert repr(program) == "<Program one.num: 2 instructions>"
    assert program != "print 1"
    assert program.disassemble(spans=False) == (
        "main:\n    0  LOAD               1\n    1  PRINT\n"
    )
