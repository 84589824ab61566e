"""The trace of a run: every clause it came by, and what it had done by then.

The machine fetches its instructions from a sequence; the trace gives it one that tells of every
fetch, so that a run which nobody traces pays nothing. A step holds only what changed since the
step before; lists share what they have in common, so that a long run stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from numscript.bytecode.opcodes import Op
from numscript.bytecode.program import Code, Program
from numscript.debugging.clauses import Clause, Clauses, one_line
from numscript.diagnostics import ExecutionError, plain
from numscript.runtime.resolver import resolve
from numscript.runtime.result import ExecutionResult, ResolvedProgram
from numscript.runtime.vm import Machine
from numscript.script import NOWHERE, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numscript.bytecode.program import Instruction
    from numscript.runtime.funds import Piece
    from numscript.runtime.result import Posting
    from numscript.runtime.store import BalanceKey, Store
    from numscript.script import Script

CLAUSE = "clause"
UNDONE = "undone"
END = "end"
FAILURE = "failure"
"""Why a run stops at a step: before a clause, before a branch of `oneof` that gives too little is
undone, behind the last clause, or where it failed."""


MOST_STEPS = 100_000
"""How many steps are recorded unless a caller says otherwise, before the last one."""


class Change(NamedTuple):
    """A balance in flight that changed, from and to; None where it was not known."""

    key: BalanceKey
    before: int | None
    after: int | None


class Note(NamedTuple):
    """Metadata that was set: the text of a key, of an account or ("") of the transaction."""

    account: str
    key: str
    text: str


class Chain:
    """A list by its last item and what is in front of it, so that versions share their start."""

    __slots__ = ("front", "item", "length")

    def __init__(self, front: Chain | None, item: Any) -> None:
        self.front = front
        self.item = item
        self.length: int = front.length + 1 if front else 1


class Step(NamedTuple):
    """A moment of a run: what it is about to do, and what happened since the step before.

    reason: CLAUSE, UNDONE, END or FAILURE; span: what is marked, or the place of the error;
    changes: balances read or changed; notes: metadata set; turned: whether the funds are being
    given, so that the next piece is their last.
    """

    reason: str
    clause: Clause | None
    span: Span
    variables: Mapping[str, object]
    changes: tuple[Change, ...]
    notes: tuple[Note, ...]
    taken: Chain | None
    turned: bool
    posted: Chain | None
    said: Chain | None
    asset: str

    @property
    def depth(self) -> int:
        """How many clauses its clause stands in; where the run is over, less than any has."""
        return self.clause.depth if self.reason in (CLAUSE, UNDONE) and self.clause else -1

    @property
    def funds(self) -> tuple[Piece, ...]:
        """What was taken and not yet given, the piece that is given next first."""
        pieces = items(self.taken)
        return pieces[::-1] if self.turned else pieces

    @property
    def postings(self) -> tuple[Posting, ...]:
        """The postings by then."""
        return items(self.posted)

    @property
    def printed(self) -> tuple[str, ...]:
        """What was printed by then."""
        return items(self.said)


class State(NamedTuple):
    """All that a run had done by a step: what the steps up to it add up to."""

    variables: Mapping[str, object]
    balances: dict[BalanceKey, int]
    asset: str
    funds: tuple[Piece, ...]
    postings: tuple[Posting, ...]
    tx_metadata: dict[str, str]
    account_metadata: dict[str, dict[str, str]]
    printed: tuple[str, ...]


class Trace(NamedTuple):
    """A run from its first clause to its end.

    The last step is the end, with the result, or the failure, with the error. store: what it read
    from; read: the balances that the statements found; cut: whether there were more steps than
    were to be recorded, so that what happened in those is all said by the last one.
    """

    script: Script
    clauses: Clauses
    steps: tuple[Step, ...]
    store: Store
    read: Mapping[BalanceKey, int]
    result: ExecutionResult | None
    error: ExecutionError | None
    cut: bool

    def state(self, number: int) -> State:
        """What the run had done by a step."""
        step = self.steps[number]
        balances: dict[BalanceKey, int] = {}
        tx_metadata: dict[str, str] = {}
        account_metadata: dict[str, dict[str, str]] = {}
        for earlier in self.steps[: number + 1]:
            for key, _, after in earlier.changes:
                if after is None:
                    balances.pop(key, None)
                else:
                    balances[key] = after
            for account, name, text in earlier.notes:
                (account_metadata.setdefault(account, {}) if account else tx_metadata)[name] = text
        return State(
            step.variables,
            balances,
            step.asset,
            step.funds,
            step.postings,
            tx_metadata,
            account_metadata,
            step.printed,
        )

    def to_dict(self) -> dict[str, object]:
        """The trace as JSON: of balances, metadata and what is printed each step has its changes.

        Lines and columns count from 1.
        """
        tree: dict[str, object] = {
            "script": self.script.name,
            "steps": [
                self._step_dict(step, self.steps[number - 1] if number else None)
                for number, step in enumerate(self.steps)
            ],
            **({"cut": True} if self.cut else {}),
        }
        if self.result is not None:
            printed = {"printed": list(self.result.printed)} if self.result.printed else {}
            return tree | {"result": {**self.result.to_dict(), **printed}}
        assert self.error is not None
        return tree | {"diagnostics": [found.to_dict() for found in self.error.diagnostics]}

    def _step_dict(self, step: Step, before: Step | None) -> dict[str, object]:
        kept, posted = difference(before.posted if before else None, step.posted)
        _, said = difference(before.said if before else None, step.said)
        tree: dict[str, object] = {
            "reason": step.reason,
            "clause": step.clause.title if step.clause else "",
            "depth": max(step.depth, 0),
            **_place(self.script, step.span),
        }
        if before is None or step.variables is not before.variables:
            tree["variables"] = {name: plain(value) for name, value in step.variables.items()}
        if step.changes:
            tree["balances"] = [
                {**_balance(key), "before": before_it, "after": after}
                for key, before_it, after in step.changes
            ]
        tree["funds"] = [
            {**_balance((account, step.asset, color)), "amount": amount}
            for account, color, amount in step.funds
        ]
        tree["postings"] = {"kept": kept, "added": [posting.to_dict() for posting in posted]}
        if step.notes:
            tree["metadata"] = [note._asdict() for note in step.notes]
        if said:
            tree["printed"] = list(said)
        return tree


def _place(script: Script, span: Span) -> dict[str, object]:
    start, end = script.position(span.start), script.position(span.end)
    return {
        "start": {"line": start.line + 1, "column": start.column + 1},
        "end": {"line": end.line + 1, "column": end.column + 1},
    }


def _balance(key: BalanceKey) -> dict[str, str]:
    account, asset, color = key
    return {"account": account, "asset": asset, **({"color": color} if color else {})}


# --- lists that share what they have in common ------------------------------------------------


def items(chain: Chain | None) -> tuple[Any, ...]:
    """The items of a chain, from its start."""
    found = []
    while chain is not None:
        found.append(chain.item)
        chain = chain.front
    return tuple(reversed(found))


def difference(before: Chain | None, after: Chain | None) -> tuple[int, tuple[Any, ...]]:
    """How many items of one version stayed in a later one, and what was added behind them."""
    added = []
    while after is not before:
        length, was = after.length if after else 0, before.length if before else 0
        if after and length >= was:
            added.append(after.item)
            after = after.front
        if before and was >= length:
            before = before.front
    return before.length if before else 0, tuple(reversed(added))


class Versions:
    """The versions of a list that changes at its end only."""

    def __init__(self) -> None:
        self.links: list[Chain] = []

    def of(self, current: list[Any]) -> Chain | None:
        """The version of the list as it is now; costs as much as has changed."""
        links = self.links
        same = min(len(links), len(current))
        # An item that is still there says that those in front of it are, too.
        while same and links[same - 1].item is not current[same - 1]:
            same -= 1
        del links[same:]
        for item in current[same:]:
            links.append(Chain(links[-1] if links else None, item))
        return links[-1] if links else None


# --- watching a run ---------------------------------------------------------------------------


class Watched:
    """Instructions that tell of every fetch, before it."""

    def __init__(self, code: Code, watch: Callable[[int], None]) -> None:
        self.instructions = code.instructions
        self.watch = watch

    def __len__(self) -> int:
        return len(self.instructions)

    def __getitem__(self, at: int) -> Instruction:
        self.watch(at)
        return self.instructions[at]


class Balances(dict[Any, int]):
    """Balances in flight that remember which of them changed, with what they were before."""

    def __init__(self, balances: Mapping[BalanceKey, int]) -> None:
        super().__init__(balances)
        self.old: dict[BalanceKey, int | None] = {}

    def __setitem__(self, key: BalanceKey, amount: int) -> None:
        self.old.setdefault(key, self.get(key))
        super().__setitem__(key, amount)

    def __delitem__(self, key: BalanceKey) -> None:
        self.old.setdefault(key, self.get(key))
        super().__delitem__(key)


class Metadata(dict[str, Any]):
    """Metadata that remembers what was set: of the transaction, or of accounts by their names."""

    def __init__(self, notes: list[Note], account: str = "") -> None:
        super().__init__()
        self.notes = notes
        self.account = account

    def __setitem__(self, key: str, text: str) -> None:
        self.notes.append(Note(self.account, key, text))
        super().__setitem__(key, text)

    def setdefault(self, account: str, default: Any = None) -> Any:  # noqa: ARG002
        """The metadata of an account, which remembers as well."""
        if account not in self:
            super().__setitem__(account, Metadata(self.notes, account))
        return self[account]


class Recorder:
    """Makes the steps of one run out of what its machine is doing."""

    def __init__(self, program: Program, clauses: Clauses, limit: int) -> None:
        self.program = program
        self.limit = limit
        self.cut = False
        self.clauses = clauses
        self.steps: list[Step] = []
        self.machine: Machine | None = None
        self.variables: dict[str, object] = {}
        self.bound = False
        self.slots = variable_slots(program, clauses)
        self.notes: list[Note] = []
        self.known = 0
        self.read: dict[BalanceKey, int] = {}
        self.turned = False
        self.visited: set[int] = set()
        # The first step of each branch that is being tried, and the end of one just looked at.
        self.branches: list[int] = []
        self.branch_end: tuple[int, int] | None = None
        self.carried: tuple[Change, ...] = ()
        self.funds, self.postings, self.printed = Versions(), Versions(), Versions()

    def watch(self, code: Code, stops: list[Clause | None]) -> Code:
        """The same code, telling of every fetch."""
        instructions, visited = code.instructions, self.visited

        def fetched(at: int) -> None:
            op = instructions[at][0]
            if self.branch_end is not None:
                self.judge_branch(at)
            if op == Op.ONEOF_TRY:
                self.branches.append(len(self.steps))
            clause = stops[at]
            if clause is not None and clause.number not in visited:
                visited.add(clause.number)
                self.stop(CLAUSE, clause, clause.head)
            if op == Op.ONEOF_NEXT:
                self.end_branch(at, instructions[at][1], code.span(at))
            elif op == Op.FUNDS_ASSEMBLE:
                # The list is turned round, so that versions from before have nothing to share.
                self.turned, self.funds = True, Versions()
            elif op in (Op.SEND_BEGIN, Op.SEND_ALL_BEGIN):
                self.turned = False

        return Code(cast("Any", Watched(code, fetched)), code.places)

    def new_machine(self, *state: Any) -> Machine:
        """The machine that binds the variables."""
        self.machine = Machine(*state)
        return self.machine

    def new_main_machine(self, resolved: ResolvedProgram) -> Machine:
        """The machine that moves funds, on balances and metadata that remember what changes."""
        self.read = resolved.balances
        balances = Balances(resolved.balances)
        balances.old.update(dict.fromkeys(list(balances)[self.known :]))
        machine = self.machine = Machine(resolved.program, resolved.slots, balances)
        machine.tx_metadata = Metadata(self.notes)
        machine.account_metadata = Metadata(self.notes)
        self._variables()
        self.bound = True
        return machine

    def stop(self, reason: str, clause: Clause | None, span: Span) -> None:
        """Note a step, with what has changed since the last; not one too many."""
        if len(self.steps) >= self.limit and reason == CLAUSE:
            self.cut = True
            return
        machine = self.machine
        postings = machine.postings if machine else []
        taken = self.funds.of(machine.funds if machine else [])
        notes = tuple(self.notes)
        self.notes.clear()
        self.steps.append(
            Step(
                reason,
                clause,
                span,
                self._variables(),
                self._changes(),
                notes,
                taken,
                self.turned,
                self.postings.of(postings),
                self.printed.of(machine.printed if machine else []),
                machine.asset if machine else "",
            )
        )

    def end_branch(self, at: int, target: int, span: Span) -> None:
        """Note what a branch of `oneof` took, for the case that it is undone now."""
        started = self.branches.pop()
        if self.cut or not self.steps:
            return
        # A branch may be an empty block, without a clause of its own.
        first = self.steps[started if started < len(self.steps) else -1].clause
        assert first is not None
        title = one_line(self.program.script.text[span.start : span.end])
        self.stop(UNDONE, first._replace(span=span, head=span, title=title), span)
        self.branch_end = at, target

    def judge_branch(self, at: int) -> None:
        """Take the note back if the branch gave all: where the run goes on tells."""
        assert self.branch_end is not None
        assert self.machine is not None
        end, target = self.branch_end
        self.branch_end = None
        undone = at == end + 1
        if undone and target == end + 1:
            # Nothing is to be done in the last branch, so that both ways lead to the same place.
            taken = self.steps[-1].taken
            undone = len(self.machine.funds) < (taken.length if taken else 0)
        if not undone:
            self.carried = self.steps.pop().changes

    def _variables(self) -> Mapping[str, object]:
        """The variables that have a value by now; the same mapping as long as they are the same."""
        if self.machine is None or self.bound:
            return self.variables
        slots = self.machine.slots
        found = {name: slots[slot] for name, slot in self.slots.items() if slots[slot] is not None}
        if len(found) > len(self.variables):
            self.variables = found
        return self.variables

    def _changes(self) -> tuple[Change, ...]:
        """The balances that were read or changed since the last step."""
        if self.machine is None:
            return ()
        balances = self.machine.balances
        if isinstance(balances, Balances):
            changed = {key: old for key, old, _ in self.carried}
            for key, old in balances.old.items():
                changed.setdefault(key, old)
            balances.old.clear()
            self.carried = ()
            changes = [Change(key, old, balances.get(key)) for key, old in changed.items()]
            return tuple(change for change in changes if change.before != change.after)
        # Before the first statement balances are only read, one after the other.
        read = list(balances.items())[self.known :]
        self.known = len(balances)
        return tuple(Change(key, None, amount) for key, amount in read)


def variable_slots(program: Program, clauses: Clauses) -> dict[str, int]:
    """The slot of each variable by its name, in order of declaration."""
    first = len(program.constants)
    supplied = {variable.name: first + at for at, variable in enumerate(program.supplied)}
    code = program.bind_code
    stored = {
        code.span(at): slot for at, (op, slot, _) in enumerate(code.instructions) if op == Op.STORE
    }
    slots = {}
    for declaration in clauses.declarations:
        name = declaration.variable.name
        slot = stored.get(declaration.span) if declaration.origin else supplied.get(name)
        if slot is not None:
            slots[name] = slot
    return slots


def trace(
    program: Program, variables: Mapping[str, object], store: Store, *, limit: int = MOST_STEPS
) -> Trace:
    """Run a program and record its steps, up to a number of them, and how it came out.

    Raises nothing: what stops the run is in the trace.
    """
    from numscript.syntax.parser import parse

    clauses = Clauses(program.script, parse(program.script).program)
    recorder = Recorder(program, clauses, limit)
    binding, moving = clauses.of_code(program.bind_code), clauses.of_code(program.main)
    clauses.mark_stops((*binding, *moving))
    fields = {name: getattr(program, name) for name in Program.__slots__ if name != "__dict__"}
    fields["bind_code"] = recorder.watch(program.bind_code, binding)
    fields["main"] = recorder.watch(program.main, moving)
    watched = Program(**fields)
    result = failure = None
    try:
        resolved = resolve(watched, variables, store, recorder.new_machine)
        machine = recorder.new_main_machine(resolved)
        machine.run(watched.main)
    except ExecutionError as error:
        failure, span = error, error.span
        clause = None if span == NOWHERE else clauses.clause_at(span)
        recorder.stop(FAILURE, clause, span)
    else:
        result = _result_of(machine)
        recorder.stop(END, None, Span(len(program.script.text), len(program.script.text)))
    return Trace(
        program.script,
        clauses,
        tuple(recorder.steps),
        store,
        recorder.read,
        result,
        failure,
        recorder.cut,
    )


def _result_of(machine: Machine) -> ExecutionResult:
    """What a machine's run has yielded, as plain data."""
    accounts = machine.account_metadata
    return ExecutionResult(
        tuple(machine.postings),
        dict(machine.tx_metadata),
        {account: dict(texts) for account, texts in accounts.items()},
        tuple(machine.printed),
    )
