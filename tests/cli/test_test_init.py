from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Call


def test_a_first_spec_file_is_written_and_passes(call: Call, sale: Path) -> None:
    done = call("test-init", "sale.num")
    assert done.exit_code == 0
    assert done.stdout == "sale.num.specs.json is written; run it with `numscript test sale.num`\n"
    specs = json.loads((sale.parent / "sale.num.specs.json").read_text("utf-8"))
    assert specs["variables"] == {"price": "USD/2 100"}
    assert specs["balances"][0] == {"account": "alice", "asset": "USD/2", "amount": 100}
    assert call("test", "sale.num").exit_code == 0


def test_an_existing_spec_file_is_never_overwritten(call: Call, sale: Path) -> None:
    specs = sale.parent / "sale.num.specs.json"
    specs.write_text("mine", "utf-8")
    done = call("test-init", "sale.num")
    assert done.exit_code == 2
    assert done.stderr == (
        "error: sale.num.specs.json: it is there already and is not overwritten; "
        "--stdout prints a new one\n"
    )
    assert json.loads(call("test-init", "sale.num", "--stdout").stdout)["testCases"]
    assert specs.read_text("utf-8") == "mine"


SCRIPTS = {
    "balances are raised": (
        "send [EUR 5000] ( source = @a destination = @b )\n"
        "send [EUR 5000] ( source = @a destination = @b )"
    ),
    "flags are switched on": (
        "vars { monetary $m = overdraft(@a, USD/2) }\n"
        "send [USD/2 1] ( source = oneof { @a @b } destination = @c )\n"
        "send $m ( source = @world destination = @a )"
    ),
    "metadata is made up by its type": (
        'vars { account $s = meta(@o, "s") portion $p = meta(@o, "p") '
        'monetary $m = meta($s, "m") }\n'
        "send $m ( source = @world destination = { $p to $s remaining kept } )\n"
        'set_account_meta(@o, "x", $p) set_tx_meta("y", $s)'
    ),
    "portions are made smaller": (
        "vars { portion $a portion $b portion $c }\n"
        "send [X 90] ( source = @world destination = "
        "{ $a to @a $b to @b $c to @c remaining to @d } )"
    ),
    "a forced portion is taken": (
        "vars { portion $p }\nsend [X 90] ( source = @world destination = { 9/10 to @a $p to @b } )"
    ),
    "colours are colours": (
        '#![feature("experimental-asset-colors")] vars { string $color }\n'
        "send [X 90] ( source = @a \\ $color destination = @b )"
    ),
    "scaling is funded": (
        "send [X/4 90] ( source = @a with scaling through @swap destination = @b )"
    ),
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_inputs_are_invented_until_the_script_runs(call: Call, folder: Path, text: str) -> None:
    (folder / "s.num").write_text(text, "utf-8")
    done = call("test-init", "s.num")
    assert done.exit_code == 0, done.stderr
    assert call("test", "s.num").stdout == "1 case in 1 file: 1 passed\n"
    assert "expect.postings" in (folder / "s.num.specs.json").read_text("utf-8")


def test_where_no_inputs_help_the_last_error_is_shown(call: Call) -> None:
    text = "send [X -1] ( source = @a destination = @b )"
    done = call("test-init", "-", input=text)
    assert done.exit_code == 1
    assert done.stderr.startswith("note: no inputs were found with which the script runs")
    assert "NUM402" in done.stderr
    done = call("test-init", "-", input="send")
    assert (done.exit_code, "NUM103" in done.stderr) == (1, True)
    assert call("test-init", "nope.num").exit_code == 2


def test_nearly_every_script_of_the_suite_gets_inputs() -> None:
    from numscript import NumscriptError, Script
    from numscript.cli.test_init import invent_specs
    from numscript.specs import load_specs, run_specs

    scripts = sorted((ROOT / "conformance").rglob("*.num"))
    without = 0
    for path in scripts:
        script = Script(path.read_bytes().decode("utf-8"), path.name)
        try:
            specs = invent_specs(script)
        except NumscriptError:
            without += 1
            continue
        assert run_specs(script, load_specs(json.dumps(specs))).ok, path
    assert without < len(scripts) / 20
