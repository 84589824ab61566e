"""The grammar of record as a Lezer grammar, for editors on the web.

Rules become rules and aliases become nodes, under the names of the syntax tree, so that both
parsers give the same nodes. Only the words (the tokens) are written by hand: Lezer has regular
expressions of its own.
"""

from __future__ import annotations

from itertools import product
from typing import Any

START = "program"
INFIX = "BinaryInfix"
NODE_TERMINALS = {"IDENTIFIER": "Identifier"}
"""Terminals that are nodes of the tree; the others are all there is of the rule around them."""

HEADER = """\
// The grammar of record as a Lezer grammar. Written by `make editors`; do not edit.

@top Program { program }

// A minus behind an expression continues it.
@precedence { infix }

"""

TOKENS = """\
word<term> { @specialize[@name={term}]<Identifier, term> }

@skip { blank | LineComment | BlockComment }

@skip {} {
  BlockComment { blockStart (blockText | NestedComment)* blockEnd }
  NestedComment[@name=BlockComment] { nestedStart (blockText | NestedComment)* blockEnd }
}

@local tokens {
  nestedStart { "/*" }
  blockEnd { "*/" }
  @else blockText
}

@tokens {
  blank { $[ \\t\\r\\n]+ }
  LineComment { "//" ![\\r\\n]* }
  blockStart { "/*" }
  Identifier { $[a-z] $[a-z_]* }
  variableToken { "$" variableName }
  assetToken { $[A-Z] $[A-Z0-9]* ("/" $[0-9]+)? }
  numberToken { $[0-9]+ ("_" $[0-9]+)* }
  percentageToken { $[0-9]+ ("." $[0-9]+)? "%" }
  stringToken { '"' (![\\r\\n"\\\\] | "\\\\" '"' | "\\\\")* '"' }
  accountToken { "@" segment (":" segment)* }
  accountSegmentToken { ":" segment }
  segment { $[a-zA-Z0-9_\\-]+ | "$" variableName }
  variableName { $[a-z_]+ $[a-z0-9_]* }
  "+" "-" "*" "/" "=" "\\\\" "," "#!"
  "(" ")" "[" "]" "{" "}"
  @precedence { percentageToken, numberToken }
  @precedence { LineComment, blockStart, "/" }
}

@detectDelim
@external propSource highlighting from "./highlight.js"
"""


def make_lezer_grammar(grammar: str) -> str:
    """The text of the Lezer grammar for the grammar of record."""
    from lark import Lark

    lark = Lark(grammar, start=START, parser="lalr", lexer="basic")
    return HEADER + "\n\n".join(_Writer(lark).rules()) + "\n\n" + TOKENS


class _Writer:
    """Writes the rules of a Lark grammar in the order in which they stand there."""

    def __init__(self, lark: Any) -> None:
        self._words = {
            terminal.name: terminal.pattern.value
            for terminal in lark.terminals
            if type(terminal.pattern).__name__ == "PatternStr"
        }
        self._by_origin: dict[str, list[Any]] = {}
        for rule in lark.rules:
            self._by_origin.setdefault(rule.origin.name, []).append(rule)
        self._nodes: dict[str, list[str]] = {}

    def rules(self) -> list[str]:
        """The rules, those without a node of their own and those with one."""
        written = []
        for origin, rules in self._by_origin.items():
            bodies = self._list(origin, rules) or self._alternatives(origin, rules)
            name = START if origin == START else self._name(origin)
            written.append(_rule(name, bodies))
        return [*written, *(_rule(name, bodies) for name, bodies in self._nodes.items())]

    def _alternatives(self, origin: str, rules: list[Any]) -> list[str]:
        """The alternatives of a rule, where aliases are nodes."""
        aliases: dict[str, list[list[str]]] = {}
        for rule in rules:
            aliases.setdefault(rule.alias or "", []).append(self._body(rule))
        plain = _alternatives(aliases.pop("", []))
        return plain + [
            self._node(origin, alias, _alternatives(bodies)) for alias, bodies in aliases.items()
        ]

    def _node(self, origin: str, alias: str, bodies: list[str]) -> str:
        """The name of the rule of an alias; another one where its name has another meaning."""
        node = name = _camel(alias)
        if self._nodes.get(name, bodies) != bodies:
            name = f"{node}{_camel(origin)}"
        if name != node:
            self._nodes[f"{name}[@name={node}]"] = bodies
        else:
            self._nodes[name] = bodies
        return name

    def _list(self, origin: str, rules: list[Any]) -> list[str]:
        """The body of a rule that is a list: one item, or the list and one item more."""
        if not origin.startswith("_"):
            return []
        first, more = sorted((self._symbols(rule) for rule in rules), key=len)
        own = self._name(origin)
        if more == [own, *first]:
            return [f"{' '.join(first)}+"]
        if more[0] == own and more[2:] == first:
            return [f"{' '.join(first)} ({' '.join(more[1:])})*"]
        raise ValueError(f"`{origin}` is no list that Lezer can be told of")

    def _body(self, rule: Any) -> list[str]:
        symbols = self._symbols(rule)
        if rule.alias and _camel(rule.alias) == INFIX:
            symbols.insert(1, "!infix")
        return symbols

    def _symbols(self, rule: Any) -> list[str]:
        return [self._symbol(symbol) for symbol in rule.expansion]

    def _symbol(self, symbol: Any) -> str:
        name = str(symbol.name)
        if not symbol.is_term:
            return self._name(name)
        word: str | None = self._words.get(name)
        if word is None:
            return NODE_TERMINALS.get(name) or f"{_lower(_camel(name.lower()))}Token"
        if word.isalpha():
            return f'word<"{word}">'
        return '"' + word.replace("\\", "\\\\") + '"'

    def _name(self, origin: str) -> str:
        """The name of a rule: capital where it is a node by itself."""
        camel = _camel(origin.lstrip("_"))
        rules = self._by_origin[origin]
        is_node = not origin.startswith("_") and not any(
            rule.alias or rule.options.expand1 for rule in rules
        )
        return camel if is_node else _lower(camel)


def _alternatives(bodies: list[list[str]]) -> list[str]:
    """Bodies as they are written: as one, where they differ only by what may be left out."""
    longest = max(bodies, key=len, default=[])
    choices = [
        [(symbol,)] if all(symbol in body for body in bodies) else [(), (symbol,)]
        for symbol in longest
    ]
    products = [[symbol for part in parts for symbol in part] for parts in product(*choices)]
    if len(bodies) > 1 and sorted(products) == sorted(bodies):
        optional = (f"{choice[-1][0]}{'?' * (len(choice) - 1)}" for choice in choices)
        return [" ".join(optional)]
    return [" ".join(body) for body in bodies]


def _rule(name: str, bodies: list[str]) -> str:
    inside = " |\n  ".join(bodies)
    return f"{name} {{\n  {inside}\n}}"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _lower(camel: str) -> str:
    return camel[:1].lower() + camel[1:]
