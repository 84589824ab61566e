"""The compiler: scripts against their instructions, in tests/golden/code.txt."""

from __future__ import annotations

import pytest

import numscript
from numscript.bytecode.opcodes import ROWS
from tests import golden
from tests.material import all_scripts

ENTRIES = golden.read("code.txt")


def disassembled(script: str) -> str:
    """The instructions of a script with all features on, as the golden file shows them."""
    return numscript.compile(script, tuple(numscript.FEATURES)).disassemble()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.title)
def test_a_script_is_compiled_to_these_instructions(entry: golden.Entry) -> None:
    assert disassembled(entry.script) == entry.expected


def test_every_instruction_is_in_the_golden_file() -> None:
    shown = {word for entry in ENTRIES for word in entry.expected.split()}
    assert {row.name for row in ROWS} - shown == set()


def test_every_instruction_has_its_place_in_the_script() -> None:
    for _, text, flags in all_scripts(corpus_step=40):
        try:
            program = numscript.compile(text, flags)
        except numscript.NumscriptError:
            continue
        for code in (program.bind_code, program.needs_code, *program.probes, program.main):
            assert len(code.places) == 2 * len(code.instructions)
            for span in map(code.span, range(len(code.instructions))):
                assert 0 <= span.start < span.end <= len(text)


def test_the_same_script_gives_the_same_program() -> None:
    for _, text, flags in all_scripts(corpus_step=200):
        try:
            once = numscript.compile(text, flags)
            again = numscript.compile(numscript.Script(text, "elsewhere.num"), flags)
        except numscript.NumscriptError:
            continue
        assert once == again
        assert once.disassemble() == again.disassemble()


def test_a_script_that_was_compiled_is_not_compiled_again() -> None:
    text = "send [USD/2 42] ( source = @world destination = @again )"
    assert numscript.compile(text) is numscript.compile(text)
    assert numscript.compile(text, ["experimental-oneof"]) is not numscript.compile(text)


def test_constants_are_kept_once() -> None:
    send = "send [USD/2 100] ( source = @a destination = @b ) "
    assert len(numscript.compile(send * 10).constants) == len(numscript.compile(send).constants)


def test_mistakes_that_are_not_reached_do_not_stop_a_program() -> None:
    script = "send [USD/2 1] ( source = { @world oneof { @a @b } } destination = @b )"
    with pytest.raises(numscript.ExecutionError) as raised:
        numscript.compile(script).run()
    assert raised.value.kind.code == "NUM420"
    never = (
        "send [USD/2 0] ( source = @world destination = "
        "{ max [USD/2 1] to oneof { remaining to @a } remaining kept } )"
    )
    assert numscript.compile(never).run().postings == ()
