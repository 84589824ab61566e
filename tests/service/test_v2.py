"""Version 2 of the API, over HTTP, on SQLite and Postgres."""

from __future__ import annotations

from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest

from tests.service.servers import Api, postings

SCRIPT = """vars { monetary $price account $to }
send $price ( source = @world destination = $to )
set_tx_meta("kind", "sale")
set_account_meta($to, "tier", "gold")
"""


def filtered(api: Api, resource: str, tree: object, more: str = "") -> list[Any]:
    """The records that a filter finds, given as the body and as the query."""
    text = msgspec.json.encode(tree).decode()
    path = f"/v2/{{l}}/{resource}?{more}"
    found: list[Any] = api.call("GET", path, tree)["cursor"]["data"]
    again = api.call("GET", f"{path}&{httpx.QueryParams({'query': text})}")
    assert again["cursor"]["data"] == found
    return found


# --- transactions -----------------------------------------------------------------------------


def test_postings_become_a_transaction_with_volumes(api: Api) -> None:
    made = api.post("world bank 100 USD/2", "bank shop 30 USD/2", reference="order-1")
    assert (made["id"], made["reference"], made["reverted"]) == (1, "order-1", False)
    after = made["postCommitVolumes"]["bank"]["USD/2"]
    assert after == {"input": 100, "output": 30, "balance": 70}
    before = made["preCommitVolumes"]["bank"]["USD/2"]
    assert before == {"input": 0, "output": 0, "balance": 0}
    shown = api.call("GET", "/v2/{l}/transactions/1")["data"]
    assert "postCommitVolumes" not in shown
    expanded = api.call("GET", "/v2/{l}/transactions/1?expand=volumes,effectiveVolumes")["data"]
    assert expanded["postCommitVolumes"] == expanded["postCommitEffectiveVolumes"]
    assert expanded["postCommitVolumes"] == made["postCommitVolumes"]


def test_a_script_with_variables_becomes_a_transaction(api: Api) -> None:
    huge = 10**40 + 1
    variables = {"price": {"asset": "USD/2", "amount": huge}, "to": "users:ana"}
    body = {
        "script": {"plain": SCRIPT, "vars": variables},
        "metadata": {"order": "7"},
        "accountMetadata": {"users:ana": {"name": "Ana"}},
    }
    made = api.call("POST", "/v2/{l}/transactions", body)["data"]
    assert made["postings"][0]["amount"] == huge
    assert made["metadata"] == {"kind": "sale", "order": "7"}
    ana = api.call("GET", "/v2/{l}/accounts/users:ana?expand=volumes")["data"]
    assert ana["metadata"] == {"tier": "gold", "name": "Ana"}
    assert ana["volumes"]["USD/2"]["balance"] == huge


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"to": "bob"}, "missing variable $price"),
        ({"to": "bob", "price": "USD/2 1", "more": "x"}, "extraneous variable $more"),
        ({"to": "bob", "price": 1.5}, "whole number"),
        ({"to": "bob", "price": {"asset": "USD/2"}}, "amount"),
        ({"to": "not an account", "price": "USD/2 1"}, "account"),
    ],
)
def test_variables_that_do_not_fit_are_refused(
    api: Api, variables: dict[str, Any], text: str
) -> None:
    body = {"script": {"plain": SCRIPT, "vars": variables}}
    error = api.call("POST", "/v2/{l}/transactions", body, status=400, code="COMPILATION_FAILED")
    assert text in error["errorMessage"]


def test_a_number_variable_of_any_size_is_exact(api: Api) -> None:
    script = "vars { number $n }\nsend [COIN $n] ( source = @world destination = @bob )"
    for value in (10_000_000, 2**53 + 1, str(10**30)):
        body = {"script": {"plain": script, "vars": {"n": value}}}
        made = api.call("POST", "/v2/{l}/transactions", body)["data"]
        assert made["postings"][0]["amount"] == int(value)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"postings": postings("ana bob 1 USD")}, 400, "INSUFFICIENT_FUND"),
        ({"postings": []}, 400, "NO_POSTINGS"),
        ({}, 400, "NO_POSTINGS"),
        ({"postings": postings("world bob 1 USD"), "script": {"plain": "x"}}, 400, "VALIDATION"),
        ({"script": {"plain": "send"}}, 400, "COMPILATION_FAILED"),
        ({"script": {"plain": "send"}, "runtime": "experimental-interpreter"}, 400,
         "INTERPRETER_PARSE"),
        ({"script": {"plain": "send [USD 1] (source = @a destination = @b)"}}, 400,
         "INSUFFICIENT_FUND"),
        ({"script": {"plain": "vars { account $a = meta(@x, \"k\") }\nsend [USD 1] (source = "
                              "@world destination = $a)"}}, 400, "COMPILATION_FAILED"),
        ({"script": {"plain": 'set_tx_meta("k", "v")'}}, 400, "NO_POSTINGS"),
        ({"script": {"plain": 'send [USD 1] (source = @world destination = @b)\n'
                              'set_tx_meta("k", "v")'}, "metadata": {"k": "w"}}, 400,
         "METADATA_OVERRIDE"),
        ({"script": {"template": "pay"}}, 400, "VALIDATION"),
        ({"postings": postings("world bob 1 usd")}, 400, "VALIDATION"),
        ({"postings": postings("world bob -1 USD")}, 400, "VALIDATION"),
        ({"postings": [{"source": "world", "destination": "b", "amount": 1.0, "asset": "USD"}]},
         400, "VALIDATION"),
        ({"postings": postings("world bob 1 USD"), "timestamp": "yesterday"}, 400, "VALIDATION"),
        ({"postings": postings("world bob 1 USD"), "metadata": {"k": 1}}, 400, "VALIDATION"),
        ("{", 400, "VALIDATION"),
        ("[" * 100_000, 400, "VALIDATION"),
        (b"\xff", 400, "VALIDATION"),
        ("null", 400, "VALIDATION"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(api: Api, body: object, status: int, code: str) -> None:
    api.call("POST", "/v2/{l}/transactions", body, status=status, code=code)
    assert api.call("GET", "/v2/{l}/stats")["data"]["transactions"] == 0


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("amount", -5, "the amount of `postings[2]` cannot be taken: -5 is negative"),
        ("asset", "usd", "'usd' is none; one is USD/2"),
        ("source", "a b", "the source of `postings[2]` cannot be taken: 'a b' is no account; one "),
        ("amount", "x", "the amount of `postings[2]`"),
    ],
)
def test_the_posting_that_is_wrong_is_named(api: Api, field: str, value: object, told: str) -> None:
    rows = postings("world a 1 USD", "a b 1 USD", "b c 1 USD", "c d 1 USD")
    rows[2][field] = value
    answer = api.call("POST", "/v2/{l}/transactions", {"postings": rows}, status=400)
    assert told in answer["errorMessage"]


