"""All the reading of a run: variables, metadata, then balances, in as few batches as there can be.

What a program reads is in its tables. The first time that anything must be read, everything whose
account, asset and key are known by then is read with it, so that one batch does unless an account
depends on what was read. The order of errors is the reference's: variables one by one in the
order of their declaration, then the needs of the statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from numscript import errors
from numscript.diagnostics import ExecutionError, Failure, Kind
from numscript.prelude import WORLD
from numscript.runtime.result import ResolvedProgram, new_resolved
from numscript.runtime.store import describe_key, is_scale
from numscript.runtime.vm import Machine, stop
from numscript.script import NOWHERE
from numscript.values import MAX_BITS, MAX_DIGITS, READERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numscript.bytecode.program import BalanceRow, Program, Variable
    from numscript.runtime.store import BalanceKey, Store


MOST = 1 << MAX_BITS
LEAST = -MOST
"""Between these are the amounts that a store may give."""


class Plan:
    """What the resolver works out of a program once, for all its runs.

    template: the slots before a run; first: the slot of the first supplied variable; readers: name,
    slot and reader of each supplied variable;
    known: the keys of the balances that are constant; rows: the other balances.
    """

    __slots__ = (
        "first",
        "has_needs",
        "has_origins",
        "has_scales",
        "known",
        "readers",
        "rows",
        "template",
    )

    def __init__(self, program: Program) -> None:
        constants = self.first = len(program.constants)
        self.template: list[Any] = [constant.value for constant in program.constants]
        self.template += [None] * (program.slot_count - constants)
        self.readers = [
            (variable.name, constants + number, READERS[variable.type])
            for number, variable in enumerate(program.supplied)
        ]
        self.has_origins = len(program.bind_code.instructions) > len(program.supplied)
        self.has_needs = bool(program.needs_code.instructions or program.probes)
        self.has_scales = any(row.scales for row in program.balances)
        known: dict[BalanceKey, None] = {}
        self.rows: list[BalanceRow] = []
        for row in program.balances:
            if row.scales or max(row.account, row.asset, ~row.asset, row.color) >= constants:
                self.rows.append(row)
                continue
            key = key_of(row, self.template)
            if key is not None:
                known[key] = None
        self.known = tuple(known)


def plan_of(program: Program) -> Plan:
    """The plan of a program, made once."""
    plan: Plan | None = program.__dict__.get("plan")
    if plan is None:
        plan = program.__dict__["plan"] = Plan(program)
    return plan


def key_of(row: BalanceRow, slots: Sequence[Any]) -> BalanceKey | None:
    """The key of a row, or None where it is not known yet or not needed."""
    account, color = slots[row.account], slots[row.color]
    asset = slots[row.asset if row.asset >= 0 else ~row.asset]
    if account is None or asset is None or color is None or account == WORLD:
        return None
    if row.asset < 0:
        asset = asset[0]
    if row.scales:
        return account, f"{asset.partition('/')[0]}/*", ""
    return account, asset, color


def resolve(
    program: Program,
    variables: Mapping[str, object],
    store: Store,
    new_machine: Callable[..., Machine] = Machine,
) -> ResolvedProgram:
    """Bind the variables and read all that the program needs. Raises ExecutionError.

    new_machine: makes the machine that binds the variables, for those who watch it.
    """
    plan: Plan = program.__dict__.get("plan") or plan_of(program)
    slots = plan.template.copy()
    unread: tuple[int, Kind] | None = None
    for name, slot, read in plan.readers:
        try:
            slots[slot] = read(variables[name])
        except (Failure, KeyError) as problem:
            # Nothing behind the first variable that cannot be read matters any more; before it an
            # origin may still stop the run.
            number = slot - plan.first
            kind = getattr(problem, "kind", None)
            unread = (number, kind or missing(program.supplied[number], variables, program))
            break
    reader = Reader(program, plan, store, slots)
    if unread or plan.has_origins:
        machine = new_machine(program, slots, reader.balances)
        machine.read_balance = reader.read_balance
        machine.read_metadata = reader.read_metadata
        machine.unread = unread
        machine.run(program.bind_code)
    if plan.has_needs:
        reader.work_out_needs()
    try:
        reader.read_balances(())
    except Failure as failure:
        raise stop(program, failure.kind, NOWHERE) from failure.__cause__
    return new_resolved((program, slots, reader.balances, reader.metadata))


class Reader:
    """What was read so far in one run, and what can be read next."""

    __slots__ = ("balances", "done", "metadata", "plan", "program", "slots", "store")

    def __init__(self, program: Program, plan: Plan, store: Store, slots: list[Any]) -> None:
        self.program = program
        self.plan = plan
        self.store = store
        self.slots = slots
        self.balances: dict[BalanceKey, int] = {}
        self.metadata: dict[tuple[str, str], str] = {}
        self.done: set[int | BalanceKey] | None = None

    def work_out_needs(self) -> None:
        """Run the code that fills the slots which the needs are about."""
        machine = Machine(self.program, self.slots, self.balances)
        machine.read_balance = self.read_balance
        machine.run(self.program.needs_code)
        for number, probe in enumerate(self.program.probes):
            try:
                machine.run(probe)
            except ExecutionError:
                # The script may never get there; if it does, it will say so itself.
                self.done = {number} | (self.done or set())

    # --- balances ---

    def read_balance(self, key: BalanceKey) -> None:
        """Read a balance that is needed now, and with it all that can be."""
        self.read_balances((key,))

    def read_balances(self, wanted: tuple[BalanceKey, ...]) -> None:
        """Read balances and, in the same batch, all that are known to be needed."""
        balances, plan = self.balances, self.plan
        query = plan.known
        if balances or wanted or plan.rows:
            keys = dict.fromkeys(wanted)
            for key in query:
                if key not in balances:
                    keys[key] = None
            for row in plan.rows:
                other = key_of(row, self.slots)
                if other is None or other in balances or self.is_done(row, other):
                    continue
                keys[other] = None
            query = tuple(keys)
        if query:
            self.fetch(query)

    def is_done(self, row: BalanceRow, key: BalanceKey) -> bool:
        """Whether all precisions were read already, or the row's own code came to no end."""
        done = self.done
        return done is not None and (key in done if row.scales else row.probe in done)

    def fetch(self, query: tuple[BalanceKey, ...]) -> None:
        """Ask the store."""
        answer = fetch_balances(self.store, query, self.balances)
        if self.plan.has_scales:
            self.add_scales(query, answer)

    def add_scales(
        self, query: tuple[BalanceKey, ...], answer: Mapping[BalanceKey, object]
    ) -> None:
        """Take over what the store gave for the keys that ask for all precisions."""
        for account, pattern, _ in query:
            if not pattern.endswith("/*"):
                continue
            del self.balances[account, pattern, ""]
            self.done = {(account, pattern, "")} | (self.done or set())
            for key, amount in answer.items():
                if key[0] == account and not key[2] and is_scale(key[1], pattern[:-2]):
                    if type(amount) is not int or amount.bit_length() > MAX_BITS:
                        raise Failure(errors.BalanceQueryFailed(reason=refusal(key, amount)))
                    self.balances.setdefault(key, amount)

    # --- metadata ---

    def read_metadata(self, account: str, key: str) -> str:
        """The metadata of an account under a key, read with all that can be read by now."""
        rows = []
        if (account, key) not in self.metadata:
            for row in self.program.metadata:
                owner, name = self.slots[row.account], self.slots[row.key]
                if owner is not None and name is not None:
                    rows.append((owner, name))
        return find_metadata(self.store, self.metadata, account, key, rows)


