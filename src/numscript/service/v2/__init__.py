"""Version 2 of the API, under `/v2`: one file a noun, and here the table of its routes."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from numscript.service import records
from numscript.service.access import READ, WRITE
from numscript.service.calls import Reply
from numscript.service.problems import Problem
from numscript.service.routes import EVENTS, FILTERED, PAGING, Route
from numscript.service.v2 import accounts, bulk, events, ledgers, logs, schemas, transactions

Number = dict[str, records.Amount]
MISSING = ((404, "LEDGER_NOT_FOUND"), (404, "NOT_FOUND"))
MADE = (
    (400, "INSUFFICIENT_FUND"), (400, "COMPILATION_FAILED"), (400, "METADATA_OVERRIDE"),
    (400, "NO_POSTINGS"), (409, "CONFLICT"), (400, "SCHEMA_NOT_SPECIFIED"), *MISSING,
)  # fmt: skip
LISTED = (*FILTERED, "expand", "pit")


def show_problem(problem: Problem) -> Reply:
    """A problem as this version shows it."""
    details = UNSET if problem.details is None else problem.details
    body = records.Error(problem.code, problem.message, details)
    return Reply(problem.status, body, problem.headers)


ROUTES = (
    Route("POST", "/v2/{ledger}/transactions", "createTransaction",
          "Make a transaction of postings, a script, or a template.",
          transactions.create_transaction, WRITE, records.Data[records.Transaction],
          body=records.NewTransaction, query=("dryRun", "force", "schemaVersion", "expand"),
          errors=MADE, keyed=True),
    Route("HEAD", "/v2/{ledger}/transactions", "countTransactions", "Count transactions.",
          transactions.count_transactions, READ, status=204, query=("query", "pit"),
          errors=MISSING),
    Route("GET", "/v2/{ledger}/transactions", "listTransactions",
          "List transactions, the last first.", transactions.list_transactions, READ,
          records.Page[records.Transaction], query=(*LISTED, "order", "reverse"), errors=MISSING),
    Route("POST", "/v2/{ledger}/_bulk", "createBulk", "Do many writes in one call.",
          bulk.create_bulk, WRITE, records.BulkAnswer, body=list[records.BulkElement],
          query=("atomic", "parallel", "continueOnFailure", "schemaVersion"),
          errors=((400, "VALIDATION"), (412, "VALIDATION"), (413, "BULK_SIZE_EXCEEDED"), *MISSING),
          stream=True),
    Route("GET", "/v2/{ledger}/accounts/{address}", "getAccount", "Show an account.",
          accounts.get_account, READ, records.Data[records.Account], query=("expand", "pit"),
          errors=MISSING),
    Route("GET", "/v2/{ledger}/transactions/{id}", "getTransaction", "Show a transaction.",
          transactions.get_transaction, READ, records.Data[records.Transaction],
          query=("expand", "pit"), errors=MISSING),
    Route("POST", "/v2/{ledger}/transactions/{id}/revert", "revertTransaction",
          "Take a transaction back by another one.", transactions.revert_transaction, WRITE,
          records.Data[records.Transaction], 201, body=records.NewRevert,
          query=("force", "atEffectiveDate", "dryRun", "schemaVersion", "expand"),
          errors=((400, "ALREADY_REVERT"), *MADE), keyed=True),
    Route("POST", "/v2/{ledger}/transactions/{id}/metadata", "addMetadataOnTransaction",
          "Set metadata of a transaction.", transactions.set_metadata, WRITE, status=204,
          body=records.Metadata, query=("dryRun", "schemaVersion"), errors=MISSING, keyed=True),
    Route("DELETE", "/v2/{ledger}/transactions/{id}/metadata/{key}", "deleteTransactionMetadata",
          "Delete a key of a transaction's metadata.", transactions.delete_metadata, WRITE,
          status=204, query=("dryRun", "schemaVersion"), errors=MISSING, keyed=True),
    Route("HEAD", "/v2/{ledger}/accounts", "countAccounts", "Count accounts.",
          accounts.count_accounts, READ, status=204, query=("query", "pit"), errors=MISSING),
    Route("GET", "/v2/{ledger}/accounts", "listAccounts", "List accounts, by address.",
          accounts.list_accounts, READ, records.Page[records.Account], query=LISTED,
          errors=MISSING),
    Route("POST", "/v2/{ledger}/accounts/{address}/metadata", "addMetadataToAccount",
          "Set metadata of an account.", accounts.set_metadata, WRITE, status=204,
          body=records.Metadata, query=("dryRun", "schemaVersion"), errors=MISSING, keyed=True),
    Route("DELETE", "/v2/{ledger}/accounts/{address}/metadata/{key}", "deleteAccountMetadata",
          "Delete a key of an account's metadata.", accounts.delete_metadata, WRITE, status=204,
          query=("dryRun", "schemaVersion"), errors=MISSING, keyed=True),
    Route("GET", "/v2/{ledger}/aggregate/balances", "getBalancesAggregated",
          "Add up balances by asset.", accounts.aggregate_balances, READ, records.Data[Number],
          query=("query", "pit", "useInsertionDate"), errors=MISSING),
    Route("GET", "/v2/{ledger}/volumes", "getVolumesWithBalances",
          "List what accounts received and gave.", accounts.list_volumes, READ,
          records.Page[records.AccountVolume],
          query=(*FILTERED, "groupBy", "startTime", "endTime", "insertionDate"), errors=MISSING),
    Route("GET", "/v2/{ledger}/logs", "listLogs", "List the lines of the log, the last first.",
          logs.list_logs, READ, records.Page[records.Log], query=FILTERED, errors=MISSING),
    Route("POST", "/v2/{ledger}/logs/export", "exportLogs", "Write the log as lines of JSON.",
          logs.export_logs, READ, str, media=logs.LINES, errors=MISSING),
    Route("POST", "/v2/{ledger}/logs/import", "importLogs",
          "Read an exported log into an empty ledger.", logs.import_logs, WRITE, status=204,
          body=str, takes=logs.LINES, errors=((400, "IMPORT"), *MISSING), stream=True),
    Route("GET", "/v2/{ledger}/stats", "readStats", "Count what a ledger holds.",
          ledgers.get_stats, READ, records.Data[records.Stats], errors=MISSING),
    Route("GET", "/v2/{ledger}/_info", "getLedgerInfo", "Show the state of a ledger's storage.",
          ledgers.get_ledger_info, READ, records.Data[records.LedgerInfo], errors=MISSING),
    Route("GET", "/v2/{ledger}/schemas", "listSchemas", "List schemas, the last first.",
          schemas.list_schemas, READ, records.Page[records.Schema],
          query=(*PAGING, "sort", "reverse"), errors=MISSING),
    Route("POST", "/v2/{ledger}/schemas/{version}", "insertSchema",
          "Keep a version of a schema.", schemas.insert_schema, WRITE, status=204,
          body=records.NewSchema, errors=((409, "SCHEMA_ALREADY_EXISTS"), *MISSING),
          keyed=True),
    Route("GET", "/v2/{ledger}/schemas/{version}", "getSchema", "Show a schema.",
          schemas.get_schema, READ, records.Data[records.Schema], errors=MISSING),
    Route("POST", "/v2/{ledger}/queries/{id}/run", "runQuery", "Run a stored query.",
          schemas.run_query, READ, records.Page[dict[str, Any]], body=records.QueryRun,
          query=("schemaVersion", *LISTED), errors=MISSING),
    Route("PUT", "/v2/{ledger}/metadata", "updateLedgerMetadata", "Set metadata of a ledger.",
          ledgers.set_metadata, WRITE, status=204, body=records.Metadata, errors=MISSING),
    Route("DELETE", "/v2/{ledger}/metadata/{key}", "deleteLedgerMetadata",
          "Delete a key of a ledger's metadata.", ledgers.delete_metadata, WRITE, status=204,
          errors=MISSING),
    Route("GET", "/v2/{ledger}/events", "streamEvents",
          "Follow what happens, as server-sent events; `after` may be `latest`.",
          events.stream_events, READ, records.Event, query=("after", "eventTypes"), media=EVENTS,
          errors=MISSING),
    Route("POST", "/v2/_/webhooks", "createWebhook",
          "Have events posted to an address; the answer has the secret that signs them.",
          events.create_webhook, WRITE, records.Data[records.Webhook], 201,
          body=records.NewWebhook),
    Route("GET", "/v2/_/webhooks", "listWebhooks", "List webhooks, the oldest first.",
          events.list_webhooks, READ, records.Data[list[records.Webhook]]),
    Route("GET", "/v2/_/webhooks/{webhook}", "getWebhook", "Show a webhook.",
          events.get_webhook, READ, records.Data[records.Webhook]),
    Route("POST", "/v2/_/webhooks/{webhook}/enable", "enableWebhook",
          "Deliver again, now, to a webhook that failed.", events.enable_webhook, WRITE,
          records.Data[records.Webhook]),
    Route("DELETE", "/v2/_/webhooks/{webhook}", "deleteWebhook", "Deliver to a webhook no more.",
          events.delete_webhook, WRITE, status=204),
    Route("GET", "/v2/_info", "getInfo", "Show the server and how it is set up.",
          ledgers.get_info, READ, records.Data[records.ServerInfo]),
    Route("GET", "/v2", "listLedgers", "List ledgers, the oldest first.",
          ledgers.list_ledgers, READ, records.Page[records.Ledger], query=("query", *PAGING)),
    Route("POST", "/v2/{ledger}", "createLedger", "Create a ledger.", ledgers.create_ledger,
          WRITE, status=204, body=records.NewLedger, errors=((400, "LEDGER_ALREADY_EXISTS"),)),
    Route("GET", "/v2/{ledger}", "getLedger", "Show a ledger.", ledgers.get_ledger, READ,
          records.Data[records.Ledger], errors=MISSING),
)  # fmt: skip
"""The routes of this version. Those that are called most come first."""
