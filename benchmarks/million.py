"""Fills a ledger on Postgres with a million transactions, and writes docs/ledger-plans.md.

    python -m benchmarks.million

The page says whether the last transactions cost more than the first, and what the server does for
every kind of filter. Exit status: 1 where a filter reads a filled table from end to end or the
last transactions cost too much, else 0. It takes about ten minutes, and 2 GB of disk meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import psycopg

from benchmarks.business import Business
from benchmarks.plans import Plan, plans, questions
from benchmarks.report import figure, table
from benchmarks.servers import server
from numscript.ledger import Ledger
from numscript.storage import open_storage

PAGE = Path(__file__).parents[1] / "docs" / "ledger-plans.md"
BULK = 1000
COMPARED = 10
"""How many bulks at the start and at the end are compared."""
MOST = 1.3
"""How many times as much as the first the last transactions may cost."""
PARTS = 10
Told = Callable[[str, int, int], None]
MOMENTS = {"": "now", ", pit effective": "by date of effect", ", pit inserted": "by insertion"}


class Filled(NamedTuple):
    """How filling went: seconds a bulk, of all, and of the last ones and of first ones elsewhere
    in turn."""

    bulks: list[float]
    last: list[float]
    first: list[float]

    @property
    def growth(self) -> float:
        """How many times as much as the first the last bulks cost."""
        return median(self.last) / median(self.first)


class Answer(NamedTuple):
    """A question with the plans of its statements, the page's own first."""

    words: str
    plans: list[Plan]


def write_bulk(ledger: Ledger, business: Business) -> float:
    """Write the next bulk; its seconds."""
    requests = business.requests(BULK)
    start = perf_counter()
    results = ledger.bulk(requests)
    spent = perf_counter() - start
    assert all(result.ok for result in results)
    return spent


def fill(url: str, fresh: str, transactions: int, told: Told) -> Filled:
    """Fill a database; its last bulks are in turn with the first ones of a fresh database."""
    opened = [open_storage(place) for place in (url, fresh)]
    businesses = [Business(), Business()]
    ledger, other = (
        Ledger(storage, "main", clock=business.clock)
        for storage, business in zip(opened, businesses, strict=True)
    )
    bulks: list[float] = []
    first: list[float] = []
    count = transactions // BULK
    for number in range(1, count + 1):
        bulks.append(write_bulk(ledger, businesses[0]))
        if number > count - COMPARED:
            first.append(write_bulk(other, businesses[1]))
        told("filling", number, count)
    for storage in opened:
        storage.close()
    return Filled(bulks, bulks[-COMPARED:], first)


def explain_all(url: str, transactions: int, told: Told) -> list[Answer]:
    """Ask all questions, and have them explained."""
    storage = open_storage(url)
    ledger = Ledger(storage, "main", create=False)
    answers = []
    asked = questions(transactions)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        for number, question in enumerate(asked, start=1):
            answers.append(Answer(question.words, plans(ledger, connection, question)))
            told("explaining", number, len(asked))
    storage.close()
    return answers


# --- the page ---------------------------------------------------------------------------------

WHAT = """\
What Postgres does for each kind of filter, on a ledger of {transactions:,} transactions, from
`EXPLAIN (ANALYZE, BUFFERS)` of the statements that the ledger's lists send. `make bench-million`
writes this page, and fails where a filter reads a filled table from end to end.

- {machine}; {version}, `shared_buffers` as it comes; {date}
- A page has up to 100 records, and one more is asked for to know whether there are more.
- *rows*: of the page; *read*: rows of tables and entries of indexes that were looked at for it;
  *pages*: of 8 KB, in memory or not; *ms*: of all statements of the question, the volumes and
  metadata of the page's records among them, on the server.
"""
GROWTH = """\
## Growth

Filled by bulks of {bulk:,}, in {seconds:,.0f} seconds. The last {compared} bulks, in turn with the
first {compared} of a fresh database on the same server, cost **{growth:.2f} times** as much (aim:
at most {most}).
"""
HOW = """\
## Rare and common

What is **rare** is found by the index of what is asked: a reference, an account, a pattern with a
fixed start, a value or a key of metadata, a balance, a date. Then *read* is near *rows*.

What is **common** is found on the way: the index of the order is walked from where the page
starts, each record is tested, and the walk ends when the page is full. That is also how filters are
answered that no index can help: `$not`, a pattern that starts with an empty segment, `$like` that
starts with `%`. The next page goes on behind the last record, so that a page costs the same however
far behind it stands. The worst case is what is rare and has no index of its own: one walk over a
whole index.

The server chooses between the two by what it knows of the values (`ANALYZE`, which it does of
itself). Sessions that read have it leave out sequential scans, which would also read the ledgers
beside this one.

A **point in time** by insertion starts the walk at the last id of then. By date of effect, which
need not follow the ids, the walk by id passes over what was not yet in effect; the orders
`timestamp` and `first_usage` start where they should. Balances of then are summed up from moves: of
one account that is quick, a comparison of all accounts' balances (`balance[...] $lt`) reads the
moves of all accounts in their order until the page is full, which is the slowest that can be asked.
"""


