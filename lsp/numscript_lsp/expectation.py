"""What may stand at a place of a script, asked of the parser's own tables.

The automaton is run over the tokens before the place. What is on its stack then says which
construct is open, and its actions say which words and signs it would take. Where a token does not
fit, whatever is open is left unfinished up to something that the token can follow, as the parser
does it; from the last word that starts a statement on, the rest of the text plays no part.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from numscript.prelude import BUILTINS, TYPES, Type
from numscript.syntax import tables
from numscript.syntax.parser import Parsed
from numscript_lsp.tokens import tokens_before

_TERMINAL = {name: number for number, name in enumerate(tables.TERMINALS)}
_NONTERMINAL = {name: ~number for number, name in enumerate(tables.NONTERMINALS)}
_NAMES = {
    **dict(enumerate(tables.TERMINALS)),
    **{~number: name for number, name in enumerate(tables.NONTERMINALS)},
}
_STARTERS = {_TERMINAL[name] for name in ("SEND", "SAVE", "PRINT", "FAIL", "VARS")}
_VARS = _TERMINAL["VARS"]
_NAMED = {_TERMINAL["IDENTIFIER"], _TERMINAL["OVERDRAFT"]}
_NAMED_BEFORE = {_TERMINAL["LPAR"], _TERMINAL["VARIABLE"]}
_MENDABLE = tuple(
    ~_NONTERMINAL[name]
    for name in (
        "expression",
        "term",
        "factor",
        "source",
        "destination",
        "sent_value",
        "kept_or_destination",
        "source_clause",
        "destination_clause",
        "var_declaration",
        "statement",
        "vars_declaration",
        "feature_declaration",
    )
)
_WORDS = {text: number for text, number in tables.WORDS.items() if text.isalpha()}


class Slot(NamedTuple):
    """What is asked for at a place: the form of it, and the type that a value would need.

    form: `source`, `destination`, `portion`, `origin`, `value`, `type`, `variable`, `flag`,
    `statement` or nothing; types: those that a value may have, none where no value fits.
    """

    form: str
    types: tuple[Type, ...] = ()


class Item(NamedTuple):
    """A symbol on the stack and the number of the token it starts with."""

    name: str
    token: int


class Expectation:
    """What may stand behind the first tokens of a script.

    parsed: the script; count: how many of its tokens stand before the place.
    """

    def __init__(self, parsed: Parsed, offset: int) -> None:
        self.parsed = parsed
        # The last token is the end of the text, and not before anything.
        self.count = max(0, min(tokens_before(parsed, offset), len(parsed.tokens.kinds) - 1))
        self.states: list[int] = [0]
        self.stack: list[Item] = []
        self._run()

    # --- the automaton ---

    def _run(self) -> None:
        kinds = self.parsed.tokens.kinds
        first = self._first()
        if first > 0 and kinds[first] != _VARS:
            self.states.append(tables.GOTOS[0][~_NONTERMINAL["_statements"]])
            self.stack.append(Item("_statements", 0))
        for number in range(first, self.count):
            kind = kinds[number]
            if not _accepts(self.states, kind) and self._starts(number):
                self._mend(kind, number)
            if _accepts(self.states, kind):
                self._shift(kind, number)

    def _first(self) -> int:
        """The number of the last token before the place that starts a statement for certain."""
        kinds = self.parsed.tokens.kinds
        for number in range(self.count - 1, -1, -1):
            if kinds[number] in _STARTERS:
                return number
        return 0

    def _starts(self, number: int) -> bool:
        """Whether what is open may be given up for a token: a word alone may have gone astray."""
        kinds = self.parsed.tokens.kinds
        return kinds[number] not in _NAMED or kinds[number + 1] in _NAMED_BEFORE

    def _shift(self, kind: int, number: int) -> None:
        """Take a token that fits."""
        self._reduce(kind, number)
        self.states.append(tables.ACTIONS[self.states[-1]][kind])
        self.stack.append(Item(_NAMES[kind], number))

    def _reduce(self, kind: int, number: int) -> None:
        """Complete what a token that fits completes."""
        while (action := tables.ACTIONS[self.states[-1]][kind]) < 0:
            left, length, _ = tables.RULES[~action]
            first = self.stack[-length].token if length else number
            if length:
                del self.states[-length:]
                del self.stack[-length:]
            self.states.append(tables.GOTOS[self.states[-1]][left])
            self.stack.append(Item(tables.NONTERMINALS[left], first))

    def _mend(self, kind: int, number: int) -> None:
        """Leave open what is open, up to the innermost thing that a token can follow."""
        for depth in range(len(self.states) - 1, -1, -1):
            gotos = tables.GOTOS[self.states[depth]]
            for left in _MENDABLE:
                target = gotos.get(left)
                if target is None or kind not in tables.ACTIONS[target]:
                    continue
                states = [*self.states[: depth + 1], target]
                if _accepts(states, kind):
                    first = self.stack[depth].token if depth < len(self.stack) else number
                    self.states = states
                    self.stack[depth:] = [Item(tables.NONTERMINALS[left], first)]
                    return

    # --- what it says ---

    @cached_property
    def words(self) -> frozenset[str]:
        """The keywords that may stand here."""
        return frozenset(word for word, kind in _WORDS.items() if _accepts(self.states, kind))

    def accepts(self, terminal: str) -> bool:
        """Whether a token of a terminal may stand here."""
        return _accepts(self.states, _TERMINAL[terminal])

    @cached_property
    def slot(self) -> Slot:
        """What is asked for here: found by pretending that it comes."""
        for terminal in ("VARIABLE", "IDENTIFIER", "STRING"):
            if self.accepts(terminal):
                kept = self.states.copy(), self.stack.copy()
                self._reduce(_TERMINAL[terminal], self.count)
                found = self._slot([item.name for item in self.stack])
                self.states, self.stack = kept
                return found
        return Slot("")

    def _slot(self, names: list[str]) -> Slot:
        """What is asked for behind the symbols of a stack."""
        at = len(names)
        # Arithmetic asks for what its whole is asked for; a portion's parts are numbers.
        while at:
            if names[at - 1] == "SLASH":
                return Slot("value", (Type.NUMBER,))
            if names[at - 1] == "LPAR" and not self._opens_call(names, at - 1):
                at -= 1
            elif names[at - 1] in ("PLUS", "MINUS"):
                at -= 2 if at > 1 and names[at - 2] == "expression" else 1
            else:
                break
        before = names[:at]
        last = before[-1] if before else ""
        if self.call is None and {"FEATURE", "LPAR"} <= set(before[-4:]):
            return Slot("flag")
        if last in ("LPAR", "COMMA"):
            return self._argument()
        if last == "EQUAL":
            return self._assigned(before)
        if last in ("LBRACE", "_sources"):
            return self._inside_braces(before)
        found = _SLOTS.get((before[-2] if at > 1 else "", last)) or _SLOTS.get(("", last))
        return found or Slot("")

    @staticmethod
    def _opens_call(names: list[str], at: int) -> bool:
        """Whether a `(` is that of a call or a list of flags, and does not group."""
        return at > 0 and names[at - 1] in (*_CALLED, "FEATURE")

    def _assigned(self, before: list[str]) -> Slot:
        target = before[-2] if len(before) > 1 else ""
        if target == "SOURCE":
            return _SOURCE
        if target == "DESTINATION":
            return _DESTINATION
        declared = self.stack[len(before) - 3].token if len(before) > 2 else -1
        if declared < 0:
            return Slot("value", (Type.ANY,))
        name = self._text(declared)
        return Slot("origin", (Type(name) if name in TYPES else Type.ANY,))

    def _inside_braces(self, before: list[str]) -> Slot:
        at = len(before) - 1
        if before[at] == "_sources":
            return _SOURCE
        opener = before[at - 1] if at else ""
        if opener == "VARS":
            return Slot("type")
        outer = at - 1
        while outer >= 0 and before[outer] in ("ONEOF", "LBRACE", "_sources"):
            outer -= 1
        into = self._gives(before[: outer + 1])
        if opener == "ONEOF":
            return Slot("destination") if not into else _SOURCE
        if into:
            return Slot("source", (Type.ACCOUNT, Type.PORTION))
        return Slot("destination", (Type.PORTION,))

    def _gives(self, before: list[str]) -> bool:
        """Whether braces at the end of a stack hold sources, not destinations."""
        for name in reversed(before):
            if name in ("SOURCE", "FROM"):
                return True
            if name in ("DESTINATION", "TO"):
                return False
        return True

    def _argument(self) -> Slot:
        call = self.call
        if call is None:
            return Slot("value", (Type.ANY,))
        builtin = BUILTINS.get(call[0])
        if builtin is None or call[1] >= len(builtin.parameters):
            return Slot("value", (Type.ANY,) if builtin is None else ())
        return Slot("value", (builtin.parameters[call[1]][1],))

    @cached_property
    def call(self) -> tuple[str, int] | None:
        """The function whose arguments are being written, and the number of the one at hand."""
        for at in range(len(self.stack) - 1, 0, -1):
            if self.stack[at].name != "LPAR" or self.stack[at - 1].name not in _CALLED:
                continue
            kinds = self.parsed.tokens.kinds
            inside = 0
            commas = 0
            for number in range(self.stack[at].token + 1, self.count):
                name = tables.TERMINALS[kinds[number]]
                inside += (name in _OPENERS) - (name in _CLOSERS)
                commas += name == "COMMA" and inside == 0
                if inside < 0:
                    break
            else:
                return self._text(self.stack[at - 1].token), commas
        return None

    @cached_property
    def asset(self) -> str | None:
        """The asset that the statement at hand sends or saves, where it names one."""
        for item in reversed(self.stack):
            if item.name == "sent_value":
                if item.token + 1 < self.count and self._text(item.token) == "[":
                    word = self._text(item.token + 1)
                    return word if word[:1].isupper() else None
                return None
        return None

    @property
    def declares(self) -> str | None:
        """The variable whose origin the place lies in, with its `$`."""
        names = [item for item in self.stack if item.name == "declared_variable"]
        return self._text(names[-1].token) if names else None

    @property
    def in_vars(self) -> bool:
        """Whether the place lies in `vars`."""
        return any(item.name == "VARS" for item in self.stack)

    @property
    def last(self) -> str:
        """The symbol right before the place."""
        return self.stack[-1].name if self.stack else ""

    def _text(self, number: int) -> str:
        tokens = self.parsed.tokens
        return self.parsed.script.text[tokens.starts[number] : tokens.ends[number]]


_SOURCE = Slot("source", (Type.ACCOUNT,))
_DESTINATION = Slot("destination", (Type.ACCOUNT,))
_CALLED = ("IDENTIFIER", "OVERDRAFT")
_OPENERS = ("LPAR", "LSQB", "LBRACE")
_CLOSERS = ("RPAR", "RSQB", "RBRACE")
_VALUE = {kind: Slot("value", (kind,)) for kind in Type}
_SLOTS = {
    ("", ""): Slot("statement"),
    ("", "_statements"): Slot("statement"),
    ("", "vars_declaration"): Slot("statement"),
    ("", "feature_declaration"): Slot("statement"),
    ("", "_var_declarations"): Slot("type"),
    ("", "IDENTIFIER"): Slot("variable"),
    ("", "SEND"): _VALUE[Type.MONETARY],
    ("", "SAVE"): _VALUE[Type.MONETARY],
    ("", "PRINT"): _VALUE[Type.ANY],
    ("", "LSQB"): _VALUE[Type.ASSET],
    ("LSQB", "factor"): _VALUE[Type.NUMBER],
    ("", "MAX"): _VALUE[Type.MONETARY],
    ("", "FROM"): _SOURCE,
    ("sent_value", "FROM"): _VALUE[Type.ACCOUNT],
    ("", "TO"): _DESTINATION,
    ("UP", "TO"): _VALUE[Type.MONETARY],
    ("", "THROUGH"): _VALUE[Type.ACCOUNT],
    ("", "BACKSLASH"): _VALUE[Type.STRING],
    ("", "_source_allotment_items"): Slot("portion", (Type.PORTION,)),
    ("", "_destination_allotment_items"): Slot("portion", (Type.PORTION,)),
}
"""What is asked for behind a symbol, by the one before it where that matters."""


def _accepts(states: list[int], kind: int) -> bool:
    """Whether the automaton, on this stack, would come to take a token of a kind."""
    stack = states.copy()
    while True:
        action = tables.ACTIONS[stack[-1]].get(kind)
        if action is None:
            return False
        if action >= 0:
            return True
        left, length, _ = tables.RULES[~action]
        if length >= len(stack):
            return True
        if length:
            del stack[-length:]
        goto = tables.GOTOS[stack[-1]].get(left)
        if goto is None:
            return False
        stack.append(goto)