def fetch_balances(
    store: Store, query: tuple[BalanceKey, ...], balances: dict[BalanceKey, int]
) -> Mapping[BalanceKey, int]:
    """Ask a store for balances and take them over, zero for what it leaves out."""
    try:
        answer = store.get_balances(query)
        get = answer.get
        for key in query:
            amount = get(key, 0)
            if type(amount) is not int or not LEAST < amount < MOST:
                raise TypeError(refusal(key, amount))
            balances[key] = amount
    except Exception as problem:
        raise Failure(errors.BalanceQueryFailed(reason=_reason(problem))) from problem
    return answer


def fetch_amounts(store: Store, query: tuple[BalanceKey, ...]) -> list[int]:
    """The amounts of balances, in the order they are asked for, zero for what is left out."""
    amounts = []
    try:
        get = store.get_balances(query).get
        for key in query:
            amount = get(key, 0)
            if type(amount) is not int or not LEAST < amount < MOST:
                raise TypeError(refusal(key, amount))
            amounts.append(amount)
    except Exception as problem:
        raise Failure(errors.BalanceQueryFailed(reason=_reason(problem))) from problem
    return amounts


def find_metadata(
    store: Store,
    known: dict[tuple[str, str], str],
    account: str,
    key: str,
    others: Sequence[tuple[str, str]],
) -> str:
    """The metadata of an account under a key, asked of a store together with all that can be."""
    pair = (account, key)
    if pair not in known:
        query = {account: [key]}
        for owner, name in others:
            if (owner, name) not in known and name not in query.setdefault(owner, []):
                query[owner].append(name)
        fetch_metadata(store, query, known)
        if pair not in known:
            raise Failure(errors.MetadataNotFound(account=account, key=key))
    return known[pair]


def fetch_metadata(
    store: Store, query: dict[str, list[str]], known: dict[tuple[str, str], str]
) -> None:
    """Ask a store for metadata and take over what it has."""
    try:
        answer = store.get_metadata(query)
        for owner, names in query.items():
            items = answer.get(owner)
            if items:
                for name in names:
                    if name in items:
                        text = items[name]
                        if not isinstance(text, str):
                            raise TypeError(f"metadata must be text, not {type(text).__name__}")
                        known[owner, name] = text
    except Exception as problem:
        raise Failure(errors.MetadataQueryFailed(reason=_reason(problem))) from problem


MOST_COMPARED = 20
"""How many names are compared, for how many missing ones, to find out what was meant."""


def missing(variable: Variable, given: Mapping[str, object], program: Program) -> Kind:
    """The error of a variable that was not given, with the name that may have been meant."""
    from difflib import get_close_matches

    if f"${variable.name}" in given:
        hint = f"`${variable.name}` was given: write the name without the `$`"
        return errors.MissingVariable(name=variable.name, type=variable.type, suggestion=hint)
    declared = {other.name for other in program.supplied}
    unknown = [name for name in map(str, given) if name not in declared]
    close = get_close_matches(variable.name, unknown[:MOST_COMPARED], n=1)
    hint = f"`{close[0]}` was given: is it meant?" if close else ""
    return errors.MissingVariable(name=variable.name, type=variable.type, suggestion=hint)


def refusal(key: BalanceKey, amount: object) -> str:
    """What to say of an amount that a store gave and that is no int, or too long."""
    if type(amount) is int:
        return f"the balance of {describe_key(key)} has more than {MAX_DIGITS} digits"
    given = f"{amount!r} ({type(amount).__name__})"
    return f"the balance of {describe_key(key)} is {given}, not an int"


def _reason(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