@pytest.mark.parametrize("digits", [4001, 5000])
@pytest.mark.parametrize("as_text", [False, True])
def test_an_amount_that_is_too_long_is_told_its_limit(api: Api, digits: int, as_text: bool) -> None:
    text = "9" * digits
    amount = f'"{text}"' if as_text else text
    body = (
        '{"postings": [{"source": "world", "destination": "a", "asset": "USD", '
        f'"amount": {amount}}}]}}'
    )
    answer = api.call("POST", "/v2/{l}/transactions", body, status=400, code="VALIDATION")
    assert f"a number of {digits} digits is too long: the limit is 4000" in answer["errorMessage"]


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("transactions", '{"metadata": {"a": "b", "n": 1}}', '`body.metadata["n"]`'),
        ("transactions", '{"accountMetadata": {"x": {"k": null}}}',
         '`body.accountMetadata["x"]["k"]`'),
        ("accounts/x/metadata", '{"a": "b", "n": [1]}', '`body["n"]`'),
        ("transactions", '{"metadata": {"n": 1}} x', "`body.metadata[...]`"),
        ("transactions", "", "the body is empty; send JSON"),
    ],
)  # fmt: skip
def test_what_of_a_body_does_not_fit_is_named(api: Api, path: str, body: str, told: str) -> None:
    answer = api.call("POST", f"/v2/{{l}}/{path}", body, status=400, code="VALIDATION")
    assert told in answer["errorMessage"]


def test_who_asks_for_an_unknown_ledger_is_told_the_call_that_makes_it(api: Api) -> None:
    told = api.call("GET", "/v2/XYZ-42/stats", status=404)["errorMessage"]
    assert told == "there is no ledger `XYZ-42`; `POST /v2/XYZ-42` creates it"
    own = api.call("GET", "/v2/_numscript/stats", status=404)["errorMessage"]
    assert "POST" not in own


def test_a_reference_is_taken_once(api: Api) -> None:
    api.post("world bob 1 USD", reference="r")
    body = {"postings": postings("world bob 1 USD"), "reference": "r"}
    api.call("POST", "/v2/{l}/transactions", body, status=409, code="CONFLICT")


def test_a_dry_run_leaves_nothing(api: Api) -> None:
    body = {"postings": postings("world bob 5 USD")}
    made = api.call("POST", "/v2/{l}/transactions?dryRun=TRUE", body)["data"]
    assert made["postCommitVolumes"]["bob"]["USD"]["balance"] == 5
    assert api.call("GET", "/v2/{l}/stats")["data"] == {"transactions": 0, "accounts": 0}


def test_force_lets_postings_go_below_zero(api: Api) -> None:
    body = {"postings": postings("ana bob 5 USD")}
    api.call("POST", "/v2/{l}/transactions?force=1", body)
    api.call("POST", "/v2/{l}/transactions", {**body, "force": True})
    ana = api.call("GET", "/v2/{l}/accounts/ana?expand=volumes")["data"]
    assert ana["volumes"]["USD"]["balance"] == -10


def test_an_idempotency_key_gives_the_first_result_again(api: Api) -> None:
    body = {"postings": postings("world bob 5 USD")}
    key = {"Idempotency-Key": "k1"}
    with ThreadPoolExecutor(8) as threads:
        sent = [
            threads.submit(api.send, "POST", "/v2/{l}/transactions", body, key) for _ in range(16)
        ]
    answers = [future.result() for future in sent]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    hits = [answer.headers.get("idempotency-hit") for answer in answers]
    assert sorted(hits, key=str) == [None, *["true"] * 15]
    other = {"postings": postings("world bob 6 USD")}
    api.call("POST", "/v2/{l}/transactions", other, status=400, code="VALIDATION", headers=key)


def test_a_revert_takes_back_once(api: Api) -> None:
    api.post("world bob 5 USD", timestamp="2020-01-01T00:00:00Z")
    path = "/v2/{l}/transactions/1/revert"
    assert api.call("POST", f"{path}?dryRun=1", status=201)["data"]["id"] == 2
    made = api.call("POST", f"{path}?atEffectiveDate=true", {"metadata": {"why": "mistake"}},
                    status=201)["data"]  # fmt: skip
    assert made["postings"] == postings("bob world 5 USD")
    assert made["timestamp"] == "2020-01-01T00:00:00Z"
    assert made["metadata"] == {"why": "mistake", "com.formance.spec/state/reverts": "1"}
    first = api.call("GET", "/v2/{l}/transactions/1")["data"]
    assert first["reverted"]
    assert first["revertedAt"]
    api.call("POST", path, status=400, code="ALREADY_REVERT")
    api.call("POST", "/v2/{l}/transactions/9/revert", status=404, code="NOT_FOUND")


