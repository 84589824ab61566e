"""Queries as SQL: one compiler for both dialects. Values reach the database as parameters only.

Parameters are written `?`. What the dialects lack in common has a name here (`split_part`,
`first_segments`...) that SQLite is taught by a function.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from numscript.storage.filters import (
    ADDRESS,
    BALANCE,
    INSTANT,
    SORTS,
    And,
    Filter,
    Leaf,
    Moment,
    Not,
    Or,
    Query,
    is_pattern,
    read_pattern,
)
from numscript.storage.tables import (
    ACCOUNT_COLUMNS,
    INDEXED,
    LOG_COLUMNS,
    TRANSACTION_COLUMNS,
    to_micros,
)

SIGNS = {"$match": "=", "$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
NEVER = "1 = 0"


class Writing(NamedTuple):
    """How a dialect writes what is about amounts and groups.

    amount: a column as text of decimal digits; total: a sum, likewise; balance: of a row of volumes
    or of a group of moves, as it is compared; wanted: the parameter it is compared with; group: the
    first segments of an address; listed: a column that is one of a list, which is the last
    parameter; latest: the later of two dates; expressions: whether there are regular expressions,
    by which it can also tell how many addresses a pattern fits, and walk an index from their fixed
    start.
    """

    amount: str
    total: str
    balance: str
    balance_of_moves: str
    wanted: str
    group: str
    listed: str
    latest: str
    expressions: bool


POSTGRES = Writing(
    "{}::text", "sum({})::text", "(v.input - v.output)", "sum(m.input - m.output)",
    "?::text::numeric", "substring(v.account from ?)", "{} = ANY(?)",
    "GREATEST({}, {})", True,
)  # fmt: skip
SQLITE = Writing(
    "{}", "sum_amounts({})", "v.balance", "sum_balance(m.input, m.output)", "sortable(?)",
    "first_segments(v.account, ?)", "{} IN (SELECT value FROM json_each(?))",
    "max({}, {})", False,
)  # fmt: skip


class Statement(NamedTuple):
    """A statement with its parameters."""

    text: str
    values: list[object]


def compile_query(query: Query, ledger: str, writing: Writing) -> Statement:
    """A query as SQL; its columns are those of the resource's rows."""
    return _Compiler(query, ledger, writing).statement()


def compile_count(query: Query, ledger: str, writing: Writing) -> Statement:
    """How many rows a query has, on all its pages, as SQL."""
    compiler = _Compiler(query._replace(after=None, limit=0), ledger, writing)
    compiler.ordered = False
    text, values = compiler.statement()
    return Statement(f"SELECT count(*) FROM ({text}) counted", values)


def volumes_of(moment: Moment | None, ledger: str, writing: Writing) -> Statement:
    """The volumes of listed accounts; the list is the last parameter, still to be given."""
    order = "ORDER BY m.account, m.asset, m.color"
    listed = writing.listed.format("m.account")
    if moment is None:
        amounts = f"{writing.amount.format('m.input')}, {writing.amount.format('m.output')}"
        text = f"FROM numscript_volumes m WHERE m.ledger = ? AND {listed} {order}"
        return Statement(f"SELECT m.account, m.asset, m.color, {amounts} {text}", [ledger])
    date = "timestamp" if moment.effective else "inserted_at"
    sums = f"{writing.total.format('m.input')}, {writing.total.format('m.output')}"
    text = f"""SELECT m.account, m.asset, m.color, {sums} FROM numscript_moves m
        WHERE m.ledger = ? AND m.{date} <= ? AND {listed}
        GROUP BY m.account, m.asset, m.color {order}"""
    return Statement(text, [ledger, to_micros(moment.at)])


def metadata_of(kind: str, moment: Moment | None, ledger: str, writing: Writing) -> Statement:
    """Metadata of listed targets at a moment; the list is the last parameter, still to be given."""
    assert moment is not None
    at = to_micros(moment.at)
    text = f"""SELECT x.target, x.key, x.value FROM numscript_{kind}_metadata x
        WHERE x.ledger = ? AND x.date <= ? AND (x.ended IS NULL OR x.ended > ?)
        AND {writing.listed.format("x.target")} ORDER BY x.target, x.log"""
    return Statement(text, [ledger, at, at])


