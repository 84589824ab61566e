"""All the reading of a run: variables, metadata, then balances, in as few batches as there can be.

What a program reads is in its tables. The first time that anything must be read, everything whose
account, asset and key are known by then is read with it, so that one batch does unless an account
depends on what was read. The order of errors is the reference's: variables one by one in the
order of their declaration, then the needs of the statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numscript import errors
from numscript.diagnostics import ExecutionError, Failure, Kind
from numscript.prelude import WORLD
from numscript.runtime.result import ResolvedProgram
from numscript.runtime.vm import Machine
from numscript.values import READERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numscript.bytecode.program import BalanceRow, Program, Variable
    from numscript.runtime.store import BalanceKey, Store


def resolve(program: Program, variables: Mapping[str, object], store: Store) -> ResolvedProgram:
    """Bind the variables and read all that the program needs. Raises ExecutionError."""
    reader = _Reader(program, store)
    failures = reader.bind(variables)
    if failures or len(program.bind.instructions) > len(program.supplied):
        machine = Machine(
            program,
            reader.slots,
            reader.balances,
            read_balance=reader.read_balance,
            read_metadata=reader.read_metadata,
            failures=failures,
        )
        machine.run(program.bind)
    if program.needs_code.instructions or program.probes:
        reader.work_out_needs()
    reader.read_balances(())
    return ResolvedProgram(program, reader.slots, reader.balances, reader.metadata)


class _Reader:
    """What was read so far, and what can be read next."""

    def __init__(self, program: Program, store: Store) -> None:
        self.program = program
        self.store = store
        self.slots: list[Any] = [constant.value for constant in program.constants]
        self.slots += [None] * (program.slot_count - len(self.slots))
        self.balances: dict[BalanceKey, int] = {}
        self.metadata: dict[tuple[str, str], str] = {}
        self.scaled: set[BalanceKey] = set()
        self.failed_probes: set[int] = set()

    def bind(self, given: Mapping[str, object]) -> dict[int, Kind]:
        """Read the supplied variables into their slots; gives what is wrong with which."""
        failures: dict[int, Kind] = {}
        place = len(self.program.constants)
        for number, variable in enumerate(self.program.supplied):
            name = variable.name
            if name not in given:
                failures[number] = missing(variable, given, self.program)
                continue
            try:
                self.slots[place + number] = READERS[variable.type](given[name])
            except Failure as failure:
                failures[number] = failure.kind
        return failures

    def work_out_needs(self) -> None:
        """Run the code that fills the slots which the needs are about."""
        machine = Machine(self.program, self.slots, self.balances, read_balance=self.read_balance)
        machine.run(self.program.needs_code)
        for number, probe in enumerate(self.program.probes):
            try:
                machine.run(probe)
            except ExecutionError:
                # The script may never get there; if it does, it will say so itself.
                self.failed_probes.add(number)

    # --- balances ---

    def read_balance(self, key: BalanceKey) -> None:
        """Read a balance that is needed now, and with it all that can be."""
        self.read_balances((key,))

    def read_balances(self, wanted: Sequence[BalanceKey]) -> None:
        """Read balances and, in the same batch, all that are known to be needed."""
        query: dict[BalanceKey, None] = dict.fromkeys(wanted)
        for row in self.program.balances:
            key = self.key_of(row)
            if key is None or key in query:
                continue
            if row.scales:
                if key not in self.scaled:
                    self.scaled.add(key)
                    query[key] = None
            elif key not in self.balances:
                query[key] = None
        if query:
            self.fetch(list(query))

    def key_of(self, row: BalanceRow) -> BalanceKey | None:
        """The key of a row, or None where it is not known yet or not needed."""
        slots = self.slots
        account, color = slots[row.account], slots[row.color]
        asset = slots[row.asset if row.asset >= 0 else ~row.asset]
        if row.asset < 0 and asset is not None:
            asset = asset[0]
        if account is None or asset is None or color is None or account == WORLD:
            return None
        if row.probe in self.failed_probes:
            return None
        if row.scales:
            return account, f"{asset.partition('/')[0]}/*", ""
        return account, asset, color

    def fetch(self, query: list[BalanceKey]) -> None:
        """Ask the store."""
        try:
            answer = dict(self.store.get_balances(query))
            for key in query:
                if not key[1].endswith("/*"):
                    answer.setdefault(key, 0)
            for key, amount in answer.items():
                if type(amount) is not int:
                    given = f"{amount!r} ({type(amount).__name__})"
                    raise TypeError(f"the balance of {key!r} is {given}, not an int")
        except Exception as problem:
            raise Failure(errors.BalanceQueryFailed(reason=_reason(problem))) from problem
        for key, amount in answer.items():
            self.balances.setdefault(key, amount)

    # --- metadata ---

    def read_metadata(self, account: str, key: str) -> str:
        """The metadata of an account under a key, read with all that can be read by now."""
        if (account, key) not in self.metadata:
            self.fetch_metadata(account, key)
        try:
            return self.metadata[account, key]
        except KeyError:
            raise Failure(errors.MetadataNotFound(account=account, key=key)) from None

    def fetch_metadata(self, account: str, key: str) -> None:
        """Ask the store."""
        query: dict[str, list[str]] = {account: [key]}
        for row in self.program.metadata:
            other, name = self.slots[row.account], self.slots[row.key]
            if other is not None and name is not None and (other, name) not in self.metadata:
                names = query.setdefault(other, [])
                if name not in names:
                    names.append(name)
        try:
            answer = self.store.get_metadata(query)
            for owner, names in query.items():
                items = answer.get(owner, {})
                for name in names:
                    if name in items:
                        text = items[name]
                        if not isinstance(text, str):
                            raise TypeError(f"metadata must be text, not {type(text).__name__}")
                        self.metadata[owner, name] = text
        except Exception as problem:
            raise Failure(errors.MetadataQueryFailed(reason=_reason(problem))) from problem


def missing(variable: Variable, given: Mapping[str, object], program: Program) -> Kind:
    """The error of a variable that was not given, with the name that may have been meant."""
    from difflib import get_close_matches

    declared = {other.name for other in program.supplied}
    unknown = [name for name in map(str, given) if name not in declared]
    close = get_close_matches(variable.name, unknown, n=1)
    hint = f"`{close[0]}` was given: is it meant?" if close else ""
    return errors.MissingVariable(name=variable.name, type=variable.type, suggestion=hint)


def _reason(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
