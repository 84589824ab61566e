"""What a caller is told when something fails: `Problem`, and the published code of each error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from numscript import errors
from numscript.diagnostics import (
    CheckError,
    Diagnostic,
    ExecutionError,
    Kind,
    NumscriptError,
    ParseError,
    StorageError,
)

CODES = (
    "INTERNAL", "INSUFFICIENT_FUND", "VALIDATION", "CONFLICT", "COMPILATION_FAILED",
    "METADATA_OVERRIDE", "NOT_FOUND", "ALREADY_REVERT", "NO_POSTINGS", "LEDGER_NOT_FOUND",
    "LEDGER_ALREADY_EXISTS", "IMPORT", "TIMEOUT", "BULK_SIZE_EXCEEDED", "INTERPRETER_PARSE",
    "INTERPRETER_RUNTIME", "SCHEMA_ALREADY_EXISTS", "SCHEMA_NOT_SPECIFIED", "NO_SCRIPT",
)  # fmt: skip
"""The published codes. Clients refuse to read any other, so that there is none."""


class Problem(Exception):  # noqa: N818 - it is an answer
    """What is wrong with a request, as it is answered: HTTP status, published code, sentence."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers or {}


class Answered(NamedTuple):
    """How an error is answered."""

    status: int
    code: str


REFUSED = Answered(400, "VALIDATION")
BROKEN = Answered(500, "INTERNAL")
BUSY = Answered(503, "INTERNAL")
KINDS: dict[type[Kind], Answered] = {
    errors.InsufficientFunds: Answered(400, "INSUFFICIENT_FUND"),
    errors.MissingFunds: Answered(400, "INSUFFICIENT_FUND"),
    errors.AlreadyReverted: Answered(400, "ALREADY_REVERT"),
    errors.DuplicateReference: Answered(409, "CONFLICT"),
    errors.IdempotencyConflict: REFUSED,
    errors.UnknownTransaction: Answered(404, "NOT_FOUND"),
    errors.UnknownLedger: Answered(404, "LEDGER_NOT_FOUND"),
    errors.MetadataOverride: Answered(400, "METADATA_OVERRIDE"),
    errors.NoPostings: Answered(400, "NO_POSTINGS"),
    errors.LedgerNotEmpty: Answered(400, "IMPORT"),
    errors.BrokenChain: Answered(400, "IMPORT"),
    errors.InvalidLogLine: Answered(400, "IMPORT"),
    errors.NotRun: BROKEN,
    errors.StorageUnavailable: BUSY,
    errors.BrokenBound: Answered(400, "INSUFFICIENT_FUND"),
}
"""The kinds that have a code of their own; the others go by their stage."""


def invalid(message: str) -> Problem:
    """The problem of a request whose form is wrong."""
    return Problem(*REFUSED, message)


def not_found(message: str) -> Problem:
    """The problem of something that is not there."""
    return Problem(404, "NOT_FOUND", message)


def compilation_failed(message: str, *, interpreter: bool = False) -> Problem:
    """The problem of a script that cannot be run as it was asked."""
    return Problem(400, "INTERPRETER_RUNTIME" if interpreter else "COMPILATION_FAILED", message)


def read_error(error: NumscriptError, *, interpreter: bool = False) -> Problem:
    """The answer to an error of the ledger, the storage or a script.

    interpreter: the caller asked for the runtime of that name, whose codes are others.
    """
    kind = error.kind
    found = KINDS.get(type(kind))
    if found is None:
        match error:
            case ParseError() | CheckError():
                found = Answered(400, "INTERPRETER_PARSE" if interpreter else "COMPILATION_FAILED")
            case ExecutionError():
                code = "INTERPRETER_RUNTIME" if interpreter else "COMPILATION_FAILED"
                found = Answered(400, code)
            case StorageError():
                found = BROKEN
            case _:
                found = REFUSED
    return Problem(*found, sentences(error), f"{kind.code}: {kind.title}")


def find_problem(error: Exception) -> Problem:
    """What an error of any kind is answered with; of one that nobody foresaw nothing is told."""
    match error:
        case Problem():
            return error
        case NumscriptError():
            return read_error(error)
        case _:
            return Problem(*BROKEN, "")


def sentences(error: NumscriptError) -> str:
    """An error as text: what happened, where in the script, and what to do."""
    return "\n".join(_sentence(diagnostic) for diagnostic in error.diagnostics[:10])


def _sentence(diagnostic: Diagnostic) -> str:
    text = diagnostic.message
    if diagnostic.script.name == "<script>":
        line, column = diagnostic.start
        text = f"{line + 1}:{column + 1}: {text}"
    return f"{text}; {diagnostic.hint}" if diagnostic.hint else text