def group_pattern(segments: int) -> str:
    """The regular expression that finds the first segments of an address."""
    return f"^(?:[^:]+:){{0,{segments - 1}}}[^:]+"


def expression_of(pattern: str) -> str:
    """The regular expression of an address pattern."""
    segments = pattern.split(":")
    parts = [re.escape(segment) or "[^:]+" for segment in segments]
    if segments[-1] == "...":
        # Whatever stands behind the last colon.
        return f"^{''.join(f'{part}:' for part in parts[:-1])}"
    return f"^{':'.join(parts)}$"


def apart(filter_: Filter | None) -> tuple[Filter | None, Filter | None]:
    """A filter as two that must both match: what is about accounts, what about balances."""
    parts = filter_.parts if isinstance(filter_, And) else (filter_,) if filter_ else ()
    of_accounts = tuple(part for part in parts if not _is_about_balances(part))
    rest = tuple(part for part in parts if _is_about_balances(part))
    return And(of_accounts) if of_accounts else None, And(rest) if rest else None


def _is_about_balances(filter_: Filter) -> bool:
    match filter_:
        case Leaf():
            return filter_.type == BALANCE
        case Not(part):
            return _is_about_balances(part)
        case And(parts) | Or(parts):
            return any(map(_is_about_balances, parts))


