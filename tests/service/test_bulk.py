"""Bulks over HTTP: the three forms, the three ways, results in the order of the elements."""

from __future__ import annotations

from typing import Any

import msgspec

from numscript.service.v2.bulk import SCRIPTS, STREAM
from tests.service.servers import Api, postings


def create(row: str, **more: object) -> dict[str, Any]:
    key = {"ik": more.pop("ik")} if "ik" in more else {}
    return {"action": "CREATE_TRANSACTION", **key, "data": {"postings": postings(row), **more}}


def kinds(answer: Any) -> list[str]:
    return [row.get("errorCode", row["responseType"]) for row in answer["data"]]


def test_every_action_in_one_bulk(api: Api) -> None:
    elements = [
        create("world bob 5 USD", reference="r", ik="k1"),
        {"action": "ADD_METADATA",
         "data": {"targetType": "TRANSACTION", "targetId": 1, "metadata": {"a": "b"}}},
        {"action": "ADD_METADATA",
         "data": {"targetType": "ACCOUNT", "targetId": "bob", "metadata": {"a": "b"}}},
        {"action": "DELETE_METADATA",
         "data": {"targetType": "ACCOUNT", "targetId": "bob", "key": "a"}},
        {"action": "REVERT_TRANSACTION", "data": {"id": 1, "metadata": {"why": "no"}}},
        {"action": "CREATE_TRANSACTION",
         "data": {"script": {"plain": "send [USD 1] (source = @world destination = @x)"}}},
    ]  # fmt: skip
    answer = api.call("POST", "/v2/{l}/_bulk", elements)
    assert kinds(answer) == [row["action"] for row in elements]
    assert [row["logID"] for row in answer["data"]] == [1, 2, 3, 4, 5, 6]
    assert answer["data"][4]["data"]["id"] == 2
    again = api.call("POST", "/v2/{l}/_bulk", elements[:1])
    assert again["data"] == answer["data"][:1]
    assert api.call("POST", "/v2/{l}/_bulk", []) == {"data": []}


def test_it_ends_at_the_first_failure_or_goes_on(api: Api) -> None:
    elements = [create("world a 5 USD"), create("b c 1 USD"), create("world a 5 USD")]
    answer = api.call("POST", "/v2/{l}/_bulk", elements, status=400, code="INSUFFICIENT_FUND")
    assert kinds(answer) == ["CREATE_TRANSACTION", "INSUFFICIENT_FUND", "INTERNAL"]
    assert "element 1 of the bulk failed, counted" in answer["data"][2]["errorDescription"]
    assert answer["data"][2]["errorDetails"].startswith("NUM515")
    path = "/v2/{l}/_bulk?continueOnFailure=true"
    answer = api.call("POST", path, elements, status=400)
    assert kinds(answer) == ["CREATE_TRANSACTION", "INSUFFICIENT_FUND", "CREATE_TRANSACTION"]
    assert api.call("GET", "/v2/{l}/stats")["data"]["transactions"] == 3


def test_an_atomic_bulk_that_fails_leaves_and_reports_nothing(api: Api) -> None:
    elements = [create("world a 5 USD"), create("b c 1 USD"), create("world a 5 USD")]
    path = "/v2/{l}/_bulk?atomic=true"
    answer = api.call("POST", path, elements, status=400, code="INSUFFICIENT_FUND")
    assert kinds(answer) == ["INTERNAL", "INSUFFICIENT_FUND", "INTERNAL"]
    assert all("data" not in row for row in answer["data"])
    assert api.call("GET", "/v2/{l}/stats")["data"] == {"transactions": 0, "accounts": 0}
    path = "/v2/{l}/_bulk?atomic=true&parallel=true"
    api.call("POST", path, elements, status=412, code="VALIDATION")


