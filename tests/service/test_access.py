"""Who may do what: tokens, names with tokens, JSON Web Tokens, scopes by ledger."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from numscript.service.access import BadTokens, new_token, read_tokens
from numscript.service.settings import Settings
from tests.service.servers import Api, postings, running

BODY = {"postings": postings("world bob 1 USD")}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tokens by name, and the path of their file."""
    path = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    found = {}
    text = ""
    rows = {
        "admin": '["ledger:read", "ledger:write"]',
        "reader": '["ledger:read"]',
        "writer": '["ledger:write"]',
        "european": '["ledger:read:eu-*", "ledger:write:eu-*"]',
    }
    for name, scopes in rows.items():
        found[name], lines = new_token(name)
        assert found[name] not in lines
        text += lines.replace('["ledger:read", "ledger:write"]', scopes)
    path.write_text(text, encoding="utf-8")
    return {**found, "path": str(path)}


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def guarded(
    tokens: dict[str, str], key: ec.EllipticCurvePrivateKey, tmp_path_factory: Any
) -> Iterator[str]:
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    path: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    path.write_text(json.dumps({"keys": [{**public, "kid": "k1", "alg": "ES256"}]}), "utf-8")
    settings = Settings(
        "memory:", tokens=tokens["path"], keys=str(path), issuer="https://id.example",
        audience="ledger",
    )  # fmt: skip
    with running(settings) as url:
        api = Api(url)
        for name in ("main", "eu-1", "us-1"):
            api.call("POST", f"/v2/{name}", status=204, headers=bearer(tokens["admin"]))
        api.close()
        yield url