def test_a_revert_of_what_is_spent_needs_force(api: Api) -> None:
    api.post("world bob 5 USD")
    api.post("bob shop 5 USD")
    path = "/v2/{l}/transactions/1/revert"
    api.call("POST", path, status=400, code="INSUFFICIENT_FUND")
    api.call("POST", f"{path}?force=true", status=201)


def test_metadata_of_transactions_and_accounts(api: Api) -> None:
    api.post("world bob 5 USD")
    for path in ("/v2/{l}/transactions/1", "/v2/{l}/accounts/bob", "/v2/{l}/accounts/never:used"):
        api.call("POST", f"{path}/metadata", {"a": "1", "b/c": "2"}, status=204)
        api.call("POST", f"{path}/metadata", {}, status=204)
        api.call("DELETE", f"{path}/metadata/a", status=204)
        assert api.call("GET", path)["data"]["metadata"] == {"b/c": "2"}
        api.call("POST", f"{path}/metadata", {"a": 1}, status=400, code="VALIDATION")
    api.call("DELETE", "/v2/{l}/transactions/1/metadata/a", status=404, code="NOT_FOUND")
    api.call("DELETE", "/v2/{l}/accounts/bob/metadata/a", status=204)
    api.call("POST", "/v2/{l}/transactions/9/metadata", {"a": "1"}, status=404, code="NOT_FOUND")
    key = {"Idempotency-Key": "m"}
    first = api.send("POST", "/v2/{l}/accounts/bob/metadata", {"x": "1"}, key)
    again = api.send("POST", "/v2/{l}/accounts/bob/metadata", {"x": "1"}, key)
    assert "idempotency-hit" not in first.headers
    assert again.headers["idempotency-hit"] == "true"


# --- lists ------------------------------------------------------------------------------------


def walk(api: Api, path: str, size: int) -> list[list[Any]]:
    """The pages of a list, forwards, after they were also walked back."""
    pages = []
    separator = "&" if "?" in path else "?"
    page = api.call("GET", f"{path}{separator}pageSize={size}")["cursor"]
    while True:
        assert page["pageSize"] == size
        pages.append(page["data"])
        if not page["hasMore"]:
            break
        page = api.call("GET", f"{path.partition('?')[0]}?cursor={page['next']}")["cursor"]
    for expected in reversed(pages[:-1]):
        page = api.call("GET", f"{path.partition('?')[0]}?cursor={page['previous']}")["cursor"]
        assert page["data"] == expected
        assert page["hasMore"]
    assert "previous" not in page
    return pages


def test_lists_are_walked_forwards_and_back(api: Api) -> None:
    for at in range(7):
        api.post(f"world users:{at} {at + 1} USD/2", timestamp="2020-01-01T00:00:00Z")
    pages = walk(api, "/v2/{l}/transactions", 3)
    assert [[row["id"] for row in page] for page in pages] == [[7, 6, 5], [4, 3, 2], [1]]
    pages = walk(api, "/v2/{l}/transactions?order=effective&reverse=true&expand=volumes", 3)
    assert [[row["id"] for row in page] for page in pages] == [[1, 2, 3], [4, 5, 6], [7]]
    assert all("postCommitVolumes" in row for page in pages for row in page)
    pages = walk(api, "/v2/{l}/accounts", 5)
    assert [row["address"] for page in pages for row in page] == [
        *[f"users:{at}" for at in range(7)], "world"
    ]  # fmt: skip
    pages = walk(api, "/v2/{l}/accounts?sort=firstUsage:desc", 5)
    assert pages[0][0]["address"] == "world"
    assert [len(page) for page in walk(api, "/v2/{l}/volumes", 4)] == [4, 4]
    assert [row["id"] for page in walk(api, "/v2/{l}/logs", 4) for row in page] == [
        *range(7, 0, -1)
    ]
    query = '{"$match":{"address":"users:"}}'
    assert [len(page) for page in walk(api, f"/v2/{{l}}/accounts?query={query}", 7)] == [7]


def test_a_page_is_never_longer_than_allowed(api: Api) -> None:
    assert api.call("GET", "/v2/{l}/accounts")["cursor"]["pageSize"] == 15
    assert api.call("GET", "/v2/{l}/accounts?pageSize=99999")["cursor"]["pageSize"] == 1000
    api.call("GET", "/v2/{l}/accounts?pageSize=many", status=400, code="VALIDATION")


@pytest.mark.parametrize(
    "cursor", ["x", "eyJ9", "e30", "W10", "bnVsbA", "\u20ac", "eyJyZXNvdXJjZSI6ImxvZ3MifQ"]
)
def test_a_cursor_that_is_none_is_refused(api: Api, cursor: str) -> None:
    for resource in ("transactions", "accounts", "volumes", "logs"):
        api.call("GET", f"/v2/{{l}}/{resource}?cursor={cursor}", status=400, code="VALIDATION")
    api.call("GET", f"/v2?cursor={cursor}", status=400, code="VALIDATION")


