"""`Parsed` and an edit to `Parsed`: what the edit does not reach is taken over.

Reading starts anew at the last statement that the edit cannot have changed the beginning of, and
stops at the first one behind the edit where the parser stands as it stood before: from there on
all goes as it went, only at other offsets. The result is what `parse` gives, to the last span;
where the text is too broken to be sure of that, `parse` is what gives it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from numscript import errors
from numscript.collector import without_collector
from numscript.diagnostics import Diagnostic, Kind
from numscript.script import LIMITS, Edit, Limits, Script, Span
from numscript.syntax import nodes, tables
from numscript.syntax.lexer import NONTERMINAL, Tokens, tokenize
from numscript.syntax.parser import EMPTY, Driver, Parsed, joined, parse

_STATEMENTS = NONTERMINAL["_statements"]
_HEADS = (
    (NONTERMINAL["feature_declaration"], "features"),
    (NONTERMINAL["vars_declaration"], "vars"),
)
_FATAL = (
    errors.NestedTooDeep,
    errors.ScriptTooLong,
    errors.TooManyErrors,
    errors.UnterminatedComment,
)
"""What ends the reading, or makes all of the text another one when it comes or goes."""


@without_collector
def reparse(previous: Parsed, edit: Edit, limits: Limits = LIMITS) -> Parsed:
    """What `parse` gives of a script after a change, made of what it gave of the script before.

    Takes time in proportion to the statements that the change touches, and a little for each
    behind it. `limits` are those that the previous text was parsed with.
    """
    script = previous.script.edited([edit])
    if _can_reuse(previous, script, limits):
        window = _Window(previous, edit, script, limits)
        for last in (window.first_behind(), None):
            parsed = window.parse_up_to(last)
            if parsed is not None:
                return parsed
    return parse(script, limits)


def reparse_all(previous: Parsed, edits: Iterable[Edit], limits: Limits = LIMITS) -> Parsed:
    """The same for changes one after the other, each one of what the one before has left."""
    for edit in edits:
        previous = reparse(previous, edit, limits)
    return previous


def _can_reuse(previous: Parsed, script: Script, limits: Limits) -> bool:
    """Whether something of a script's tree is sure to stand in that of the changed one."""
    text = previous.script.text
    return (
        len(script.text) <= limits.length
        and len(previous.program.statements) > 1
        and not any(isinstance(found.kind, _FATAL) for found in previous.diagnostics)
        and not any(_nests(text, comment) for comment in previous.tokens.comments)
    )


def _nests(text: str, comment: Span) -> bool:
    """Whether a comment has others in it, so that its end hangs on all that follows."""
    inside = text.find("/*", comment.start + 2, comment.end)
    return inside >= 0 and text.startswith("/*", comment.start)


