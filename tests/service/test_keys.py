"""The keys of JSON Web Tokens by URL: rotated, asked for by strangers, broken, down."""

from __future__ import annotations

import json
import logging
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from numscript.service import access
from numscript.service.settings import Settings
from tests.service.receivers import answering
from tests.service.servers import running
from tests.service.test_serve import free_port, serving

KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("k1", "k2", "stranger")}


def key_set(*names: str) -> bytes:
    rows = []
    for name in names:
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEYS[name].public_key()))
        rows.append({**public, "kid": name, "alg": "ES256", "use": "sig"})
    return json.dumps({"keys": rows}).encode()


class Issuer:
    """Serves a key set, or whatever else it is told to, and counts who asks."""

    def __init__(self, *names: str) -> None:
        self.status = 200
        self.body = key_set(*names)
        self.delay = 0.0
        self.asked = 0


@contextmanager
def issuing(issuer: Issuer, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of an issuer's keys."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            time.sleep(issuer.delay)
            self.send_response(issuer.status)
            self.send_header("Content-Length", str(len(issuer.body)))
            self.end_headers()
            self.wfile.write(issuer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    with answering(server):
        yield f"{scheme}://localhost:{server.server_address[1]}/keys"


def ask(url: str, name: str, kid: str | None = None) -> httpx.Response:
    """Call with a token that a key signs."""
    claims = {"sub": "shop", "exp": time.time() + 60, "scope": "ledger:read"}
    token = jwt.encode(claims, KEYS[name], "ES256", headers={"kid": kid or name})
    return httpx.get(f"{url}/v2", headers={"Authorization": f"Bearer {token}"}, timeout=30)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keys be fetched again at once."""
    monkeypatch.setattr(access, "REFRESH", 0.0)


@pytest.mark.usefixtures("soon")
def test_a_key_that_is_added_later_is_found_and_one_that_is_taken_away_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issuer = Issuer("k1")
    with issuing(issuer) as place, running(Settings("memory:", keys=place)) as url:
        assert ask(url, "k1").status_code == 200
        assert ask(url, "k2").status_code == 401
        issuer.body = key_set("k1", "k2")
        assert ask(url, "k2").status_code == 200
        assert ask(url, "k1").status_code == 200
        assert ask(url, "stranger", "k1").status_code == 401
        issuer.body = key_set("k2")
        assert ask(url, "k1").status_code == 200
        monkeypatch.setattr(access, "KEPT", 0.0)
        assert ask(url, "k1").status_code == 401
        assert ask(url, "k2").status_code == 200


def test_tokens_of_unknown_keys_do_not_hammer_the_issuer() -> None:
    issuer = Issuer("k1")
    with issuing(issuer) as place, running(Settings("memory:", keys=place)) as url:
        for at in range(30):
            assert ask(url, "stranger", f"made-up-{at}").status_code == 401
        assert ask(url, "k1").status_code == 200
    assert issuer.asked == 1


def test_an_issuer_that_is_down_is_told_and_known_keys_stay_good(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    issuer = Issuer("k1")
    place = f"http://localhost:{port}/keys?secret=hidden"
    with running(Settings("memory:", keys=place)) as url:
        # At the start nobody was there.
        for _ in range(5):
            answer = ask(url, "k1")
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "10"
            assert "keys of tokens cannot be fetched" in answer.json()["errorMessage"]
        (line,) = [row for row in caplog.records if "cannot be fetched" in row.getMessage()]
        assert line.levelname == "ERROR"
        assert f"http://localhost:{port}/keys: " in line.getMessage()
        assert "hidden" not in caplog.text
        monkeypatch.setattr(access, "REFRESH", 0.0)
        with issuing(issuer, port):
            assert ask(url, "k1").status_code == 200
        assert "fetched again" in caplog.text
        # And later it goes away: what was good stays so, for a while.
        monkeypatch.setattr(access, "KEPT", 0.0)
        assert ask(url, "k1").status_code == 200
        assert ask(url, "k2").status_code == 503
        monkeypatch.setattr(access, "LONGEST", 0.0)
        assert ask(url, "k1").status_code == 503


@pytest.mark.usefixtures("soon")
def test_a_slow_issuer_holds_up_no_token_of_a_known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer("k1")
    with issuing(issuer) as place, running(Settings("memory:", keys=place, threads=4)) as url:
        assert ask(url, "k1").status_code == 200
        monkeypatch.setattr(access, "TIMEOUT", 30.0)
        issuer.delay = 3.0
        held = threading.Thread(target=ask, args=(url, "k2"))
        held.start()
        while issuer.asked < 2:
            time.sleep(0.01)
        assert ask(url, "k1").status_code == 200
        assert held.is_alive()
        answer = ask(url, "k2")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        held.join()


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, b"{}", "the server answered 404"),
        (200, b"<html>", "it is no JSON: Expecting value"),
        (200, b"[]", "it is no JSON Web Key Set"),
        (200, b'{"keys": 5}', "it is no JSON Web Key Set"),
        (200, b'{"keys": []}', "it has no key that can be used"),
        (200, b'{"keys": [7]}', "it is no JSON Web Key Set"),
        (200, b'{"keys": [{"kty": "EC", "crv": "P-256", "x": 5}]}', "it has no key that can be"),
        (200, b" " * (access.LARGEST + 1), "it is larger than"),
        (200, b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "no key in it can be used"),
    ],
)
def test_what_is_wrong_with_the_keys_is_said_at_the_start(
    tmp_path: Path, status: int, body: bytes, told: str
) -> None:
    issuer = Issuer()
    issuer.status, issuer.body = status, body
    with (
        issuing(issuer) as place,
        serving(tmp_path, "--storage", "memory:", "--jwks", place) as (url, _),
    ):
        assert ask(url, "k1").status_code == 503
        assert httpx.get(f"{url}/v2").status_code == 401
    text = (tmp_path / "errors.txt").read_text()
    warning = next(line for line in text.splitlines() if line.startswith("warning:"))
    assert f"the keys of tokens cannot be fetched from {place}: {told}" in warning
    assert "answered with 503" in warning
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    (told_by_log,) = [row["message"] for row in rows if row["level"] == "error"][:1]
    assert told_by_log.startswith(f"the keys of tokens cannot be fetched from {place}: {told}")


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What serves TLS for localhost, and the file of the authority that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, private = folder / "authority.pem", folder / "private.pem"
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority, private)
    return tls, authority


def test_keys_come_over_tls_from_whom_the_machine_trusts_only(tmp_path: Path) -> None:
    tls, authority = certificate(tmp_path)
    with issuing(Issuer("k1"), tls=tls) as place:
        arguments = ("--storage", "memory:", "--jwks", place)
        with serving(tmp_path, *arguments) as (url, _):
            assert ask(url, "k1").status_code == 503
        assert "certificate verify failed" in (tmp_path / "errors.txt").read_text().lower()
        with serving(tmp_path, *arguments, SSL_CERT_FILE=str(authority)) as (url, _):
            assert ask(url, "k1").status_code == 200
        assert "cannot be fetched" not in (tmp_path / "errors.txt").read_text()
