"""Charts of accounts: which addresses a schema allows, and the metadata that they start with.

A chart is a tree of segments. `$name` stands for any segment, which `.pattern` may narrow; an
account is a node with nothing below it, or with `.self`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from numscript.service.problems import invalid

OWN = (".self", ".pattern", ".metadata", ".rules")
"""What a segment says of itself; anything else in it is a segment below."""
LONGEST_PATTERN = 200
MOST_REPEATS = 2
"""How many open repeats a pattern may have, so that no address makes it slow."""
is_segment = re.compile(r"[A-Za-z0-9_-]+").fullmatch
is_variable = re.compile(r"\$[A-Za-z0-9_-]+").fullmatch


class Segment:
    """A node of a chart."""

    __slots__ = ("fixed", "is_account", "metadata", "pattern", "variable")

    def __init__(self, tree: Mapping[str, Any], place: str) -> None:
        self.fixed: dict[str, Segment] = {}
        self.variable: Segment | None = None
        self.pattern = _pattern(tree.get(".pattern"), place)
        self.metadata = _defaults(tree.get(".metadata", {}), place)
        for name, inside in tree.items():
            if name in OWN:
                continue
            where = f"{place}:{name}" if place else name
            if name.startswith(".") or not isinstance(inside, Mapping):
                raise invalid(f"the chart's `{where}` must be an object, or one of {' '.join(OWN)}")
            if is_variable(name):
                if self.variable is not None:
                    raise invalid(f"the chart has two variable segments below `{place}`")
                if not place:
                    raise invalid(f"the chart's `{name}` cannot be its first segment")
                self.variable = Segment(inside, where)
            elif is_segment(name):
                if ".pattern" in inside:
                    raise invalid(f"the chart's `{where}` has a pattern, and is no variable")
                self.fixed[name] = Segment(inside, where)
            else:
                raise invalid(f"the chart's `{where}` is no segment of an address")
        self.is_account = bool(place) and (
            ".self" in tree or (not self.fixed and self.variable is None)
        )

    def find(self, address: str) -> Segment | None:
        """The node of an account, or None where the chart has none of this address."""
        node: Segment | None = self
        for segment in address.split(":"):
            assert node is not None
            below = node.fixed.get(segment)
            if below is None:
                below = node.variable
                if below is None or (below.pattern and not below.pattern.search(segment)):
                    return None
            node = below
        return node if node is not None and node.is_account else None


def _pattern(text: object, place: str) -> re.Pattern[str] | None:
    """The pattern of a variable segment."""
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > LONGEST_PATTERN:
        raise invalid(f"the pattern of `{place}` must be text of up to {LONGEST_PATTERN}")
    repeats = len(re.findall(r"(?<!\\)(?:[*+]|\{\d+,\})", text))
    if re.search(r"\)[*+?{]|\(\?|\\\d", text) or repeats > MOST_REPEATS:
        raise invalid(
            f"the pattern of `{place}` is too powerful: no repeated groups, no references, and at "
            f"most {MOST_REPEATS} open repeats"
        )
    try:
        return re.compile(text)
    except (re.error, OverflowError) as problem:
        raise invalid(f"the pattern of `{place}` is none: {problem}") from None


def _defaults(tree: object, place: str) -> dict[str, str]:
    """The metadata that accounts of a segment start with."""
    if not isinstance(tree, Mapping):
        raise invalid(f"the metadata of `{place}` must be an object")
    found: dict[str, str] = {}
    for key, row in tree.items():
        default = row.get("default") if isinstance(row, Mapping) else None
        if default is not None:
            if not isinstance(default, str):
                raise invalid(f"the default of `{key}` at `{place}` must be text")
            found[str(key)] = default
    return found
