"""`numscript serve` as its operator meets it: a process of its own, stopped and killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any

import httpx
import pytest

from numscript.ledger import Ledger
from numscript.storage import open_storage
from tests.service.receivers import until
from tests.service.servers import postings

BODY = {"postings": postings("world bob 1 USD")}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "numscript", "serve", *arguments]


@contextmanager
def serving(
    folder: Path, *arguments: str, **variables: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address and the process of a server."""
    port = free_port()
    with (
        (folder / "errors.txt").open("w") as log,
        subprocess.Popen(
            command("--bind", f"127.0.0.1:{port}", *arguments),
            env={**os.environ, "HOME": str(folder), **variables},
            stderr=log,
            text=True,
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                assert process.poll() is None, (folder / "errors.txt").read_text()
                try:
                    if httpx.get(f"{url}/_ready", timeout=5).status_code == 200:
                        break
                except httpx.TransportError:
                    sleep(0.05)
            yield url, process
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_when_told(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with serving(tmp_path) as (url, process):
        body = json.dumps(BODY)
        assert httpx.post(f"{url}/quickstart/transactions", content=body).status_code == 200
        process.send_signal(ending)
        assert process.wait(30) == 0
    text = (tmp_path / "errors.txt").read_text()
    assert f"at {url}\nnote: open /console in a browser; the API is described at /docs" in text
    assert "listens on this machine only" in text
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    answered = next(row for row in rows if row.get("route") == "v1CreateTransaction")
    assert answered["status"] == 200
    assert answered["ledger"] == "quickstart"
    assert len(answered["requestId"]) == 32
    assert rows[-1]["message"] in ("stopped", "Application shutdown complete.") or any(
        row["message"] == "stopped" for row in rows
    )
    assert list(tmp_path.rglob("books.db"))


def test_options_come_from_variables(tmp_path: Path) -> None:
    variables = {
        "NUMSCRIPT_STORAGE": f"sqlite:///{tmp_path}/b.db",
        "NUMSCRIPT_SERVE_MAX_PAGE_SIZE": "7",
        "NUMSCRIPT_SERVE_LOG_FORMAT": "text",
    }
    with serving(tmp_path, **variables) as (url, _):
        httpx.post(f"{url}/v2/main")
        page = httpx.get(f"{url}/v2/main/accounts?pageSize=50").json()["cursor"]
        assert page["pageSize"] == 7
        # The line of a call is written once it is answered.
        for _ in range(200):
            text = (tmp_path / "errors.txt").read_text()
            if re.search(
                r"^20\d\d-\d\d-\d\dT[\d:.]{12}Z info .* route=listAccounts", text, re.MULTILINE
            ):
                break
            sleep(0.05)
        else:
            raise AssertionError("the call is not in the log")
    assert (tmp_path / "b.db").exists()


class Load:
    """Callers that post until the server is gone, and keep what was acknowledged."""

    def __init__(self, url: str, callers: int = 8, ledger: str = "main") -> None:
        self.url = url
        self.ledger = ledger
        self.acknowledged: list[str] = []
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self.post, args=(at,)) for at in range(callers)]
        for thread in self.threads:
            thread.start()

    def post(self, number: int) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as http:
            for at in range(100_000):
                reference = f"{number}-{at}"
                body = {**BODY, "reference": reference}
                try:
                    answer = http.post(f"/v2/{self.ledger}/transactions", json=body)
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    return
                self.acknowledged.append(reference)
                if len(self.acknowledged) >= 200:
                    self.enough.set()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_acknowledged_is_lost(tmp_path: Path, ending: signal.Signals) -> None:
    storage = f"sqlite:///{tmp_path}/b.db"
    with serving(tmp_path, "--storage", storage) as (url, process):
        httpx.post(f"{url}/v2/main").raise_for_status()
        load = Load(url)
        assert load.enough.wait(60)
        process.send_signal(ending)
        process.wait(60)
        load.join()
    opened = open_storage(storage)
    ledger = Ledger(opened, "main")
    kept = {row.reference for row in ledger.transactions(limit=10_000)}
    assert set(load.acknowledged) <= kept
    if ending == signal.SIGTERM:
        assert set(load.acknowledged) == kept
    assert ledger.verify() == []
    opened.close()


def test_two_processes_keep_one_order_on_postgres(tmp_path: Path, postgres_url: str) -> None:
    with serving(tmp_path, "--storage", postgres_url, "--workers", "2") as (url, process):
        httpx.post(f"{url}/v2/main")
        load = Load(url, callers=12)
        assert load.enough.wait(60)
        metrics = httpx.get(f"{url}/metrics").text
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        load.join()
    counted = re.search(r'requests_total{route="createTransaction",status="200"} (\d+)', metrics)
    assert counted is not None
    assert int(counted[1]) >= 200 - len(load.threads)
    opened = open_storage(postgres_url)
    ledger = Ledger(opened, "main")
    rows = ledger.transactions(limit=10_000, descending=False).items
    assert [row.id for row in rows] == [*range(1, len(rows) + 1)]
    assert set(load.acknowledged) <= {row.reference for row in rows}
    assert ledger.verify() == []
    opened.close()


def test_workers_stop_when_their_parent_is_killed(tmp_path: Path) -> None:
    """What they have under way is answered first, and the address is free afterwards."""
    storage = f"sqlite:///{tmp_path}/b.db"
    with serving(tmp_path, "--storage", storage, "--workers", "2") as (url, process):
        httpx.post(f"{url}/v2/main")
        load = Load(url, callers=4)
        assert load.enough.wait(60)
        with httpx.stream("GET", f"{url}/v2/main/events", timeout=60) as stream:
            process.kill()
            process.wait()
            # Streams are ended as at any stop, not cut off.
            for _ in stream.iter_bytes():
                pass
        load.join()
        port = int(url.rpartition(":")[2])
        until(lambda: is_free(port))
    log = tmp_path / "errors.txt"
    until(lambda: log.read_text().count('"stopped"') == 2)
    assert log.read_text().count("the process that started this worker is gone") == 2
    with open_storage(storage) as opened:
        ledger = Ledger(opened, "main", create=False)
        found = {row.reference for row in ledger.transactions(limit=10_000).items}
        assert set(load.acknowledged) <= found
        assert ledger.verify() == []


def is_free(port: int) -> bool:
    """Whether nobody listens at a port."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--bind", "nowhere"], "no address such as 127.0.0.1:3068"),
        (["--bind", "127.0.0.1:99999"], "no address"),
        (["--storage", "nosql://x"], "NUM602"),
        (["--storage", "memory:", "--workers", "2"], "leave out --workers"),
        (["--tokens", "missing.toml"], "missing.toml"),
        (["--storage", "memory:", "--jwks", "missing.json"],
         "keys cannot be read from missing.json: no such file or directory"),
        (["--storage", "memory:", "--jwks", "secrets.json"], "no key in it can be used"),
        (["--storage", "memory:", "--tokens", "wrong.toml"], "wrong.toml: `tokens` must be tables"),
        (["--jwt-issuer", "https://id.example"], "--jwt-issuer needs --jwks"),
        (["--jwt-audience", "ledger"], "--jwt-audience needs --jwks"),
        (["--new-token", ""], "it is empty"),
        (["--cors-origin", "foo bar"], "write https://shop.example"),
        (["--cors-origin", "https://x.example/"], "write https://x.example, or *"),
        (["--cors-origin", "HTTPS://X.example:443"], "write https://x.example, or *"),
        (["--cors-origin", "null"], "`null` is no origin"),
        (["--storage", "memory:", "--webhook-event", "SAVED"], "`SAVED` is no type of events"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_said(tmp_path: Path, arguments: list[str], text: str) -> None:
    (tmp_path / "wrong.toml").write_text("tokens = 5")
    (tmp_path / "secrets.json").write_text('{"keys": [{"kty": "oct", "k": "c2VjcmV0c2VjcmV0"}]}')
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, cwd=tmp_path, timeout=60,
        env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert text in re.sub(r"\s+", " ", done.stderr)
    assert "Traceback" not in done.stderr


def test_an_address_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            command("--bind", address, "--storage", "memory:"), capture_output=True, text=True,
            cwd=tmp_path, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert "in use" in done.stderr


def test_a_new_token_is_printed_once_and_its_file_guards(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--new-token", "shop"), capture_output=True, text=True, check=True
    )
    token = done.stderr.split()[-1]
    assert token not in done.stdout
    path = tmp_path / "tokens.toml"
    path.write_text(done.stdout)
    arguments: Any = ("--storage", "memory:", "--tokens", str(path))
    with serving(tmp_path, *arguments) as (url, _):
        assert httpx.get(f"{url}/v2").status_code == 401
        answer = httpx.get(f"{url}/v2", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