class _Compiler:
    """Compiles one query."""

    def __init__(self, query: Query, ledger: str, writing: Writing) -> None:
        self.query = query
        self.ledger = ledger
        self.writing = writing
        self.moment: Moment | None = query.moment
        self.at = 0 if query.moment is None else to_micros(query.moment.at)
        self.date = "timestamp" if query.moment and query.moment.effective else "inserted_at"
        self.values: list[object] = []
        self.ordered = True
        self.letter = "v"
        """What the rows of volumes are called where a condition stands."""

    def statement(self) -> Statement:
        match self.query.resource:
            case "transactions":
                return self.rows("t", "transactions", TRANSACTION_COLUMNS, self.date)
            case "accounts":
                date = "first_usage" if self.date == "timestamp" else self.date
                return self.rows("a", "accounts", ACCOUNT_COLUMNS, date)
            case "logs":
                return self.rows("l", "logs", LOG_COLUMNS, "date")
            case _:
                return self.volumes()

    def rows(self, letter: str, table: str, columns: str, date: str) -> Statement:
        """A query whose records are rows of a table."""
        source = f"numscript_{table}"
        if self.moment is not None and "updated_at" in SORTS[table]:
            source = f"({self.as_of(letter, table, columns)})"
        text = f"SELECT {columns} FROM {source} {letter} WHERE {letter}.ledger = ?"
        self.values.append(self.ledger)
        if self.moment is not None:
            text += f" AND {letter}.{date} <= ?"
            self.values.append(self.at)
            if table == "transactions" and date == "inserted_at":
                text += f" AND t.id <= {self.last_inserted()}"
        if self.query.filter is not None:
            text += f" AND {self.condition(self.query.filter)}"
        if self.moment is not None and self.query.after and self.query.sort == "updated_at":
            operator = "$lte" if self.query.descending else "$gte"
            leaf = Leaf("updated_at", INSTANT, None, operator, self.query.after[0])
            text += f" AND {self.updated_about(letter, leaf)}"
        names = {"insertion_date": "inserted_at"}
        sorts = [f"{letter}.{names.get(name, name)}" for name in SORTS[table][self.query.sort]]
        return self.page(text, sorts, "AND")

    def as_of(self, letter: str, table: str, columns: str) -> str:
        """The rows of a table with their `updated_at` of the moment; that of now is `touched_at`.

        Of what was not touched since, both are the same, and no history is asked.
        """
        kind, key = ("transaction", "id") if table == "transactions" else ("account", "address")
        was = (
            f"coalesce((SELECT max(x.date) FROM numscript_{kind}_metadata x WHERE x.ledger = "
            f"{letter}.ledger AND x.target = {letter}.{key} AND x.date <= ?), {letter}.inserted_at)"
        )
        self.values += [self.at, self.at]
        if kind == "transaction":
            reverted = "CASE WHEN t.reverted_at <= ? THEN t.reverted_at ELSE t.inserted_at END"
            was = self.writing.latest.format(was, reverted)
            self.values.append(self.at)
        now = f"{letter}.updated_at"
        rest = ", ".join(name for name in columns.split(", ") if name != "updated_at")
        return (
            f"SELECT ledger, {rest}, {now} AS touched_at, "
            f"CASE WHEN {now} <= ? THEN {now} ELSE {was} END AS updated_at "
            f"FROM numscript_{table} {letter}"
        )

    def last_inserted(self) -> str:
        """The last id that was given by the moment: ids are given in the order of insertion."""
        self.values += [self.ledger, self.at]
        return (
            "(SELECT i.id FROM numscript_transactions i WHERE i.ledger = ? AND i.inserted_at <= ? "
            "ORDER BY i.inserted_at DESC, i.id DESC LIMIT 1)"
        )

    def volumes(self) -> Statement:
        """A query whose records are volumes, of accounts or of groups of them."""
        writing, query = self.writing, self.query
        group = "v.account"
        if query.resource == "aggregate":
            group = "''"
        elif query.group:
            group = writing.group
            pattern = group_pattern(query.group) if writing.expressions else query.group
            self.values.append(pattern)
        table, rest = "numscript_volumes", query.filter
        if self.moment is not None:
            of_accounts, rest = apart(query.filter)
            table = f"({self.sums_of_moves(self.moment, of_accounts)})"
        self.values.append(self.ledger)
        text = f"{table} v WHERE v.ledger = ?"
        if rest is not None:
            text += f" AND {self.condition(rest)}"
        if group == "v.account":
            amounts = f"{writing.amount.format('v.input')}, {writing.amount.format('v.output')}"
            text = f"SELECT v.account, v.asset, v.color, {amounts} FROM {text}"
            return self.page(text, ["v.account", "v.asset", "v.color"], "AND")
        sums = f"{writing.total.format('s.input')}, {writing.total.format('s.output')}"
        text = f"""SELECT s.account, s.asset, s.color, {sums} FROM (
            SELECT {group} AS account, v.asset AS asset, v.color AS color,
            v.input AS input, v.output AS output FROM {text}) s
            GROUP BY s.account, s.asset, s.color"""
        return self.page(text, ["s.account", "s.asset", "s.color"], "HAVING")

    def sums_of_moves(self, moment: Moment, filter_: Filter | None) -> str:
        """Volumes as they were, of the accounts that a filter matches: they are picked first."""
        text = f"""SELECT m.ledger, m.account, m.asset, m.color,
            {self.inner_sum("m.input")} AS input, {self.inner_sum("m.output")} AS output,
            {self.writing.balance_of_moves} AS balance
            FROM numscript_moves m WHERE m.ledger = ? AND m.{self.date} <= ?"""
        self.values += [self.ledger, self.at]
        if moment.since is not None:
            text += f" AND m.{self.date} >= ?"
            self.values.append(to_micros(moment.since))
        if filter_ is not None:
            self.letter = "m"
            text += f" AND {self.condition(filter_)}"
            self.letter = "v"
        return f"{text} GROUP BY m.ledger, m.account, m.asset, m.color"

    def inner_sum(self, column: str) -> str:
        """A sum that is summed up or compared again."""
        return self.writing.total.format(column).removesuffix("::text")

    def page(self, text: str, sorts: list[str], keyword: str) -> Statement:
        """Add where the page starts, the order and the limit."""
        query = self.query
        if query.after is not None:
            sign = "<" if query.descending else ">"
            marks = ", ".join("?" for _ in sorts)
            text += f" {keyword} ({', '.join(sorts)}) {sign} ({marks})"
            self.values += [
                to_micros(value) if isinstance(value, datetime) else value for value in query.after
            ]
        if self.ordered:
            down = " DESC" if query.descending else ""
            text += " ORDER BY " + ", ".join(f"{column}{down}" for column in sorts)
        if query.limit:
            text += " LIMIT ?"
            self.values.append(query.limit)
        return Statement(text, self.values)

    # --- conditions ---

    def condition(self, filter_: Filter) -> str:
        """A filter as a condition; what is unknown in SQL's sense does not match."""
        match filter_:
            case And(parts):
                return f"({' AND '.join([self.condition(part) for part in parts])})"
            case Or(parts) if self.is_about_moves(parts):
                return self.moved([part for part in parts if isinstance(part, Leaf)])
            case Or(parts):
                return f"({' OR '.join([self.condition(part) for part in parts])})"
            case Not(part):
                return f"(({self.condition(part)}) IS NOT TRUE)"
            case Leaf():
                return self.leaf(filter_)

    def leaf(self, leaf: Leaf) -> str:
        match self.query.resource, leaf.field:
            case "transactions", "account" | "source" | "destination":
                return self.moved([leaf])
            case "transactions", "metadata":
                return self.metadata("transaction", "t.ledger", "t.id", leaf)
            case "transactions", "reverted":
                return self.reverted(leaf)
            case "transactions", "reverted_at" if self.moment is not None:
                self.values.append(self.at)
                return f"(t.reverted_at <= ? AND {self.compare('t.reverted_at', leaf)})"
            case "transactions" | "accounts" as table, "updated_at" if self.moment is not None:
                letter = table[0]
                about = self.updated_about(letter, leaf)
                return f"({about} AND {self.compare(f'{letter}.updated_at', leaf)})"
            case "transactions", field:
                return self.compare(f"t.{field}", leaf)
            case "accounts", "metadata":
                return self.metadata("account", "a.ledger", "a.address", leaf)
            case "accounts", "balance":
                return self.balance_of_account(leaf)
            case "accounts", field:
                name = {"insertion_date": "inserted_at"}.get(field, field)
                return self.compare(f"a.{name}", leaf)
            case "logs", field:
                return self.compare(f"l.{field}", leaf)
            case _, "metadata":
                letter = self.letter
                return self.metadata("account", f"{letter}.ledger", f"{letter}.account", leaf)
            case _, "balance":
                balance = "v.balance" if self.moment else self.writing.balance
                return self.balance("v", balance, leaf)
            case _, "first_usage":
                compared = self.compare("a.first_usage", leaf)
                return (
                    "EXISTS (SELECT 1 FROM numscript_accounts a WHERE "
                    f"a.ledger = {self.letter}.ledger AND a.address = {self.letter}.account "
                    f"AND {compared})"
                )
            case _:
                return self.compare(f"{self.letter}.account", leaf)

    def updated_about(self, letter: str, leaf: Leaf) -> str:
        """What follows from a comparison of `updated_at` of the moment, and has an index."""
        if leaf.operator in ("$lt", "$lte"):
            return self.compare(f"{letter}.inserted_at", leaf)
        operator = "$gte" if leaf.operator == "$match" else leaf.operator
        return self.compare(f"{letter}.touched_at", leaf._replace(operator=operator))

    def is_about_moves(self, parts: tuple[Filter, ...]) -> bool:
        """Whether any of a transaction's moves can answer all of these."""
        return self.query.resource == "transactions" and all(
            isinstance(part, Leaf) and part.type == ADDRESS for part in parts
        )

    def moved(self, leaves: list[Leaf]) -> str:
        """Transactions with a move that fits any of these; one look at an index for all."""
        role = {"source": " AND m.role <> 2", "destination": " AND m.role <> 1"}
        parts = [
            f"({self.address('m.account', leaf)}{role.get(leaf.field, '')})" for leaf in leaves
        ]
        text = (
            "EXISTS (SELECT 1 FROM numscript_moves m WHERE m.ledger = t.ledger AND "
            f"m.transaction_id = t.id AND ({' OR '.join(parts)})"
        )
        if self.moment is not None and not self.moment.effective:
            # So that a walk of these starts there, too.
            text += f" AND m.transaction_id <= {self.last_inserted()}"
        return f"{text})"

    def compare(self, column: str, leaf: Leaf) -> str:
        """A column compared with the leaf's value."""
        if leaf.type == ADDRESS:
            return self.address(column, leaf)
        if leaf.operator == "$in":
            return self.within(column, leaf)
        if leaf.operator == "$like":
            return self.like(column, leaf)
        value = leaf.value
        self.values.append(to_micros(value) if isinstance(value, datetime) else value)
        return f"{column} {SIGNS[leaf.operator]} ?"

    def within(self, column: str, leaf: Leaf) -> str:
        assert isinstance(leaf.value, tuple)
        if not leaf.value:
            return NEVER
        self.values += leaf.value
        return f"{column} IN ({', '.join('?' for _ in leaf.value)})"

    def like(self, column: str, leaf: Leaf) -> str:
        text = str(leaf.value)
        stripped = text.rstrip("\\")
        if (len(text) - len(stripped)) % 2:
            # A backslash with nothing behind it stands for itself.
            text += "\\"
        self.values.append(text)
        return f"{column} LIKE ? ESCAPE '\\'"

    def address(self, column: str, leaf: Leaf) -> str:
        """An address compared with an address, a pattern, or several."""
        if leaf.operator == "$in":
            return self.within(column, leaf)
        if leaf.operator == "$like":
            return self.like(column, leaf)
        text = str(leaf.value)
        if not is_pattern(text):
            self.values.append(text)
            return f"{column} = ?"
        pattern = read_pattern(text)
        if self.writing.expressions:
            self.values.append(expression_of(text))
            return f"{column} ~ ?"
        parts = []
        if pattern.prefix:
            parts.append(f"{column} >= ? AND {column} < ?")
            self.values += [pattern.prefix, f"{pattern.prefix[:-1]};"]
        for number, segment in pattern.segments:
            if number > pattern.prefix.count(":"):
                parts.append(f"split_part({column}, ':', {number}) = ?")
                self.values.append(segment)
        colons = f"length({column}) - length(replace({column}, ':', ''))"
        parts.append(f"{colons} {'>=' if pattern.open else '='} {pattern.length - 1}")
        return f"({' AND '.join(parts)})"

    def metadata(self, kind: str, ledger: str, target: str, leaf: Leaf) -> str:
        """Metadata under a key, as it is or was at the moment."""
        self.values.append(leaf.key)
        text = (
            f"EXISTS (SELECT 1 FROM numscript_{kind}_metadata x WHERE x.ledger = {ledger} AND "
            f"x.target = {target} AND x.key = ?"
        )
        if self.moment is None:
            text += " AND x.ended IS NULL"
        else:
            text += " AND x.date <= ? AND (x.ended IS NULL OR x.ended > ?)"
            self.values += [self.at, self.at]
        match leaf.operator:
            case "$match" | "$in":
                values = leaf.value if isinstance(leaf.value, tuple) else (str(leaf.value),)
                text += f" AND {self.within('x.value', leaf._replace(value=values))}"
                if all(len(value) <= INDEXED for value in values):
                    text += f" AND length(x.value) <= {INDEXED}"
            case "$like":
                text += f" AND {self.like('x.value', leaf)}"
        return f"{text})"

    def reverted(self, leaf: Leaf) -> str:
        if self.moment is None:
            return f"t.reverted_at IS {'NOT NULL' if leaf.value else 'NULL'}"
        self.values.append(self.at)
        if leaf.value:
            return "(t.reverted_at IS NOT NULL AND t.reverted_at <= ?)"
        return "(t.reverted_at IS NULL OR t.reverted_at > ?)"

    def balance(self, letter: str, balance: str, leaf: Leaf) -> str:
        """The balance of a row compared."""
        parts = []
        if leaf.key is not None:
            parts.append(f"{letter}.asset = ? AND {letter}.color = ?")
            self.values += leaf.key
        if leaf.operator != "$exists":
            parts.append(f"{balance} {SIGNS[leaf.operator]} {self.writing.wanted}")
            self.values.append(str(leaf.value))
        return f"({' AND '.join(parts)})"

    def balance_of_account(self, leaf: Leaf) -> str:
        """A balance of an account compared."""
        if self.moment is None:
            compared = self.balance("v", self.writing.balance, leaf)
            return (
                "EXISTS (SELECT 1 FROM numscript_volumes v WHERE v.ledger = a.ledger AND "
                f"v.account = a.address AND {compared})"
            )
        text = (
            "EXISTS (SELECT 1 FROM numscript_moves m WHERE m.ledger = a.ledger AND "
            f"m.account = a.address AND m.{self.date} <= ?"
        )
        self.values.append(self.at)
        if leaf.key is not None:
            text += " AND m.asset = ? AND m.color = ?"
            self.values += leaf.key
        text += " GROUP BY m.asset, m.color"
        if leaf.operator != "$exists":
            balance = self.writing.balance_of_moves
            text += f" HAVING {balance} {SIGNS[leaf.operator]} {self.writing.wanted}"
            self.values.append(str(leaf.value))
        return f"{text})"
