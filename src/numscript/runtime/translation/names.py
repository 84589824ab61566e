"""What the functions that the translator makes call: the names their code may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from numscript import errors
from numscript.diagnostics import Failure
from numscript.runtime.allotment import share, split
from numscript.runtime.funds import assemble, give, give_and_credit, pour, pull, repay
from numscript.runtime.resolver import fetch_amounts, fetch_balances, find_metadata, resolve
from numscript.runtime.result import ExecutionResult, Posting
from numscript.runtime.vm import check_postings, execute_once, stop, undo
from numscript.values import READERS, Portion, is_color, join_account, text_of

if TYPE_CHECKING:
    from numscript.bytecode.program import Program
    from numscript.runtime.store import BalanceKey, Store


def run_on_machine(program: Program, given: Mapping[str, object], store: Store) -> ExecutionResult:
    """Leave a run to the machine: a variable could not be read, and it says which and why."""
    return execute_once(resolve(program, given, store))


def read(
    store: Store,
    balances: dict[BalanceKey, int],
    wanted: tuple[BalanceKey, ...],
    known: tuple[BalanceKey | None, ...],
) -> None:
    """Read balances and, in the same batch, those that are known and were not read yet."""
    query = dict.fromkeys(wanted)
    for key in known:
        if key is not None and key not in balances:
            query[key] = None
    if query:
        fetch_balances(store, tuple(query), balances)


NAMES: dict[str, object] = {
    "ExecutionResult": ExecutionResult,
    "Failure": Failure,
    "Portion": Portion,
    "Posting": Posting,
    "assemble": assemble,
    "check_postings": check_postings,
    "drop": pull,
    "errors": errors,
    "fetch": fetch_balances,
    "fetch_amounts": fetch_amounts,
    "give": give,
    "give_and_credit": give_and_credit,
    "join_account": join_account,
    "is_color": is_color,
    "new": tuple.__new__,
    "pour": pour,
    "read": read,
    "read_meta": find_metadata,
    "repay": repay,
    "run_on_machine": run_on_machine,
    "share": share,
    "split": split,
    "stop": stop,
    "text_of": text_of,
    "undo": undo,
    **{f"read_{kind}": reader for kind, reader in READERS.items()},
}
"""The global names of a translated function, besides its program and the places in its script."""
