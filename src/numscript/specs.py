"""Spec files: the cases of a script as data, and what came out of running them.

    specs = load_specs(text_of_the_spec_file)
    result = run_specs(text_of_the_script, specs)
    result.ok, result.outcomes[0].mismatches

`x.num.specs.json` holds `balances`, `variables`, `metadata`, `featureFlags` and `testCases`; a
case has a name in `it`, inputs of its own that override the outer ones by key, and expectations:
`expect.postings`, `expect.movements`, `expect.endBalances`, `expect.endBalances.include`,
`expect.txMetadata`, `expect.metadata`, `expect.error.missingFunds`, `expect.error.negativeAmount`.
An extension of ours is `expect.error`, which names the kind of any error: by its code
(`"NUM406"`), its class (`"InvalidAllotmentSum"`) or a name that Formance's implementation has
for it (`"MismatchedCurrencyError"`).

Nothing here prints or opens files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum, unique
from typing import Any, NamedTuple

from numscript import embedding
from numscript.diagnostics import Kind, NumscriptError
from numscript.inputs import (
    INPUT_KEYS,
    InputError,
    Inputs,
    as_object,
    balance_rows,
    check_keys,
    inputs_of,
    read_balances,
    read_json,
    read_metadata,
    read_row,
    read_texts,
    shown,
)
from numscript.runtime.result import ExecutionResult, Posting, end_balances
from numscript.runtime.store import BalanceKey
from numscript.script import Script

SCHEMA = "https://raw.githubusercontent.com/formancehq/numscript/main/specs.schema.json"
"""Where the reference keeps the JSON schema of the format; editors complete by it."""


MovementKey = tuple[str, str, str, str]
"""Source, destination, asset, colour."""


class Expectations(NamedTuple):
    """What a case expects; what is None is not looked at.

    errors: the kinds of error of which one must stop the script; none means that it must succeed.
    """

    errors: tuple[type[Kind], ...] = ()
    postings: tuple[Posting, ...] | None = None
    movements: dict[MovementKey, int] | None = None
    end_balances: dict[BalanceKey, int] | None = None
    end_balances_include: dict[BalanceKey, int] | None = None
    tx_metadata: dict[str, str] | None = None
    metadata: dict[str, dict[str, str]] | None = None


class Case(NamedTuple):
    """One case of a spec file: its name, what it is given, what it expects."""

    it: str
    inputs: Inputs
    expectations: Expectations
    focus: bool = False
    skip: bool = False


class Specs(NamedTuple):
    """A spec file: inputs for all cases, and the cases."""

    inputs: Inputs
    cases: tuple[Case, ...]

    def named(self, text: str) -> Specs:
        """The same with only those cases whose name has a text in it, in whatever case."""
        wanted = text.casefold()
        return Specs(
            self.inputs, tuple(case for case in self.cases if wanted in case.it.casefold())
        )


CASE_KEYS = (
    "it",
    "balances",
    "variables",
    "metadata",
    "focus",
    "skip",
    "expect.postings",
    "expect.movements",
    "expect.endBalances",
    "expect.endBalances.include",
    "expect.txMetadata",
    "expect.metadata",
    "expect.error",
    "expect.error.missingFunds",
    "expect.error.negativeAmount",
)


def load_specs(text: str) -> Specs:
    """A spec file from its text. Raises InputError with what is wrong and where."""
    tree = as_object(read_json(text), "", "a spec file")
    check_keys(tree, ("$schema", *INPUT_KEYS, "testCases"), "")
    rows = tree.get("testCases")
    if rows is None:
        rows = []
    if not isinstance(rows, list):
        raise InputError(f"the cases must be a list, not {shown(rows)}", path="testCases")
    if not rows:
        raise InputError("it has no cases; list at least one in `testCases`")
    cases = tuple(_case(row, f"testCases[{number}]") for number, row in enumerate(rows))
    return Specs(inputs_of(tree, ""), cases)


def _case(row: object, path: str) -> Case:
    tree = as_object(row, path, "a case")
    check_keys(tree, CASE_KEYS, path)
    name = tree.get("it")
    if not isinstance(name, str):
        problem = "must be text" if "it" in tree else "is missing"
        raise InputError(f"the name of the case, `it`, {problem}", path=path)
    flags = {key: _flag(tree, key, path) for key in CASE_KEYS if key in _FLAGS}
    names = [_FLAGS[key] for key in flags if flags[key] and _FLAGS[key]]
    named = tree.get("expect.error")
    if named is not None:
        if not isinstance(named, str):
            raise InputError("`expect.error` must be the name or code of an error", path=path)
        names.append(named)
    kinds: dict[type[Kind], None] = {}
    for error in names:
        found = kinds_named(error)
        if not found:
            reason = f"there is no error `{error}`{suggested_kind(error)}"
            raise InputError(reason, path=f"{path}.expect.error")
        kinds.update(dict.fromkeys(found))
    expectations = _expectations(tree, path)._replace(errors=tuple(kinds))
    return Case(name, inputs_of(tree, path), expectations, flags["focus"], flags["skip"])


_FLAGS = {
    "focus": "",
    "skip": "",
    "expect.error.missingFunds": "MissingFunds",
    "expect.error.negativeAmount": "NegativeAmount",
}


def _flag(tree: Mapping[str, object], key: str, path: str) -> bool:
    value = tree.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InputError(f"`{key}` must be true or false, not {shown(value)}", path=path)


def _expectations(tree: Mapping[str, object], path: str) -> Expectations:
    def read(key: str, reader: Callable[[object, str], Any]) -> Any:
        value = tree.get(f"expect.{key}")
        return None if value is None else reader(value, f"{path}.expect.{key}")

    return Expectations(
        postings=read("postings", _postings),
        movements=read("movements", _movements),
        end_balances=read("endBalances", read_balances),
        end_balances_include=read("endBalances.include", read_balances),
        tx_metadata=read("txMetadata", lambda value, at: read_texts(value, at, "metadata")),
        metadata=read("metadata", read_metadata),
    )


_POSTING_KEYS = ("source", "destination", "asset", "color")


def _postings(rows: object, path: str) -> tuple[Posting, ...]:
    if not isinstance(rows, list):
        raise InputError(f"this must be a list of postings, not {shown(rows)}", path=path)
    postings = []
    for number, row in enumerate(rows):
        (source, destination, asset, color), amount = read_row(
            row, _POSTING_KEYS, f"{path}[{number}]"
        )
        postings.append(Posting(source, destination, amount, asset, color))
    return tuple(postings)


def _movements(rows: object, path: str) -> dict[MovementKey, int]:
    postings = _postings(rows, path)
    movements = sum_movements(postings)
    if len(movements) < len(postings):
        raise InputError(
            "two rows have the same source, destination, asset and color; movements are sums",
            path=path,
        )
    return movements


def kinds_named(name: str) -> tuple[type[Kind], ...]:
    """The kinds that a name stands for: a code, a class name or one of the reference's names.

    Lower and upper case are the same. Several kinds may share a name of the reference.
    """
    from numscript.errors import CATALOGUE

    wanted = name.strip().casefold()
    exact = [
        kind for kind in CATALOGUE.values() if wanted in (kind.code.casefold(), _class_name(kind))
    ]
    if exact:
        return tuple(exact)
    return tuple(
        kind
        for kind in CATALOGUE.values()
        if wanted in (other.casefold() for other in kind.reference)
    )


def suggested_kind(name: str) -> str:
    """The end of a sentence about a name that stands for no kind: the name that may be meant."""
    from difflib import get_close_matches

    from numscript.errors import CATALOGUE

    names = {}
    for kind in CATALOGUE.values():
        for known in (*kind.reference, kind.__name__, kind.code):
            names[known.casefold()] = known
    close = get_close_matches(name.strip().casefold(), names, n=1)
    return f"; is `{names[close[0]]}` meant?" if close else "; `numscript explain` lists all errors"


def _class_name(kind: type[Kind]) -> str:
    return kind.__name__.casefold()


# --- outcomes ---------------------------------------------------------------------------------


@unique
class Status(StrEnum):
    """What became of a case."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Difference(NamedTuple):
    """A row of what was expected beside what was received; None where there is no such row."""

    cells: tuple[str, ...]
    expected: int | str | None
    received: int | str | None

    @property
    def word(self) -> str:
        """What is the matter with the row; empty where it is as expected."""
        if self.expected == self.received:
            return ""
        if self.received is None:
            return "missing"
        return "not expected" if self.expected is None else "different"


