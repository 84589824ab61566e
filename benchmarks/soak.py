"""Loads a service with everything at once, ends it and its Postgres the hard way, and counts.

Callers post, run scripts, revert, set metadata, send bulks and read over HTTP. Every so often the
service is killed with SIGKILL, or Postgres stopped as by a crash, in turn, and started anew. A
caller whose answer is lost sends the same again, under the same idempotency key, until it has one.
At the end the ledger must hold what was acknowledged, all of it and nothing else, without a gap;
`verify` must find nothing; and the service's memory must not have grown with its age.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import psycopg

from benchmarks.callers import Answer, Line, request
from benchmarks.servers import Service, server, service
from numscript.ledger import Ledger
from numscript.storage import open_storage
from tests.storage.backends import stop_at_once

CALLERS = 16
ACCOUNTS = 500
BULK = 20
MIX = {"post": 50, "script": 20, "metadata": 10, "bulk": 5, "revert": 5, "listing": 5, "account": 5}
"""What callers do, each so often of a hundred times."""
TELL = 10.0
"""In seconds: how often the progress is told."""
LOOK = 2.0
"""In seconds: how often the memory is looked at."""
YOUNG = 60.0
"""In seconds: how old a process must be before its memory counts: its caches fill at first."""
GROWTH = 1.0
"""In MB a minute: what the fitted memory may grow by at the most."""
PAUSE = 0.1
"""In seconds: how long a caller waits before it sends something again."""
LEDGER = "soak"
ROOT = f"/v2/{LEDGER}"
SCRIPT = """\
vars { account $to monetary $sum }
send $sum ( source = @world destination = { 1/10 to @fees remaining to $to } )
"""
EXAMPLE = """\
example: a short run, with something ended every half minute

  python -m benchmarks.soak --minutes 4 --every 30

