from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from numscript.cli.stepping import COMMANDS
from tests.cli.conftest import BALANCES, Call

SCRIPT = """\
vars { monetary $price }

send $price (
  source = {
    max [USD/2 20] from @alice
    @bob allowing overdraft up to [USD/2 30]
  }
  destination = {
    1/2 to @carol
    remaining kept
  }
)
set_tx_meta("kind", "sale")
"""
GIVEN = ("sale.num", "--var", "price=USD/2 50", "--balances", "balances.json")


@pytest.fixture(autouse=True)
def script(folder: Path) -> Path:
    path = folder / "sale.num"
    path.write_text(SCRIPT, encoding="utf-8")
    (folder / "balances.json").write_text(BALANCES, encoding="utf-8")
    return path


def transcript(call: Call, *commands: str, given: tuple[str, ...] = GIVEN) -> str:
    """What is shown when commands come from a pipe."""
    done = call("debug", *given, input="\n".join(commands))
    assert done.exit_code == 0
    assert done.stderr == ""
    return done.stdout


def test_a_run_is_stepped_through_from_a_pipe(call: Call) -> None:
    shown = transcript(call, "step", "s", "", "next", "funds", "quit", "never")
    assert shown == (
        "sale.num:3:1\n"
        " 3 | send $price (\n"
        "   | ^^^^^^^^^^^\n"
        "(debug) step\n"
        "sale.num:5:5\n"
        " 5 |     max [USD/2 20] from @alice\n"
        "   |     ^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "(debug) s\n"
        "  @alice USD/2: 60 -> 40\n"
        "  funds: alice 20\n"
        "sale.num:6:5\n"
        " 6 |     @bob allowing overdraft up to [USD/2 30]\n"
        "   |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "(debug)\n"
        "  @bob USD/2: 0 -> -30\n"
        "  funds: alice 20, bob 30\n"
        "sale.num:8:3\n"
        " 8 |   destination = {\n"
        "   |   ^^^^^^^^^^^^^^^\n"
        "(debug) next\n"
        "  @bob USD/2: -30 -> -5\n"
        "  @carol USD/2: 25\n"
        "  funds: none\n"
        "  + alice -> carol USD/2 20\n"
        "  + bob -> carol USD/2 5\n"
        "sale.num:13:1\n"
        ' 13 | set_tx_meta("kind", "sale")\n'
        "    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "(debug) funds\n"
        "no funds\n"
        "(debug) quit\n"
    )


def test_breakpoints_and_going_back(call: Call) -> None:
    shown = transcript(
        call, "break 7", "b 9", "c", "b", "c", "reverse", "delete 9", "d 7", "c", "k 2", "c"
    )
    assert "(debug) break 7\nbreakpoint at 8:3  destination in 2 shares; line 7 does" in shown
    assert "(debug) c\n  @alice USD/2: 60 -> 40\n  @bob USD/2: 0 -> -30\n" in shown
    assert "sale.num:8:3: breakpoint\n" in shown
    assert "(debug) b\nbreakpoint at 8:3  destination in 2 shares\nbreakpoint at 9:5" in shown
    assert "(debug) reverse\nsale.num:8:3: breakpoint\n" in shown
    assert "(debug) delete 9\nbreakpoint at 8:3" in shown
    assert "(debug) d 7\nno breakpoints\n" in shown
    assert shown.count("the run is over\nSource  Destination  Asset  Amount\nalice   carol") == 2
    assert "(debug) k 2\n  @bob USD/2: -5 -> -30\n  funds: bob 25\nsale.num:10:5\n" in shown


def test_a_watched_account(call: Call) -> None:
    shown = transcript(call, "watch @bob", "b", "c", "delete bob", "c")
    assert "(debug) b\nwatching @bob\n" in shown
    assert "sale.num:8:3: a watched balance has changed\n" in shown
    assert "(debug) delete bob\nno breakpoints\n(debug) c\n" in shown


def test_what_is_in_flight_is_shown(call: Call) -> None:
    shown = transcript(call, "s 3", "v", "a", "a @bob", "f", "t", "m", "p $price + [USD/2 1]", "w")
    assert "(debug) v\nVariable  Value\n$price    USD/2 50\n" in shown
    assert (
        "(debug) a\nAccount  Asset  Balance\nalice    USD/2       40\nbob      USD/2      -30\n"
    ) in shown
    assert "(debug) a @bob\nAccount  Asset  Balance\nbob      USD/2      -30\n" in shown
    assert (
        "(debug) f\nAccount  Asset  Amount\nalice    USD/2      20\nbob      USD/2      30\n"
        in shown
    )
    assert "(debug) t\nno postings\n(debug) m\nno metadata\n" in shown
    assert "(debug) p $price + [USD/2 1]\nUSD/2 51\n" in shown
    assert shown.endswith(
        "(debug) w\nstep 4 of 8\n  8:3  destination in 2 shares\n  3:1  send $price\n"
    )


def test_the_script_is_listed_with_its_marks(call: Call) -> None:
    shown = transcript(call, "b 6", "s", "l", "l 13")
    assert (
        "(debug) l\n"
        "    1 | vars { monetary $price }\n"
        "    2 |\n"
        "    3 | send $price (\n"
        "    4 |   source = {\n"
        "->  5 |     max [USD/2 20] from @alice\n"
        "  * 6 |     @bob allowing overdraft up to [USD/2 30]\n"
    ) in shown
    assert '   13 | set_tx_meta("kind", "sale")\n' in shown[shown.index("(debug) l 13") :]