class Mismatch(NamedTuple):
    """An expectation that was not met.

    columns: the headings of the cells of `rows`; expected and received: plain data, as the spec
    file has it; reordered: whether only the order is another one.
    """

    expectation: str
    expected: object
    received: object
    columns: tuple[str, ...] = ()
    rows: tuple[Difference, ...] = ()
    reordered: bool = False


class Outcome(NamedTuple):
    """What came of one case: the inputs it had, and the result or the error."""

    case: Case
    status: Status
    inputs: Inputs
    result: ExecutionResult | None = None
    error: NumscriptError | None = None
    mismatches: tuple[Mismatch, ...] = ()


class SpecsResult(NamedTuple):
    """What came of a spec file. `refusal` is the error of a script that does not compile."""

    outcomes: tuple[Outcome, ...]
    refusal: NumscriptError | None = None

    def count(self, status: Status) -> int:
        """How many cases have a status."""
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def ok(self) -> bool:
        """Whether every case passed, and none was skipped or set apart with `focus`."""
        return all(
            outcome.status is Status.PASSED and not outcome.case.focus for outcome in self.outcomes
        )


def run_specs(program: embedding.Program | Script | str, specs: Specs) -> SpecsResult:
    """Run the cases of a spec file. Never raises on a bad script: its cases fail.

    A script, or its text, is compiled with the flags of the spec file. Where a case has `focus`,
    all without it are skipped.
    """
    refusal: NumscriptError | None = None
    compiled: embedding.Program | None = None
    if isinstance(program, embedding.Program):
        compiled = program
    else:
        try:
            compiled = embedding.compile(program, specs.inputs.features)
        except NumscriptError as problem:
            refusal = problem
    focused = any(case.focus for case in specs.cases)
    outcomes = []
    for case in specs.cases:
        inputs = specs.inputs.merged(case.inputs)
        if case.skip or (focused and not case.focus):
            outcomes.append(Outcome(case, Status.SKIPPED, inputs))
            continue
        result, error = None, refusal
        if compiled is not None:
            try:
                result = compiled.run(inputs.variables, inputs.store)
            except NumscriptError as problem:
                error = problem
        mismatches = tuple(_compare(case.expectations, inputs, result, error))
        status = Status.FAILED if mismatches else Status.PASSED
        outcomes.append(Outcome(case, status, inputs, result, error, mismatches))
    return SpecsResult(tuple(outcomes), refusal)