Exit status: 0 where all is well, 1 where something is not.
"""


class Sample(NamedTuple):
    """The memory of a process, in MB, when it was so many seconds old."""

    process: int
    age: float
    memory: float


class Soak:
    """A run, and what is known of it. keys: what was acknowledged, by the transaction's id."""

    def __init__(self, made: Service, folder: Path, minutes: float, every: float) -> None:
        self.service = made
        self.folder = folder
        self.every = every
        self.began = monotonic()
        self.end = self.began + minutes * 60
        self.born = self.began
        self.numbers = count()
        self.keys: dict[int, str] = {}
        self.revertible: deque[int] = deque()
        self.calls: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.again = 0
        self.wrong: list[str] = []
        self.samples: list[Sample] = []

    async def run(self) -> None:
        """Call, end things, look at the memory and tell of it, until the time is over."""
        first = Line(self.service.port)
        await first.ask(request("POST", ROOT))
        await self.script(first, random.Random())
        first.close()
        calling = [asyncio.create_task(self.call(number)) for number in range(CALLERS)]
        others = [asyncio.create_task(work()) for work in (self.end_things, self.look, self.tell)]
        await asyncio.gather(*calling, *others)

    # --- callers ---

    async def call(self, number: int) -> None:
        """Do one thing after the other."""
        chance = random.Random(number)
        line = Line(self.service.port)
        while monotonic() < self.end and not self.wrong:
            (kind,) = chance.choices([*MIX], [*MIX.values()])
            await getattr(self, kind)(line, chance)
            self.calls[kind] += 1
        line.close()

    async def send(
        self, line: Line, method: str, path: str, body: object = None, key: str = ""
    ) -> Any:
        """Send a request until its answer is known, and give what it holds."""
        headers = {"Idempotency-Key": key} if key else {}
        question = request(method, f"{ROOT}{path}", body, headers)
        while True:
            try:
                answer = await line.ask(question)
            except (OSError, EOFError, TimeoutError):
                answer = Answer(503, None)
            if answer.status < 300:
                return answer.body
            if not is_open(answer):
                self.wrong.append(f"{method} {path}: {answer.status} {answer.body}"[:500])
                return None
            self.again += 1
            await asyncio.sleep(PAUSE)

    def new_key(self) -> str:
        """A key that nothing else has."""
        return f"k{next(self.numbers)}"

    def keep(self, key: str, transaction: dict[str, Any], *, revertible: bool = True) -> None:
        """Note a transaction that was acknowledged."""
        number = transaction["id"]
        if self.keys.setdefault(number, key) != key:
            self.wrong.append(f"{key} and {self.keys[number]} are both transaction {number}")
        if revertible:
            self.revertible.append(number)

    async def create(self, line: Line, key: str, new: dict[str, Any]) -> None:
        found = await self.send(line, "POST", "/transactions", new, key)
        if found is not None:
            self.keep(key, found["data"])

    async def post(self, line: Line, chance: random.Random) -> None:
        key = self.new_key()
        await self.create(line, key, payment(key, chance))

    async def script(self, line: Line, chance: random.Random) -> None:
        key = self.new_key()
        given = {
            "to": account(chance),
            "sum": {"asset": "USD/2", "amount": chance.randrange(1, 100)},
        }
        script = {"plain": SCRIPT, "vars": given}
        await self.create(line, key, {"script": script, "metadata": {"key": key}})

    async def bulk(self, line: Line, chance: random.Random) -> None:
        keys = [self.new_key() for _ in range(BULK)]
        elements = [
            {"action": "CREATE_TRANSACTION", "ik": key, "data": payment(key, chance)}
            for key in keys
        ]
        found = await self.send(line, "POST", "/_bulk", elements)
        if found is not None:
            for key, outcome in zip(keys, found["data"], strict=True):
                self.keep(key, outcome["data"])

    async def revert(self, line: Line, _chance: random.Random) -> None:
        if self.revertible:
            key, number = self.new_key(), self.revertible.popleft()
            path = f"/transactions/{number}/revert?force=true"
            found = await self.send(line, "POST", path, {"metadata": {"key": key}}, key)
            if found is not None:
                self.keep(key, found["data"], revertible=False)

    async def metadata(self, line: Line, chance: random.Random) -> None:
        key = self.new_key()
        await self.send(line, "POST", f"/accounts/{account(chance)}/metadata", {"key": key}, key)

    async def listing(self, line: Line, chance: random.Random) -> None:
        known = account(chance)
        await self.send(line, "GET", f"/transactions?pageSize=20&account={known}")

    async def account(self, line: Line, _chance: random.Random) -> None:
        await self.send(line, "GET", "/accounts/fees?expand=volumes")

    # --- beside them ---

    async def end_things(self) -> None:
        """End the service and Postgres in turn, and start them anew."""
        while await self.wait(self.every):
            if self.ended["service"] > self.ended["Postgres"]:
                self.ended["Postgres"] += 1
                await asyncio.to_thread(stop_at_once, self.folder)
            else:
                self.ended["service"] += 1
                self.service.kill()
                self.born = monotonic()
                await asyncio.to_thread(self.service.start)
                self.born = monotonic()

    async def look(self) -> None:
        """Look at the service's memory now and then."""
        while await self.wait(LOOK):
            process, age = self.service.process.pid, monotonic() - self.born
            try:
                memory = memory_of(process)
            except OSError:
                continue
            if age > YOUNG:
                self.samples.append(Sample(process, age, memory))

    async def tell(self) -> None:
        """Tell how far it is."""
        before = 0
        while await self.wait(TELL):
            done = len(self.keys)
            memory = f"{self.samples[-1].memory:.1f} MB" if self.samples else "-"
            ended = ", ".join(f"{name} {times}" for name, times in self.ended.items())
            sys.stderr.write(
                f"{monotonic() - self.began:5.0f} s  {done:,} transactions"
                f"  {(done - before) / TELL:,.0f}/s  memory {memory}"
                f"  sent again {self.again:,}  ended: {ended or 'nothing'}\n"
            )
            before = done

    async def wait(self, seconds: float) -> bool:
        """Wait; whether the run still goes on then."""
        await asyncio.sleep(max(0.0, min(seconds, self.end - monotonic())))
        return monotonic() < self.end and not self.wrong


