"""A session: a place in a trace, and the ways to move it, forward and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numscript.debugging.trace import CLAUSE, END, FAILURE
from numscript.diagnostics import NumscriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numscript.debugging.clauses import Clause
    from numscript.debugging.trace import State, Step, Trace
    from numscript.runtime.store import BalanceKey, MetadataQuery

START = "start"
STEP = "step"
BREAKPOINT = "breakpoint"
WATCH = "watch"
"""Why a session stands where it does; besides, END and FAILURE of the trace."""


class Session:
    """A place in a trace: `at` is the number of the step.

    breakpoints: numbers of clauses to stop at; watched: accounts to stop at when a balance of
    theirs has changed.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.at = 0
        self.reason = START
        self.breakpoints: set[int] = set()
        self.watched: set[str] = set()
        self._state: tuple[int, State] | None = None

    @property
    def step(self) -> Step:
        """Where it stands."""
        return self.trace.steps[self.at]

    @property
    def last(self) -> int:
        """The number of the last step."""
        return len(self.trace.steps) - 1

    @property
    def state(self) -> State:
        """What the run had done by the step."""
        if self._state is None or self._state[0] != self.at:
            self._state = self.at, self.trace.state(self.at)
        return self._state[1]

    @property
    def at_breakpoint(self) -> str:
        """BREAKPOINT if it stands at one, which only matters at the start; else empty."""
        return BREAKPOINT if self._has_breakpoint(self.step) else ""

    def place_breakpoint(self, line: int, column: int = 0) -> Clause | None:
        """Stop at the first clause from a place on; None if there is none. Both count from 0."""
        clause = self.trace.clauses.first_stop(line, column)
        if clause is not None:
            self.breakpoints.add(clause.number)
        return clause

    # --- moving ---

    def step_in(self) -> str:
        """Go to the next step; gives why it stands there, as all of these do."""
        return self._forward(lambda _step: True)

    def step_over(self) -> str:
        """Go to the next step that is not inside this one."""
        depth = self.step.depth
        return self._forward(lambda step: step.depth <= depth)

    def step_out(self) -> str:
        """Go to the next step outside of what this one stands in."""
        depth = self.step.depth
        return self._forward(lambda step: step.depth < depth)

    def resume(self) -> str:
        """Go on to a breakpoint, or to the end."""
        return self._forward(lambda _step: False)

    def step_back(self) -> str:
        """Go to the step before."""
        return self._backward(lambda _step: True)

    def resume_back(self) -> str:
        """Go back to a breakpoint, or to the start."""
        return self._backward(lambda _step: False)

    def _forward(self, wanted: Callable[[Step], bool]) -> str:
        return self._move(range(self.at + 1, self.last + 1), wanted)

    def _backward(self, wanted: Callable[[Step], bool]) -> str:
        return self._move(range(self.at - 1, -1, -1), wanted)

    def _move(self, numbers: Iterable[int], wanted: Callable[[Step], bool]) -> str:
        for number in numbers:
            self.at = number
            if self._interrupts(self.step) or wanted(self.step):
                break
        self.reason = self._why()
        return self.reason

    def _interrupts(self, step: Step) -> bool:
        return self._has_breakpoint(step) or self._is_watched(step)

    def _has_breakpoint(self, step: Step) -> bool:
        if step.reason != CLAUSE or step.clause is None:
            return False
        return step.clause.number in self.breakpoints

    def _is_watched(self, step: Step) -> bool:
        return any(change.key[0] in self.watched for change in step.changes)

    def _why(self) -> str:
        step = self.step
        if step.reason in (END, FAILURE):
            return step.reason
        if self._has_breakpoint(step):
            return BREAKPOINT
        if self._is_watched(step):
            return WATCH
        return START if self.at == 0 else STEP

    # --- asking ---

    def evaluate(self, expression: str) -> str:
        """The value of an expression at the step, as text. Raises ValueError with what is wrong.

        `$name` may be written without its sign, and an account alone gives its balances.
        """
        state = self.state
        text = expression.strip()
        if text in state.variables:
            return str(state.variables[text])
        if text.startswith("@"):
            held = [(key, amount) for key, amount in state.balances.items() if key[0] == text[1:]]
            if held:
                return ", ".join(f"{describe_asset(*key[1:])} {amount}" for key, amount in held)
        return _evaluate(text, self.trace, state)


class InFlight:
    """A store that has the balances as they are at a step, also those that the run never reads."""

    def __init__(self, trace: Trace, state: State) -> None:
        self.trace = trace
        self.state = state

    def get_balances(self, query: Sequence[BalanceKey]) -> Mapping[BalanceKey, int]:
        """What is in flight; where the run counts from zero, on top of what the account has."""
        read, current = self.trace.read, self.state.balances
        unread = [key for key in query if key not in read]
        found = dict(self.trace.store.get_balances(unread)) if unread else {}
        return {
            key: current.get(key, read[key])
            if key in read
            else found.get(key, 0) + current.get(key, 0)
            for key in query
        }

    def get_metadata(self, query: MetadataQuery) -> Mapping[str, Mapping[str, str]]:
        """The metadata that the run would read."""
        return self.trace.store.get_metadata(query)


def describe_asset(asset: str, color: str) -> str:
    """An asset with its colour, as a script writes it."""
    return f'{asset} \\ "{color}"' if color else asset


def _evaluate(expression: str, trace: Trace, state: State) -> str:
    """Have the language itself work out an expression, on the balances in flight."""
    from numscript.embedding import compile as compile_text
    from numscript.prelude import FEATURES

    declared = {item.variable.name: item.type for item in trace.clauses.declarations}
    lines = "".join(f"{declared[name]} ${name}\n" for name in state.variables)
    try:
        program = compile_text(f"vars {{ {lines} }}\nprint {expression}", tuple(FEATURES))
        printed = program.run(state.variables, InFlight(trace, state), engine="vm").printed
    except NumscriptError as error:
        raise ValueError(error.diagnostics[0].message) from None
    if len(printed) != 1:
        raise ValueError("this is not an expression")
    return printed[0]
