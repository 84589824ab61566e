"""The playground: what a script asks for, what is wrong with it, and each step of a run.

A run is on balances that are given, or on those of a ledger; nothing is written either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from numscript import StaticStore, check
from numscript import compile as compile_script
from numscript.debugging.trace import trace
from numscript.diagnostics import Diagnostic, NumscriptError
from numscript.runtime.result import Needs
from numscript.runtime.store import Store
from numscript.script import Limits, Script
from numscript.service.access import READ, check_scope
from numscript.service.calls import Call, Reply
from numscript.service.problems import invalid
from numscript.service.records import Amount, Metadata
from numscript.service.requests import read_variables, read_whole

MOST_STEPS = 2000
"""How many steps of a run are shown, and the last one."""


class Balance(Struct):
    """What an account holds of an asset, of a colour if it has one."""

    account: str
    asset: str
    amount: Amount
    color: str = ""


class Sheet(Struct):
    """A script with what it is run on. ledger: whose balances and metadata are read; else these."""

    script: str
    variables: dict[str, Any] = {}
    balances: list[Balance] = []
    metadata: dict[str, Metadata] = {}
    ledger: str | None = None


def check_script(call: Call) -> Reply:
    """Say what a script asks for: its variables, and what it reads as far as it can be told."""
    sheet: Sheet = call.decode(Sheet)
    limits, script = prepare(call, sheet)
    checked = check(script, limits=limits)
    variables = [
        {"name": name, "type": found.type, "asset": checked.assets.get(name)}
        for name, found in checked.variables.items()
        if found.origin is None
    ]
    needs = Needs((), ())
    if not checked.refusals:
        with store_of(call, sheet) as store:
            needs = find_needs(script, limits, read_variables(sheet.variables), store)
    return Reply(200, {
        "diagnostics": rows(checked.diagnostics),
        "variables": variables,
        "balances": [{"account": account, "asset": asset, "color": color or ""}
                     for account, asset, color in needs.balances if account and asset],
        "metadata": [{"account": account, "key": key}
                     for account, key in needs.metadata if account and key],
    })  # fmt: skip


def trace_script(call: Call) -> Reply:
    """Run a script and show each step of it, and how it came out."""
    sheet: Sheet = call.decode(Sheet)
    limits, script = prepare(call, sheet)
    warnings = check(script, limits=limits).diagnostics
    try:
        program = compile_script(script, limits=limits)
    except NumscriptError as error:
        return Reply(200, {"steps": [], "diagnostics": rows(error.diagnostics)})
    with store_of(call, sheet) as store:
        found = trace(program, read_variables(sheet.variables), store, limit=MOST_STEPS)
    tree = found.to_dict()
    read = [
        {"account": account, "asset": asset, "color": color, "amount": amount}
        for (account, asset, color), amount in found.read.items()
    ]
    failed: Any = tree.get("diagnostics", [])
    return Reply(200, {**tree, "read": read, "diagnostics": [*failed, *rows(warnings)]})


def prepare(call: Call, sheet: Sheet) -> tuple[Limits, Script]:
    """The script, with what bounds its cost. Raises Problem where the caller may not read."""
    if sheet.ledger is not None:
        check_scope(call.caller, READ, sheet.ledger)
    return Limits(length=call.state.settings.script), Script(sheet.script, "script.num")


@contextmanager
def store_of(call: Call, sheet: Sheet) -> Iterator[Store]:
    """What a script reads: a ledger as it is now, or what stands in the sheet. Raises Problem."""
    if sheet.ledger is not None:
        name = call.state.ledgers.open(sheet.ledger).name
        with call.state.storage.read(name) as session:
            yield session
        return
    balances = [
        {"account": row.account, "asset": row.asset, "color": row.color,
         "amount": read_whole(row.amount, f"the balance of {row.account}")}
        for row in sheet.balances
    ]  # fmt: skip
    try:
        yield StaticStore(balances, sheet.metadata)
    except ValueError as problem:
        raise invalid(str(problem)) from None


def find_needs(
    script: Script, limits: Limits, variables: Mapping[str, object], store: Store
) -> Needs:
    """What a run reads: exactly where its variables allow it, else as far as the script tells."""
    program = compile_script(script, limits=limits)
    try:
        return program.resolve(variables, store).needs
    except NumscriptError:
        needs = program.needs

    def known(part: str | None) -> str | None:
        if part is None or not part.startswith("$"):
            return part
        value = variables.get(part[1:])
        # Of a monetary it is the asset that is meant.
        return value.partition(" ")[0] if isinstance(value, str) and value else None

    return Needs(
        tuple((known(account), known(asset), known(color))
              for account, asset, color in needs.balances),
        tuple((known(account), known(key)) for account, key in needs.metadata),
    )  # fmt: skip


def rows(diagnostics: tuple[Diagnostic, ...]) -> list[dict[str, object]]:
    """Diagnostics as JSON."""
    return [found.to_dict() for found in diagnostics]
