"""Inference of assets: places that must carry the same asset are joined, and literals name it.

The reference finds out by unification which asset a variable can only have, and where two assets
meet; this is the same algorithm on the same places, so that the same findings come out.
"""

from __future__ import annotations


class AssetCell:
    """What is known of the asset at one place: nothing yet, the same as another's, or its name."""

    __slots__ = ("link", "name")

    def __init__(self, name: str | None = None) -> None:
        self.link: AssetCell | None = None
        self.name = name

    def resolve(self) -> AssetCell:
        """The cell that speaks for all that are joined with this one."""
        root = self
        while root.link is not None:
            root = root.link
        cell = self
        while cell.link is not None:
            cell.link, cell = root, cell.link
        return root


def unify(left: AssetCell, right: AssetCell) -> tuple[str, str] | None:
    """Join two places; where they have different assets, those are given back."""
    left, right = left.resolve(), right.resolve()
    if left is right:
        return None
    if left.name is None:
        left.link = right
    elif right.name is None:
        right.link = left
    elif left.name != right.name:
        return left.name, right.name
    return None
