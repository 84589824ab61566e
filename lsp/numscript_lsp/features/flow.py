"""What an account gives or receives where it stands, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import WORLD
from numscript.syntax import nodes

Path = Sequence[nodes.Node]


def gives(checked: CheckedProgram, path: Path) -> str:
    """What the account at the end of a path gives as a source; nothing where it is none."""
    text = checked.script.text
    depth = _last(path, (nodes.SourceAccount, nodes.SourceOverdraft, nodes.SourceWithScaling))
    if depth is None:
        return ""
    source = path[depth]
    asset = _asset(path, text)
    match source:
        case nodes.SourceOverdraft(bound=None):
            own = f"Gives as much {asset} as is asked, below zero without a limit."
        case nodes.SourceOverdraft(bound=nodes.Node() as bound):
            own = f"Gives its {asset} and goes below zero by up to `{_shown(bound, text)}`."
        case nodes.SourceWithScaling(through=through):
            if through is path[depth + 1]:
                return "Converts between the precisions of the asset."
            own = (
                f"Gives its {asset}, other precisions converted through `{_shown(through, text)}`."
            )
        case nodes.SourceAccount(address=nodes.AccountLiteral(parts=(str() as name,))) if (
            name == WORLD
        ):
            own = f"Gives as much {asset} as is asked."
        case _:
            own = f"Gives its {asset} as far as it is above zero."
    lines = [own]
    for at in range(depth - 1, -1, -1):
        lines += _around(_source_step(path[at], path[at + 1], text), "gives", len(lines) > 1)
    return "\n\n".join(lines)


def _source_step(outer: nodes.Node, inner: nodes.Node, text: str) -> list[str]:
    match outer:
        case nodes.SourceCapped(cap=cap):
            return [f"At most `{_shown(cap, text)}`."]
        case nodes.SourceAllotmentItem(allotment=allotment):
            return [f"Exactly {_share(allotment, text)} of what is asked there."]
        case nodes.SourceInorder(sources=sources) if inner is not sources[0]:
            before = sources[_place(sources, inner) - 1]
            return [f"Asked for what is missing after `{_shown(before, text)}`."]
        case nodes.SourceOneof(sources=sources) if inner is not sources[0]:
            return ["Used only if none before it can give all."]
        case nodes.SourceOneof():
            return ["Used only if it can give all."]
    return []


def receives(checked: CheckedProgram, path: Path) -> str:
    """What the account at the end of a path receives as a destination; nothing where it is none."""
    text = checked.script.text
    depth = _last(path, (nodes.DestinationAccount,))
    if depth is None:
        return ""
    lines: list[str] = []
    for at in range(depth - 1, -1, -1):
        lines += _around(_destination_step(path[at], path[at + 1], text), "receives", bool(lines))
    asset = _asset(path, text)
    first = f"Receives {asset}" if lines else f"Receives all the {asset} sent"
    return "\n\n".join([f"{first}.", *lines])


def _destination_step(outer: nodes.Node, inner: nodes.Node, text: str) -> list[str]:
    match outer:
        case nodes.CappedKeptOrDestination(cap=cap):
            return [f"At most `{_shown(cap, text)}`."]
        case nodes.DestinationAllotmentItem(allotment=allotment):
            return [f"Exactly {_share(allotment, text)} of what arrives there."]
        case nodes.DestinationInorder(remaining=remaining) if inner is remaining:
            return ["What the clauses before it leave."]
        case nodes.DestinationInorder(clauses=clauses) if inner is not clauses[0]:
            return ["After the clauses before it."]
        case nodes.DestinationOneof(remaining=remaining) if inner is remaining:
            return ["All of it, if no cap before is high enough."]
        case nodes.DestinationOneof():
            return ["All of it, if the cap is high enough; else nothing."]
    return []


def _around(steps: list[str], verb: str, nested: bool) -> list[str]:
    """Steps that are about a block where the account is only a part of that."""
    if not nested:
        return steps
    exact = f"The block around it {verb} exactly"
    return [re.sub("^Exactly", exact, step) for step in steps]


def _share(allotment: nodes.Node, text: str) -> str:
    if isinstance(allotment, nodes.RemainingAllotment):
        return "what the other portions leave"
    return f"`{_shown(allotment, text)}`"


def _last(path: Path, kinds: tuple[type[nodes.Node], ...]) -> int | None:
    for depth in range(len(path) - 2, -1, -1):
        if isinstance(path[depth], kinds):
            return depth
    return None


def _place(sources: Sequence[nodes.Node], inner: nodes.Node) -> int:
    return next(number for number, source in enumerate(sources) if source is inner)


def _asset(path: Path, text: str) -> str:
    """The asset of the statement, as it is written, or just the word."""
    send = next((n for n in path if isinstance(n, nodes.SendStatement)), None)
    sent = send.sent if send is not None else None
    if isinstance(sent, nodes.SentValueAll):
        return f"`{_shown(sent.asset, text)}`"
    monetary = sent.monetary if isinstance(sent, nodes.SentValueLiteral) else None
    if isinstance(monetary, nodes.MonetaryLiteral):
        return f"`{_shown(monetary.asset, text)}`"
    return "asset"


def _shown(node: nodes.Node, text: str) -> str:
    return " ".join(text[node.start : node.end].split())
