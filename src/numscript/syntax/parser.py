"""Text to tree: one pass over the tables of the grammar of record, recovering from errors.

The tables (`tables.py`) are made from `numscript.lark`; this module is the driver that runs on
them: a tokenizer of one regular expression, the LALR loop, one builder a node, and recovery. All
nodes are built in the reductions, so there is no tree in between. Lark itself is not needed at
run time: its own driver takes five times as long, and importing it longer than most runs.

Recovery works as yacc's `error` does: where a token does not fit, the states on the stack are
searched for one that waits for something that can be broken (a source, a statement, ...), tokens
are skipped up to one that can follow it, and a `Broken` node takes its place.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from numscript import errors, values
from numscript.collector import without_collector
from numscript.diagnostics import Diagnostic, Kind
from numscript.prelude import KEYWORDS
from numscript.script import LIMITS, Limits, Script, Span
from numscript.syntax import nodes, tables
from numscript.syntax.lexer import (
    ASSET,
    END,
    IDENTIFIER,
    LPAR,
    NONTERMINAL,
    NUMBER,
    OVERDRAFT,
    TERMINAL,
    VARIABLE,
    Tokens,
    tokenize,
)


class Parsed(NamedTuple):
    """What the parser makes of a script: always a tree, with what is wrong beside it."""

    script: Script
    program: nodes.Program
    tokens: Tokens
    diagnostics: tuple[Diagnostic, ...]


# --- nodes ------------------------------------------------------------------------------------
# Builders of one symbol take its value; builders of several take the list of their values. The
# value of a token is its text, that of a sign or keyword the same.


def _account_literal(value: str, start: int, end: int) -> nodes.AccountLiteral:
    if "$" not in value:
        return nodes.AccountLiteral(start, end, (value[1:],))
    return nodes.AccountLiteral(start, end, _account_parts([(value[1:], start + 1)]))


def _account_with_segments(v: list[Any], start: int, end: int) -> nodes.AccountLiteral:
    """`@b :c`: blanks may stand before a `:`, and the parts are joined as if they did not."""
    name, segments = v
    pieces = [(name[1:], start + 1), *segments]
    return nodes.AccountLiteral(start, end, _account_parts(pieces))


def _account_parts(pieces: list[tuple[str, int]]) -> tuple[str | nodes.Variable, ...]:
    """Text and variables of an account, from stretches of it and where each starts."""
    parts: list[str | nodes.Variable] = []
    text: list[str] = []
    for stretch, at in pieces:
        for word in re.split(r"(\$[a-z_0-9]+)", stretch):
            if word.startswith("$"):
                if text:
                    parts.append("".join(text))
                    text = []
                parts.append(nodes.Variable(at, at + len(word), word[1:]))
            elif word:
                text.append(word)
            at += len(word)
    if text:
        parts.append("".join(text))
    return tuple(parts)


def _number_literal(value: str, start: int, end: int) -> nodes.NumberLiteral:
    # The tokenizer has reported a number that is too long.
    number = int(value) if len(value) <= values.MAX_DIGITS else 0
    return nodes.NumberLiteral(start, end, number)


def _percentage_literal(value: str, start: int, end: int) -> nodes.PercentageLiteral:
    text = value[:-1] if len(value) <= values.MAX_DIGITS else "0"
    return nodes.PercentageLiteral(start, end, text)


def _program(v: list[Any], start: int, end: int) -> nodes.Program:
    features = variables = None
    statements: tuple[nodes.Statement, ...] = ()
    for part in v:
        if isinstance(part, nodes.FeatureDeclaration):
            features = part
        elif isinstance(part, nodes.VarsDeclaration):
            variables = part
        elif isinstance(part, list):
            statements = tuple(part)
    return nodes.Program(start, end, features, variables, statements)


def _send(v: list[Any], start: int, end: int) -> nodes.SendStatement:
    return nodes.SendStatement(start, end, v[1], v[3], v[4])


def _send_reversed(v: list[Any], start: int, end: int) -> nodes.SendStatement:
    return nodes.SendStatement(start, end, v[1], v[4], v[3])


def _overdraft(v: list[Any], start: int, end: int) -> nodes.SourceOverdraft:
    color = v[1] if len(v) == 5 else None
    return nodes.SourceOverdraft(start, end, v[0], color, None)


def _overdraft_bounded(v: list[Any], start: int, end: int) -> nodes.SourceOverdraft:
    color = v[1] if len(v) == 7 else None
    return nodes.SourceOverdraft(start, end, v[0], color, v[-1])


def _var_declaration(v: list[Any], start: int, end: int) -> nodes.VarDeclaration:
    return nodes.VarDeclaration(start, end, v[0], v[1], v[3] if len(v) == 4 else None)


Build = Callable[[Any, int, int], Any]

_ONE: dict[str, Build] = {
    "variable": lambda v, s, e: nodes.Variable(s, e, v[1:]),
    "asset_literal": lambda v, s, e: nodes.AssetLiteral(s, e, v),
    "number_literal": _number_literal,
    "percentage_literal": _percentage_literal,
    "string_literal": lambda v, s, e: nodes.StringLiteral(s, e, v[1:-1]),
    "account_literal": _account_literal,
    "account_segment": lambda v, s, _: (v, s),
    "sent_value_literal": lambda v, s, e: nodes.SentValueLiteral(s, e, v),
    "source_account": lambda v, s, e: nodes.SourceAccount(s, e, v, None),
    "value_allotment": lambda v, s, e: nodes.ValueAllotment(s, e, v),
    "remaining_allotment": lambda _, s, e: nodes.RemainingAllotment(s, e),
    "destination_account": lambda v, s, e: nodes.DestinationAccount(s, e, v),
    "destination_kept": lambda _, s, e: nodes.DestinationKept(s, e),
    "fail_statement": lambda _, s, e: nodes.FailStatement(s, e),
    "program": lambda v, s, e: _program([v], s, e),
    "_list": lambda v, _s, _e: [v],
}

_SEVERAL: dict[str, Build] = {
    "account_literal": _account_with_segments,
    "binary_infix": lambda v, s, e: nodes.BinaryInfix(s, e, v[1], v[0], v[2]),
    "capped_kept_or_destination": lambda v, s, e: nodes.CappedKeptOrDestination(s, e, v[1], v[2]),
    "destination_allotment": lambda v, s, e: nodes.DestinationAllotment(s, e, tuple(v[1])),
    "destination_allotment_item": lambda v, s, e: nodes.DestinationAllotmentItem(s, e, v[0], v[1]),
    "destination_inorder": lambda v, s, e: nodes.DestinationInorder(s, e, tuple(v[1]), v[3]),
    "destination_oneof": lambda v, s, e: nodes.DestinationOneof(
        s, e, tuple(v[2]) if len(v) == 6 else (), v[-2]
    ),
    "destination_to": lambda v, s, e: nodes.DestinationTo(s, e, v[1]),
    "feature_declaration": lambda v, s, e: nodes.FeatureDeclaration(
        s, e, tuple(v[4]) if len(v) == 7 else ()
    ),
    "fn_call": lambda v, s, e: nodes.FnCall(s, e, v[0], tuple(v[2]) if len(v) == 4 else ()),
    "monetary_literal": lambda v, s, e: nodes.MonetaryLiteral(s, e, v[1], v[2]),
    "parenthesized": lambda v, _s, _e: v[1],
    "prefix": lambda v, s, e: nodes.Prefix(s, e, v[0], v[1]),
    "print_statement": lambda v, s, e: nodes.PrintStatement(s, e, v[1]),
    "program": _program,
    "save_statement": lambda v, s, e: nodes.SaveStatement(s, e, v[1], v[3]),
    "send_statement": _send,
    "send_statement_reversed": _send_reversed,
    "sent_value_all": lambda v, s, e: nodes.SentValueAll(s, e, v[1]),
    "source_account": lambda v, s, e: nodes.SourceAccount(s, e, v[0], v[1]),
    "source_allotment": lambda v, s, e: nodes.SourceAllotment(s, e, tuple(v[1])),
    "source_allotment_item": lambda v, s, e: nodes.SourceAllotmentItem(s, e, v[0], v[2]),
    "source_capped": lambda v, s, e: nodes.SourceCapped(s, e, v[1], v[3]),
    "source_inorder": lambda v, s, e: nodes.SourceInorder(s, e, tuple(v[1]) if len(v) == 3 else ()),
    "source_oneof": lambda v, s, e: nodes.SourceOneof(s, e, tuple(v[2])),
    "source_overdraft": _overdraft,
    "source_overdraft_bounded": _overdraft_bounded,
    "source_with_scaling": lambda v, s, e: nodes.SourceWithScaling(s, e, v[0], v[4]),
    "var_declaration": _var_declaration,
    "vars_declaration": lambda v, s, e: nodes.VarsDeclaration(
        s, e, tuple(v[2]) if len(v) == 4 else ()
    ),
}


# --- the driver -------------------------------------------------------------------------------

Step = tuple[int, int, Build | None, int]
"""A reduction: its length, nonterminal, builder (none: the value stays) and kept symbol.

