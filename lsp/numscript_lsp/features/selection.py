"""Selection ranges: what is selected when a selection grows, from a token to the whole file."""

from __future__ import annotations

from bisect import bisect_right

from numscript.script import Span
from numscript.syntax import nodes, tables
from numscript.syntax.parser import Parsed
from numscript_lsp import json_tree
from numscript_lsp.tree import path_at

_LBRACE, _LPAR, _STRING, _SOURCE, _DESTINATION = (
    tables.TERMINALS.index(name) for name in ("LBRACE", "LPAR", "STRING", "SOURCE", "DESTINATION")
)


def selection_ranges(parsed: Parsed, offset: int) -> list[Span]:
    """The stretches around a place, each inside the next: token, expression, clause, file."""
    text = parsed.script.text
    found = {Span(0, len(text))}
    for comment in parsed.tokens.comments:
        if comment.start <= offset <= comment.end:
            found.add(comment)
    token = _token_at(parsed, offset)
    if token is not None:
        start, end = parsed.tokens.starts[token], parsed.tokens.ends[token]
        found.add(Span(start, end))
        if parsed.tokens.kinds[token] == _STRING and start < offset < end:
            found.add(Span(start + 1, end - 1))
    for node in path_at(parsed.program, offset):
        if node.start <= offset <= node.end:
            # A program starts with its first word: what stands before that is only in the file.
            found.add(node.span)
        if isinstance(node, nodes.SendStatement):
            found.update(_clause(parsed, node, offset))
        inside = _inside(parsed, node)
        if inside is not None and inside.start <= offset <= inside.end:
            found.add(inside)
    return _chain(found)


def specs_selection_ranges(tree: json_tree.Value | None, text: str, offset: int) -> list[Span]:
    """The same in a spec file: text, value, key with its value, list or object, file."""
    found = {Span(0, len(text))}
    for _, value in json_tree.walk(tree):
        if not value.span.start <= offset <= value.span.end:
            continue
        found.add(value.span)
        if isinstance(value, json_tree.Text):
            found.add(value.inside)
        elif isinstance(value, json_tree.Object):
            for key, inner in value.members:
                end = key.span.end if inner is None else inner.span.end
                if key.span.start <= offset <= end:
                    found.add(Span(key.span.start, end))
                if key.span.start <= offset <= key.span.end:
                    found |= {key.span, key.inside}
    return _chain({span for span in found if span.start <= offset <= span.end})


def _chain(found: set[Span]) -> list[Span]:
    """Stretches from the innermost to the outermost.

    What overlaps without being inside, as at a boundary, has no place among them.
    """
    chain: list[Span] = []
    for span in sorted(found, key=lambda s: (s.end - s.start, s.start)):
        if span.start == span.end:
            continue
        if not chain or (span.start <= chain[-1].start and chain[-1].end <= span.end):
            chain.append(span)
    return chain


def clause_spans(parsed: Parsed, send: nodes.SendStatement) -> tuple[Span, Span] | None:
    """The places of `source = ...` and `destination = ...`; none where one of them is broken."""
    starts = parsed.tokens.starts
    found = []
    for part, kind in ((send.source, _SOURCE), (send.destination, _DESTINATION)):
        number = bisect_right(starts, part.start) - 1
        # In front of the clause stand its word and `=`.
        if number < 2 or parsed.tokens.kinds[number - 2] != kind or starts[number] != part.start:
            return None
        found.append(Span(starts[number - 2], part.end))
    return found[0], found[1]


def _clause(parsed: Parsed, send: nodes.SendStatement, offset: int) -> list[Span]:
    return [span for span in clause_spans(parsed, send) or () if span.start <= offset <= span.end]


def _token_at(parsed: Parsed, offset: int) -> int | None:
    """The token around a place; between two that touch, the later one."""
    number = bisect_right(parsed.tokens.starts, offset) - 1
    if number >= 0 and offset <= parsed.tokens.ends[number]:
        return number
    return None


def _inside(parsed: Parsed, node: nodes.Node) -> Span | None:
    """What stands between the brackets of a block, without the blanks at both ends."""
    text = parsed.script.text
    if node.end <= node.start or text[node.end - 1] not in "})":
        return None
    opener = _LBRACE if text[node.end - 1] == "}" else _LPAR
    if isinstance(node, nodes.SendStatement):
        number = bisect_right(parsed.tokens.starts, node.sent.end - 1)
    else:
        number = bisect_right(parsed.tokens.starts, node.start - 1)
    kinds, starts, ends, _ = parsed.tokens
    while number < len(kinds) and starts[number] < node.end:
        if kinds[number] == opener:
            body = text[ends[number] : node.end - 1]
            start = ends[number] + len(body) - len(body.lstrip())
            stop = ends[number] + len(body.rstrip())
            return Span(start, stop) if start < stop else None
        number += 1
    return None
