"""What a session on Postgres sends for a batch, and what it reads from the answers.

The number of statements is the same for any number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from numscript.runtime.store import BalanceKey, is_scale
from numscript.storage import tables
from numscript.storage.pipeline import Step
from numscript.storage.protocol import (
    Changes,
    Found,
    Holding,
    MetadataChange,
    Wanted,
)

FEW = 4
"""Up to how many rows are listed in a statement, and not given as arrays."""
MOVE_HEAD = (
    "WITH moved AS (UPDATE numscript_ledgers SET last_transaction = %s, last_log = %s, "
    "last_hash = %s, last_date = %s WHERE ledger = %s AND last_log = %s AND last_hash = %s "
    "AND fence = %s RETURNING 1) SELECT 1 / count(*) FROM moved"
)
"""Moves the head from where it is known to be; from anywhere else it divides by zero, and so fails
with all that is sent behind it."""
ADD_TO_VOLUME = (
    " ON CONFLICT (ledger, account, asset, color) DO UPDATE SET "
    "input = numscript_volumes.input + excluded.input, "
    "output = numscript_volumes.output + excluded.output, "
    "floor = excluded.floor + excluded.output"
)
COLUMNS_OF_VOLUMES = (
    "SELECT v.account, v.asset, v.color, v.input::text, v.output::text, v.floor::text "
    "FROM numscript_volumes v"
)
NAMED = "AND {} = ANY(%s::{}[])"
"""Says of a join what it says already, so that also a plan that was made while a table was empty
looks up the rows, and does not read all that there are of the ledger."""


def reads(ledger: str, wanted: Wanted) -> list[Step]:
    """The statements of a batch; each is left out where nothing is asked of it."""
    steps: list[Step] = []
    exact = [key for key in wanted.volumes if not key[1].endswith("/*")]
    scales = [key for key in wanted.volumes if key[1].endswith("/*")]
    if exact:
        keys = "unnest(%s::text[], %s::text[], %s::text[]) AS k (account, asset, color)"
        same = "v.account = k.account AND v.asset = k.asset AND v.color = k.color"
        text = f"{COLUMNS_OF_VOLUMES} JOIN {keys} ON {same} WHERE v.ledger = %s {NAMED}"
        names = _columns(exact, 3)
        steps.append((text.format("v.account", "text"), (*names, ledger, names[0])))
    if scales:
        text = f"{COLUMNS_OF_VOLUMES} WHERE v.ledger = %s AND v.account = ANY(%s) "
        steps.append((text + "AND v.color = ''", (ledger, [key[0] for key in scales])))
    if wanted.holders:
        text = f"{COLUMNS_OF_VOLUMES} WHERE v.ledger = %s AND v.account = ANY(%s::text[])"
        steps.append((text, (ledger, list(wanted.holders))))
    for table, columns, column, values in (
        ("accounts", tables.ACCOUNT_COLUMNS, "address", wanted.accounts),
        ("transactions", tables.TRANSACTION_COLUMNS, "id", wanted.transactions),
        ("transactions", "reference, id", "reference", wanted.references),
        ("logs", tables.LOG_COLUMNS, "idempotency_key", wanted.keys),
    ):
        if values:
            cast = "::bigint[]" if column == "id" else "::text[]"
            text = f"SELECT {columns} FROM numscript_{table} WHERE ledger = %s AND {column} "
            steps.append((f"{text}= ANY(%s{cast})", (ledger, list(values))))
    return steps


def found(wanted: Wanted, rows: list[list[Any]]) -> Found:
    """What a batch gave; the rows are in the order of `reads`."""
    left = iter(rows)
    volumes: dict[BalanceKey, Holding] = {}
    scales = [key for key in wanted.volumes if key[1].endswith("/*")]
    if len(scales) < len(wanted.volumes):
        for row in next(left):
            volumes[row[0], row[1], row[2]] = _holding(row)
    if scales:
        for row in next(left):
            if any(row[0] == key[0] and is_scale(row[1], key[1][:-2]) for key in scales):
                volumes[row[0], row[1], row[2]] = _holding(row)
    for row in next(left) if wanted.holders else ():
        volumes[row[0], row[1], row[2]] = _holding(row)
    accounts = next(left) if wanted.accounts else []
    transactions = next(left) if wanted.transactions else []
    references = next(left) if wanted.references else []
    keys = next(left) if wanted.keys else []
    return Found(
        volumes,
        {row[0]: tables.read_account(row) for row in accounts},
        {row[0]: tables.read_transaction(row) for row in transactions},
        dict(references),
        {row[4]: tables.read_log(row) for row in keys},
    )


# --- writing ---


def writes(ledger: str, changes: Changes, fence: int, writer: str) -> list[Step]:
    """The statements of a batch."""
    head, before = changes.head, changes.before
    date = tables.micros_or_none(head.date)
    steps: list[Step] = [
        (
            MOVE_HEAD,
            (
                head.transaction,
                head.log,
                head.hash,
                date,
                ledger,
                before.log,
                before.hash,
                fence,
            ),
        ),
        _insert(
            "logs",
            "bigint text bigint text text text text",
            ledger,
            [tables.write_log(log) for log in changes.logs],
            writer,
        ),
    ]
    if changes.transactions:
        steps += _write_transactions(ledger, changes)
    if changes.changed:
        rows: list[Sequence[object]] = [
            (row.id, tables.write_json(row.metadata), tables.to_micros(row.updated_at),
             tables.micros_or_none(row.reverted_at), row.reverted_by)
            for row in changes.changed
        ]  # fmt: skip
        text = (
            "UPDATE numscript_transactions t SET metadata = u.metadata, "
            "updated_at = u.updated_at, reverted_at = u.reverted_at, "
            "reverted_by = u.reverted_by FROM unnest(%s::bigint[], %s::text[], %s::bigint[], "
            "%s::bigint[], %s::bigint[]) "
            "AS u (id, metadata, updated_at, reverted_at, reverted_by) "
            f"WHERE t.ledger = %s AND t.id = u.id {NAMED.format('t.id', 'bigint')}"
        )
        columns = _columns(rows, 5)
        steps.append((text, (*columns, ledger, columns[0])))
    steps += _write_holdings(ledger, changes.holdings)
    if changes.accounts:
        text, values = _insert(
            "accounts",
            "text text bigint bigint bigint",
            ledger,
            [tables.write_account(row) for row in changes.accounts],
        )
        text += (
            " ON CONFLICT (ledger, address) DO UPDATE SET metadata = excluded.metadata, "
            "first_usage = excluded.first_usage, updated_at = excluded.updated_at"
        )
        steps.append((text, values))
    new = {row.id: row for row in changes.transactions}
    steps += _write_history(ledger, "account", "text", changes.account_metadata, {})
    steps += _write_history(ledger, "transaction", "bigint", changes.transaction_metadata, new)
    return steps


def combined(move: Step, steps: Sequence[Step]) -> Step:
    """The statements of a batch as one, which fails before the others if the head has moved."""
    return _combined_text(move[0], *(text for text, _ in steps)), [
        value for _, values in (*steps, move) for value in values
    ]


@lru_cache(maxsize=512)
def _combined_text(move: str, *texts: str) -> str:
    parts = ", ".join(f"s{at} AS ({text})" for at, text in enumerate(texts))
    return f"WITH {parts}, {move.removeprefix('WITH ')}"


def _write_transactions(ledger: str, changes: Changes) -> list[Step]:
    """New transactions, and what each did to balances."""
    rows = [tables.write_transaction(row) for row in changes.transactions]
    types = "bigint text text text bigint bigint bigint bigint bigint bigint text"
    return [
        _insert("transactions", types, ledger, rows),
        _insert(
            "moves",
            "text text text bigint smallint numeric numeric bigint bigint",
            ledger,
            tables.write_moves(changes.transactions, rows),
        ),
    ]


def _write_holdings(
    ledger: str, holdings: Mapping[BalanceKey, tuple[Holding | None, Holding]]
) -> list[Step]:
    """Volumes: the database adds to what it has, and holds the sum against the floor.

    So a decision on a balance that is no longer true breaks the bound and is refused. A volume
    that changes is written as a conflict, which the key finds whatever the planner thinks.
    """
    new: list[Sequence[object]] = []
    changed: list[Sequence[object]] = []
    for key, (old, holding) in holdings.items():
        input_, output, floor = holding
        if old is None:
            new.append((*key, str(input_), str(output), None if floor is None else str(floor)))
            continue
        more = output - old.output
        # The bound is also held against what is proposed, which is the change alone: so that one
        # is lower by what goes out, and no change is below that.
        lower = None if floor is None else str(floor - more)
        changed.append((*key, str(input_ - old.input), str(more), lower))
    types = "text text text numeric numeric numeric"
    steps = []
    if new:
        steps.append(_insert("volumes", types, ledger, new))
    if changed:
        text, values = _insert("volumes", types, ledger, changed)
        steps.append((text + ADD_TO_VOLUME, values))
    return steps


def _write_history(
    ledger: str,
    kind: str,
    target: str,
    changes: Sequence[MetadataChange],
    new: Mapping[int, object],
) -> list[Step]:
    """Changes of metadata, into its history."""
    if not changes:
        return []
    rows = tables.history(changes, new)
    steps: list[Step] = []
    if rows.ended:
        text = (
            f"UPDATE numscript_{kind}_metadata x SET ended = u.ended "
            f"FROM unnest(%s::{target}[], %s::text[], %s::bigint[]) AS u (target, key, ended) "
            "WHERE x.ledger = %s AND x.target = u.target AND x.key = u.key "
            f"AND x.ended IS NULL {NAMED.format('x.target', target)}"
        )
        columns = _columns(rows.ended, 3)
        steps.append((text, (*columns, ledger, columns[0])))
    if rows.added:
        types = f"{target} text bigint text bigint bigint"
        steps.append(_insert(f"{kind}_metadata", types, ledger, rows.added))
    return steps


def _columns(rows: Sequence[Sequence[object]], width: int) -> tuple[list[object], ...]:
    """Rows turned into columns."""
    if not rows:
        return tuple([] for _ in range(width))
    return tuple(map(list, zip(*rows, strict=True)))


def _insert(
    table: str, types: str, ledger: str, rows: Sequence[Sequence[object]], *last: object
) -> Step:
    """The statement that inserts rows into a table: the ledger, the rows' columns, what is last."""
    source, values = _source(types, rows)
    return _insert_text(table, types, source, len(last)), (ledger, *last, *values)