def test_filters_find_what_they_say(api: Api) -> None:
    api.post("world users:ana 100 USD/2", metadata={"kind": "in"}, reference="r1")
    api.post("users:ana shop 40 USD/2", timestamp="2020-01-01T00:00:00Z")
    api.post("world users:bob:main 7 EUR/2")
    ids = [
        ({"$match": {"account": "users:ana"}}, [2, 1]),
        ({"$match": {"source": "users:"}}, [2]),
        ({"$match": {"destination": "users:..."}}, [3, 1]),
        ({"$match": {"reference": "r1"}}, [1]),
        ({"$match": {"metadata[kind]": "in"}}, [1]),
        ({"$exists": {"metadata": "kind"}}, [1]),
        ({"$not": {"$exists": {"metadata": "kind"}}}, [3, 2]),
        ({"$lt": {"timestamp": "2021-01-01T02:00:00+02:00"}}, [2]),
        ({"$or": [{"$match": {"id": 1}}, {"$gte": {"id": 3}}]}, [3, 1]),
        ({"$and": [{"$match": {"account": "users:ana"}}, {"$gt": {"id": 1}}]}, [2]),
        ({"$match": {"reverted": True}}, []),
        ({"$in": {"reference": ["r1", "r2"]}}, [1]),
    ]
    for tree, expected in ids:
        assert [row["id"] for row in filtered(api, "transactions", tree)] == expected, tree
    found = filtered(api, "accounts", {"$gte": {"balance[USD/2]": 50}})
    assert [row["address"] for row in found] == ["users:ana"]
    found = filtered(api, "volumes", {"$match": {"account": "users:"}})
    assert [row["account"] for row in found] == ["users:ana"]
    assert len(filtered(api, "logs", {"$match": {"type": "NEW_TRANSACTION"}})) == 3


@pytest.mark.parametrize(
    "tree",
    [
        {"address": "bob"},
        {"$match": {"nothing": "bob"}},
        {"$what": {"id": 1}},
        {"$match": {"id": "one"}},
        {"$match": {"id": 1, "reference": "r"}},
        [],
        {"$and": []},
    ],
)
def test_filters_that_are_none_are_refused(api: Api, tree: object) -> None:
    for resource in ("transactions", "accounts", "volumes", "logs", "aggregate/balances"):
        error = api.call("GET", f"/v2/{{l}}/{resource}", tree, status=400, code="VALIDATION")
        assert error["errorMessage"]


def test_counts_are_in_a_header(api: Api) -> None:
    for at in range(3):
        api.post(f"world users:{at} 1 USD")
    assert api.send("HEAD", "/v2/{l}/transactions").headers["count"] == "3"
    assert api.send("HEAD", "/v2/{l}/accounts").headers["count"] == "4"
    query = httpx.QueryParams({"query": '{"$match": {"address": "users:"}}'})
    answer = api.send("HEAD", f"/v2/{{l}}/accounts?{query}")
    assert (answer.status_code, answer.headers["count"]) == (204, "3")
    assert api.send("HEAD", "/v2/nowhere/accounts").status_code == 404


# --- accounts, balances, volumes --------------------------------------------------------------


def test_an_account_that_was_never_used_is_not_found(api: Api) -> None:
    api.call("GET", "/v2/{l}/accounts/nobody", status=404, code="NOT_FOUND")
    api.post("world a-b:c_1 1 USD")
    shown = api.call("GET", "/v2/{l}/accounts/a-b%3Ac_1")["data"]
    assert shown["address"] == "a-b:c_1"
    assert "volumes" not in shown


def test_balances_of_a_whole_ledger_are_zero(api: Api) -> None:
    api.post("world users:ana 100 USD/2", "users:ana shop 30 USD/2", "world shop 5 EUR")
    sums = api.call("GET", "/v2/{l}/aggregate/balances")["data"]
    assert sums == {"USD/2": 0, "EUR": 0}
    tree = {"$match": {"address": "users:"}}
    assert api.call("GET", "/v2/{l}/aggregate/balances", tree)["data"] == {"USD/2": 70}


def test_everything_is_shown_as_it_was_at_a_point_in_time(api: Api) -> None:
    api.post("world bob 100 USD", timestamp="2020-01-01T00:00:00Z")
    api.post("bob shop 30 USD", timestamp="2021-01-01T00:00:00Z")
    api.post("world bob 5 USD", timestamp="2020-06-01T00:00:00Z")
    at = "pit=2020-12-31T00:00:00Z"
    shown = api.call("GET", f"/v2/{{l}}/accounts/bob?{at}&expand=effectiveVolumes,volumes")["data"]
    assert shown["effectiveVolumes"]["USD"]["balance"] == 105
    assert shown["volumes"] == {}
    listed = api.call("GET", f"/v2/{{l}}/accounts?{at}&expand=effectiveVolumes")["cursor"]["data"]
    assert [row["address"] for row in listed] == ["bob", "world"]
    assert api.call("GET", f"/v2/{{l}}/aggregate/balances?{at}",
                    {"$match": {"address": "bob"}})["data"] == {"USD": 105}  # fmt: skip
    found = api.call("GET", f"/v2/{{l}}/transactions?{at}")["cursor"]["data"]
    assert [row["id"] for row in found] == [3, 1]
    api.call("GET", f"/v2/{{l}}/transactions/2?{at}", status=404, code="NOT_FOUND")
    one = api.call("GET", "/v2/{l}/transactions/2?expand=effectiveVolumes")["data"]
    assert one["postCommitEffectiveVolumes"]["bob"]["USD"] == {
        "input": 105, "output": 30, "balance": 75
    }  # fmt: skip
    api.call("GET", "/v2/{l}/accounts?pit=soon", status=400, code="VALIDATION")


