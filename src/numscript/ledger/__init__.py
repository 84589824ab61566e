"""The ledger: scripts and postings become transactions that are kept, whole or not at all."""

from __future__ import annotations

from numscript.diagnostics import LedgerError, StorageError
from numscript.ledger.ledger import BulkResult, Ledger, Page
from numscript.ledger.requests import DeleteMetadata, Post, Request, Revert, Run, SetMetadata
from numscript.runtime.result import Posting
from numscript.storage.protocol import Account, Log, Transaction, Volume, VolumeRow

__all__ = [
    "Account",
    "BulkResult",
    "DeleteMetadata",
    "Ledger",
    "LedgerError",
    "Log",
    "Page",
    "Post",
    "Posting",
    "Request",
    "Revert",
    "Run",
    "SetMetadata",
    "StorageError",
    "Transaction",
    "Volume",
    "VolumeRow",
]