Length -1 marks a token that is shifted and reduced in one go, since its state can do nothing else.
"""


def _steps(one: dict[str, Build], several: dict[str, Build]) -> list[dict[int, int | Step]]:
    """The action table with the reductions written out, and single tokens reduced at once."""
    reductions: list[Step] = []
    for number, (left, length, builder) in enumerate(tables.RULES):
        build: Build | None
        if builder == "_pass":
            build = None
        elif length == 1:
            build = one.get(builder)
        elif builder == "_list":
            build = _append if length == 2 else _append_third
        else:
            build = several.get(builder)
        reductions.append((length, left, build, tables.KEEPS.get(number, 0)))
    rows: list[dict[int, int | Step]] = []
    for actions in tables.ACTIONS:
        row: dict[int, int | Step] = {}
        for kind, action in actions.items():
            if action < 0:
                row[kind] = reductions[~action]
                continue
            row[kind] = action
            follow = set(tables.ACTIONS[action].values())
            if len(follow) == 1 and (only := follow.pop()) < 0 and kind != END:
                length, left, build, kept = reductions[~only]
                if length == 1:
                    row[kind] = (-1, left, build, kept)
        rows.append(row)
    return rows


def _append(v: list[Any], _start: int, _end: int) -> list[Any]:
    v[0].append(v[1])
    items: list[Any] = v[0]
    return items


def _append_third(v: list[Any], _start: int, _end: int) -> list[Any]:
    v[0].append(v[2])
    items: list[Any] = v[0]
    return items


_STEPS = _steps(_ONE, _SEVERAL)
_ACCEPT = tables.GOTOS[0][NONTERMINAL["program"]]
_MENDABLE = tuple(
    (NONTERMINAL[name], name)
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
"""What a `Broken` node may stand for, the smallest first."""
_HEADS = {"vars_declaration", "feature_declaration"}
_VALUES = {"expression", "term", "factor"}
_VALUE_STARTERS = {
    TERMINAL[name]
    for name in (
        "ACCOUNT",
        "ASSET",
        "IDENTIFIER",
        "LPAR",
        "LSQB",
        "MINUS",
        "NUMBER",
        "OVERDRAFT",
        "PERCENTAGE",
        "STRING",
        "VARIABLE",
    )
}
Resumptions: TypeAlias = dict[int, tuple[int, int, str]]
"""By kind of token: how deep in the stack a `Broken` node goes, as what, and its name."""
_OPENERS = {TERMINAL["LBRACE"], TERMINAL["LPAR"], TERMINAL["LSQB"]}
_CLOSERS = {TERMINAL["RBRACE"], TERMINAL["RPAR"], TERMINAL["RSQB"]}
_STARTERS = {TERMINAL[name] for name in ("SEND", "SAVE", "VARS", "PRINT", "FAIL", "$END")}


@without_collector
def parse(script: Script, limits: Limits = LIMITS) -> Parsed:
    """The tree of a script and all its syntax errors. Never raises on bad text."""
    diagnostics: list[Diagnostic] = []

    def report(kind: Kind, start: int, end: int) -> None:
        if len(diagnostics) < limits.errors:
            diagnostics.append(Diagnostic(kind, Span(start, end), script, kind.severity))
        else:
            many = errors.TooManyErrors(limit=limits.errors)
            diagnostics.append(Diagnostic(many, Span(start, end), script, many.severity))
            raise _TooManyErrors

    length = len(script.text)
    if length > limits.length:
        report(errors.ScriptTooLong(length=length, limit=limits.length), 0, 0)
        return Parsed(script, EMPTY, Tokens([], [], [], []), tuple(diagnostics))
    tokens = Tokens([], [], [], [])
    program = EMPTY
    try:
        tokens = tokenize(script, report)
        program = Driver(script, tokens, report, limits).run() or EMPTY
    except _TooManyErrors:
        pass
    if diagnostics:
        diagnostics.sort(key=lambda diagnostic: diagnostic.span)
        diagnostics = joined(diagnostics)
    return Parsed(script, program, tokens, tuple(diagnostics))


EMPTY = nodes.Program(0, 0, None, None, ())
"""The tree of a text that has nothing in it, or of which nothing can be made."""


class _TooManyErrors(Exception):  # noqa: N818 - it only ends the reading
    """The rest of the script is not read."""


def joined(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Neighbouring unexpected characters reported as one run."""
    out: list[Diagnostic] = []
    for diagnostic in diagnostics:
        last = out[-1] if out else None
        if (
            last is not None
            and isinstance(diagnostic.kind, errors.UnexpectedCharacter)
            and isinstance(last.kind, errors.UnexpectedCharacter)
            and last.span.end == diagnostic.span.start
        ):
            out[-1] = last._replace(span=Span(last.span.start, diagnostic.span.end))
        else:
            out.append(diagnostic)
    return out


