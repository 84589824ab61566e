"""Webhooks: events come in order, signed, at least once, whoever fails meanwhile."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from numscript.ledger import Ledger, Posting
from numscript.service.access import READ, WRITE, Caller, read_scopes
from numscript.service.deliveries import back_off, is_public
from numscript.service.settings import Settings
from numscript.service.webhooks import covers
from numscript.storage import open_storage
from tests.service.receivers import Receiver, receiving, until
from tests.service.servers import Api, running
from tests.service.test_serve import BODY, Load, serving

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
OLDER = f"whsec_{base64.b64encode(bytes(range(1, 33))).decode()}"
HOOKS = "/v2/_/webhooks"


@pytest.fixture
def secrets(tmp_path: Path) -> str:
    path = tmp_path / "secret.txt"
    path.write_text(f"{SECRET}\n{OLDER}\n")
    return str(path)


@contextmanager
def hooked(secrets: str, *urls: str, **more: Any) -> Iterator[Api]:
    """A ledger `main` of a server that signs."""
    settings = Settings("memory:", webhooks=urls, webhook_secrets=secrets, **more)
    with running(settings) as url:
        api = Api(url, "main")
        api.call("POST", "/v2/{l}", status=204)
        yield api
        api.close()


def hook(api: Api, receiver: Receiver, **more: object) -> dict[str, Any]:
    found: dict[str, Any] = api.call("POST", HOOKS, {"url": receiver.url, **more}, status=201)
    return dict(found["data"])


def shown(api: Api, number: str) -> dict[str, Any]:
    return dict(api.call("GET", f"{HOOKS}/{number}")["data"])


def told_of(api: Api, number: str) -> object:
    """The error that a webhook shows."""
    return shown(api, number).get("lastError")


def test_deliveries_are_signed_as_standard_webhooks_are(secrets: str) -> None:
    with receiving() as receiver, hooked(secrets, receiver.url) as api:
        api.post("world bob 5 USD")
        until(lambda: receiver.deliveries)
        headers, body = receiver.deliveries[0]
    for secret in (SECRET, OLDER):
        event = Webhook(secret).verify(body, headers)
        assert (event["ledger"], event["sequence"]) == ("main", 1)
        assert event["type"] == "COMMITTED_TRANSACTIONS"
    assert headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"bob", b"eve"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, {**headers, "webhook-id": "other"})


def test_a_webhook_that_is_made_by_a_call_has_a_secret_of_its_own(secrets: str) -> None:
    with receiving() as receiver, hooked(secrets) as api:
        made = hook(api, receiver)
        api.post("world bob 5 USD")
        until(lambda: receiver.deliveries)
        headers, body = receiver.deliveries[0]
        Webhook(made["secret"]).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, headers)
        assert "secret" not in shown(api, made["id"])
        assert "secret" not in api.call("GET", HOOKS)["data"][0]


def test_it_is_told_of_its_ledgers_only_and_of_the_past_if_it_asks(secrets: str) -> None:
    with receiving() as news, receiving() as history, hooked(secrets) as api:
        other = Api(api.url, "other")
        other.call("POST", "/v2/{l}", status=204)
        api.post("world bob 1 USD")
        first = hook(api, news, ledgers=["ma*"])
        second = hook(api, history, history=True)
        api.post("world bob 2 USD")
        other.post("world bob 3 USD")
        until(lambda: len(history.events) == 3)
        until(lambda: shown(api, second["id"])["cursors"] == {"main": 2, "other": 1})
        until(lambda: shown(api, first["id"])["cursors"] == {"main": 2})
        assert history.sequences() == [1, 2]
        assert history.sequences("other") == [1]
        assert news.sequences() == [2]
        assert not news.sequences("other")
        other.close()


def change_all_ways(api: Api) -> None:
    """One event of each type, in the order of `TYPES`."""
    number = api.post("world bob 1 USD")["id"]
    api.call("POST", f"/v2/{{l}}/transactions/{number}/revert", status=201)
    api.call("POST", "/v2/{l}/accounts/bob/metadata", {"k": "v"}, status=204)
    api.call("DELETE", "/v2/{l}/accounts/bob/metadata/k", status=204)


def test_it_is_told_of_the_types_that_it_names_only(secrets: str) -> None:
    with receiving() as some, receiving() as every, hooked(secrets) as api:
        types = ["ledger.saved_metadata", "REVERTED_TRANSACTION", "SAVED_METADATA"]
        first = hook(api, some, eventTypes=types)
        assert first["eventTypes"] == ["SAVED_METADATA", "REVERTED_TRANSACTION"]
        second = hook(api, every)
        assert second["eventTypes"] == ["*"]
        change_all_ways(api)
        until(lambda: shown(api, first["id"])["cursors"] == {"main": 4})
        until(lambda: shown(api, second["id"])["cursors"] == {"main": 4})
        assert [event["type"] for event in some.events] == [
            "REVERTED_TRANSACTION",
            "SAVED_METADATA",
        ]
        assert every.sequences() == [1, 2, 3, 4]


def test_types_that_the_server_is_started_with_hold_from_then_on(
    secrets: str, tmp_path: Path
) -> None:
    storage = f"sqlite:///{tmp_path / 'b.db'}"

    def serve_and_change(types: tuple[str, ...], expected: list[int]) -> None:
        settings = Settings(
            storage, webhooks=(receiver.url,), webhook_secrets=secrets, webhook_events=types
        )
        with running(settings) as url:
            api = Api(url, "main")
            api.send("POST", "/v2/{l}")
            (configured,) = api.call("GET", HOOKS)["data"]
            assert configured["eventTypes"] == (list(types) or ["*"])
            change_all_ways(api)
            until(lambda: receiver.sequences() == expected)
            api.close()

    with receiving() as receiver:
        serve_and_change((), [1, 2, 3, 4])
        serve_and_change(("DELETED_METADATA",), [1, 2, 3, 4, 8])


def test_a_receiver_that_fails_is_tried_again_and_misses_nothing(secrets: str) -> None:
    """The order stays, and the same event has the same name each time."""
    answers = iter([200, 500, 301, 0, 200, 200, 200])
    with receiving(lambda _: next(answers)) as receiver, hooked(secrets) as api:
        made = hook(api, receiver)
        for at in range(1, 5):
            api.post(f"world bob {at} USD")
        until(lambda: receiver.sequences() == [1, 2, 2, 2, 2, 3, 4])
        until(lambda: shown(api, made["id"])["cursors"] == {"main": 4})
        found = shown(api, made["id"])
        assert (found["status"], found.get("failures")) == ("active", None)
        names = [headers["webhook-id"] for headers, _ in receiver.deliveries]
        assert len(set(names)) == 4
        assert names[1] == names[2] == names[3] == names[4]
        metrics = httpx.get(f"{api.url}/metrics").text
        assert 'numscript_webhook_deliveries_total{outcome="delivered"} 4.0' in metrics
        assert 'numscript_webhook_deliveries_total{outcome="failed"} 3.0' in metrics


def test_how_it_fails_is_shown(secrets: str) -> None:
    with receiving(lambda _: 503) as receiver, hooked(secrets) as api:
        made = hook(api, receiver)
        api.post("world bob 1 USD")
        until(lambda: shown(api, made["id"])["status"] == "failing")
        found = shown(api, made["id"])
        assert found["lastError"] == "the receiver answered 503"
        assert found["failures"] >= 1
        assert found["failingSince"] <= found["retryAt"]
        assert found["cursors"] == {"main": 0}


@pytest.mark.parametrize(("status", "hours"), [(500, 0.0), (410, 72.0)])
def test_it_is_disabled_after_long_or_when_it_is_gone_until_enabled(
    secrets: str, status: int, hours: float
) -> None:
    answers = [status, status]
    with (
        receiving(lambda _: answers.pop() if answers else 200) as receiver,
        hooked(secrets, webhook_give_up=hours) as api,
    ):
        made = hook(api, receiver)
        api.post("world bob 1 USD")
        until(lambda: shown(api, made["id"])["status"] == "disabled")
        answers.clear()
        api.post("world bob 2 USD")
        assert api.call("POST", f"{HOOKS}/{made['id']}/enable")["data"]["status"] == "active"
        until(lambda: receiver.sequences()[-2:] == [1, 2])


def test_a_receiver_that_does_not_answer_holds_up_nobody(secrets: str) -> None:
    with (
        receiving() as receiver,
        receiving() as silent,
        hooked(secrets, webhook_timeout=0.5) as api,
    ):
        silent.server.shutdown()
        made = hook(api, silent)
        hook(api, receiver)
        for at in range(1, 4):
            api.post(f"world bob {at} USD")
        until(lambda: receiver.sequences() == [1, 2, 3])
        until(lambda: shown(api, made["id"])["status"] == "failing")
        assert "cannot be reached" in shown(api, made["id"])["lastError"]


def test_a_webhook_that_is_deleted_is_told_no_more(secrets: str) -> None:
    with receiving() as receiver, receiving() as kept, hooked(secrets, kept.url) as api:
        made = hook(api, receiver)
        api.post("world bob 1 USD")
        until(lambda: receiver.sequences() == [1])
        api.call("DELETE", f"{HOOKS}/{made['id']}", status=204)
        api.post("world bob 2 USD")
        until(lambda: kept.sequences() == [1, 2])
        assert receiver.sequences() == [1]
        api.call("GET", f"{HOOKS}/{made['id']}", status=404, code="NOT_FOUND")
        (configured,) = api.call("GET", HOOKS)["data"]
        assert configured["configured"] is True
        api.call("DELETE", f"{HOOKS}/{configured['id']}", status=400)


def test_only_public_addresses_are_called_if_that_is_asked(secrets: str) -> None:
    with receiving() as receiver, hooked(secrets, webhook_public=True) as api:
        url = receiver.url.replace("127.0.0.1", "localhost")
        for address in (receiver.url, url):
            made = api.call("POST", HOOKS, {"url": address}, status=201)["data"]
            api.post("world bob 1 USD")
            until(partial(told_of, api, made["id"]))
            assert "no public address" in shown(api, made["id"])["lastError"]
        assert not receiver.deliveries


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("10.0.0.1", False), ("127.0.0.1", False),
        ("169.254.169.254", False), ("::1", False), ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False), ("fd00::1", False), ("100.64.0.1", False), ("0.0.0.0", False),
        ("224.0.0.1", False), ("2002:0a00:0001::", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "body",
    [
        {"url": "ftp://example.com"},
        {"url": "https://"},
        {"url": "https://a:b@example.com"},
        {"url": "http://[::1"},
        {"url": "https://example.com/a b"},
        {"url": f"https://example.com/{'x' * 2000}"},
        {"url": "https://example.com", "ledgers": []},
        {"url": "https://example.com", "ledgers": ["a*b"]},
        {"url": "https://example.com", "eventTypes": []},
        {"url": "https://example.com", "eventTypes": ["SAVED"]},
        {"ledgers": ["a"]},
        {"url": "https://example.com", "ledger": ["a"]},
    ],
)
def test_what_can_be_no_webhook_is_refused(secrets: str, body: dict[str, object]) -> None:
    with hooked(secrets) as api:
        api.call("POST", HOOKS, body, status=400, code="VALIDATION")


def test_what_a_webhook_takes_is_named(secrets: str) -> None:
    with hooked(secrets) as api:
        body = {"url": "https://example.com", "ledger": ["a"]}
        told = api.call("POST", HOOKS, body, status=400)["errorMessage"]
        assert told.endswith("unknown field `ledger`; it takes url, ledgers, eventTypes, history")
        assert api.call("GET", HOOKS)["data"] == []


def test_without_a_secret_there_are_none(memory: Api) -> None:
    answer = memory.call("POST", HOOKS, {"url": "https://example.com"}, status=400)
    assert "--webhook-secret-file" in answer["errorMessage"]


@pytest.mark.parametrize(
    ("scopes", "pattern", "covered"),
    [
        (["ledger:read"], "*", True),
        (["ledger:read:eu-*"], "*", False),
        (["ledger:read:eu-*"], "eu-*", True),
        (["ledger:read:eu-*"], "eu-a*", True),
        (["ledger:read:eu-*"], "e*", False),
        (["ledger:read:eu-?"], "eu-*", False),
        (["ledger:read:eu-?"], "eu-1", True),
        (["ledger:read:a"], "a*", False),
        (["ledger:write"], "a", False),
    ],
)
def test_whom_a_webhook_may_be_made_by(scopes: list[str], pattern: str, covered: bool) -> None:
    assert covers(Caller("x", read_scopes(scopes)), READ, pattern) is covered


def test_a_webhook_needs_rights_on_all_its_ledgers(secrets: str, tmp_path: Path) -> None:
    from hashlib import sha256

    rows = {"all": [READ, WRITE], "eu": [f"{READ}:eu-*", f"{WRITE}:eu-*"], "reader": [READ]}
    text = "".join(
        f'[[tokens]]\nname = "{name}"\nsha256 = "{sha256(name.encode()).hexdigest()}"\n'
        f"scopes = {scopes}\n"
        for name, scopes in rows.items()
    )
    (tmp_path / "tokens.toml").write_text(text)
    settings = Settings(
        "memory:", webhook_secrets=secrets, tokens=str(tmp_path / "tokens.toml")
    )  # fmt: skip
    with receiving() as receiver, running(settings) as url:
        api = Api(url)
        everywhere, europe, reader = (
            {"Authorization": f"Bearer {name}"} for name in ("all", "eu", "reader")
        )
        body = {"url": receiver.url}
        api.call("POST", HOOKS, body, status=401)
        api.call("POST", HOOKS, body, status=403, headers=europe)
        api.call("POST", HOOKS, body, status=403, headers=reader)
        number = api.call("POST", HOOKS, body, status=201, headers=everywhere)["data"]["id"]
        own = {**body, "ledgers": ["eu-*"]}
        api.call("POST", HOOKS, own, status=201, headers=europe)
        assert len(api.call("GET", HOOKS, headers=everywhere)["data"]) == 2
        assert len(api.call("GET", HOOKS, headers=europe)["data"]) == 1
        api.call("GET", f"{HOOKS}/{number}", status=404, headers=europe)
        api.call("DELETE", f"{HOOKS}/{number}", status=404, headers=europe)
        api.call("DELETE", f"{HOOKS}/{number}", status=403, headers=reader)
        api.close()


def test_waits_grow_and_differ() -> None:
    assert [back_off(at, lambda: 1.0) for at in (1, 2, 3, 30)] == [1.0, 2.0, 4.0, 300.0]
    assert back_off(3, lambda: 0.0) == 2.0


def test_two_processes_deliver_in_one_order_and_once(
    tmp_path: Path, postgres_url: str, secrets: str
) -> None:
    arguments = ("--storage", postgres_url, "--workers", "2", "--webhook-secret-file", secrets)
    with receiving() as receiver:
        hooks = ("--webhook", receiver.url)
        with serving(tmp_path, *arguments, *hooks) as (url, process):
            httpx.post(f"{url}/v2/hooked").raise_for_status()
            load = Load(url, callers=4, ledger="hooked")
            until(lambda: len(receiver.sequences("hooked")) > 200)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            load.join()
        # A graceful stop loses no cursor: what is left comes after the next start, and only that.
        with serving(tmp_path, *arguments, *hooks) as (_, process):
            opened = open_storage(postgres_url)
            head = Ledger(opened, "hooked").stats().logs
            until(lambda: receiver.sequences("hooked")[-1] == head)
            opened.close()
            # Workers outlive a process that is killed.
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        assert receiver.sequences("hooked") == [*range(1, head + 1)]


def test_a_server_that_is_killed_between_delivery_and_cursor_delivers_again(
    tmp_path: Path, secrets: str
) -> None:
    """At least once, and never a gap."""
    storage = f"sqlite:///{tmp_path}/b.db"
    victims: list[int] = []

    def kill(event: dict[str, Any]) -> int:
        if event["sequence"] == 3 and victims:
            os.kill(victims.pop(), signal.SIGKILL)
        return 200

    with receiving(kill) as receiver:
        arguments = (
            "--storage", storage, "--webhook", receiver.url, "--webhook-secret-file", secrets,
            "--webhook-timeout", "1",
        )  # fmt: skip
        with serving(tmp_path, *arguments) as (url, process):
            httpx.post(f"{url}/v2/main").raise_for_status()
            victims.append(process.pid)
            bulk = [{"action": "CREATE_TRANSACTION", "data": BODY} for _ in range(5)]
            httpx.post(f"{url}/v2/main/_bulk", json=bulk)
            process.wait(60)
        assert receiver.sequences() == [1, 2, 3]
        with serving(tmp_path, *arguments):
            until(lambda: receiver.sequences()[-1] == 5)
        again = receiver.sequences()[3:]
        assert again == [*range(again[0], 6)]
        assert again[0] <= 3
        names = {
            (row["sequence"], headers["webhook-id"])
            for row, (headers, _) in zip(receiver.events, receiver.deliveries, strict=True)
        }
        assert len(names) == 5


def test_what_others_commit_to_the_storage_is_delivered_too(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/b.db"
    with receiving() as receiver:
        arguments = ("--storage", storage, "--webhook", receiver.url)
        with serving(tmp_path, *arguments, NUMSCRIPT_SERVE_WEBHOOK_SECRET=SECRET):
            opened = open_storage(storage)
            Ledger(opened, "main").post([Posting("world", "bob", 1, "USD")])
            opened.close()
            until(lambda: receiver.sequences() == [1])
        Webhook(SECRET).verify(receiver.deliveries[0][1], receiver.deliveries[0][0])