class _Window:
    """One change of one script: what is before it, and what is behind."""

    def __init__(self, previous: Parsed, edit: Edit, script: Script, limits: Limits) -> None:
        self.previous = previous
        self.edit = edit
        self.script = script
        self.limits = limits
        self.delta = len(edit.text) - (edit.end - edit.start)
        self.statements = previous.program.statements
        self.error_starts = [found.span.start for found in previous.diagnostics]
        self.kept = self._kept()

    def _is_clean(self, number: int, start: int) -> bool:
        """Whether no error starts from an offset up to the one where the next statement does."""
        at = bisect_left(self.error_starts, start)
        clean = at == len(self.error_starts) or self.error_starts[at] > self._start_of(number + 1)
        return clean and not isinstance(self.statements[number], nodes.Broken)

    def _start_of(self, number: int) -> int:
        """Where a statement starts, or for the number behind the last one, where the text ends."""
        if number < len(self.statements):
            return self.statements[number].start
        return len(self.previous.script.text)

    def _kept(self) -> int:
        """How many statements at the start stay as they are."""
        tokens, statements = self.previous.tokens, self.statements
        first = bisect_left(statements, self.edit.start, key=lambda node: node.start)
        for number in range(min(first, len(statements) - 1), 0, -1):
            # The word it starts with ends the statement before it, so it must be the same too.
            word = bisect_left(tokens.starts, statements[number].start)
            before = statements[number - 1].start
            if tokens.ends[word] < self.edit.start and self._is_clean(number, before):
                return number
        return 0

    def first_behind(self) -> int | None:
        """The first statement behind the change that may be read as it was, if there is one."""
        text = self.previous.script.text
        first = bisect_left(self.statements, self.edit.end + 1, key=lambda node: node.start)
        for number in range(max(first, 1), len(self.statements)):
            start = self.statements[number].start
            # On a line of its own, no string or comment before it can reach into it.
            line = text.rfind("\n", self.edit.end, start)
            if line >= 0 and text[line:start].isspace() and self._is_clean(number, start + 1):
                return number
        return None

    def parse_up_to(self, last: int | None) -> Parsed | None:
        """The changed script read from the kept statements to statement `last`, or to its end.

        None where that cannot be done, as the text between goes on behind it.
        """
        previous, kept = self.previous, self.kept
        old = previous.tokens
        first_token = bisect_left(old.starts, self._start_of(kept)) if kept else 0
        begin = old.starts[first_token] if kept else 0
        end = len(self.script.text) if last is None else self._start_of(last) + self.delta
        stretch = self._tokenize(begin, end)
        if stretch is None:
            return None
        tokens, found = stretch
        last_token = 0 if last is None else bisect_left(old.starts, self._start_of(last))
        if last is not None:
            self._look_ahead(tokens, last_token)

        def report(kind: Kind, start: int, end: int) -> None:
            found.append(Diagnostic(kind, Span(start, end), self.script, kind.severity))

        driver = Driver(self.script, tokens, report, self.limits)
        self._restore(driver)
        read = len(tokens.kinds) - (0 if last is None else 2)
        stop = len(tokens.kinds) if last is None else read + 1
        program = driver.run(old.ends[first_token - 1] if first_token else 0, stop)
        if program is EMPTY:
            return None
        if program is None:
            assert last is not None
            program = self._join(driver, last, tokens.starts[read])
        if program is None:
            return None
        found.sort(key=lambda diagnostic: diagnostic.span)
        diagnostics = self._diagnostics(found, begin, last)
        if _weight(diagnostics) > self.limits.errors:
            return None
        joined_tokens = self._tokens(tokens, first_token, read, last, last_token, begin)
        return Parsed(self.script, program, joined_tokens, diagnostics)

    def _tokenize(self, begin: int, end: int) -> tuple[Tokens, list[Diagnostic]] | None:
        """The tokens of a stretch, without the end of the text unless it is there."""
        found: list[Diagnostic] = []

        def report(kind: Kind, start: int, end: int) -> None:
            span = Span(start + begin, end + begin)
            found.append(Diagnostic(kind, span, self.script, kind.severity))

        text = self.script.text[begin:end]
        kinds, starts, ends, comments = tokenize(Script(text), report)
        if any(isinstance(diagnostic.kind, _FATAL) for diagnostic in found):
            return None
        if any(_nests(text, comment) for comment in comments):
            return None
        count = len(kinds) - (end < len(self.script.text))
        tokens = Tokens(
            kinds[:count],
            [start + begin for start in starts[:count]],
            [end + begin for end in ends[:count]],
            [Span(start + begin, end + begin) for start, end in comments],
        )
        return tokens, found

    def _look_ahead(self, tokens: Tokens, number: int) -> None:
        """Add the tokens behind the stretch that its reading may look at."""
        old, delta = self.previous.tokens, self.delta
        ahead = slice(number, number + 2)
        tokens.kinds.extend(old.kinds[ahead])
        tokens.starts.extend(start + delta for start in old.starts[ahead])
        tokens.ends.extend(end + delta for end in old.ends[ahead])

    def _restore(self, driver: Driver) -> None:
        """Put the parser where it stands behind the kept statements."""
        if not self.kept:
            return
        program = self.previous.program
        values: list[tuple[int, Any, int]] = []
        for left, name in _HEADS:
            head = getattr(program, name)
            if head is not None:
                values.append((left, head, head.start))
        kept = list(self.statements[: self.kept])
        values.append((_STATEMENTS, kept, kept[0].start))
        # What the script starts with may be broken, and is not in the tree then.
        values[0] = (*values[0][:2], program.start)
        for left, value, start in values:
            driver.push(left, value, start)

    def _join(self, driver: Driver, last: int, start: int) -> nodes.Program | None:
        """The tree of what was read and the statements behind it, if these are read as they were.

        They are if the parser has come to the outermost level before statement `last`: on its
        stacks are the declarations, the statements, and the word that comes next.
        """
        *values, _word = driver.values
        if driver.starts[-1] != start:
            return None
        read: list[Any] = []
        if values and isinstance(values[-1], list):
            gotos = tables.GOTOS[driver.states[-3]]
            if gotos.get(_STATEMENTS) != driver.states[-2]:
                return None
            read = values.pop()
        features = variables = None
        for value in values:
            if isinstance(value, nodes.FeatureDeclaration):
                features = value
            elif isinstance(value, nodes.VarsDeclaration):
                variables = value
            else:
                return None
        delta, behind = self.delta, self.statements[last:]
        if delta:
            behind = tuple([node.shifted(delta) for node in behind])
        end = self.previous.program.end + self.delta
        return nodes.Program(driver.starts[0], end, features, variables, (*read, *behind))

    def _diagnostics(
        self, found: list[Diagnostic], begin: int, last: int | None
    ) -> tuple[Diagnostic, ...]:
        """The errors before the stretch, those in it, and those behind it."""
        before, behind = [], []
        limit = None if last is None else self._start_of(last)
        for kind, (start, end), _, severity in self.previous.diagnostics:
            if start < begin and self.kept:
                before.append(Diagnostic(kind, Span(start, end), self.script, severity))
            elif limit is not None and start > limit:
                span = Span(start + self.delta, end + self.delta)
                behind.append(Diagnostic(kind, span, self.script, severity))
        return (*before, *joined(found), *behind)

    def _tokens(
        self, tokens: Tokens, first: int, read: int, last: int | None, number: int, begin: int
    ) -> Tokens:
        """The tokens before the stretch, those in it, and those behind it."""
        old, delta = self.previous.tokens, self.delta
        comments = [comment for comment in old.comments if self.kept and comment.start < begin]
        comments += tokens.comments
        kinds = [*old.kinds[:first], *tokens.kinds[:read]]
        starts = [*old.starts[:first], *tokens.starts[:read]]
        ends = [*old.ends[:first], *tokens.ends[:read]]
        if last is not None:
            limit = self._start_of(last)
            comments += (
                Span(start + delta, end + delta) for start, end in old.comments if start > limit
            )
            kinds += old.kinds[number:]
            starts += [start + delta for start in old.starts[number:]]
            ends += [end + delta for end in old.ends[number:]]
        return Tokens(kinds, starts, ends, comments)


def _weight(diagnostics: Iterable[Diagnostic]) -> int:
    """How many errors were reported, each character of a run being one."""
    return sum(
        found.span.end - found.span.start
        if isinstance(found.kind, errors.UnexpectedCharacter)
        else 1
        for found in diagnostics
    )
