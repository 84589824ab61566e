"""Hover: what stands at a place: its type, asset, value, documentation, and what it does there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numscript.analysis.checked import CheckedProgram
from numscript.analysis.constants import constant_number, constant_portion, rest, sum_portions
from numscript.prelude import BUILTINS, FEATURES, KEYWORDS, TYPES, WORLD, Builtin, Type
from numscript.script import Span
from numscript.syntax import nodes
from numscript.values import Portion
from numscript_lsp.features.flow import gives, receives
from numscript_lsp.tokens import Token, token_at
from numscript_lsp.tree import path_at


class Hover(NamedTuple):
    """What is said of a place, in Markdown."""

    span: Span
    text: str


def hover(checked: CheckedProgram, offset: int) -> Hover | None:
    """What is known of what stands at an offset."""
    token = token_at(checked.parsed, offset)
    if token is None:
        return None
    path = path_at(checked.program, offset)
    for about in (_of_node, _of_word):
        found = about(checked, path, token)
        if found is not None:
            return found
    return None


Path = Sequence[nodes.Node]


def _of_node(checked: CheckedProgram, path: Path, token: Token) -> Hover | None:
    node = path[-1]
    parent = path[-2] if len(path) > 1 else node
    match node:
        case nodes.Variable():
            return Hover(node.span, _variable(checked, node.name, path))
        case nodes.AccountLiteral():
            return Hover(node.span, _account(checked, node, path))
        case nodes.AssetLiteral() if not isinstance(parent, nodes.MonetaryLiteral):
            return Hover(node.span, _asset(node.asset))
        case nodes.AssetLiteral() | nodes.NumberLiteral() | nodes.MonetaryLiteral():
            holder = node if isinstance(node, nodes.MonetaryLiteral) else parent
            text = _monetary(holder) if isinstance(holder, nodes.MonetaryLiteral) else None
            if text is not None:
                return Hover(holder.span, text)
            if isinstance(node, nodes.AssetLiteral):
                return Hover(node.span, _asset(node.asset))
        case nodes.StringLiteral() if isinstance(parent, nodes.FeatureDeclaration):
            doc = FEATURES.get(node.string)
            return Hover(node.span, f"Switches on {doc}.") if doc else None
        case nodes.FnCall() if token.span == node.name_span:
            builtin = BUILTINS.get(node.name)
            return Hover(token.span, _builtin(checked, builtin)) if builtin else None
        case nodes.VarDeclaration() if token.span == node.type_span:
            doc = TYPES.get(node.type)
            return Hover(token.span, f"{node.type}: {doc}") if doc else None
        case nodes.RemainingAllotment():
            return Hover(node.span, _remaining(path))
        case _:
            pass
    return _portion(path)


def _of_word(checked: CheckedProgram, path: Path, token: Token) -> Hover | None:
    """Keywords, which have no node of their own, and words that stand in broken text."""
    text = ""
    match token.terminal:
        case "VARIABLE":
            text = _variable(checked, token.text[1:], path)
        case "ACCOUNT":
            text = _code(token.text)
        case "ASSET":
            text = _asset(token.text)
        case "IDENTIFIER" if token.text in BUILTINS:
            text = _builtin(checked, BUILTINS[token.text])
        case "IDENTIFIER" | "STRING":
            pass
        case _ if token.text in KEYWORDS:
            text = f"`{token.text}` {KEYWORDS[token.text]}"
    return Hover(token.span, text) if text else None


def _code(text: str) -> str:
    return f"```numscript\n{text}\n```"


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _variable(checked: CheckedProgram, name: str, path: Path) -> str:
    row = checked.variables.get(name)
    if row is None:
        return _paragraphs(_code(f"${name}"), "is not declared in `vars`")
    origin = checked.script.text[row.origin.start : row.origin.end] if row.origin else ""
    head = f"{row.type} ${name}" + (f" = {' '.join(origin.split())}" if origin else "")
    source = "" if row.origin else "Given by the caller."
    asset = checked.assets.get(name)
    carries = f"Its asset is `{asset}`: the script allows no other." if asset else ""
    doc = TYPES.get(row.type, "")
    role = _role(checked, path) if row.type == Type.ACCOUNT else ""
    return _paragraphs(_code(head), doc, source, carries, role)


def _account(checked: CheckedProgram, account: nodes.AccountLiteral, path: Path) -> str:
    about = ""
    if account.name == WORLD:
        about = "Where funds come from and leave to: it has no balance and never runs out."
    return _paragraphs(_code(f"@{account.name}"), about, _role(checked, path))


def _role(checked: CheckedProgram, path: Path) -> str:
    """What an account does where it stands."""
    return gives(checked, path) or receives(checked, path)


def _asset(asset: str) -> str:
    name, _, decimals = asset.partition("/")
    if not decimals or not int(decimals):
        return _paragraphs(_code(asset), f"Amounts count whole {name}.")
    unit = (
        f"1/{10 ** int(decimals):,} of one {name}" if int(decimals) < 19 else f"{decimals} decimals"
    )
    return _paragraphs(_code(asset), f"Amounts count the smallest unit: {unit}.")


def _monetary(monetary: nodes.MonetaryLiteral) -> str | None:
    """A monetary with its decimal point, where its text alone says what it is."""
    amount = constant_number(monetary.amount)
    if amount is None or not isinstance(monetary.asset, nodes.AssetLiteral):
        return None
    asset = monetary.asset.asset
    return _paragraphs(_code(f"[{asset} {amount}]"), f"{decimal(amount, asset)}")


def decimal(amount: int, asset: str) -> str:
    """An amount of an asset as people write it: `[USD/2 123456]` is `1,234.56 USD`."""
    name, _, digits = asset.partition("/")
    decimals = int(digits) if digits and len(digits) < 4 else 0
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10**decimals)
    point = f".{part:0{decimals}}" if decimals else ""
    return f"{sign}{whole:,}{point} {name}"


def _builtin(checked: CheckedProgram, builtin: Builtin) -> str:
    flag = ""
    if builtin.feature is not None:
        on = "on" if builtin.feature in checked.features else "off"
        flag = f"Needs the flag `{builtin.feature}`, which is {on}."
    return _paragraphs(_code(builtin.signature), builtin.doc, flag)


# --- portions ---------------------------------------------------------------------------------


def _portion(path: Path) -> Hover | None:
    """The value of the constant portion around a place, and what it is of the amount sent."""
    for depth in range(len(path) - 1, 0, -1):
        node = path[depth]
        if isinstance(node, (nodes.PercentageLiteral, nodes.BinaryInfix)):
            portion = constant_portion(node)
            if portion is not None:
                return Hover(node.span, _share(path[: depth + 1], portion))
    return None


def _share(path: Path, portion: Portion) -> str:
    return _paragraphs(f"`{portion}` = {hundredths(portion)}", _part_of_sent(path, portion))


def hundredths(portion: Portion) -> str:
    """A portion in hundredths, to four digits behind the point at most."""
    scaled = portion.numerator * 10**6
    whole, left = divmod(scaled, portion.denominator)
    about = "about " if left else ""
    digits = f"{whole // 10**4}.{whole % 10**4:04}".rstrip("0").rstrip(".")
    return f"{about}{digits}%"


def _part_of_sent(path: Path, portion: Portion) -> str:
    """What a portion at the top of a `send` comes to, where the amount is written there."""
    outer = [n for n in path if isinstance(n, (nodes.SourceAllotment, nodes.DestinationAllotment))]
    send = next((n for n in path if isinstance(n, nodes.SendStatement)), None)
    if send is None or len(outer) != 1 or not isinstance(send.sent, nodes.SentValueLiteral):
        return ""
    if outer[0] not in (send.source, send.destination):
        return ""
    monetary = send.sent.monetary
    if not isinstance(monetary, nodes.MonetaryLiteral):
        return ""
    amount = constant_number(monetary.amount)
    if amount is None or not isinstance(monetary.asset, nodes.AssetLiteral):
        return ""
    asset = monetary.asset.asset
    share, left = divmod(amount * portion.numerator, portion.denominator)
    more = ", and perhaps one of the units left over by rounding" if left else ""
    return f"Of [{asset} {amount}]: {decimal(share, asset)}{more}."


def _remaining(path: Path) -> str:
    """The portion that `remaining` stands for."""
    text = f"`remaining` {KEYWORDS['remaining']}"
    allotment = next(
        (
            n
            for n in reversed(path)
            if isinstance(n, (nodes.SourceAllotment, nodes.DestinationAllotment))
        ),
        None,
    )
    if allotment is None:
        return text
    left = remaining_portion(allotment)
    return text if left is None else _paragraphs(text, _share(path, left))


def remaining_portion(
    allotment: nodes.SourceAllotment | nodes.DestinationAllotment,
) -> Portion | None:
    """What the portions of an allotment leave, where all of them are constants."""
    portions = []
    for item in allotment.items:
        if isinstance(item.allotment, nodes.ValueAllotment):
            portion = constant_portion(item.allotment.value)
            if portion is None:
                return None
            portions.append(portion)
    left = rest(sum_portions(portions)) if portions else Portion(1, 1)
    return left if left.numerator >= 0 else None
