"""The embedding API: text to program to result, for programs that run scripts.

    program = numscript.compile(text)
    result = program.run({"price": "USD/2 100"}, store)

`compile` keeps what it made of the last texts, so that compiling the same text again costs next to
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from numscript.bytecode import program as bytecode
from numscript.collector import without_collector
from numscript.prelude import Type
from numscript.runtime.resolver import resolve
from numscript.runtime.result import ExecutionResult, Needs, ResolvedProgram
from numscript.runtime.store import StaticStore
from numscript.runtime.vm import execute_once
from numscript.script import LIMITS, Limits, Script

if TYPE_CHECKING:
    from numscript.analysis.checked import CheckedProgram
    from numscript.runtime.store import Store

Engine: TypeAlias = Literal["auto", "vm", "translated"]
Run: TypeAlias = "Callable[[Mapping[str, object], Store], ExecutionResult]"

EMPTY = StaticStore()
"""The store of a run that is given none."""
PROGRAMS_KEPT = 256
"""How many compiled programs `compile` keeps, those used last."""
RUNS_BEFORE_TRANSLATING = 60
"""How many runs pay for the translation, as measured (docs/performance.md)."""
LONG = 1_000
"""Above how many instructions a run makes so much that Python's collector would walk it often."""


class Program(bytecode.Program):
    """A compiled script, ready to run any number of times, also from several threads."""

    _runs = 0
    _translated: Run | None = None

    @property
    def variables(self) -> dict[str, Type]:
        """What must be supplied: the type of each variable by name, in order of declaration."""
        return {variable.name: Type(variable.type) for variable in self.supplied}

    @property
    def needs(self) -> Needs:
        """What a run may read, as far as it is known without variables.

        `$name` stands for what a variable gives (of a monetary, its asset), None for what only
        the run can tell, and an asset such as `USD/*` for all its precisions.
        """
        balances = []
        for row in self.balances:
            asset = self._known(row.asset if row.asset >= 0 else ~row.asset)
            if row.scales and asset is not None and not asset.startswith("$"):
                asset = f"{asset.partition('/')[0]}/*"
            balances.append((self._known(row.account), asset, self._known(row.color)))
        metadata = [(self._known(row.account), self._known(row.key)) for row in self.metadata]
        return Needs(tuple(balances), tuple(metadata))

    def _known(self, slot: int) -> str | None:
        """What a slot holds as far as the program alone tells."""
        if slot < len(self.constants):
            value = self.constants[slot].value
            return value if isinstance(value, str) else getattr(value, "asset", None)
        place = slot - len(self.constants)
        return f"${self.supplied[place].name}" if place < len(self.supplied) else None

    def resolve(
        self, variables: Mapping[str, object] | None = None, store: Store | None = None
    ) -> ResolvedProgram:
        """Bind the variables and read all that the run needs; nothing is executed.

        Raises ExecutionError. The result can be given to `execute` any number of times.
        """
        return resolve(self, variables or {}, EMPTY if store is None else store)

    def run(
        self,
        variables: Mapping[str, object] | None = None,
        store: Store | None = None,
        *,
        engine: Engine = "auto",
    ) -> ExecutionResult:
        """Run the program: read from the store, then execute. Nothing is written anywhere.

        variables: by name, without `$`; text by the rules of the language, or an int, a Fraction,
        `{"asset": ..., "amount": ...}`, or the value classes. Names that the script does not
        declare are ignored. Raises ExecutionError with the kind and span of what stopped it.

        engine: `vm` is the stack machine; `translated` one Python function made from the program,
        many times faster, which takes about a millisecond to make; `auto` makes it once the
        program has run often enough for that to pay. The results are the same. The few programs
        that cannot be translated run on the machine.
        """
        run = self._translated
        if run is None or engine == "vm":
            run = self._choose(engine)
        return run(variables or {}, EMPTY if store is None else store)

    def _choose(self, engine: Engine) -> Run:
        """The function that runs the program once."""
        if engine == "auto":
            self._runs += 1
            if self._runs <= RUNS_BEFORE_TRANSLATING:
                return self._held(self._run_on_machine)
        elif engine == "vm":
            return self._held(self._run_on_machine)
        elif engine != "translated":
            raise ValueError(f"there is no engine {engine!r}: use 'auto', 'vm' or 'translated'")
        from numscript.runtime.translator import translate

        run = self._held(translate(self) or self._run_on_machine)
        self._translated = run
        return run

    def _held(self, run: Run) -> Run:
        """A way to run the program, with Python's collector held where the program is long."""
        length = sum(len(code.instructions) for code in (self.bind_code, self.main))
        return without_collector(run) if length > LONG else run

    def _run_on_machine(self, variables: Mapping[str, object], store: Store) -> ExecutionResult:
        return execute_once(resolve(self, variables, store))

    def run_many(
        self, rows: Iterable[Mapping[str, object]], store: Store | None = None
    ) -> Iterator[ExecutionResult]:
        """Run the program once for each set of variables, each on the store as it is then.

        The results come one by one. The first error ends it; run the rows one by one to go on
        after errors.
        """
        run = self.bind(store)
        return map(run, rows)

    def bind(self, store: Store | None = None) -> Callable[[Mapping[str, object]], ExecutionResult]:
        """The program tied to a store: a function of the variables alone, translated at once."""
        run = self._translated or self._choose("translated")
        where = EMPTY if store is None else store
        return lambda variables: run(variables, where)


def parse_and_check(
    script: Script, features: Collection[str] = (), limits: Limits | None = None
) -> CheckedProgram:
    """A script parsed and checked."""
    from numscript.analysis.checker import check as check_parsed
    from numscript.syntax.parser import parse

    return check_parsed(parse(script, limits or LIMITS), features)


def check(
    text: str | Script, features: Collection[str] = (), *, limits: Limits | None = None
) -> CheckedProgram:
    """Everything that can be said of a script without running it; `.diagnostics` lists it.

    features: flags that are on besides those the script switches on itself. Never raises on a
    bad script.
    """
    return parse_and_check(_script(text), _flags(features), limits)


def compile(  # noqa: A001 - `numscript.compile` is what it is
    text: str | Script, features: Collection[str] = (), *, limits: Limits | None = None
) -> Program:
    """Compile a script.

    features: flags that are on besides those the script switches on itself; unknown ones are
    ignored, as in the reference. limits: what bounds the cost of a script. Raises ParseError
    where the text has syntax errors, CheckError where its names or types do not fit.

    The programs of the last texts are kept, so that the same text gives the same program again.
    """
    script = _script(text)
    return _compile(script.text, script.name, _flags(features), limits)


def format(text: str | Script, *, limits: Limits | None = None) -> str:  # noqa: A001 - see `compile`
    """The text of a script in the canonical style (docs/format.md), its comments kept.

    Raises ParseError where the text has syntax errors.
    """
    from numscript.syntax.formatter import format_script
    from numscript.syntax.parser import parse

    return format_script(parse(_script(text), limits or LIMITS))


@lru_cache(maxsize=PROGRAMS_KEPT)
def _compile(text: str, name: str, features: frozenset[str], limits: Limits | None) -> Program:
    from numscript.bytecode.compiler import compile_program

    return compile_program(parse_and_check(Script(text, name), features, limits), Program)


def _script(text: str | Script) -> Script:
    if isinstance(text, Script):
        return text
    if not isinstance(text, str):
        raise TypeError(f"a script is given as str or Script, not {type(text).__name__}")
    return Script(text)


def _flags(features: Collection[str]) -> frozenset[str]:
    return frozenset((features,) if isinstance(features, str) else features)
