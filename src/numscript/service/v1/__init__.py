"""Version 1 of the API, at the root, as release 1.10 has it: one file a noun, and its routes.

Ledgers are made when they are first spoken of; transactions and lines of the log count from 0.
"""

from __future__ import annotations

from typing import Any

from numscript.service import records
from numscript.service.access import READ, WRITE
from numscript.service.calls import Reply
from numscript.service.problems import Problem
from numscript.service.routes import Route
from numscript.service.v1 import accounts, ledgers, shapes, transactions

CODES = {
    "ALREADY_REVERT": "VALIDATION", "NO_POSTINGS": "VALIDATION", "LEDGER_NOT_FOUND": "NOT_FOUND",
    "TIMEOUT": "INTERNAL", "INTERPRETER_PARSE": "COMPILATION_FAILED",
    "INTERPRETER_RUNTIME": "COMPILATION_FAILED",
}  # fmt: skip
"""The codes that this version does not have, and what it says instead."""
PAGED = ("pageSize", "cursor")
FILTERS = ("reference", "account", "source", "destination", "startTime", "endTime")
MADE = ((400, "INSUFFICIENT_FUND"), (400, "COMPILATION_FAILED"), (400, "METADATA_OVERRIDE"),
        (409, "CONFLICT"))  # fmt: skip


def show_problem(problem: Problem) -> Reply:
    """A problem as this version shows it; of one on the server's side nothing but its status."""
    code = CODES.get(problem.code, problem.code)
    if problem.status >= 500:
        return Reply(problem.status, None, problem.headers)
    details = problem.details if problem.details and "play.num" in problem.details else None
    body = shapes.Error(code, problem.message, code, problem.message, details)
    return Reply(problem.status, body, problem.headers)


def old(*row: Any, **more: Any) -> Route:
    """A route of this version."""
    return Route(*row, **{**more, "basic": True, "old": True})


Transactions = records.Data[list[shapes.Transaction]]
ROUTES = (
    old("POST", "/{ledger}/transactions", "v1CreateTransaction",
        "Make a transaction of postings or a script.", transactions.create, WRITE, Transactions,
        body=shapes.NewTransaction, query=("preview",), errors=MADE, keyed=True),
    old("POST", "/{ledger}/transactions/batch", "v1CreateTransactions",
        "Make several transactions, or none.", transactions.create_batch, WRITE, Transactions,
        body=shapes.Batch, errors=MADE, keyed=True),
    old("HEAD", "/{ledger}/transactions", "v1CountTransactions", "Count transactions.",
        transactions.count, READ, query=FILTERS),
    old("GET", "/{ledger}/transactions", "v1ListTransactions",
        "List transactions, the last first.", transactions.list_, READ,
        shapes.Page[shapes.Transaction], query=(*FILTERS, "after", *PAGED)),
    old("GET", "/{ledger}/transactions/{txid}", "v1GetTransaction", "Show a transaction.",
        transactions.get, READ, records.Data[shapes.Transaction], errors=((404, "NOT_FOUND"),)),
    old("POST", "/{ledger}/transactions/{txid}/revert", "v1RevertTransaction",
        "Take a transaction back by another one.", transactions.revert, WRITE,
        records.Data[shapes.Transaction], query=("disableChecks",), gateway=201,
        errors=(*MADE, (404, "NOT_FOUND")), keyed=True),
    old("POST", "/{ledger}/transactions/{txid}/metadata", "v1AddMetadataOnTransaction",
        "Set metadata of a transaction.", transactions.set_metadata, WRITE, status=204,
        body=dict[str, Any], errors=((404, "NOT_FOUND"),), keyed=True),
    old("POST", "/{ledger}/script", "v1RunScript", "Run a script (deprecated).",
        transactions.run_script, WRITE, shapes.ScriptAnswer, body=shapes.ScriptRun,
        query=("preview",), keyed=True),
    old("HEAD", "/{ledger}/accounts", "v1CountAccounts", "Count accounts.", accounts.count, READ,
        query=("address",), gateway=204),
    old("GET", "/{ledger}/accounts", "v1ListAccounts", "List accounts, by address, backwards.",
        accounts.list_, READ, shapes.Page[shapes.Account],
        query=("address", "balance", "balanceOperator", "balanceAsset", "after", *PAGED)),
    old("GET", "/{ledger}/accounts/{address}", "v1GetAccount", "Show an account.", accounts.get,
        READ, records.Data[shapes.AccountWithVolumes]),
    old("POST", "/{ledger}/accounts/{address}/metadata", "v1AddMetadataToAccount",
        "Set metadata of an account.", accounts.set_metadata, WRITE, status=204,
        body=dict[str, Any], keyed=True),
    old("GET", "/{ledger}/balances", "v1GetBalances", "List balances by account.",
        accounts.balances, READ, shapes.Page[dict[str, dict[str, records.Amount]]],
        query=("address", "after", *PAGED)),
    old("GET", "/{ledger}/aggregate/balances", "v1GetBalancesAggregated",
        "Add up balances by asset.", accounts.aggregate, READ,
        records.Data[dict[str, records.Amount]], query=("address",)),
    old("GET", "/{ledger}/logs", "v1ListLogs", "List the lines of the log, the last first.",
        ledgers.logs, READ, shapes.Page[shapes.Log],
        query=("after", "startTime", "endTime", *PAGED)),
    old("GET", "/{ledger}/stats", "v1ReadStats", "Count what a ledger holds.", ledgers.stats,
        READ, records.Data[records.Stats]),
    old("GET", "/{ledger}/mapping", "v1GetMapping", "Show the contracts of accounts.",
        ledgers.get_mapping, READ, records.Data[shapes.Mapping | None]),
    old("PUT", "/{ledger}/mapping", "v1UpdateMapping", "Set the contracts of accounts.",
        ledgers.put_mapping, WRITE, records.Data[shapes.Mapping], body=shapes.Mapping),
    old("GET", "/{ledger}/_info", "v1GetLedgerInfo", "Show the state of a ledger's storage.",
        ledgers.ledger_info, READ, records.Data[records.LedgerInfo]),
    old("GET", "/_info", "v1GetInfo", "Show the server and its ledgers.", ledgers.info, READ,
        records.Data[shapes.Info]),
)  # fmt: skip
"""The routes of this version. Those that are called most come first."""