def sum_movements(postings: Iterable[Posting]) -> dict[MovementKey, int]:
    """Postings summed by source, destination, asset and color."""
    movements: dict[MovementKey, int] = {}
    for source, destination, amount, asset, color in postings:
        key = (source, destination, asset, color)
        movements[key] = movements.get(key, 0) + amount
    return movements


def _compare(
    wanted: Expectations,
    inputs: Inputs,
    result: ExecutionResult | None,
    error: NumscriptError | None,
) -> Iterable[Mismatch]:
    codes = [kind.code for kind in wanted.errors] or None
    if error is not None:
        got = [diagnostic.kind for diagnostic in error.diagnostics]
        if not any(isinstance(kind, wanted.errors) for kind in got):
            yield Mismatch("expect.error", codes, error.kind.code)
        return
    if result is None or codes:
        yield Mismatch("expect.error", codes, None)
        return
    if wanted.postings is not None and wanted.postings != result.postings:
        yield _postings_mismatch(wanted.postings, result.postings)
    if wanted.movements is not None:
        expected, received = wanted.movements, sum_movements(result.postings)
        plain = _movement_rows(expected), _movement_rows(received)
        yield from _by_key("movements", _MOVEMENT, expected, received, plain)
    after = end_balances(inputs.balances, result.postings)
    if wanted.end_balances is not None:
        yield from _balances_mismatch("endBalances", wanted.end_balances, after)
    if wanted.end_balances_include is not None:
        listed = wanted.end_balances_include
        some = {key: amount for key, amount in after.items() if key in listed}
        yield from _balances_mismatch("endBalances.include", listed, some)
    if wanted.tx_metadata is not None:
        texts = wanted.tx_metadata, result.tx_metadata
        one, other = ({(key,): text for key, text in items.items()} for items in texts)
        yield from _by_key("txMetadata", ("key",), one, other, texts)
    if wanted.metadata is not None:
        trees = wanted.metadata, result.account_metadata
        left, right = (_by_account_and_key(tree) for tree in trees)
        yield from _by_key("metadata", ("account", "key"), left, right, trees)