def test_effective_volumes_count_equal_dates_by_id(api: Api) -> None:
    at = "2020-01-01T00:00:00Z"
    for _ in range(3):
        api.post("world bob 10 USD", timestamp=at)
    listed = api.call("GET", "/v2/{l}/transactions?expand=effectiveVolumes")["cursor"]["data"]
    balances = [row["postCommitEffectiveVolumes"]["bob"]["USD"]["balance"] for row in listed]
    assert balances == [30, 20, 10]


def test_volumes_are_grouped_and_held_to_a_time(api: Api) -> None:
    for day, account in enumerate(("users:a", "users:b", "shops:x:main", "users:a"), start=1):
        api.post(f"world {account} 10 USD", timestamp=f"2020-01-0{day}T00:00:00Z")

    def shown(more: str) -> list[tuple[str, int]]:
        page = api.call("GET", f"/v2/{{l}}/volumes?{more}")["cursor"]
        return [(row["account"], row["balance"]) for row in page["data"]]

    whole = [("shops:x:main", 10), ("users:a", 20), ("users:b", 10), ("world", -40)]
    assert shown("") == whole
    assert shown("groupBy=1") == [("shops", 10), ("users", 30), ("world", -40)]
    assert shown("endTime=2020-01-02T00:00:00Z") == [
        ("users:a", 10), ("users:b", 10), ("world", -20)
    ]  # fmt: skip
    later = "startTime=2020-01-03T00:00:00Z"
    assert shown(later) == [("shops:x:main", 10), ("users:a", 10), ("world", -20)]
    assert shown(f"{later}&groupBy=1") == [("shops", 10), ("users", 10), ("world", -20)]
    assert shown(f"{later}&endTime=2020-01-03T00:00:00Z") == [("shops:x:main", 10), ("world", -10)]
    assert [len(page) for page in walk(api, f"/v2/{{l}}/volumes?{later}", 1)] == [1, 1, 1]
    wrong = "startTime=2021-01-01T00:00:00Z&endTime=2020-01-01T00:00:00Z"
    api.call("GET", f"/v2/{{l}}/volumes?{wrong}", status=400, code="VALIDATION")


def test_colours_are_kept_apart(api: Api) -> None:
    row = {"source": "world", "destination": "bob", "amount": 5, "asset": "USD/2", "color": "RED"}
    made = api.call("POST", "/v2/{l}/transactions", {"postings": [row]})["data"]
    assert made["postings"] == [row]
    assert made["postCommitVolumes"]["bob"]["USD/2 RED"]["balance"] == 5


def test_amounts_are_text_where_that_is_asked_for(api: Api) -> None:
    number = 2**63 + 1
    row = {"source": "world", "destination": "bob", "amount": str(number), "asset": "USD"}
    asked = {"Formance-Bigint-As-String": "true"}
    made = api.call("POST", "/v2/{l}/transactions", {"postings": [row]}, headers=asked)["data"]
    assert made["postings"] == [row]
    assert made["postCommitVolumes"]["bob"]["USD"]["balance"] == str(number)
    assert made["id"] == 1
    plain = api.call("GET", "/v2/{l}/transactions/1")["data"]
    assert plain["postings"][0]["amount"] == number
    sums = api.call("GET", "/v2/{l}/volumes", headers=asked)["cursor"]["data"]
    assert sums[0]["balance"] == str(number)
    total = api.call("GET", "/v2/{l}/aggregate/balances", headers=asked)["data"]
    assert total == {"USD": "0"}
    log = api.call("GET", "/v2/{l}/logs", headers=asked)["cursor"]["data"][0]
    assert log["data"]["transaction"]["postings"][0]["amount"] == str(number)


# --- logs -------------------------------------------------------------------------------------


def test_the_log_tells_of_every_change(api: Api) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"postings": postings("world bob 5 USD")}
    api.call("POST", "/v2/{l}/transactions", body, headers=key)
    api.call("POST", "/v2/{l}/transactions/1/metadata", {"a": "b"}, status=204)
    api.call("DELETE", "/v2/{l}/transactions/1/metadata/a", status=204)
    api.call("POST", "/v2/{l}/accounts/bob/metadata", {"a": "b"}, status=204)
    api.call("POST", "/v2/{l}/transactions/1/revert", status=201)
    rows = api.call("GET", "/v2/{l}/logs")["cursor"]["data"][::-1]
    assert [row["type"] for row in rows] == [
        "NEW_TRANSACTION", "SET_METADATA", "DELETE_METADATA", "SET_METADATA",
        "REVERTED_TRANSACTION",
    ]  # fmt: skip
    assert rows[0]["idempotencyKey"] == "k"
    assert len(b64decode(rows[0]["hash"])) == 32
    assert rows[1]["data"] == {
        "targetType": "TRANSACTION", "targetId": 1, "metadata": {"a": "b"}
    }  # fmt: skip
    assert rows[3]["data"]["targetId"] == "bob"
    assert rows[4]["data"]["revertedTransaction"]["id"] == 1
    assert rows[4]["data"]["transaction"]["id"] == 2


def test_an_export_is_imported_as_it_was(api: Api) -> None:
    api.post("world bob 5 USD")
    api.call("POST", "/v2/{l}/transactions/1/revert", status=201)
    lines = api.send("POST", "/v2/{l}/logs/export")
    assert lines.headers["content-type"] == "application/octet-stream"
    copy = f"{api.ledger}-copy"
    api.call("POST", f"/v2/{copy}/logs/import", lines.content, status=404, code="LEDGER_NOT_FOUND")
    api.call("POST", f"/v2/{copy}", status=204)
    broken = lines.content.replace(b'"amount":5', b'"amount":6')
    api.call("POST", f"/v2/{copy}/logs/import", broken, status=400, code="IMPORT")
    api.call("POST", f"/v2/{copy}/logs/import", b"\xff\n", status=400, code="IMPORT")
    api.call("POST", f"/v2/{copy}/logs/import", lines.content, status=204)
    assert api.send("POST", f"/v2/{copy}/logs/export").content == lines.content
    api.call("POST", f"/v2/{copy}/logs/import", lines.content, status=400, code="IMPORT")
    assert api.send("POST", f"/v2/{copy}x/logs/export").status_code == 404


