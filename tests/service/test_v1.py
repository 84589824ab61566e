"""Version 1 of the API, over HTTP, on SQLite and Postgres: as release 1.10 has it."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import msgspec
import pytest

from tests.service.servers import Api, postings


@pytest.fixture
def old(server: str, name: str) -> Any:
    """A ledger that nobody has spoken of."""
    api = Api(server, name)
    yield api
    api.close()


def post(api: Api, *rows: str, **more: object) -> Any:
    body = {"postings": postings(*rows), **more}
    return api.call("POST", "/{l}/transactions", body)["data"][0]


def refused(api: Api, path: str, body: object, status: int, code: str, text: str) -> None:
    error = api.call("POST", path, body, status=status, code=code)
    assert text in error["errorMessage"]
    assert (error["error_code"], error["error_message"]) == (code, error["errorMessage"])


def test_the_three_lines_of_the_quick_start(old: Api) -> None:
    body = (
        '{"postings": [{"source": "world", "destination": "bank", "amount": 100, "asset": "USD"}]}'
    )
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = old.send("POST", "/{l}/transactions", body, form)
    assert answer.status_code == 200
    (made,) = msgspec.json.decode(answer.content)["data"]
    zero = {"input": 0, "output": 0, "balance": 0}
    assert made["txid"] == 0
    assert made["preCommitVolumes"] == {"bank": {"USD": zero}, "world": {"USD": zero}}
    assert made["postCommitVolumes"] == {
        "bank": {"USD": {"input": 100, "output": 0, "balance": 100}},
        "world": {"USD": {"input": 0, "output": 100, "balance": -100}},
    }
    account = old.call("GET", "/{l}/accounts/bank")["data"]
    assert account["balances"] == {"USD": 100}
    cursor = old.call("GET", "/{l}/transactions")["cursor"]
    assert (cursor["pageSize"], cursor["hasMore"]) == (15, False)
    assert (cursor["page_size"], cursor["has_more"]) == (15, False)
    assert cursor["data"] == [made]


def test_a_ledger_is_made_when_it_is_first_spoken_of(old: Api) -> None:
    assert old.call("GET", "/{l}/stats")["data"] == {"transactions": 0, "accounts": 0}
    assert old.call("GET", "/{l}/accounts/nobody")["data"] == {
        "address": "nobody", "metadata": {}, "volumes": {}, "balances": {}
    }  # fmt: skip
    assert old.ledger in old.call("GET", "/_info")["data"]["config"]["storage"]["ledgers"]
    assert old.call("GET", "/{l}/_info")["data"]["name"] == old.ledger
    refused(old, "/_numscript/transactions", {"postings": postings("world a 1 USD")}, 404,
            "NOT_FOUND", "_numscript")  # fmt: skip


def test_what_cannot_be_done_is_refused_as_clients_expect(old: Api) -> None:
    path = "/{l}/transactions"
    cases: list[tuple[object, int, str, str]] = [
        ({"postings": postings("a b 1 USD")}, 400, "INSUFFICIENT_FUND",
         "balance.insufficient.USD"),
        ({}, 400, "VALIDATION", "should contain either postings or script"),
        ({"postings": postings("world b 1 USD"), "script": {"plain": "x"}}, 400, "VALIDATION",
         "should contain either"),
        ({"postings": postings("world b -1 USD")}, 400, "VALIDATION",
         "invalid posting 0: negative amount"),
        ({"postings": postings("world b 1 USD", "wor:ld: b 1 USD")}, 400, "VALIDATION",
         "invalid posting 1: invalid source address"),
        ({"postings": postings("world b 1 usd")}, 400, "VALIDATION", "invalid asset"),
        ({"postings": [{"source": "world", "destination": "b", "amount": "1", "asset": "USD"}]},
         400, "VALIDATION", "invalid transaction format"),
        ("{", 400, "VALIDATION", "invalid transaction format"),
        ({"script": {"plain": "send"}}, 400, "COMPILATION_FAILED", ""),
        ({"script": {"plain": "send [USD 1] (source = @a destination = @b)"}}, 400,
         "INSUFFICIENT_FUND", "[INSUFFICIENT_FUND] account had insufficient funds"),
        ({"script": {"plain": 'send [USD 1] (source = @world destination = @b)\n'
                              'set_tx_meta("k", "v")'}, "metadata": {"k": "w"}}, 400,
         "METADATA_OVERRIDE", "[METADATA_OVERRIDE] cannot override metadata from script"),
        ({"script": {"plain": 'set_tx_meta("k", "v")'}}, 400, "VALIDATION",
         "transaction has no postings"),
    ]  # fmt: skip
    for body, status, code, text in cases:
        refused(old, path, body, status, code, text)
    post(old, "world b 1 USD", reference="r", timestamp="2030-01-01T00:00:00Z")
    refused(old, path, {"postings": postings("world b 1 USD"), "reference": "r"}, 409, "CONFLICT",
            "conflict error on reference")  # fmt: skip
    early = {"postings": postings("world b 1 USD"), "timestamp": "2029-01-01T00:00:00Z"}
    refused(old, path, early, 400, "VALIDATION", "cannot pass a timestamp prior")


def test_errors_of_scripts_lead_to_a_page(old: Api) -> None:
    body = {"script": {"plain": "send [USD 1] ("}}
    error = old.call("POST", "/{l}/transactions", body, status=400, code="COMPILATION_FAILED")
    address, _, payload = error["details"].partition("?payload=")
    assert address == "https://play.numscript.org/"
    assert "error" in msgspec.json.decode(b64decode(payload))


def test_postings_are_covered_by_their_sum(old: Api) -> None:
    made = post(old, "a b 5 USD", "world a 3 USD", "world a 2 USD")
    assert made["postCommitVolumes"]["a"]["USD"]["balance"] == 0
    refused(old, "/{l}/transactions", {"postings": postings("a b 5 USD", "world a 4 USD")}, 400,
            "INSUFFICIENT_FUND", "balance.insufficient.USD")  # fmt: skip
    body = {"postings": postings("c d 5 USD", "world c 5 USD")}
    assert old.call("POST", "/{l}/transactions?preview=1", body)["data"][0]["txid"] == 1
    old.call("POST", "/v2/{l}/transactions", body, status=400, code="INSUFFICIENT_FUND")


def test_a_preview_leaves_nothing(old: Api) -> None:
    body = {"postings": postings("world b 1 USD")}
    assert old.call("POST", "/{l}/transactions?preview=yes", body)["data"][0]["txid"] == 0
    assert old.call("GET", "/{l}/stats")["data"]["transactions"] == 0


def test_a_script_answers_with_200_whatever_happens(old: Api) -> None:
    plain = "vars { account $to }\nsend [USD 7] ( source = @world destination = $to )"
    body = {"plain": plain, "vars": {"to": "bob"}, "reference": "s", "metadata": {"n": 1}}
    made = old.call("POST", "/{l}/script", body, status=200)["transaction"]
    assert (made["reference"], made["metadata"], made["txid"]) == ("s", {"n": 1}, 0)
    cases = [
        ({"plain": plain}, "COMPILATION_FAILED"),
        ({"plain": ""}, "NO_SCRIPT"),
        (body, "CONFLICT"),
    ]
    for wrong, code in cases:
        answer = old.call("POST", "/{l}/script", wrong, status=200)
        assert answer["errorCode"] == code
        assert "transaction" not in answer


def test_a_batch_is_done_whole_or_not_at_all(old: Api) -> None:
    rows = [{"postings": postings("world a 5 USD"), "reference": "r1"},
            {"postings": postings("a b 5 USD")}]  # fmt: skip
    path = "/{l}/transactions/batch"
    key = {"Idempotency-Key": "b"}
    made = old.call("POST", path, {"transactions": rows}, headers=key)["data"]
    assert [row["txid"] for row in made] == [0, 1]
    again = old.send("POST", path, {"transactions": rows}, key)
    assert again.headers["idempotency-hit"] == "true"
    spent = {"transactions": [{"postings": postings("world a 5 USD")}, rows[1], rows[1]]}
    refused(old, path, spent, 400, "INSUFFICIENT_FUND", "balance.insufficient.USD")
    refused(old, path, {"transactions": [rows[1], {}]}, 400, "VALIDATION",
            "invalid transaction 1: no postings")  # fmt: skip
    assert old.call("GET", "/{l}/stats")["data"]["transactions"] == 2


def test_a_revert_names_both_transactions(old: Api) -> None:
    post(old, "world a 5 USD")
    made = old.call("POST", "/{l}/transactions/0/revert", status=200)["data"]
    assert made["txid"] == 1
    assert made["metadata"] == {"com.numary.spec/state/reverts": "0"}
    first = old.call("GET", "/{l}/transactions/0")["data"]
    assert first["metadata"] == {"com.numary.spec/state/reverted": {"by": "1"}}
    path = "/{l}/transactions/0/revert"
    refused(old, path, None, 400, "VALIDATION", "transaction 0 already reverted")
    refused(old, "/{l}/transactions/7/revert", None, 404, "NOT_FOUND", "transaction not found")
    post(old, "world a 5 USD", "a b 5 USD")
    # Behind Formance's gateway the status is that of newer releases, which its clients expect.
    old.call("POST", "/api/ledger/{l}/transactions/2/revert", status=201)
    post(old, "world a 5 USD")
    post(old, "a b 5 USD")
    refused(old, "/{l}/transactions/4/revert", None, 400, "INSUFFICIENT_FUND", "balance.insuff")
    old.call("POST", "/{l}/transactions/4/revert?disableChecks=1", status=200)


def test_metadata_of_any_form_come_back_as_they_were(old: Api) -> None:
    post(old, "world a 5 USD", metadata={"n": 1})
    given = {"n": 7, "t": "7", "o": {"a": [1, None, 2.5]}, "f": False, "s": "text", "z": None}
    for path in ("/{l}/accounts/a", "/{l}/transactions/0"):
        old.call("POST", f"{path}/metadata", given, status=204)
        assert old.call("GET", path)["data"]["metadata"] == given
        old.call("POST", f"{path}/metadata", {"n": "7", "t": 7}, status=204)
        changed = {**given, "n": "7", "t": 7}
        assert old.call("GET", path)["data"]["metadata"] == changed
    found = old.call("GET", "/{l}/accounts?metadata[s]=text")["cursor"]["data"]
    assert [row["address"] for row in found] == ["a"]
    refused(old, "/{l}/transactions/9/metadata", {"a": 1}, 404, "NOT_FOUND", "not found")
    log = old.call("GET", "/{l}/logs")["cursor"]["data"][0]
    assert log["data"]["targetType"] == "TRANSACTION"
    assert log["data"]["targetId"] == 0


def test_lists_are_filtered_and_walked(old: Api) -> None:
    for at in range(5):
        post(old, f"world users:{at} {at + 1} USD", timestamp=f"2030-01-0{at + 1}T00:00:00Z")
    post(old, "users:0 shop:x:main 1 USD", reference="r", metadata={"k": "v"},
         timestamp="2030-02-01T00:00:00Z")  # fmt: skip

    def ids(more: str) -> list[int]:
        rows = old.call("GET", f"/{{l}}/transactions?{more}")["cursor"]["data"]
        return [row["txid"] for row in rows]

    assert ids("account=users:0") == [5, 0]
    assert ids("source=users:*") == [5]
    assert ids("destination=users:.*") == [4, 3, 2, 1, 0]
    assert ids("destination=shop:*:main") == [5]
    assert ids("reference=r") == ids("metadata[k]=v") == [5]
    assert ids("startTime=2030-01-02T00:00:00Z&endTime=2030-01-04T00:00:00Z") == [2, 1]
    assert ids("start_time=2030-01-05T00:00:00Z") == [5, 4]
    assert ids("after=2") == [1, 0]
    assert ids("after=0") == [5, 4, 3, 2, 1, 0]
    refused_path = "/{l}/transactions?account=users:(.*)"
    old.call("GET", refused_path, status=400, code="VALIDATION")
    first = old.call("GET", "/{l}/transactions?pageSize=4")["cursor"]
    assert first["hasMore"]
    second = old.call("GET", f"/{{l}}/transactions?cursor={first['next']}")["cursor"]
    assert [row["txid"] for row in second["data"]] == [1, 0]
    back = old.call("GET", f"/{{l}}/transactions?pagination_token={second['previous']}")["cursor"]
    assert back["data"] == first["data"]
    both = f"/{{l}}/transactions?cursor={first['next']}&pageSize=3"
    old.call("GET", both, status=400, code="VALIDATION")
    old.call("GET", "/{l}/transactions?pageSize=x", status=400, code="VALIDATION")


def test_accounts_are_listed_backwards(old: Api) -> None:
    post(old, "world a 5 USD", "world b:x 7 USD", "world b:y:z 9 EUR")

    def listed(more: str) -> list[str]:
        rows = old.call("GET", f"/{{l}}/accounts?{more}")["cursor"]["data"]
        return [row["address"] for row in rows]

    assert listed("") == ["world", "b:y:z", "b:x", "a"]
    assert listed("address=b:.*") == ["b:y:z", "b:x"]
    assert listed("address=b:*") == ["b:x"]
    assert listed("after=b:x") == ["a"]
    assert listed("balance=6") == ["b:y:z", "b:x"]
    assert listed("balance=6&balanceOperator=lt&balanceAsset=USD") == ["world", "a"]
    assert listed("balance=5&balance_operator=e") == ["a"]
    old.call("GET", "/{l}/accounts?balance=x", status=400, code="VALIDATION")
    old.call("GET", "/{l}/accounts?balance=1&balanceOperator=x", status=400, code="VALIDATION")
    assert old.send("HEAD", "/{l}/accounts?address=b:.*").headers["count"] == "2"
    answer = old.send("HEAD", "/{l}/transactions?account=a")
    assert (answer.status_code, answer.headers["count"]) == (200, "1")


def test_balances_are_listed_and_added_up(old: Api) -> None:
    post(old, "world a 5 USD", "world b:x 7 USD", "world b:y 9 EUR")
    rows = old.call("GET", "/{l}/balances")["cursor"]["data"]
    assert rows == [
        {"world": {"USD": -12, "EUR": -9}}, {"b:y": {"EUR": 9}}, {"b:x": {"USD": 7}},
        {"a": {"USD": 5}},
    ]  # fmt: skip
    rows = old.call("GET", "/{l}/balances?address=a,b:y")["cursor"]["data"]
    assert rows == [{"b:y": {"EUR": 9}}, {"a": {"USD": 5}}]
    assert old.call("GET", "/{l}/aggregate/balances")["data"] == {"USD": 0, "EUR": 0}
    assert old.call("GET", "/{l}/aggregate/balances?address=b:*")["data"] == {"USD": 7, "EUR": 9}


def test_logs_count_from_zero(old: Api) -> None:
    post(old, "world a 5 USD")
    old.call("POST", "/{l}/accounts/a/metadata", {"k": "v"}, status=204)
    rows = old.call("GET", "/{l}/logs")["cursor"]["data"]
    assert [(row["id"], row["type"]) for row in rows] == [
        (1, "SET_METADATA"),
        (0, "NEW_TRANSACTION"),
    ]
    assert rows[1]["data"]["txid"] == 0
    assert len(rows[1]["hash"]) == 64
    assert [row["id"] for row in old.call("GET", "/{l}/logs?after=1")["cursor"]["data"]] == [0]


def test_contracts_that_would_not_be_kept_are_not_taken(old: Api) -> None:
    assert old.call("GET", "/{l}/mapping")["data"] is None
    assert old.call("PUT", "/{l}/mapping", {"contracts": []})["data"] == {"contracts": []}
    contract = {"name": "x", "account": "a:*", "expr": {"$gte": ["$balance", -100]}}
    old.call("PUT", "/{l}/mapping", {"contracts": [contract]}, status=400, code="VALIDATION")


def test_an_idempotency_key_is_known_again(old: Api) -> None:
    body = {"postings": postings("world a 5 USD")}
    key = {"Idempotency-Key": "k"}
    first = old.send("POST", "/{l}/transactions", body, key)
    again = old.send("POST", "/{l}/transactions", body, key)
    assert first.content == again.content
    assert again.headers["idempotency-hit"] == "true"
    other = {"postings": postings("world a 6 USD")}
    old.call("POST", "/{l}/transactions", other, status=400, code="VALIDATION", headers=key)