class Driver:
    """One run of the LALR automaton over the tokens of a script."""

    __slots__ = ("limits", "report", "script", "starts", "states", "tokens", "values")

    def __init__(
        self,
        script: Script,
        tokens: Tokens,
        report: Callable[[Kind, int, int], None],
        limits: Limits,
    ) -> None:
        self.script = script
        self.tokens = tokens
        self.report = report
        self.limits = limits
        self.states: list[int] = [0]
        self.values: list[Any] = []
        self.starts: list[int] = []

    def run(self, end: int = 0, stop: int | None = None) -> nodes.Program | None:
        """The tree, broken where the tokens do not fit; `EMPTY` where that cannot be mended.

        end: where the last token before these ends; stop: how many of them are read, if not all:
        the stacks then tell what was made of them.
        """
        at = 0
        quiet = -1
        stop = len(self.tokens.kinds) if stop is None else stop
        while True:
            at, end, program = self._advance(at, end, stop)
            if program is not None or at == stop:
                return program
            if len(self.states) > self.limits.depth:
                start = self.tokens.starts[at]
                deep = errors.NestedTooDeep(limit=self.limits.depth)
                self.report(deep, start, self.tokens.ends[at])
                return EMPTY
            if at > quiet:
                self._report_unexpected(at)
            self._complete(end)
            resumed = self._recover(at, end)
            if resumed < 0 or resumed >= stop:
                return EMPTY
            quiet = max(at, resumed)
            at = resumed
            end = max(end, self.values[-1].end)

    def _advance(self, at: int, end: int, stop: int) -> tuple[int, int, nodes.Program | None]:
        """Run until the end of the text, token `stop`, or the first token that does not fit.

        Returns the number of that token, the end of the one before it and, at the end, the tree.
        """
        states, values, starts = self.states, self.values, self.starts
        text = self.script.text
        steps, gotos = _STEPS, tables.GOTOS
        deepest = self.limits.depth
        kinds, token_starts, token_ends = self.tokens[:3]
        state = states[-1]
        for at in range(at, stop):  # noqa: B020 - `at` goes on from where it was
            kind = kinds[at]
            while True:
                step = steps[state].get(kind)
                if step is None:
                    accepted = values[0] if state == _ACCEPT and kind == END else None
                    return at, end, accepted
                if step.__class__ is int:
                    start = token_starts[at]
                    end = token_ends[at]
                    starts.append(start)
                    values.append(text[start:end])
                    state = step
                    states.append(state)
                    break
                length, left, build, kept = step  # type: ignore[misc]
                if length == 1:
                    if build is not None:
                        values[-1] = build(values[-1], starts[-1], end)
                    state = gotos[states[-2]][left]
                    states[-1] = state
                elif length == -1:
                    start = token_starts[at]
                    end = token_ends[at]
                    value = text[start:end]
                    values.append(value if build is None else build(value, start, end))
                    starts.append(start)
                    state = gotos[state][left]
                    states.append(state)
                    break
                elif length:
                    parts = values[-length:]
                    del values[-length:]
                    del states[-length:]
                    start = starts[-length]
                    del starts[1 - length :]
                    values.append(parts[kept] if build is None else build(parts, start, end))
                    state = gotos[states[-1]][left]
                    states.append(state)
                else:
                    # The empty program is the only empty rule.
                    values.append(EMPTY)
                    starts.append(0)
                    state = gotos[state][left]
                    states.append(state)
            if len(states) > deepest:
                return at, end, None
        return stop, end, None

    def _complete(self, end: int) -> None:
        """Reduce what is read to its end whatever comes, so that it is not given up."""
        while True:
            steps = list(_STEPS[self.states[-1]].values())
            step = steps[0] if steps else None
            if not isinstance(step, tuple) or step[0] < 1 or any(s != step for s in steps):
                return
            length, left, build, kept = step
            parts, start = self.values[-length:], self.starts[-length]
            del self.states[-length:], self.values[-length:], self.starts[-length:]
            value: Any = parts[kept]
            if build is not None:
                value = build(parts if length > 1 else parts[0], start, end)
            self.push(left, value, start)

    def _report_unexpected(self, at: int) -> None:
        # Most texts have no errors, and do without what deals with them.
        from numscript.syntax.expectations import expected as expected_in

        kind, start, end = (column[at] for column in self.tokens[:3])
        expected = expected_in(self.states)
        if kind == END:
            self.report(errors.UnexpectedEnd(expected=expected), start, end)
            return
        found = self.script.text[start:end]
        if len(found) > 40:
            found = found[:37] + "..."
        noun = "the keyword " if found in KEYWORDS else ""
        unexpected = errors.UnexpectedToken(
            expected=expected, found=f"{noun}`{found}`", advice=self._advice(at)
        )
        self.report(unexpected, start, end)

    def _advice(self, at: int) -> str:
        """What may have been meant by the token before one that does not fit, or nothing."""
        kinds, starts, ends, _ = self.tokens
        if not at:
            return ""
        word = self.script.text[starts[at - 1] : ends[at - 1]]
        if kinds[at - 1] == ASSET and kinds[at] == NUMBER:
            number = self.script.text[starts[at] : ends[at]]
            return f"a monetary stands in brackets: `[{word} {number}]`"
        if kinds[at - 1] != IDENTIFIER or len(self.states) < 2 or len(word) > 40:
            return ""
        if NONTERMINAL["statement"] in tables.GOTOS[self.states[-2]]:
            from difflib import get_close_matches

            close = get_close_matches(word, ("send", "save", "vars", "print", "fail"), n=1)
            return f"did you mean `{close[0]}`?" if close else ""
        if NONTERMINAL["atom"] in tables.GOTOS[self.states[-2]]:
            forms = f'an account `@{word}`, a variable `${word}`, a string `"{word}"`'
            return f"a word alone is no value: write {forms}, an asset in capitals"
        return ""

    def _recover(self, at: int, end: int) -> int:
        """Put a `Broken` node in place of what does not fit; returns the token to go on with."""
        now, later = self._resumptions()
        kinds = self.tokens.kinds
        inside = 0
        for number in range(at, len(kinds)):
            kind = kinds[number]
            place = (now if number == at else later).get(kind)
            if place is not None and (inside == 0 or kind in _STARTERS):
                depth, left, name = place
                if kind not in (IDENTIFIER, OVERDRAFT) or self._starts(number, name):
                    self._break_off(depth, left, end, number)
                    return number
            if kind in _OPENERS:
                inside += 1
            elif kind in _CLOSERS and inside:
                inside -= 1
        return -1

    def _starts(self, number: int, name: str) -> bool:
        """Whether a name really starts a declaration or a call, and is no word gone astray."""
        kinds = self.tokens.kinds
        follower = kinds[number + 1]
        return follower == (VARIABLE if name == "var_declaration" else LPAR)

    def _resumptions(self) -> tuple[Resumptions, Resumptions]:
        """For each kind of token that could follow a `Broken` node: where that node would go.

        The first answer is for the token that does not fit, the second for those behind it. A
        value that was read well is not given up for the token that does not fit, nor for one that
        starts another value.
        """
        now: Resumptions = {}
        later: Resumptions = {}
        top = len(self.states) - 1
        for depth in range(top, -1, -1):
            gotos = tables.GOTOS[self.states[depth]]
            for left, name in _MENDABLE:
                target = gotos.get(left)
                if target is None or (name in _HEADS and not self._begins(depth)):
                    continue
                stack = [*self.states[max(0, depth - 24) : depth + 1], target]
                gives_up_value = depth < top and name in _VALUES
                for kind in tables.ACTIONS[target]:
                    if (kind in now and kind in later) or not _accepts(stack, kind):
                        continue
                    if not (gives_up_value and kind in _VALUE_STARTERS):
                        later.setdefault(kind, (depth, left, name))
                    if not gives_up_value:
                        now.setdefault(kind, (depth, left, name))
        return now, later

    def _begins(self, depth: int) -> bool:
        """Whether nothing that was read to its end is given up at a place of the stack."""
        return depth == len(self.values) or isinstance(self.values[depth], str)

    def _break_off(self, depth: int, left: int, end: int, at: int) -> None:
        from numscript.syntax import mending

        start = self.starts[depth] if depth < len(self.starts) else self.tokens.starts[at]
        values: Sequence[Any] = self.values[depth:]
        starts = self.starts[depth:]
        del self.states[depth + 1 :]
        del self.values[depth:]
        del self.starts[depth:]
        call = None
        if left == NONTERMINAL["statement"]:
            values, call = mending.swallowed_call(values)
            if call is not None:
                end = self.tokens.ends[bisect_left(self.tokens.starts, call.start) - 1]
        mend = mending.MENDERS.get(tables.NONTERMINALS[left], mending.broken)
        end = max(start, end)
        mended = mend(values, starts, end) if values else nodes.Broken(start, end, ())
        # Where a declaration was begun a statement could stand too, and is looked for first.
        if isinstance(mended, nodes.FeatureDeclaration):
            left = NONTERMINAL["feature_declaration"]
        elif isinstance(mended, nodes.VarsDeclaration):
            left = NONTERMINAL["vars_declaration"]
        self.push(left, mended, start)
        if call is not None:
            self._complete(end)
            self.push(NONTERMINAL["statement"], call, call.start)

    def push(self, left: int, value: Any, start: int) -> None:
        """Put a value on the stacks, as the reduction to its nonterminal would."""
        self.states.append(tables.GOTOS[self.states[-1]][left])
        self.values.append(value)
        self.starts.append(start)


def _accepts(states: list[int], kind: int) -> bool:
    """Whether the automaton, on this stack, would come to shift a token of the kind."""
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
        stack.append(tables.GOTOS[stack[-1]][left])
        if stack[-1] == _ACCEPT:
            return kind == END


def walk_tokens(parsed: Parsed) -> Iterator[tuple[str, int, int]]:
    """The tokens of a script as (terminal, start, end), the end of the text left out."""
    for kind, start, end in zip(*parsed.tokens[:3], strict=True):
        if kind != END:
            yield tables.TERMINALS[kind], start, end