# --- ledgers ----------------------------------------------------------------------------------


def test_ledgers_are_created_once_and_described(api: Api) -> None:
    name = f"{api.ledger}-b"
    new = {"bucket": "eu", "metadata": {"country": "fr"}, "features": {"HASH_LOGS": "SYNC"}}
    api.call("POST", f"/v2/{name}", new, status=204)
    api.call("POST", f"/v2/{name}", new, status=400, code="LEDGER_ALREADY_EXISTS")
    shown = api.call("GET", f"/v2/{name}")["data"]
    assert (shown["name"], shown["bucket"], shown["metadata"]) == (name, "eu", {"country": "fr"})
    long = {"metadata": {"k" * 255: "v"}}
    api.call("POST", f"/v2/{name}-c", long, status=400, code="VALIDATION")
    api.call("GET", f"/v2/{name}-c", status=404, code="NOT_FOUND")
    api.call("PUT", f"/v2/{name}/metadata", {"a": "b"}, status=204)
    api.call("DELETE", f"/v2/{name}/metadata/country", status=204)
    assert api.call("GET", f"/v2/{name}")["data"]["metadata"] == {"a": "b"}
    info = api.call("GET", f"/v2/{name}/_info")["data"]
    assert info["storage"]["migrations"][0]["state"] == "DONE"
    tree: Any = {"$match": {"name": name}}
    assert [row["name"] for row in api.call("GET", "/v2", tree)["cursor"]["data"]] == [name]
    tree = {"$and": [{"$match": {"metadata[a]": "b"}}, {"$not": {"$match": {"bucket": "us"}}}]}
    assert name in [row["name"] for row in api.call("GET", "/v2", tree)["cursor"]["data"]]
    api.call("GET", "/v2", {"name": name}, status=400, code="VALIDATION")
    page = api.call("GET", "/v2?pageSize=1")["cursor"]
    following = api.call("GET", f"/v2?cursor={page['next']}")["cursor"]
    assert following["data"] != page["data"]
    back = api.call("GET", f"/v2?cursor={following['previous']}")["cursor"]
    assert back["data"] == page["data"]
    assert name in api.call("GET", "/v2/_info")["data"]["config"]["storage"]["ledgers"]


@pytest.mark.parametrize("ledger", ["_numscript", "nowhere", "_info2"])
def test_a_ledger_that_is_not_there_is_not_found(api: Api, ledger: str) -> None:
    api.call("GET", f"/v2/{ledger}", status=404, code="NOT_FOUND")
    api.call("GET", f"/v2/{ledger}/accounts", status=404, code="LEDGER_NOT_FOUND")
    body = {"postings": postings("world bob 5 USD")}
    api.call("POST", f"/v2/{ledger}/transactions", body, status=404, code="LEDGER_NOT_FOUND")
    api.call("PUT", f"/v2/{ledger}/metadata", {"a": "b"}, status=404, code="LEDGER_NOT_FOUND")


@pytest.mark.parametrize("ledger", ["_numscript", "_", "a.b", "x" * 64])
def test_a_name_that_is_none_is_refused(api: Api, ledger: str) -> None:
    api.call("POST", f"/v2/{ledger}", status=400, code="VALIDATION")


def test_everything_answers_under_the_gateways_prefix(api: Api) -> None:
    assert api.call("GET", "/api/ledger/v2/{l}")["data"]["name"] == api.ledger
    assert api.call("GET", "/api/ledger/_/info")["server"] == "ledger"
    assert api.call("GET", "/versions")["versions"][0]["name"] == "ledger"
    assert api.call("GET", "/api/ledger/versions")["versions"][0]["health"]


def test_unknown_paths_and_methods_are_told(api: Api) -> None:
    api.call("GET", "/v2/{l}/nothing/at/all", status=404, code="NOT_FOUND")
    answer = api.send("PATCH", "/v2/{l}/transactions")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a/b", "a%2Fb"),
        ("a/b", "a/b"),
        ("/", "%2F"),
        ("a//b/", "a//b/"),
        ("https://example.com/order?id=1&x#y", "https:%2F%2Fexample.com%2Forder%3Fid=1&x%23y"),
        ("per%2Fcent", "per%252Fcent"),
        ("k/metadata/k", "k/metadata/k"),
        ("ключ/钥匙", "%D0%BA%D0%BB%D1%8E%D1%87/%E9%92%A5%E5%8C%99"),
    ],
)
def test_a_key_of_metadata_may_have_slashes(api: Api, key: str, path: str) -> None:
    api.post("world users:ana 5 USD")
    kept = {"a": "1", "b": "2"}
    api.call("PUT", "/v2/{l}/metadata", {key: "x", **kept}, status=204)
    api.call("DELETE", f"/v2/{{l}}/metadata/{path}", status=204)
    assert api.call("GET", "/v2/{l}")["data"]["metadata"] == kept
    for target in ("accounts/users:ana", "transactions/1"):
        where = f"/v2/{{l}}/{target}"
        api.call("POST", f"{where}/metadata", {key: "x", **kept}, status=204)
        assert api.call("GET", where)["data"]["metadata"] == {key: "x", **kept}
        api.call("DELETE", f"{where}/metadata/{path}", status=204)
        assert api.call("GET", where)["data"]["metadata"] == kept
    api.call("DELETE", "/v2/{l}/accounts/users:ana/metadata/", status=400, code="VALIDATION")


