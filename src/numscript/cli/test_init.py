"""`numscript test-init`: a first spec file for a script, with inputs on which it runs.

Inputs are invented and the script is run; what stops it says which input to change: a balance is
raised, a flag switched on, a metadata value or portion made up, until it runs through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from numscript.cli import console, files

if TYPE_CHECKING:
    from numscript.analysis.checked import CheckedProgram
    from numscript.diagnostics import Diagnostic, NumscriptError
    from numscript.runtime.result import ExecutionResult
    from numscript.runtime.store import BalanceKey, MetadataQuery
    from numscript.script import Script

ATTEMPTS = 100
"""How many runs are tried; each changes one input."""

AMOUNT = 100
ASSET = "USD/2"
PORTIONS = ("1/2", "1/3", "1/4", "1/5", "1/10", "1/100", "0%")


@click.command("test-init", short_help="Write a first spec file for a script.")
@click.argument("script", type=click.Path(allow_dash=True))
@click.option("--stdout", is_flag=True, help="Print the spec file instead of writing it.")
@console.feature_option
def test_init(script: str, stdout: bool, features: tuple[str, ...]) -> None:
    """Write SCRIPT.specs.json, a spec file with one case, to be read, corrected and added to.

    Its inputs are invented so that the script runs; what it expects is what the script did. An
    existing spec file is never overwritten.

    \b
    Examples:
      numscript test-init sale.num
      numscript test-init sale.num --stdout
    """
    import json

    from numscript import NumscriptError, compile  # noqa: A004

    target = Path(f"{script}.specs.json")
    text = files.read_script(script)
    if script == files.STDIN:
        stdout = True
    elif target.exists() and not stdout:
        _exists(target)
    try:
        compile(text, features)
    except NumscriptError as error:
        console.fail(error, "pretty")
    try:
        specs = invent_specs(text, features)
    except NumscriptError as error:
        console.note("no inputs were found with which the script runs; the last try ended so:")
        console.fail(error, "pretty")
    content = json.dumps(specs, indent=2, ensure_ascii=False)
    if stdout:
        click.echo(content)
        return
    try:
        with target.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{content}\n")
    except FileExistsError:
        _exists(target)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise console.BadInput(f"{target}: it cannot be written: {reason}") from None
    console.show(f"{target} is written; run it with `numscript test {script}`")


def _exists(target: Path) -> NoReturn:
    raise console.BadInput(
        f"{target}: it is there already and is not overwritten; --stdout prints a new one"
    )


def invent_specs(script: Script, features: Sequence[str] = ()) -> dict[str, object]:
    """A spec file whose one case passes. Raises NumscriptError where no inputs are found."""
    from numscript.specs import SCHEMA

    invention = _Invention(script, features)
    result = invention.run()
    case: dict[str, object] = {
        "it": "runs with example inputs",
        "expect.postings": [posting.to_dict() for posting in result.postings],
    }
    if result.tx_metadata:
        case["expect.txMetadata"] = result.tx_metadata
    if result.account_metadata:
        case["expect.metadata"] = result.account_metadata
    return {"$schema": SCHEMA, **invention.to_dict(), "testCases": [case]}


class _Funder:
    """A store that funds every balance it is asked for, and remembers it."""

    def __init__(self, amounts: Mapping[str, int], metadata: Mapping[str, Mapping[str, str]]):
        self.amounts = amounts
        self.metadata = metadata
        self.balances: dict[BalanceKey, int] = {}

    def get_balances(self, query: Sequence[BalanceKey]) -> dict[BalanceKey, int]:
        """The balances: what an account needs by the last attempts, or 100."""
        answer = {}
        for account, asset, color in query:
            base, wildcard, _ = asset.partition("/*")
            key = (account, f"{base}/2" if wildcard else asset, color)
            amount = self.amounts.get(base.partition("/")[0], AMOUNT)
            answer[key] = self.balances.setdefault(key, amount)
        return answer

    def get_metadata(self, query: MetadataQuery) -> Mapping[str, Mapping[str, str]]:
        """The metadata made up so far."""
        return {account: self.metadata[account] for account in query if account in self.metadata}


class _Invention:
    """Inputs of a script, changed from attempt to attempt."""

    def __init__(self, script: Script, features: Sequence[str]) -> None:
        self.script = script
        self.features = list(features)
        self.amounts: dict[str, int] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.portions = list(PORTIONS)
        self.asset = ASSET
        self.named: dict[str, str] = {}
        self.checked = self._check()
        self.store = _Funder(self.amounts, self.metadata)

    def run(self) -> ExecutionResult:
        """Run the script until it runs through. Raises the error that cannot be helped."""
        from numscript import ExecutionError, compile  # noqa: A004

        for attempt in range(ATTEMPTS):
            self.store = _Funder(self.amounts, self.metadata)
            program = compile(self.script, self.features)
            try:
                return program.run(self._variables(), self.store)
            except ExecutionError as error:
                if attempt == ATTEMPTS - 1 or not self._mend(error):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def to_dict(self) -> dict[str, object]:
        """The inputs as a spec file has them."""
        from numscript.inputs import Inputs

        inputs = Inputs(
            self.store.balances,
            dict(self._variables()),
            self.metadata,
            tuple(sorted(self.features)),
        )
        return inputs.to_dict()

    def _check(self) -> CheckedProgram:
        from numscript import check

        return check(self.script, self.features)

    def _variables(self) -> dict[str, str]:
        variables = {}
        for name, declaration in self.checked.variables.items():
            if declaration.origin is None:
                variables[name] = self._value(declaration.type, name)
        return {**variables, **self._forced_portions(), **self.named}

    def _value(self, kind: str, name: str) -> str:
        """A value of a type for what bears a name."""
        asset = self.checked.assets.get(name, self.asset)
        match kind:
            case "monetary":
                return f"{asset} {AMOUNT}"
            case "number":
                return str(AMOUNT)
            case "portion":
                return self.portions[0]
            case "asset":
                return asset
            case _:
                return name

    def _forced_portions(self) -> dict[str, str]:
        """The portions that can only have one value, by the name of their variable."""
        from numscript.errors import FixedPortionVariable

        forced = {}
        for diagnostic in self.checked.diagnostics:
            if isinstance(diagnostic.kind, FixedPortionVariable):
                start, end = diagnostic.span
                forced[self.script.text[start:end].lstrip("$")] = diagnostic.kind.value
        return {name: value for name, value in forced.items() if name in self.checked.variables}

    def _mend(self, error: NumscriptError) -> bool:
        """Change the input that stopped the script; false where none is known that would help."""
        from numscript import errors

        diagnostic = error.diagnostics[0]
        kind = diagnostic.kind
        match kind:
            case errors.MissingFunds():
                base = kind.asset.partition("/")[0]
                lacking = max(kind.needed - kind.available, 1)
                self.amounts[base] = self.amounts.get(base, AMOUNT) + lacking
            case errors.ExperimentalFeature():
                if kind.feature in self.features:
                    return False
                self.features.append(kind.feature)
                self.checked = self._check()
            case errors.MetadataNotFound():
                value = self._value(self._type_at(diagnostic), kind.key)
                self.metadata.setdefault(kind.account, {})[kind.key] = value
            case errors.InvalidAllotmentSum() if len(self.portions) > 1:
                del self.portions[0]
            case errors.InvalidColor() if kind.name in self.checked.variables:
                # Text variables are called by their own name, which is no colour.
                self.named[kind.name] = "RED"
            case errors.AssetMismatch() if self.asset == ASSET:
                self.asset = kind.expected if kind.expected != ASSET else kind.got
            case _:
                return False
        return True

    def _type_at(self, diagnostic: Diagnostic) -> str:
        """The type of the variable whose declaration a diagnostic stands in."""
        for declaration in self.checked.variables.values():
            if declaration.start <= diagnostic.span.start < declaration.end:
                return declaration.type
        return "string"
