"""What an expression is worth where its text alone says so: numbers, portions, sums of portions."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from numscript.syntax import nodes
from numscript.values import Portion, percentage


def constant_number(expression: nodes.Expression) -> int | None:
    """The number that an expression without variables or calls stands for, else None."""
    # A long sum leans to the left: its right sides are added up on the way down.
    total = 0
    while isinstance(expression, nodes.BinaryInfix):
        right = constant_number(expression.right)
        if right is None or expression.operator == "/":
            return None
        total += right if expression.operator == "+" else -right
        expression = expression.left
    if isinstance(expression, nodes.NumberLiteral):
        return expression.number + total
    if isinstance(expression, nodes.Prefix):
        inner = constant_number(expression.operand)
        return None if inner is None else total - inner
    return None


def constant_portion(expression: nodes.Expression) -> Portion | None:
    """The portion that an expression without variables stands for, else None."""
    if isinstance(expression, nodes.PercentageLiteral):
        return percentage(expression.text)
    if isinstance(expression, nodes.BinaryInfix) and expression.operator == "/":
        denominator = constant_number(expression.right)
        numerator = constant_number(expression.left)
        if denominator and numerator is not None:
            return Portion.of(numerator, denominator)
    return None


def sum_portions(portions: Sequence[Portion]) -> Portion:
    """The exact sum of portions, over one denominator: much faster than one by one."""
    denominator = lcm(*(portion.denominator for portion in portions))
    numerators = (p.numerator * (denominator // p.denominator) for p in portions)
    return Portion.of(sum(numerators), denominator)


def rest(portion: Portion) -> Portion:
    """What is missing from a portion to the whole; negative where it is above one."""
    return Portion(portion.denominator - portion.numerator, portion.denominator)
