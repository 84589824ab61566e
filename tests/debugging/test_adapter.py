"""The Debug Adapter Protocol, spoken with the real command over its standard streams."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from numscript.debugging.adapter import HANDLERS, MOVES
from tests.debugging.client import Client, adapter, connected

SCRIPT = """\
vars {
  monetary $price
  account $seller = meta(@orders:1, "seller")
}
send $price (
  source = {
    max [EUR/2 10] from @ana
    @card allowing overdraft up to [EUR/2 500]
  }
  destination = { 1/4 to @fees remaining to { max [EUR/2 5] to @tax remaining to $seller } }
)
set_tx_meta("kind", "sale")
"""
INPUTS: dict[str, Any] = {
    "variables": {"price": "EUR/2 100"},
    "balances": [{"account": "ana", "asset": "EUR/2", "amount": 60}],
    "metadata": {"orders:1": {"seller": "shop"}},
}


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "sale.num"
    path.write_text(SCRIPT, encoding="utf-8")
    return str(path)


@pytest.fixture
def client(tmp_path: Path, program: str) -> Iterator[Client]:
    assert program
    with adapter(tmp_path) as found:
        yield found


def test_every_request_is_one_that_can_be_asked_for(client: Client, program: str) -> None:
    """No request of the adapter fails on what an editor may send in the middle of a run."""
    client.launch(program=program, **INPUTS)
    arguments: dict[str, Any] = {
        "evaluate": {"expression": "1"},
        "setBreakpoints": {"source": {"path": program}},
        "breakpointLocations": {"source": {"path": program}, "line": 5},
        "variables": {"variablesReference": 1},
        "launch": {"program": program, **INPUTS},
    }
    for command in (*MOVES, *HANDLERS):
        if command not in ("disconnect", "exceptionInfo", "terminate"):
            client.ask(command, **arguments.get(command, {"threadId": 1}))


def test_a_run_is_stepped_through_from_its_entry(client: Client, program: str) -> None:
    assert client.launch(program=program, **INPUTS)["reason"] == "entry"
    assert client.ask("threads") == {"threads": [{"id": 1, "name": "run"}]}
    assert client.frames() == [(3, 3, 'account $seller = meta(@orders:1, "seller")')]
    assert client.values("Variables") == {"$price": "EUR/2 100"}
    client.ask("next", threadId=1)
    assert client.event("stopped")["reason"] == "step"
    assert client.frames() == [(5, 1, "send $price")]
    assert client.values("Variables") == {"$price": "EUR/2 100", "$seller": "shop"}
    client.ask("stepIn", threadId=1)
    client.event("stopped")
    assert client.frames() == [(7, 5, "max [EUR/2 10] from @ana"), (5, 1, "send $price")]
    client.ask("stepIn", threadId=1)
    client.event("stopped")
    assert client.values("Balances") == {"@ana EUR/2": "50", "@card EUR/2": "0"}
    assert client.values("Funds") == {"1": "@ana EUR/2 10"}
    client.ask("stepOut", threadId=1)
    client.event("stopped")
    assert client.frames() == [(12, 1, 'set_tx_meta("kind", "sale")')]
    assert client.values("Funds") == {}
    assert client.values("Postings") == {
        "1": "@ana -> @fees EUR/2 10",
        "2": "@card -> @fees EUR/2 15",
        "3": "@card -> @tax EUR/2 5",
        "4": "@card -> @shop EUR/2 70",
    }
    client.ask("next", threadId=1)
    assert client.event("stopped")["description"] == "The run is over"
    assert client.frames() == [(13, 1, "the end")]
    assert client.values("Metadata") == {"kind": "sale"}
    client.ask("next", threadId=1)
    assert client.event("output")["output"].startswith("Source  Destination  Asset  Amount\nana")
    assert client.event("exited") == {"exitCode": 0}
    client.event("terminated")


def test_a_run_can_go_back(client: Client, program: str) -> None:
    client.launch({"line": 8}, program=program, **INPUTS)
    client.ask("continue", threadId=1)
    stopped = client.event("stopped")
    assert stopped["reason"] == "breakpoint"
    client.ask("stepOut", threadId=1)
    client.event("stopped")
    assert len(client.values("Postings")) == 4
    client.ask("reverseContinue", threadId=1)
    assert client.event("stopped") == stopped
    assert client.values("Postings") == {}
    client.ask("stepBack", threadId=1)
    client.event("stopped")
    assert client.frames()[0][0] == 7
    client.ask("reverseContinue", threadId=1)
    assert client.event("stopped")["reason"] == "entry"


def test_breakpoints_are_moved_to_where_something_happens(client: Client, program: str) -> None:
    client.launch(program=program, **INPUTS)
    source = {"path": program}
    rows = client.ask(
        "setBreakpoints",
        source=source,
        breakpoints=[{"line": 6}, {"line": 10, "column": 33}, {"line": 13}],
    )["breakpoints"]
    assert [row["verified"] for row in rows] == [True, True, False]
    assert [(row["line"], row["column"]) for row in rows[:2]] == [(7, 5), (10, 47)]
    assert rows[2]["message"] == "there is nothing to stop at from here on"
    found = client.ask("breakpointLocations", source=source, line=10)["breakpoints"]
    assert [row["column"] for row in found] == [3, 19, 47, 69]
    for row in rows[:2]:
        client.ask("continue", threadId=1)
        assert client.event("stopped")["hitBreakpointIds"] == [row["id"]]
    (other,) = client.ask(
        "setBreakpoints", source={"path": "/other.num"}, breakpoints=[{"line": 1}]
    )["breakpoints"]
    assert other == {"verified": False, "message": "this is not the script that is debugged"}


def test_without_stopping_on_entry_the_run_goes_to_a_breakpoint(
    client: Client, program: str
) -> None:
    stopped = client.launch({"line": 3}, program=program, stopOnEntry=False, **INPUTS)
    assert stopped["reason"] == "breakpoint"


def test_without_debugging_the_run_ends_at_once(client: Client, program: str) -> None:
    client.ask("initialize")
    client.ask("launch", program=program, noDebug=True, **INPUTS)
    client.event("initialized")
    client.ask("configurationDone")
    assert client.event("output")["category"] == "stdout"
    client.event("exited")
    client.event("terminated")


def test_a_balance_can_be_watched(client: Client, program: str) -> None:
    client.launch(program=program, **INPUTS)
    client.ask("next", threadId=1)
    info = client.ask("dataBreakpointInfo", variablesReference=2, name="@card EUR/2")
    assert (info["dataId"], info["description"]) == ("card", "the balances of @card")
    refused = client.ask("dataBreakpointInfo", variablesReference=1, name="$price")
    assert refused["dataId"] is None
    client.ask("setDataBreakpoints", breakpoints=[{"dataId": "card"}])
    client.event("stopped")
    client.ask("continue", threadId=1)
    assert client.event("stopped")["reason"] == "data breakpoint"
    assert client.values("Balances")["@card EUR/2"] == "-90"


def test_expressions_are_worked_out_where_the_run_stands(client: Client, program: str) -> None:
    client.launch({"line": 8}, program=program, **INPUTS)
    client.ask("continue", threadId=1)
    for expression, value in (
        ("price", "EUR/2 100"),
        ("balance(@ana, EUR/2) + [EUR/2 1]", "EUR/2 51"),
        ("@ana", "EUR/2 50"),
    ):
        assert client.ask("evaluate", expression=expression)["result"] == value
    refusal = client.refusal("evaluate", expression="$nope", context="hover")
    assert refusal["message"] == "the variable `$nope` is not declared"
    assert refusal["body"]["error"]["showUser"] is False


def test_a_failure_is_stopped_at_with_what_went_wrong(client: Client, program: str) -> None:
    given = {**INPUTS, "variables": {"price": "EUR/2 900"}}
    client.launch(program=program, **given)
    client.refusal("exceptionInfo", threadId=1)
    client.ask("continue", threadId=1)
    stopped = client.event("stopped")
    assert stopped["reason"] == "exception"
    assert "not enough funds: EUR/2 900 needed, 510 available" in stopped["text"]
    assert client.frames()[0][:2] == (6, 12)
    info = client.ask("exceptionInfo", threadId=1)
    assert info["exceptionId"] == "NUM401"
    assert info["details"]["typeName"] == "MissingFunds"
    client.ask("stepBack", threadId=1)
    client.event("stopped")
    assert client.values("Funds") == {"1": "@ana EUR/2 10"}
    client.ask("continue", threadId=1)
    client.event("stopped")
    client.ask("continue", threadId=1)
    assert client.event("output")["category"] == "stderr"
    assert client.event("exited") == {"exitCode": 1}
    client.event("terminated")


def test_a_failure_ends_the_run_where_it_is_not_to_be_stopped_at(
    client: Client, program: str
) -> None:
    client.launch(program=program)
    client.ask("setExceptionBreakpoints", filters=[])
    client.ask("continue", threadId=1)
    assert "NUM408" in client.event("output")["output"]
    client.event("exited")
    client.event("terminated")


def test_a_restart_reads_the_script_anew(client: Client, program: str) -> None:
    client.launch({"line": 8}, program=program, **INPUTS)
    Path(program).write_text(SCRIPT.replace("EUR/2 10]", "EUR/2 20]"), encoding="utf-8")
    client.ask("restart")
    assert client.event("stopped")["reason"] == "entry"
    client.ask("continue", threadId=1)
    assert client.event("stopped")["reason"] == "breakpoint"
    assert client.values("Funds") == {"1": "@ana EUR/2 20"}
    client.ask("terminate")
    client.event("terminated")


def test_a_script_can_be_text_that_is_no_file(client: Client) -> None:
    text = "send [X 1] ( source = @world destination = @a )"
    client.launch(text=text)
    (frame,) = client.ask("stackTrace", threadId=1)["stackFrames"]
    assert frame["source"] == {"name": "script.num", "sourceReference": 1}
    assert client.ask("source", sourceReference=1, source=frame["source"])["content"] == text
    assert client.ask("loadedSources") == {"sources": [frame["source"]]}
    (row,) = client.ask("setBreakpoints", source=frame["source"], breakpoints=[{"line": 1}])[
        "breakpoints"
    ]
    assert row["verified"]


def test_places_count_as_the_editor_counts(client: Client, tmp_path: Path) -> None:
    """Lines from 0 where it says so; columns in UTF-16, in which an emoji is two."""
    path = tmp_path / "wide.num"
    path.write_text("send [X 1] ( /* 🎉🎉 */ source = @world destination = @a )", "utf-8")
    client.ask("initialize", linesStartAt1=False, columnsStartAt1=False)
    client.ask("launch", program=str(path))
    found = client.ask("breakpointLocations", source={"path": str(path)}, line=0)["breakpoints"]
    assert [(row["line"], row["column"]) for row in found] == [(0, 0), (0, 33), (0, 54)]
    (row,) = client.ask(
        "setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 0, "column": 33}]
    )["breakpoints"]
    assert row["column"] == 33


# --- inputs -----------------------------------------------------------------------------------


def write(folder: Path, name: str, tree: object) -> str:
    path = folder / name
    path.write_text(json.dumps(tree), encoding="utf-8")
    return str(path)


def test_inputs_are_read_from_beside_the_script(
    client: Client, program: str, tmp_path: Path
) -> None:
    write(tmp_path, "sale.num.inputs.json", INPUTS)
    client.ask("initialize")
    client.ask("launch", program="sale.num")
    note = client.event("output")
    assert note["category"] == "console"
    assert note["output"] == f"inputs are read from {program}.inputs.json\n"
    client.event("initialized")
    client.ask("configurationDone")
    client.event("stopped")
    assert client.values("Variables") == {"$price": "EUR/2 100"}
    source = client.ask("loadedSources")["sources"][0]
    assert source == {"name": "sale.num", "path": program}


def test_inputs_may_be_those_of_a_file_or_of_a_case(
    client: Client, program: str, tmp_path: Path
) -> None:
    other = {**INPUTS, "variables": {"price": "EUR/2 7"}}
    named = write(tmp_path, "monday.json", other)
    cases = [
        {"it": "sells", "variables": {"price": "EUR/2 50"}},
        {"it": "sells more", "variables": {"price": "EUR/2 70"}},
    ]
    write(tmp_path, "sale.num.specs.json", {**INPUTS, "testCases": cases})
    client.ask("initialize")
    for arguments, price in (
        ({"inputs": named}, "EUR/2 7"),
        ({"case": "sells more"}, "EUR/2 70"),
        ({}, "EUR/2 50"),
        ({"case": "sells", "variables": {"price": "EUR/2 3"}}, "EUR/2 3"),
    ):
        client.ask("launch", program=program, **arguments)
        assert client.values("Variables")["$price"] == price
    outputs = [event["body"]["output"] for event in client.events if event["event"] == "output"]
    assert outputs == ["inputs are those of the case `sells`\n"]
    refusal = client.refusal("launch", program=program, case="buys")
    assert refusal["message"] == "there is no case `buys`; there is `sells`, `sells more`"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "`program` must name the script to debug"),
        ({"program": "nope.num"}, "nope.num: there is no such file"),
        ({"program": "sale.num", "case": "x"}, "to have the case `x`"),
        ({"program": "sale.num", "inputs": "nope.json"}, "nope.json: there is no such file"),
        ({"program": "sale.num", "balances": 7}, "launch.balances"),
        ({"text": "send"}, "error NUM103"),
    ],
)
def test_what_cannot_be_launched_is_refused_in_a_sentence(
    client: Client, arguments: dict[str, Any], reason: str
) -> None:
    client.ask("initialize")
    refusal = client.refusal("launch", **arguments)
    assert reason in refusal["message"]
    assert refusal["body"]["error"]["showUser"] is True


def test_requests_that_make_no_sense_are_refused(client: Client, program: str) -> None:
    assert client.refusal("threadz")["message"] == "there is no request `threadz` here"
    assert client.refusal("next", threadId=1)["message"] == "nothing was launched yet"
    client.launch(program=program, **INPUTS)
    assert "source" in client.refusal("setBreakpoints")["message"]
    assert client.refusal("variables", variablesReference=9)["success"] is False
    page = client.ask("variables", variablesReference=2, start=1, count=1)["variables"]
    assert page == []
    assert len(client.ask("stackTrace", threadId=1, startFrame=1)["stackFrames"]) == 0


# --- transport --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"nonsense\r\n\r\n", "a message needs a header `Content-Length`"),
        (b"Content-Length: 3\r\n\r\n{a}", "a message is not JSON"),
        (b"Content-Length: 2\r\n\r\n[]", "a message is not a JSON object"),
    ],
)
def test_what_is_no_message_ends_the_conversation(sent: bytes, reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "numscript", "debug", "--dap"],
        input=sent,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert reason in done.stderr.decode()


def test_an_editor_that_goes_away_ends_it_quietly() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "numscript", "debug", "--dap"],
        input=b"Content-Length: 400\r\n\r\n{",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_editors_are_served_on_a_port_one_after_the_other(program: str) -> None:
    command = [sys.executable, "-m", "numscript", "debug", "--dap-port", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            address = process.stderr.readline().removeprefix("listening on ").strip()
            with connected(address) as first:
                first.sink.write(b"nonsense\r\n\r\n")
                first.sink.flush()
                assert first.source.read() == b""
            for _ in range(2):
                with connected(address) as client:
                    assert client.launch(program=program, **INPUTS)["reason"] == "entry"
                    client.ask("disconnect")
        finally:
            process.kill()
