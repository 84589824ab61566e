"""Ways through the tree of a script: its nodes, and those that lie around an offset."""

from __future__ import annotations

from collections.abc import Iterator

from numscript.script import Span
from numscript.syntax import nodes


def children(node: nodes.Node) -> Iterator[nodes.Node]:
    """The nodes right below one, in the order of its fields."""
    for value in node.fields:
        if isinstance(value, nodes.Node):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, nodes.Node):
                    yield item


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    """A node and all below it, each before what it holds; long sums do not nest calls."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        waiting += reversed(tuple(children(here)))


def path_at(program: nodes.Program, offset: int) -> tuple[nodes.Node, ...]:
    """The nodes around an offset, the outermost first; an end counts as inside.

    Where one node ends and another starts, the one that starts there is taken.
    """
    path: list[nodes.Node] = [program]
    while True:
        inner = None
        for child in children(path[-1]):
            # In a `send` the destination may stand before the source: order says nothing.
            if child.start <= offset <= child.end and (
                inner is None or child.start > inner.start or inner.end < offset
            ):
                inner = child
        if inner is None:
            return tuple(path)
        path.append(inner)


def path_around(program: nodes.Program, span: Span) -> list[nodes.Node]:
    """The nodes that hold a whole stretch of the text, the outermost first."""
    path: list[nodes.Node] = [program]
    while True:
        inside = [c for c in children(path[-1]) if c.start <= span.start and span.end <= c.end]
        if not inside:
            return path
        path.append(max(inside, key=lambda node: node.start))