def is_open(answer: Answer) -> bool:
    """Whether an answer leaves open what became of the request, or says to try again."""
    if answer.status >= 500:
        return True
    body = answer.body if isinstance(answer.body, dict) else {}
    return body.get("errorCode") in ("INTERNAL", "TIMEOUT")


def account(chance: random.Random) -> str:
    """One of the accounts."""
    return f"users:{chance.randrange(ACCOUNTS)}"


def payment(key: str, chance: random.Random) -> dict[str, Any]:
    """A transaction with one posting."""
    posting = {"source": "world", "destination": account(chance), "asset": "USD/2"}
    return {"postings": [{**posting, "amount": chance.randrange(1, 100)}], "metadata": {"key": key}}


def memory_of(process: int) -> float:
    """What a process holds of the machine's memory, in MB. Raises OSError."""
    pages = Path(f"/proc/{process}/statm").read_text("ascii").split()[1]
    return int(pages) * 4096 / (1 << 20)


def growth(samples: Iterable[Sample]) -> float | None:
    """What memory grows by a minute: the slope of one straight line for all processes, each of
    which may lie higher or lower. None where no process grew old enough to tell."""
    processes: dict[int, list[Sample]] = {}
    for sample in samples:
        processes.setdefault(sample.process, []).append(sample)
    above = below = 0.0
    for rows in processes.values():
        age = sum(row.age for row in rows) / len(rows)
        memory = sum(row.memory for row in rows) / len(rows)
        above += sum((row.age - age) * (row.memory - memory) for row in rows)
        below += sum((row.age - age) ** 2 for row in rows)
    return 60 * above / below if below else None


def differences(url: str, keys: dict[int, str]) -> list[str]:
    """What is wrong with the ledger, given all that was acknowledged."""
    storage = open_storage(url)
    ledger = Ledger(storage, LEDGER, create=False)
    stored: dict[int, str] = {}
    cursor = None
    while True:
        page = ledger.transactions(limit=1000, cursor=cursor)
        stored |= {row.id: row.metadata.get("key", "") for row in page}
        cursor = page.next
        if cursor is None:
            break
    found = [f"{key} was acknowledged as {number}, which is {stored.get(number)}"
             for number, key in keys.items() if stored.get(number) != key]  # fmt: skip
    found += [f"{number} is there, and nobody knows of it" for number in stored.keys() - keys]
    if sorted(stored) != list(range(1, len(stored) + 1)):
        found.append("the ids have gaps")
    found += map(str, ledger.verify())
    storage.close()
    return found


def soak(minutes: float, every: float) -> bool:
    """Make a run, and tell what came of it. Gives whether all is well."""
    with server() as url, tempfile.TemporaryDirectory() as folder:
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        with service(url, Path(folder) / "log") as made:
            run = Soak(made, Path(row[0]), minutes, every)
            asyncio.run(run.run())
        wrong = run.wrong + differences(url, run.keys)
    slope = growth(run.samples)
    if slope is not None and slope > GROWTH:
        wrong.append(f"memory grew by {slope:.2f} MB a minute, and may by {GROWTH:g}")
    memory = [sample.memory for sample in run.samples]
    seen = f"no process was {YOUNG:g} s old; end things less often"
    if slope is not None:
        seen = f"{min(memory):.1f} to {max(memory):.1f} MB, {slope:+.2f} MB a minute"
    calls = ", ".join(f"{kind} {times:,}" for kind, times in sorted(run.calls.items()))
    ended = ", ".join(f"{name} {times} times" for name, times in run.ended.items())
    lines = [
        f"in {minutes:g} minutes {len(run.keys):,} transactions were acknowledged ({calls})",
        f"ended: {ended or 'nothing'}; sent again: {run.again:,}",
        f"memory: {seen}",
        *(wrong[:20] or ["all that was acknowledged is there, nothing else, and verify is clean"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return not wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description="Load a service for minutes, end it and Postgres now and then, and count.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    parser.add_argument(
        "--every", type=float, default=120, help="seconds until something is ended (default: 120)"
    )
    options = parser.parse_args(arguments)
    return 0 if soak(options.minutes, options.every) else 1


if __name__ == "__main__":
    sys.exit(main())