@pytest.fixture
def api(guarded: str) -> Iterator[Api]:
    api = Api(guarded)
    yield api
    api.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_without_a_token_only_health_and_the_document_answer(api: Api) -> None:
    for path in ("/_healthcheck", "/_ready", "/_/info", "/versions", "/docs", "/openapi.json"):
        assert api.send("GET", path).status_code == 200
    for path in (
        "/v2",
        "/v2/_info",
        "/v2/main/accounts",
        "/main/accounts",
        "/_info",
        "/v2/nowhere",
    ):
        answer = api.send("GET", path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for token in ("x", "a.b.c", "nst_" + "x" * 43):
        assert api.send("GET", "/v2", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    ("name", "method", "path", "status"),
    [
        ("admin", "GET", "/v2/main/accounts", 200),
        ("admin", "POST", "/v2/main/transactions", 200),
        ("reader", "GET", "/v2/main/accounts", 200),
        ("reader", "POST", "/v2/main/transactions", 403),
        ("reader", "POST", "/main/transactions", 403),
        ("reader", "POST", "/v2/new", 403),
        ("writer", "GET", "/v2/main/accounts", 403),
        ("writer", "POST", "/v2/main/transactions", 200),
        ("european", "GET", "/v2/eu-1/accounts", 200),
        ("european", "POST", "/v2/eu-1/transactions", 200),
        ("european", "GET", "/v2/us-1/accounts", 403),
        ("european", "GET", "/v2/us-1", 403),
        ("european", "POST", "/v2/us-1/transactions", 403),
        ("european", "GET", "/us-1/accounts", 403),
        ("reader", "GET", "/made-by-nobody/accounts", 404),
        ("admin", "GET", "/made-by-admin/accounts", 200),
        ("european", "POST", "/api/ledger/v2/us-1/transactions", 403),
        ("european", "GET", "/v2/_numscript/accounts", 403),
        ("admin", "GET", "/v2/_numscript/accounts", 404),
    ],
)
def test_scopes_hold_for_their_ledgers(
    api: Api, tokens: dict[str, str], name: str, method: str, path: str, status: int
) -> None:
    body = BODY if method == "POST" and path.endswith("transactions") else None
    assert api.send(method, path, body, bearer(tokens[name])).status_code == status


def test_lists_of_ledgers_hold_what_the_caller_may_read(api: Api, tokens: dict[str, str]) -> None:
    mine = bearer(tokens["european"])
    listed = api.call("GET", "/v2", headers=mine)["cursor"]["data"]
    assert [row["name"] for row in listed] == ["eu-1"]
    for path in ("/v2/_info", "/_info"):
        config = api.call("GET", path, headers=mine)["data"]["config"]
        assert config["storage"]["ledgers"] == ["eu-1"]


def test_version_1_takes_a_name_with_its_token(api: Api, tokens: dict[str, str]) -> None:
    def status(path: str, name: str, token: str) -> int:
        return api.http.get(path, auth=(name, token)).status_code

    assert status("/main/accounts", "reader", tokens["reader"]) == 200
    assert status("/main/accounts", "admin", tokens["reader"]) == 401
    assert status("/main/accounts", "reader", "guess") == 401
    assert status("/v2/main/accounts", "reader", tokens["reader"]) == 401
    wrong = {"Authorization": "Basic ???"}
    assert api.send("GET", "/main/accounts", headers=wrong).status_code == 401


def test_json_web_tokens_are_good_while_everything_about_them_is(
    api: Api, key: ec.EllipticCurvePrivateKey
) -> None:
    good: dict[str, Any] = {
        "sub": "shop", "iss": "https://id.example", "aud": "ledger", "exp": time.time() + 60,
        "scope": "openid ledger:read ledger:write:eu-1",
    }  # fmt: skip

    def status(claims: dict[str, Any], signer: Any = key, kid: str = "k1", path: str = "/v2/main",
               method: str = "GET", algorithm: str = "ES256") -> int:  # fmt: skip
        token = jwt.encode(claims, signer, algorithm, headers={"kid": kid})
        body = BODY if method == "POST" else None
        return api.send(method, path, body, bearer(token)).status_code

    assert status(good) == 200
    assert status({**good, "scope": None, "scopes": ["ledger:read"]}) in (200, 403)
    assert status(good, method="POST", path="/v2/eu-1/transactions") == 200
    assert status(good, method="POST", path="/v2/main/transactions") == 403
    assert status({**good, "scope": "openid"}) == 403
    assert status({**good, "exp": time.time() - 60}) == 401
    assert status({key: value for key, value in good.items() if key != "exp"}) == 401
    assert status({**good, "iss": "https://evil.example"}) == 401
    assert status({**good, "aud": "other"}) == 401
    assert status(good, kid="k2") == 401
    assert status(good, ec.generate_private_key(ec.SECP256R1())) == 401
    assert status(good, "x" * 64, algorithm="HS256") == 401
    assert status(good, None, algorithm="none") == 401


def test_no_secret_is_ever_logged(
    api: Api, tokens: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    secret = {**bearer(tokens["admin"]), "Idempotency-Key": "hidden-key"}
    body = {"postings": postings("world bob 1 USD"), "metadata": {"k": "hidden-value"}}
    api.call("POST", "/v2/{l}/transactions?reference=hidden-query", body, headers=secret)
    api.send("GET", "/v2/main", headers=bearer("hidden-token"))

    def logged() -> str:
        ours = [record for record in caplog.records if record.name.startswith("numscript")]
        return "\n".join(f"{record.getMessage()} {record.__dict__}" for record in ours)

    while "getLedger" not in logged():
        time.sleep(0.01)
    text = logged()
    assert "createTransaction" in text
    assert "hidden" not in text
    assert tokens["admin"] not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[tokens]]",
        '[[tokens]]\nname = "a"\nscopes = []\nsha256 = "x"',
        f'[[tokens]]\nname = "a"\nscopes = ["ledger:all"]\nsha256 = "{"a" * 64}"',
        f'[[tokens]]\nname = "a"\nscopes = ["ledger:read"]\nsha256 = "{"x" * 64}"',
        "= broken",
        "tokens = 5",
        "tokens = [1]",
        '[tokens.a]\nname = "a"',
    ],
)
def test_a_file_of_tokens_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadTokens) as refused:
        read_tokens(str(path))
    assert "tokens.toml" in str(refused.value)


def test_a_scope_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    scopes = '["ledger:read", "ledger:admin"]'
    path.write_text(f'[[tokens]]\nname = "a"\nscopes = {scopes}\nsha256 = "{"a" * 64}"', "utf-8")
    with pytest.raises(BadTokens, match="`ledger:admin`"):
        read_tokens(str(path))


def test_version_1_says_that_it_takes_basic_too(api: Api) -> None:
    message = "errorMessage"
    assert "HTTP Basic" in api.call("GET", "/main/accounts", status=401)[message]
    assert "Basic" not in api.call("GET", "/v2/main/accounts", status=401)[message]