def test_results_of_a_parallel_bulk_keep_the_order_of_its_elements(api: Api) -> None:
    elements = [
        create(f"world a 1 USD/{at % 7}", reference=f"r{at}") if at % 3 else create("x y 1 USD")
        for at in range(60)
    ]
    path = "/v2/{l}/_bulk?parallel=true&continueOnFailure=true"
    answer = api.call("POST", path, elements, status=400)
    for at, row in enumerate(answer["data"]):
        if at % 3:
            assert row["data"]["reference"] == f"r{at}"
        else:
            assert row["errorCode"] == "INSUFFICIENT_FUND"


def test_elements_have_the_codes_of_single_calls(api: Api) -> None:
    elements = [
        create("world a 5 USD", reference="r"),
        create("world a 5 USD", reference="r"),
        {"action": "CREATE_TRANSACTION", "data": {"postings": []}},
        {"action": "CREATE_TRANSACTION", "data": {"script": {"plain": "send"}}},
        {"action": "CREATE_TRANSACTION",
         "data": {"postings": postings("world a 1 USD"), "script": {"plain": "x"}}},
        {"action": "REVERT_TRANSACTION", "data": {"id": 77}},
        {"action": "ADD_METADATA",
         "data": {"targetType": "ACCOUNT", "targetId": "a b", "metadata": {"a": "b"}}},
        create("world a 5 usd"),
    ]  # fmt: skip
    path = "/v2/{l}/_bulk?continueOnFailure=1"
    assert kinds(api.call("POST", path, elements, status=400)) == [
        "CREATE_TRANSACTION", "CONFLICT", "NO_POSTINGS", "COMPILATION_FAILED", "VALIDATION",
        "NOT_FOUND", "VALIDATION", "VALIDATION",
    ]  # fmt: skip


def test_a_stream_of_json(api: Api) -> None:
    elements = [create("world a 5 USD", metadata={"k": '}{"]['}), create("a b 2 USD")]
    media = {"Content-Type": STREAM}
    for separator in (b"", b"\n", b" \r\n\t"):
        body = separator.join(msgspec.json.encode(element) for element in elements)
        answer = api.call("POST", "/v2/{l}/_bulk", body, headers=media)
        assert kinds(answer) == ["CREATE_TRANSACTION"] * 2
    many = b"\n".join([msgspec.json.encode(elements[0])] * 150)
    answer = api.call("POST", "/v2/{l}/_bulk?atomic=1", many, headers=media)
    assert len(answer["data"]) == 150
    for wrong in (b"{", b"[]", b'{"action": "X", "data": {}}', b"\xff", b"{} x"):
        api.call("POST", "/v2/{l}/_bulk", wrong, status=400, code="VALIDATION", headers=media)


def test_a_stream_of_scripts(api: Api) -> None:
    body = """//script ik=k1
send [USD 5] (
  source = @world
  destination = @a
)
//end

// script
send [USD 2] ( source = @a destination = @b )
// end
"""
    media = {"Content-Type": SCRIPTS}
    answer = api.call("POST", "/v2/{l}/_bulk", body, headers=media)
    assert [row["data"]["postings"][0]["amount"] for row in answer["data"]] == [5, 2]
    for wrong in ("send [USD 5] (", "//script\nsend", "//script x=1\n//end", '//script "\n//end'):
        api.call("POST", "/v2/{l}/_bulk", wrong, status=400, code="VALIDATION", headers=media)


def test_what_is_no_bulk_is_refused(api: Api) -> None:
    path = "/v2/{l}/_bulk"
    for wrong in (
        "{}",
        "[1]",
        '[{"action": "CREATE_TRANSACTION"}]',
        '[{"action": "DROP"}]',
        "",
        "{",
    ):
        api.call("POST", path, wrong, status=400, code="VALIDATION")
    media = {"Content-Type": "text/plain"}
    api.call("POST", path, "[]", status=400, code="VALIDATION", headers=media)
    many = [create("world a 5 USD")] * 101
    api.call("POST", path, many, status=413, code="BULK_SIZE_EXCEEDED")