# --- schemas ----------------------------------------------------------------------------------

CHART = {
    "world": {},
    "bank": {".self": {}, "fees": {}},
    "users": {"$id": {".pattern": "^[0-9]{3}$", ".metadata": {"tier": {"default": "new"}},
                      ".self": {}, "main": {}}},
}  # fmt: skip
SCHEMA = {
    "chart": CHART,
    "transactions": {
        "pay": {"description": "Pays a user", "script": SCRIPT.rpartition("set_account_meta")[0]}
    },
    "queries": {
        "of-user": {
            "resource": "transactions",
            "vars": {"user": "string", "least": {"type": "int", "default": 0}},
            "params": {"pageSize": 1, "expand": "volumes"},
            "body": {
                "$and": [{"$match": {"account": "users:${user}"}}, {"$gt": {"id": "${least}"}}]
            },
        },
        "rich": {"resource": "accounts", "body": {"$gte": {"balance[USD/2]": 100}}},
        "sums": {"resource": "volumes", "params": {"groupBy": 1}},
        "lines": {"resource": "logs"},
    },
}  # fmt: skip


def test_one_key_keeps_one_schema(api: Api) -> None:
    key = {"Idempotency-Key": "k" * 255}
    path = "/v2/{l}/schemas/v1"

    def hit(answer: httpx.Response) -> bool:
        assert answer.status_code == 204, answer.text
        return "idempotency-hit" in answer.headers

    assert not hit(api.send("POST", path, SCHEMA, key))
    assert hit(api.send("POST", path, SCHEMA, key))
    api.call("POST", path, SCHEMA, status=409, code="SCHEMA_ALREADY_EXISTS")
    other = {"Idempotency-Key": "other"}
    api.call("POST", path, SCHEMA, status=409, code="SCHEMA_ALREADY_EXISTS", headers=other)
    # A key that kept nothing is free, and one that did stands for what was asked with it.
    assert not hit(api.send("POST", "/v2/{l}/schemas/v2", SCHEMA, other))
    changed = {**SCHEMA, "chart": {"world": {}}}
    for version, body in (("v1", changed), ("v3", SCHEMA), ("v2", SCHEMA)):
        where = f"/v2/{{l}}/schemas/{version}"
        api.call("POST", where, body, status=400, code="VALIDATION", headers=key)
    assert hit(api.send("POST", path, SCHEMA, key))
    api.call("GET", "/v2/{l}/schemas/v3", status=404)
    long = {"Idempotency-Key": "k" * 256}
    api.call("POST", "/v2/{l}/schemas/v3", SCHEMA, status=400, code="VALIDATION", headers=long)


def test_of_callers_with_one_key_at_once_one_keeps_the_schema(api: Api) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = [*threads.map(
            lambda _: api.send("POST", "/v2/{l}/schemas/v1", SCHEMA, {"Idempotency-Key": "k"}),
            range(8),
        )]  # fmt: skip
    assert {answer.status_code for answer in answers} == {204}
    assert len([answer for answer in answers if "idempotency-hit" not in answer.headers]) == 1


def test_a_schema_rules_the_writes_that_name_it(api: Api) -> None:
    api.call("POST", "/v2/{l}/schemas/v1", SCHEMA, status=204)
    api.call("POST", "/v2/{l}/schemas/v1", SCHEMA, status=409, code="SCHEMA_ALREADY_EXISTS")
    changed = {**SCHEMA, "chart": {"world": {}}}
    api.call("POST", "/v2/{l}/schemas/v1", changed, status=409, code="SCHEMA_ALREADY_EXISTS")
    shown = api.call("GET", "/v2/{l}/schemas/v1")["data"]
    assert shown["chart"] == CHART
    missing = api.call("GET", "/v2/{l}/schemas/v9", status=404, code="NOT_FOUND")
    assert missing["errorMessage"].endswith("has no schema `v9`")
    api.call("POST", "/v2/{l}/schemas/v2", {"chart": {"world": {}}}, status=204)
    listed = api.call("GET", "/v2/{l}/schemas?pageSize=1")["cursor"]
    assert [row["version"] for row in listed["data"]] == ["v2"]
    path = "/v2/{l}/transactions?schemaVersion=v1"
    good = {"postings": postings("world users:001 5 USD/2")}
    key = {"Idempotency-Key": "first"}
    api.call("POST", path, good, headers=key)
    api.call("POST", path, good, headers=key)
    assert api.call("GET", "/v2/{l}/accounts/users:001")["data"]["metadata"] == {"tier": "new"}
    for row in ("world users:1 5 USD/2", "world users 5 USD/2", "world other 5 USD/2"):
        error = api.call("POST", path, {"postings": postings(row)}, status=400, code="VALIDATION")
        assert "the schema `v1` has no account" in error["errorMessage"]
    api.call("POST", "/v2/{l}/transactions?schemaVersion=v9", good, status=404, code="NOT_FOUND")
    api.post("world other 5 USD/2")


PAY_WHOM_IT_SAYS = """vars { account $to = meta(@settings, "to") }
send [USD/2 1] ( source = @world destination = $to )
"""


