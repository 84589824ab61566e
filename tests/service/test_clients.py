"""Formance's own clients, unchanged, against a running server.

The one for Python comes with the test extra. That for JavaScript is tried where it is installed:
`NUMSCRIPT_TEST_NODE` names a folder with a `node_modules` that has `@formance/formance-sdk`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """vars { monetary $price account $to }
send $price ( source = @world destination = $to )
set_tx_meta("kind", "sale")
"""
HUGE = 10**25 + 1
NODE = "NUMSCRIPT_TEST_NODE"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's own


@pytest.fixture
def client(server: str) -> Any:
    sdk = pytest.importorskip("formance_sdk_python")
    with sdk.SDK(server_url=server) as opened:
        yield opened.ledger


def posting(source: str, destination: str, amount: int) -> dict[str, object]:
    return {"source": source, "destination": destination, "amount": amount, "asset": "USD/2"}


def test_the_client_for_python_speaks_version_2(client: Any, name: str) -> None:
    v2 = client.v2
    book: dict[str, Any] = {"ledger": name}
    filtered = {**book, "request_body": {}}
    v2.create_ledger(request={**book, "v2_create_ledger_request": {"metadata": {"a": "b"}}})
    assert v2.get_ledger(request=book).v2_get_ledger_response.data.metadata == {"a": "b"}
    new = {"postings": [posting("world", "users:ana", HUGE)], "metadata": {"k": "v"}}
    request = {**book, "v2_post_transaction": new, "idempotency_key": "k1"}
    made = v2.create_transaction(request=request).v2_create_transaction_response.data
    assert (made.id, made.postings[0].amount) == (1, HUGE)
    again = v2.create_transaction(request=request)
    assert again.headers["idempotency-hit"] == ["true"]
    script = {"plain": SCRIPT, "vars": {"price": "USD/2 70", "to": "users:bob"}}
    new = {"script": script, "metadata": {}}
    made = v2.create_transaction(request={**book, "v2_post_transaction": new})
    assert made.v2_create_transaction_response.data.metadata == {"kind": "sale"}
    tree = {"$match": {"destination": "users:"}}
    listing = {**book, "page_size": 1, "request_body": tree}
    page = v2.list_transactions(request=listing).v2_transactions_cursor_response.cursor
    assert [row.id for row in page.data] == [2]
    page = v2.list_transactions(request={**book, "cursor": page.next, "request_body": {}})
    assert [row.id for row in page.v2_transactions_cursor_response.cursor.data] == [1]
    v2.add_metadata_to_account(
        request={**book, "address": "users:ana", "request_body": {"tier": "gold"}}
    )
    v2.add_metadata_on_transaction(request={**book, "id": 1, "request_body": {"x": "y"}})
    v2.delete_transaction_metadata(request={**book, "id": 1, "key": "x"})
    account = v2.get_account(request={**book, "address": "users:ana", "expand": "volumes"})
    data = account.v2_account_response.data
    assert (data.metadata, data.volumes["USD/2"].balance) == ({"tier": "gold"}, HUGE)
    reverted = v2.revert_transaction(request={**book, "id": 2})
    assert reverted.v2_create_transaction_response.data.id == 3
    bulk = [
        {"action": "CREATE_TRANSACTION",
         "data": {"postings": [posting("world", "shop", 5)], "metadata": {}}},
        {"action": "ADD_METADATA",
         "data": {"targetType": "ACCOUNT", "targetId": "shop", "metadata": {"a": "b"}}},
    ]  # fmt: skip
    done = v2.create_bulk(request={**book, "request_body": bulk}).v2_bulk_response.data
    assert [row.response_type for row in done] == ["CREATE_TRANSACTION", "ADD_METADATA"]
    sums = v2.get_balances_aggregated(request=filtered).v2_aggregate_balances_response.data
    assert sums == {"USD/2": 0}
    volumes = v2.get_volumes_with_balances(request={**filtered, "group_by": 1})
    rows = volumes.v2_volumes_with_balance_cursor_response.cursor.data
    assert [row.account for row in rows] == ["shop", "users", "world"]
    logs = v2.list_logs(request=filtered).v2_logs_cursor_response.cursor.data
    assert [row.id for row in logs] == [*range(len(logs), 0, -1)]
    assert v2.count_accounts(request=filtered).headers["count"] == ["4"]
    assert v2.read_stats(request=book).v2_stats_response.data.transactions == 4
    assert v2.get_info().v2_config_info.server == "ledger"
    assert v2.get_ledger_info(request=book).v2_ledger_info_response.data.name == name


def test_the_client_for_python_is_told_what_is_wrong(client: Any, name: str) -> None:
    from formance_sdk_python.models import errors

    v2, book = client.v2, {"ledger": name}
    raised: Any
    with pytest.raises(errors.SDKBaseError) as raised:
        v2.list_transactions(request={**book, "request_body": {}})
    assert raised.value.data.error_code == "LEDGER_NOT_FOUND"
    v2.create_ledger(request={**book, "v2_create_ledger_request": {}})
    new = {"postings": [posting("ana", "bob", 1)], "metadata": {}}
    with pytest.raises(errors.SDKBaseError) as raised:
        v2.create_transaction(request={**book, "v2_post_transaction": new})
    assert raised.value.data.error_code == "INSUFFICIENT_FUND"


def test_the_client_for_python_speaks_version_1(client: Any, name: str) -> None:
    v1, book = client.v1, {"ledger": name}
    new = {"postings": [posting("world", "bank", 100)]}
    made = v1.create_transaction(request={**book, "post_transaction": new})
    assert [row.txid for row in made.transactions_response.data] == [0]
    account = v1.get_account_ledger(request={**book, "address": "bank"})
    assert account.account_response.data.balances == {"USD/2": 100}
    page = v1.list_transactions(request={**book, "account": "bank"})
    assert [row.txid for row in page.transactions_cursor_response.cursor.data] == [0]
    v1.revert_transaction(request={**book, "txid": 0})
    sums = v1.get_balances_aggregated(request=book).aggregate_balances_response.data
    assert sums == {"USD/2": 0}


def test_the_client_for_javascript_speaks_both_versions(server: str, name: str) -> None:
    folder = os.environ.get(NODE)
    node = shutil.which("node")
    if folder is None or node is None:
        pytest.skip(f"{NODE} names no folder with the client")
    program = (Path(__file__).parent / "client.cjs").read_text("utf-8")
    done = subprocess.run(
        [node, "-", server, name], input=program, capture_output=True, text=True, cwd=folder,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.strip() == "done"