_MOVEMENT = ("source", "destination", "asset", "color")
_BALANCE = ("account", "asset", "color")


def _balances_mismatch(
    expectation: str, expected: Mapping[BalanceKey, int], received: Mapping[BalanceKey, int]
) -> Iterable[Mismatch]:
    plain = balance_rows(expected), balance_rows(received)
    return _by_key(expectation, _BALANCE, expected, received, plain)


def _by_account_and_key(metadata: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], str]:
    return {
        (account, key): text for account, items in metadata.items() for key, text in items.items()
    }


def _movement_rows(movements: Mapping[MovementKey, int]) -> list[dict[str, str | int]]:
    return [
        Posting(source, destination, amount, asset, color).to_dict()
        for (source, destination, asset, color), amount in movements.items()
    ]


def _by_key(
    expectation: str,
    columns: tuple[str, ...],
    expected: Mapping[Any, int | str],
    received: Mapping[Any, int | str],
    plain: tuple[object, object],
) -> Iterable[Mismatch]:
    """The mismatch of two tables whose order does not matter, if there is one."""
    if expected == received:
        return
    rows = tuple(
        Difference(key, expected.get(key), received.get(key))
        for key in dict.fromkeys((*expected, *received))
    )
    yield Mismatch(f"expect.{expectation}", *plain, columns, rows)


def _postings_mismatch(expected: tuple[Posting, ...], received: tuple[Posting, ...]) -> Mismatch:
    """The mismatch of two lists of postings, set beside each other so that they fit best."""
    rows: list[Difference] = []
    for missing, unexpected, same in _aligned(expected, received):
        if same:
            rows += [Difference(_cells(row), row.amount, row.amount) for row in missing]
            continue
        left = list(unexpected)
        for row in missing:
            partner = next((other for other in left if _cells(other) == _cells(row)), None)
            if partner is not None:
                before = left.index(partner)
                rows += [Difference(_cells(other), None, other.amount) for other in left[:before]]
                del left[: before + 1]
            amount = None if partner is None else partner.amount
            rows.append(Difference(_cells(row), row.amount, amount))
        rows += [Difference(_cells(other), None, other.amount) for other in left]
    return Mismatch(
        "expect.postings",
        [posting.to_dict() for posting in expected],
        [posting.to_dict() for posting in received],
        _MOVEMENT,
        tuple(rows),
        reordered=sorted(expected) == sorted(received),
    )


def _cells(posting: Posting) -> tuple[str, ...]:
    return posting.source, posting.destination, posting.asset, posting.color


def _aligned(
    expected: Sequence[Posting], received: Sequence[Posting]
) -> Iterable[tuple[Sequence[Posting], Sequence[Posting], bool]]:
    """Stretches of both lists that belong beside each other, and whether they are the same."""
    if max(len(expected), len(received)) > 1000:
        # Finding the best fit takes time that grows with the square of the length.
        for number in range(max(len(expected), len(received))):
            pair = expected[number : number + 1], received[number : number + 1]
            yield *pair, pair[0] == pair[1]
        return
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, expected, received, autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        yield expected[start:end], received[other_start:other_end], tag == "equal"