def test_a_schema_rules_what_is_committed_not_what_was_there_before(api: Api) -> None:
    """A script is run on the books as they are by then, which may have changed since it came."""
    api.call("POST", "/v2/{l}/schemas/v1", SCHEMA, status=204)

    def point_at(address: str) -> dict[str, object]:
        data = {"targetType": "ACCOUNT", "targetId": "settings", "metadata": {"to": address}}
        return {"action": "ADD_METADATA", "data": data}

    pay = {"action": "CREATE_TRANSACTION", "data": {"script": {"plain": PAY_WHOM_IT_SAYS}}}
    api.call("POST", "/v2/{l}/_bulk", [point_at("users:001")])
    path = "/v2/{l}/_bulk?schemaVersion=v1"
    answer = api.call("POST", path, [point_at("other"), pay], status=400)
    assert [row["responseType"] for row in answer["data"]] == ["ADD_METADATA", "ERROR"]
    assert "the schema `v1` has no account `other`" in answer["data"][1]["errorDescription"]
    api.call("GET", "/v2/{l}/accounts/other", status=404)
    # And the other way round: what was not allowed before is, by then.
    api.call("POST", path, [point_at("users:002"), pay, pay])
    assert api.call("GET", "/v2/{l}/accounts/users:002")["data"]["metadata"] == {"tier": "new"}
    dry = {"script": {"plain": PAY_WHOM_IT_SAYS}}
    api.call("POST", "/v2/{l}/accounts/settings/metadata", {"to": "other"}, status=204)
    one = "/v2/{l}/transactions?schemaVersion=v1"
    api.call("POST", f"{one}&dryRun=true", dry, status=400, code="VALIDATION")
    api.call("POST", one, dry, status=400, code="VALIDATION")


def test_one_key_gives_one_result_under_a_schema_too(api: Api) -> None:
    """Also where the script could not be run again, or its account is not new any more."""
    api.call("POST", "/v2/{l}/schemas/v1", SCHEMA, status=204)
    path = "/v2/{l}/transactions?schemaVersion=v1"
    api.call("POST", path, {"postings": postings("world users:001 5 USD/2")})
    script = "send [USD/2 5] ( source = @users:001 destination = @users:002 )"
    body = {"script": {"plain": script}}
    first = api.send("POST", path, body, {"Idempotency-Key": "k"})
    again = api.send("POST", path, body, {"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotency-hit"] == "true"
    assert again.json()["data"]["id"] == first.json()["data"]["id"]
    api.call("POST", path, body, status=400, code="INSUFFICIENT_FUND")


def test_metadata_that_are_given_go_before_those_of_the_chart(api: Api) -> None:
    api.call("POST", "/v2/{l}/schemas/v1", SCHEMA, status=204)
    path = "/v2/{l}/transactions?schemaVersion=v1"
    script = {"plain": SCRIPT, "vars": {"price": "USD/2 1", "to": "users:001"}}
    api.call("POST", path, {"script": script})
    assert api.call("GET", "/v2/{l}/accounts/users:001")["data"]["metadata"] == {"tier": "gold"}
    body = {
        "postings": postings("world users:002 1 USD/2"),
        "accountMetadata": {"users:002": {"tier": "silver"}},
    }
    api.call("POST", path, body)
    assert api.call("GET", "/v2/{l}/accounts/users:002")["data"]["metadata"] == {"tier": "silver"}


def test_templates_and_queries_are_run_by_their_names(api: Api) -> None:
    api.call("POST", "/v2/{l}/schemas/v1", SCHEMA, status=204)
    path = "/v2/{l}/transactions?schemaVersion=v1"
    script = {"template": "pay", "vars": {"price": "USD/2 150", "to": "users:007"}}
    made = api.call("POST", path, {"script": script})["data"]
    assert made["postings"] == postings("world users:007 150 USD/2")
    wrong = {"script": {"template": "play"}}
    api.call("POST", path, wrong, status=400, code="VALIDATION")
    api.call("POST", path, {"postings": postings("users:007 bank 1 USD/2")})
    run = "/v2/{l}/queries/of-user/run?schemaVersion=v1"
    page = api.call("POST", run, {"vars": {"user": "007"}})
    assert page["resource"] == "transactions"
    assert [row["id"] for row in page["cursor"]["data"]] == [2]
    assert "postCommitVolumes" in page["cursor"]["data"][0]
    page = api.call("POST", run, {"cursor": page["cursor"]["next"]})
    assert [row["id"] for row in page["cursor"]["data"]] == [1]
    page = api.call("POST", run, {"vars": {"user": "007", "least": 1}, "params": {"pageSize": 9}})
    assert len(page["cursor"]["data"]) == 1
    for name, resource in (("rich", "accounts"), ("sums", "volumes"), ("lines", "logs")):
        page = api.call("POST", f"/v2/{{l}}/queries/{name}/run?schemaVersion=v1")
        assert page["resource"] == resource
        assert page["cursor"]["data"]
    for body in ({}, {"vars": {"user": 7}}, {"vars": {"user": "007", "x": "y"}}):
        api.call("POST", run, body, status=400, code="VALIDATION")
    api.call("POST", "/v2/{l}/queries/none/run?schemaVersion=v1", status=404, code="NOT_FOUND")
    api.call("POST", "/v2/{l}/queries/rich/run", status=400, code="VALIDATION")


@pytest.mark.parametrize(
    "chart",
    [
        {"$any": {}},
        {"a b": {}},
        {"users": {"$a": {}, "$b": {}}},
        {"users": {"$a": {".pattern": "(a+)+$"}}},
        {"users": {"$a": {".pattern": "["}}},
        {"users": {"$a": {".metadata": {"k": {"default": 1}}}}},
        {"users": 7},
    ],
)
def test_a_chart_that_is_none_is_refused(api: Api, chart: object) -> None:
    body = {"chart": chart}
    api.call("POST", "/v2/{l}/schemas/v1", body, status=400, code="VALIDATION")
