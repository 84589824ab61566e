"""Inlay hints: what the script leaves unsaid but decides: assets, shares, names of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from numscript.analysis.checked import CheckedProgram
from numscript.analysis.constants import constant_portion, rest, sum_portions
from numscript.prelude import BUILTINS
from numscript.script import Span
from numscript.syntax import nodes
from numscript.values import Portion
from numscript_lsp.tree import children, walk

_LONGEST = 40
"""Characters of a hint; what is longer would be in the way."""


class InlayHint(NamedTuple):
    """Text to show at an offset; `parameter` says that it names what follows."""

    offset: int
    label: str
    tooltip: str
    parameter: bool = False


def inlay_hints(checked: CheckedProgram, within: Span | None = None) -> list[InlayHint]:
    """The hints of a script, or of a stretch of it, in the order of the text."""
    found: list[InlayHint] = []
    for node in _nodes(checked.program, within):
        match node:
            case nodes.VarDeclaration():
                found += _asset(checked, node)
            case nodes.SourceAllotment() | nodes.DestinationAllotment():
                found += _share(checked, node.items)
            case nodes.FnCall():
                found += _parameters(node)
            case _:
                pass
    if within is not None:
        found = [hint for hint in found if within.start <= hint.offset <= within.end]
    return sorted(found)


def _nodes(program: nodes.Program, within: Span | None) -> Iterator[nodes.Node]:
    """The nodes of what touches a stretch, or all."""
    for part in children(program):
        if within is None or (part.start <= within.end and within.start <= part.end):
            yield from walk(part)


def _asset(checked: CheckedProgram, declaration: nodes.VarDeclaration) -> Iterator[InlayHint]:
    """The asset that the script forces on a variable, unless its origin says it plainly."""
    name = declaration.variable.name
    asset = checked.assets.get(name)
    if asset is None or checked.variables.get(name) is not declaration:
        return
    if declaration.origin is not None:
        named = (n.asset for n in walk(declaration.origin) if isinstance(n, nodes.AssetLiteral))
        if asset in named:
            return
    yield InlayHint(
        declaration.variable.end, f": {asset}", f"The script can only use `${name}` with {asset}."
    )


def _share(
    checked: CheckedProgram,
    items: Sequence[nodes.SourceAllotmentItem | nodes.DestinationAllotmentItem],
) -> Iterator[InlayHint]:
    """What `remaining` stands for: the rest of the constants, less the shares not known yet."""
    remaining = [i.allotment for i in items if isinstance(i.allotment, nodes.RemainingAllotment)]
    values = [i.allotment.value for i in items if isinstance(i.allotment, nodes.ValueAllotment)]
    if len(remaining) != 1 or not values or any(isinstance(v, nodes.Broken) for v in values):
        return
    known: list[Portion] = []
    unknown: list[str] = []
    for value in values:
        portion = constant_portion(value)
        if portion is None:
            unknown.append(checked.script.text[value.start : value.end])
        else:
            known.append(portion)
    left = rest(sum_portions(known))
    if left.numerator < 0:
        return
    percentages = any(isinstance(value, nodes.PercentageLiteral) for value in values)
    share = portion_text(left, as_percentage=percentages)
    label = f"= {' - '.join((share, *unknown))}"
    if len(label) <= _LONGEST and "\n" not in label:
        exact = f"{left}, {portion_text(left, as_percentage=True)}"
        tooltip = "" if unknown else f"The share that is left: {exact}."
        yield InlayHint(remaining[0].end, label, tooltip)


def portion_text(portion: Portion, *, as_percentage: bool) -> str:
    """A portion as a script would write it: a percentage where that is exact, else a fraction."""
    numerator, denominator = portion
    if as_percentage:
        twos = fives = 0
        rough = denominator
        while rough % 2 == 0:
            rough, twos = rough // 2, twos + 1
        while rough % 5 == 0:
            rough, fives = rough // 5, fives + 1
        if rough == 1:
            decimals = max(twos, fives, 2)
            digits = str(numerator * 10**decimals // denominator).zfill(decimals + 1)
            whole, part = digits[: len(digits) - decimals + 2], digits[len(digits) - decimals + 2 :]
            part = part.rstrip("0")
            whole = whole.lstrip("0") or "0"
            return f"{whole}.{part}%" if part else f"{whole}%"
    return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"


_PLAIN = (nodes.AccountLiteral, nodes.AssetLiteral, nodes.NumberLiteral, nodes.StringLiteral)


def _parameters(call: nodes.FnCall) -> Iterator[InlayHint]:
    """The names of parameters, in front of arguments whose form does not say what they are."""
    builtin = BUILTINS.get(call.name)
    if builtin is None:
        return
    for argument, (name, kind) in zip(call.arguments, builtin.parameters, strict=False):
        # `account: @alice` and `asset: USD/2` say nothing that cannot be seen.
        if isinstance(argument, _PLAIN) and name != kind:
            yield InlayHint(argument.start, f"{name}:", builtin.signature, parameter=True)