def page(
    filled: Filled, answers: Sequence[Answer], transactions: int, version: str, machine: str
) -> str:
    """The whole page."""
    today = datetime.now(UTC).date().isoformat()
    lines = [
        "# Plans of the ledger's queries",
        "",
        "<!-- Generated by benchmarks/million.py: do not edit. -->",
        "",
        *WHAT.format(
            transactions=transactions, version=version, date=today, machine=machine
        ).splitlines(),
        "",
        *growth_lines(filled),
        *HOW.splitlines(),
        "",
    ]
    for suffix, words in MOMENTS.items():
        lines += [f"## Plans, {words if not suffix else f'at a point in time {words}'}", ""]
        chosen = [a for a in answers if _moment_of(a.words) == suffix]
        rows = [_row(answer, suffix) for answer in chosen]
        lines += table(["question", "indexes", "rows", "read", "pages", "ms"], rows)
    return "\n".join(lines).rstrip() + "\n"


def growth_lines(filled: Filled) -> list[str]:
    """What filling cost, from the first bulk to the last."""
    size = max(1, len(filled.bulks) // PARTS)
    rows = []
    for at in range(0, len(filled.bulks), size):
        part = filled.bulks[at : at + size]
        seconds = median(part)
        name = f"{at * BULK:,} to {(at + len(part)) * BULK:,}"
        rows.append([name, f"{BULK / seconds:,.0f}", f"{seconds * 1e3:.0f}"])
    text = GROWTH.format(
        bulk=BULK, seconds=sum(filled.bulks), compared=COMPARED, growth=filled.growth, most=MOST
    )
    head = ["transactions", "a second (median)", "ms a bulk"]
    return [*text.splitlines(), "", *table(head, rows)]


def _moment_of(words: str) -> str:
    return next((suffix for suffix in MOMENTS if suffix and words.endswith(suffix)), "")


def _row(answer: Answer, suffix: str) -> list[str]:
    own = answer.plans[0]
    names = [name.removeprefix("numscript_") for name in own.indexes]
    names += [f"**all of {name.removeprefix('numscript_')}**" for name in own.scanned]
    total = sum(plan.milliseconds for plan in answer.plans)
    return [
        f"`{answer.words.removesuffix(suffix)}`",
        ", ".join(names),
        f"{own.rows:,}",
        f"{own.read:,}",
        f"{own.pages:,}",
        figure(total),
    ]


# --- the command ------------------------------------------------------------------------------


def show_progress(what: str, done: int, whole: int) -> None:
    """Tell how far it is, on the error output: in place on a terminal, else now and then."""
    if sys.stderr.isatty():
        end = "\n" if done == whole else ""
        sys.stderr.write(f"\r{what}: {done:,} of {whole:,} ({done / whole:.0%}) {end}")
    elif done == whole or done % max(1, whole // 20) == 0:
        sys.stderr.write(f"{what}: {done:,} of {whole:,}\n")
    sys.stderr.flush()


def machine_name() -> str:
    """The processor, and how many cores there are."""
    from cpuinfo import get_cpu_info

    info: dict[str, Any] = get_cpu_info()
    return f"{info.get('brand_raw', 'unknown processor')}, {info.get('count', '?')} cores"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.million",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--transactions", type=int, default=1_000_000, help="how many, in thousands (1000000)"
    )
    parser.add_argument("--output", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args(arguments)
    if options.transactions < 2 * COMPARED * BULK:
        parser.error(f"--transactions must be at least {2 * COMPARED * BULK}")
    with server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE fresh")
            row = connection.execute("SHOW server_version").fetchone()
        fresh = url.replace("/postgres?", "/fresh?")
        filled = fill(url, fresh, options.transactions, show_progress)
        answers = explain_all(url, options.transactions, show_progress)
    version = f"Postgres {row[0] if row else '?'}"
    text = page(filled, answers, options.transactions, version, machine_name())
    options.output.write_text(text, "utf-8")
    scans = [answer.words for answer in answers if any(plan.scanned for plan in answer.plans)]
    for words in scans:
        sys.stderr.write(f"a table is read from end to end: {words}\n")
    if filled.growth > MOST:
        sys.stderr.write(f"the last cost {filled.growth:.2f} times as much as the first\n")
    sys.stdout.write(f"{options.output}: {len(answers)} questions\n")
    return 1 if scans or filled.growth > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
