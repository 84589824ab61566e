"""The Python home of Numscript, the language for moving money.

    import numscript

    program = numscript.compile("send [USD/2 100] ( source = @world destination = @alice )")
    result = program.run()
    result.postings      # (Posting(source='world', destination='alice', amount=100, ...),)

Amounts are integers in the asset's smallest unit: `USD/2 100` is one dollar. Books are kept so:

    ledger = numscript.Ledger(numscript.open_storage("sqlite:///books.db"), "main")
    ledger.run(program)
    ledger.balances("alice")      # {"USD/2": 100}
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numscript import errors
    from numscript.analysis.checked import CheckedProgram
    from numscript.diagnostics import (
        CheckError,
        Diagnostic,
        ExecutionError,
        Kind,
        LedgerError,
        NumscriptError,
        ParseError,
        Severity,
        StorageError,
    )
    from numscript.embedding import Program, check, compile, format  # noqa: A004 - as `re.compile`
    from numscript.ledger.ledger import Ledger
    from numscript.prelude import BUILTINS, FEATURES, Type
    from numscript.runtime.result import ExecutionResult, Needs, Posting, ResolvedProgram
    from numscript.runtime.store import BalanceKey, MetadataQuery, StaticStore, Store
    from numscript.runtime.vm import execute
    from numscript.script import Limits, Position, Script, Span
    from numscript.storage import open_storage
    from numscript.storage.protocol import Transaction
    from numscript.values import Account, Asset, Monetary, Portion

__version__ = "0.1.0"

__all__ = [
    "BUILTINS",
    "FEATURES",
    "Account",
    "Asset",
    "BalanceKey",
    "CheckError",
    "CheckedProgram",
    "Diagnostic",
    "ExecutionError",
    "ExecutionResult",
    "Kind",
    "Ledger",
    "LedgerError",
    "Limits",
    "MetadataQuery",
    "Monetary",
    "Needs",
    "NumscriptError",
    "ParseError",
    "Portion",
    "Position",
    "Posting",
    "Program",
    "ResolvedProgram",
    "Script",
    "Severity",
    "Span",
    "StaticStore",
    "StorageError",
    "Store",
    "Transaction",
    "Type",
    "check",
    "compile",
    "errors",
    "execute",
    "format",
    "open_storage",
]

_HOMES = {
    "analysis.checked": ("CheckedProgram",),
    "diagnostics": (
        "CheckError",
        "Diagnostic",
        "ExecutionError",
        "Kind",
        "LedgerError",
        "NumscriptError",
        "ParseError",
        "Severity",
        "StorageError",
    ),
    "embedding": ("Program", "check", "compile", "format"),
    "ledger.ledger": ("Ledger",),
    "prelude": ("BUILTINS", "FEATURES", "Type"),
    "runtime.result": ("ExecutionResult", "Needs", "Posting", "ResolvedProgram"),
    "runtime.store": ("BalanceKey", "MetadataQuery", "StaticStore", "Store"),
    "runtime.vm": ("execute",),
    "script": ("Limits", "Position", "Script", "Span"),
    "storage": ("open_storage",),
    "storage.protocol": ("Transaction",),
    "values": ("Account", "Asset", "Monetary", "Portion"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that `import numscript` costs nothing."""
    if name == "errors":
        return import_module(f"{__name__}.errors")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, and those of the module."""
    return sorted({*globals(), *__all__})