@cache
def _insert_text(table: str, types: str, source: str, last: int) -> str:
    picked = ", ".join(
        f"u.c{at}::numeric" if name == "numeric" else f"u.c{at}"
        for at, name in enumerate(types.split())
    )
    tail = ", %s::text" * last
    return f"INSERT INTO numscript_{table} SELECT %s::text, {picked}{tail} FROM {source}"


def _source(types: str, rows: Sequence[Sequence[object]]) -> tuple[str, Sequence[object]]:
    """Rows as a table `u` with the columns `c0`, `c1`..., and its parameters.

    A few are listed, which is faster; many are arrays, so that the statement is the same for any
    number.
    """
    count = len(rows)
    if 0 < count <= FEW:
        return _source_text(types, count), [value for row in rows for value in row]
    return _source_text(types, 0), _columns(rows, types.count(" ") + 1)


@cache
def _source_text(types: str, count: int) -> str:
    """The text of a table of so many rows, or of arrays (0).

    Amounts travel as text in arrays, and are numbers only on the server.
    """
    names = types.split()
    columns = ", ".join(f"c{at}" for at in range(len(names)))
    if count:
        row = ", ".join(f"%s::{name}" for name in names)
        return f"(VALUES {', '.join([f'({row})'] * count)}) AS u ({columns})"
    arrays = ", ".join("%s::text[]" if name == "numeric" else f"%s::{name}[]" for name in names)
    return f"unnest({arrays}) AS u ({columns})"


def _holding(row: Sequence[Any]) -> Holding:
    return Holding(int(row[3]), int(row[4]), None if row[5] is None else int(row[5]))