def test_a_failure_is_shown_where_it_happens_and_can_be_looked_into(call: Call) -> None:
    given = (*GIVEN[:2], "price=USD/2 90", *GIVEN[3:])
    shown = transcript(call, "c", "s", "funds", "k", given=given)
    assert "sale.num:4:12: error NUM401: not enough funds: USD/2 90 needed, 50 available\n" in shown
    assert "(debug) s\nthe run is over: `back` goes back, `quit` ends the session\n" in shown
    assert "(debug) funds\nAccount  Asset  Amount\nalice" in shown
    assert "(debug) k\n  @bob USD/2: -30 -> 0\n  funds: alice 20\nsale.num:6:5\n" in shown


def test_an_undone_branch_is_shown(call: Call, script: Path) -> None:
    script.write_text("send [USD/2 70] ( source = oneof { @alice @world } destination = @b )")
    given = ("sale.num", "--balances", "balances.json", "--feature", "experimental-oneof")
    shown = transcript(call, "s", "s", "s", given=given)
    assert "sale.num:1:36: this gives too little, and is undone\n" in shown
    assert "  @alice USD/2: 0 -> 60\n  funds: none\nsale.num:1:43\n" in shown


def test_every_command_has_a_letter_of_its_own_and_is_in_the_help(call: Call) -> None:
    assert len({command.letter for command in COMMANDS}) == len(COMMANDS)
    shown = transcript(call, "help", "h")
    for command in COMMANDS:
        assert f"{command.letter}  {command.name}" in shown


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("foo", "there is no command `foo`; `help` shows all"),
        ("re", "this is the start of the run"),
        ("b 99", "the script has 14 lines"),
        ("b 14", "there is nothing to stop at from line 14 on"),
        ("b x", "`x` is not the number of a line"),
        ("s 0", "`0` is not a number of steps"),
        ("out 3", "`out` takes nothing behind it"),
        ("print", "give an expression: print $price + [EUR/2 1]"),
        ("print $nope", "the variable `$nope` is not declared"),
        ("back", "this is the start of the run"),
        ("d 5", "there is no breakpoint on line 5"),
        ("watch", "name an account: watch @users:ana"),
        ("ba", "`ba` may be `back` or `balances`"),
    ],
)
def test_what_cannot_be_done_is_answered_in_a_sentence(
    call: Call, command: str, answer: str
) -> None:
    shown = transcript(call, command)
    assert shown.splitlines()[-1] == answer


def test_names_can_be_cut_short(call: Call) -> None:
    assert "no postings\n" in transcript(call, "post")


def test_the_whole_trace_as_json(call: Call) -> None:
    done = call("debug", *GIVEN, "-o", "json")
    assert done.exit_code == 0
    tree = json.loads(done.stdout)
    assert tree["script"] == "sale.num"
    assert tree["result"]["postings"][0]["destination"] == "carol"
    steps = tree["steps"]
    assert [step["start"]["line"] for step in steps] == [3, 5, 6, 8, 9, 10, 13, 14]
    assert steps[0]["variables"] == {"price": "USD/2 50"}
    assert steps[2] == {
        "reason": "clause",
        "clause": "@bob allowing overdraft up to [USD/2 30]",
        "depth": 1,
        "start": {"line": 6, "column": 5},
        "end": {"line": 6, "column": 45},
        "balances": [{"account": "alice", "asset": "USD/2", "before": 60, "after": 40}],
        "funds": [{"account": "alice", "asset": "USD/2", "amount": 20}],
        "postings": {"kept": 0, "added": []},
    }
    assert steps[7]["metadata"] == [{"account": "", "key": "kind", "text": "sale"}]
    assert steps[7]["reason"] == "end"


def test_a_failure_is_in_the_json(call: Call) -> None:
    done = call("debug", "sale.num", "-o", "json")
    assert done.exit_code == 1
    tree = json.loads(done.stdout)
    assert tree["diagnostics"][0]["code"] == "NUM408"
    assert [step["reason"] for step in tree["steps"]] == ["failure"]


def test_a_script_that_does_not_compile_is_not_stepped_through(call: Call) -> None:
    done = call("debug", "-", "-o", "json", input="send")
    assert done.exit_code == 1
    assert "NUM103" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "name the SCRIPT to step through, or serve an editor with --dap"),
        (("-",), "standard input (`-`) is where the commands come from"),
        (("sale.num", "--vars", "-"), "standard input (`-`) is where the commands come from"),
        (("sale.num", "--dap"), "with --dap the editor names the script: leave SCRIPT out"),
        (("--dap-port", "here"), "`here` has no port; write it as 127.0.0.1:4711"),
        (("--dap-port", "127.0.0.1:99999"), "has no port"),
        (("--dap-port", "256.0.0.1:1"), "256.0.0.1:1 cannot be listened on"),
    ],
)
def test_wrong_usage_is_told(call: Call, arguments: tuple[str, ...], reason: str) -> None:
    done = call("debug", *arguments)
    assert done.exit_code == 2
    assert reason in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals on Windows")
def test_a_terminal_gets_a_prompt_and_colours(folder: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "numscript", "debug", *GIVEN],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=folder,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(follower)
        shown = b""
        for wanted, typed in ((b"(debug) ", b"nex\t\n"), (b"(debug) ", b"\x04")):
            while wanted not in shown:
                shown += os.read(leader, 4096)
            assert b"\x1b[1msale.num:" in shown
            shown = b""
            os.write(leader, typed)
        assert process.wait(timeout=20) == 0
    os.close(leader)
