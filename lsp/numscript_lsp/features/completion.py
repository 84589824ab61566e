"""Completion: what may stand at a place, by the grammar, the types, and the names seen so far."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum, unique
from typing import NamedTuple

from numscript.analysis.checked import CheckedProgram
from numscript.errors import UnterminatedComment
from numscript.prelude import (
    ACCOUNT_INTERPOLATION,
    ASSET_SCALING,
    BUILTINS,
    FEATURES,
    KEYWORDS,
    ONEOF,
    TYPES,
    WORLD,
    Builtin,
    Type,
)
from numscript.prelude import MID_SCRIPT_FUNCTION_CALL as CALLS_ANYWHERE
from numscript.script import Span
from numscript.syntax import tables
from numscript_lsp.expectation import Expectation, Slot
from numscript_lsp.features.records import Edit
from numscript_lsp.features.rewriting import enabled
from numscript_lsp.names import Names
from numscript_lsp.tokens import account_names, declarations

MOST_NAMES = 100
"""How many accounts or assets are offered at once; the list says when it holds not all."""
_ASSET = tables.TERMINALS.index("ASSET")
_WORD = re.compile(
    r"(?:@[\w$:-]*|\$\w*|[A-Z][A-Z0-9]*/?[0-9]*|[a-z][a-z_]*|#!?\[?[a-z]*)\Z", re.ASCII
)
_EQUAL = re.compile(r"\s*=")
_AMOUNT = re.compile(r"\s*[\[$]")
_STATEMENTS = {tables.WORDS[word] for word in ("send", "save", "print", "fail", "vars")}
_CLAUSES = {tables.WORDS[word]: word for word in ("source", "destination")}
_NEEDED = {"oneof": ONEOF, "with": ASSET_SCALING, "scaling": ASSET_SCALING}
"""The flags that words need."""
_RANKS = {"send": 0, "print": 9, "fail": 9}
_REST = {"@": re.compile(r"[\w$:-]*", re.ASCII), "": re.compile(r"\w*(?:/\d+)?", re.ASCII)}


@unique
class SuggestionKind(StrEnum):
    """What is offered."""

    KEYWORD = "keyword"
    SNIPPET = "snippet"
    VARIABLE = "variable"
    FUNCTION = "function"
    ACCOUNT = "account"
    ASSET = "asset"
    TYPE = "type"
    FLAG = "flag"


class Suggestion(NamedTuple):
    """A text to insert in place of a span; `rank` orders them, the lowest first.

    snippet: whether the text has places to fill in, in the protocol's syntax for them; edits: what
    changes elsewhere.
    """

    label: str
    kind: SuggestionKind
    span: Span
    text: str
    detail: str = ""
    snippet: bool = False
    rank: int = 5
    edits: tuple[Edit, ...] = ()


class Suggestions(NamedTuple):
    """What is offered; `whole` says whether it is all that there is."""

    items: tuple[Suggestion, ...] = ()
    whole: bool = True


def complete(checked: CheckedProgram, offset: int, names: Names) -> Suggestions:
    """What may stand at an offset, in place of the word around it.

    names: those seen in other documents; the script's own are added.
    """
    parsed = checked.parsed
    text = parsed.script.text
    if any(span.start < offset <= span.end for span in parsed.tokens.comments):
        return Suggestions()
    for diagnostic in parsed.diagnostics:
        if isinstance(diagnostic.kind, UnterminatedComment) and diagnostic.span.start < offset:
            return Suggestions()
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    if _inside_string(line):
        start = offset - len(line) + line.rindex('"')
        return _flags(checked, start, offset)
    found = _WORD.search(line)
    word = found[0] if found else ""
    start = offset - len(word)
    rest = _REST["@" if word.startswith("@") else ""].match(text, offset) if word else None
    span = Span(start, rest.end() if rest else offset)
    return _Completion(checked, Expectation(parsed, start), span, word, names).run()


def _inside_string(line: str) -> bool:
    before = re.sub(r'\\"', "", line.partition("//")[0])
    return before.count('"') % 2 == 1


def _flags(checked: CheckedProgram, start: int, offset: int) -> Suggestions:
    """The feature flags, inside the quotes that start at a place."""
    if Expectation(checked.parsed, start).slot.form != "flag":
        return Suggestions()
    rest = re.compile(r"[\w-]*").match(checked.script.text, offset)
    span = Span(start + 1, rest.end() if rest else offset)
    given = _given(checked, offset)
    return Suggestions(
        tuple(
            Suggestion(name, SuggestionKind.FLAG, span, name, doc)
            for name, doc in FEATURES.items()
            if name not in given
        )
    )


def _given(checked: CheckedProgram, offset: int) -> set[str]:
    """The flags that the script names before a place."""
    declared = checked.program.features
    return {flag.string for flag in declared.flags if flag.end < offset} if declared else set()


class _Completion:
    """One question: where it is asked, and what is known there."""

    def __init__(
        self, checked: CheckedProgram, there: Expectation, span: Span, word: str, names: Names
    ) -> None:
        self.checked = checked
        self.there = there
        self.slot: Slot = there.slot
        self.span = span
        self.word = word
        self.seen = names
        self.whole = True
        self.example = there.asset or next(iter(self.assets()), "USD/2")

    def run(self) -> Suggestions:
        """All that fits, each label once."""
        if self.word.startswith("@") and "$" in self.word:
            return Suggestions(tuple(self.interpolated()))
        if self.slot.form == "flag":
            items = [
                Suggestion(name, SuggestionKind.FLAG, self.span, f'"{name}"', doc)
                for name, doc in FEATURES.items()
                if name not in _given(self.checked, self.span.start)
            ]
        elif self.slot.form == "type":
            items = list(self.types())
        elif self.slot.form == "variable":
            items = []
        else:
            items = [*self.assigned(), *self.keywords()]
            if self.slot.form == "statement":
                items += self.statements()
        if self.word[:1] in ("@", "$"):
            items = [item for item in items if item.label.startswith(self.word[0])]
        first: dict[str, Suggestion] = {}
        for item in items:
            first.setdefault(item.label, item)
        return Suggestions(tuple(sorted(first.values(), key=lambda item: item.rank)), self.whole)

    def fits(self, kind: str) -> bool:
        """Whether a value of a type may stand here."""
        types = self.slot.types
        return kind in types or (Type.ANY in types)

    def needing(self, item: Suggestion, feature: str | None) -> Suggestion:
        """A suggestion that switches the flag on that it needs, and says so."""
        if feature is None or feature in self.checked.features:
            return item
        edit = enabled(self.checked, feature)
        return item._replace(
            detail=f"{item.detail}; switches on {feature}" if item.detail else feature,
            edits=(edit,) if edit is not None else (),
            rank=max(item.rank, 4),
        )

    # --- values ---

    def assigned(self) -> Iterator[Suggestion]:
        """The values; as the origin of a variable, all but a call alone need a flag."""
        alone = self.there.last == "EQUAL"
        for item in self.values():
            free = self.slot.form != "origin" or (alone and item.kind is SuggestionKind.FUNCTION)
            yield item if free else self.needing(item, CALLS_ANYWHERE)

    def values(self) -> Iterator[Suggestion]:
        """Variables, calls, accounts, assets and monetaries of a fitting type."""
        if not self.slot.types or (self.in_list and self.type_before == Type.PORTION):
            return
        for name, declared, end in declarations(self.checked.parsed):
            # A variable can be used only behind its declaration.
            known = end <= self.span.start and f"${name}" != self.there.declares
            if self.fits(declared) and known:
                kind = SuggestionKind.VARIABLE
                yield Suggestion(f"${name}", kind, self.span, f"${name}", declared, rank=0)
        if self.fits(Type.MONETARY):
            yield from self.monetaries()
        if self.fits(Type.ACCOUNT):
            prefix = self.word.removeprefix("@") if self.word.startswith("@") else ""
            yield from self.named(self.accounts(), prefix, SuggestionKind.ACCOUNT)
        if self.fits(Type.ASSET) and Type.ANY not in self.slot.types:
            yield from self.named(self.assets(), self.word, SuggestionKind.ASSET)
        if self.there.in_vars or CALLS_ANYWHERE in self.checked.features:
            for builtin in BUILTINS.values():
                top = self.slot.form == "origin" and self.there.last == "EQUAL"
                fits = top if builtin.returns is Type.ANY else self.fits(builtin.returns)
                if fits and not builtin.statement:
                    yield self.call(builtin)

    def monetaries(self) -> Iterator[Suggestion]:
        """Brackets to fill in."""
        kind = SuggestionKind.SNIPPET
        shape = f"[${{1:{self.example}}} ${{2:100}}]"
        yield Suggestion(
            f"[{self.example} 100]", kind, self.span, shape, "an amount of an asset", True, 1
        )
        if self.there.last in ("SEND", "SAVE"):
            everything = f"[${{1:{self.example}}} *]"
            label = f"[{self.example} *]"
            yield Suggestion(label, kind, self.span, everything, "all of an asset", True, 2)

    def named(self, names: list[str], prefix: str, kind: SuggestionKind) -> Iterator[Suggestion]:
        """Names that start as the word does or, for accounts, hold it; not too many."""
        sign = "@" if kind is SuggestionKind.ACCOUNT else ""
        fitting = [n for n in names if n.startswith(prefix)] or [n for n in names if prefix in n]
        if len(fitting) > MOST_NAMES:
            self.whole = False
        for number, name in enumerate(fitting[:MOST_NAMES]):
            rank = 2 + (number >= 50)
            yield Suggestion(sign + name, kind, self.span, sign + name, kind.value, rank=rank)

    def accounts(self) -> list[str]:
        """`world`, the script's accounts, then those of other documents."""
        own = [
            name
            for name, start, end in account_names(self.checked.parsed)
            if not self.touches(start, end)
        ]
        names = dict.fromkeys((*own, WORLD, *self.seen.accounts))
        if self.slot.form == "source" and self.there.sends_all:
            del names[WORLD]
        return list(names)

    def assets(self) -> list[str]:
        """The asset of the statement, the script's others, then those of other documents."""
        kinds, starts, ends, _ = self.checked.parsed.tokens
        text = self.checked.script.text
        own = [
            text[start:end]
            for kind, start, end in zip(kinds, starts, ends, strict=True)
            if kind == _ASSET and not self.touches(start, end)
        ]
        first = [self.there.asset] if self.there.asset else []
        return list(dict.fromkeys((*first, *own, *self.seen.assets)))

    def touches(self, start: int, end: int) -> bool:
        """Whether a token is the word that is being written."""
        return bool(self.word) and start <= self.span.end and end >= self.span.start

    def interpolated(self) -> Iterator[Suggestion]:
        """Variables inside an account's name."""
        start = self.span.start + self.word.rindex("$")
        for name, declared, _ in declarations(self.checked.parsed):
            if declared in (Type.ACCOUNT, Type.NUMBER, Type.STRING):
                span = Span(start, self.span.end)
                kind = SuggestionKind.VARIABLE
                item = Suggestion(f"${name}", kind, span, f"${name}", declared)
                yield self.needing(item, ACCOUNT_INTERPOLATION)

    def call(self, builtin: Builtin) -> Suggestion:
        """A call with its arguments to fill in."""
        arguments = ", ".join(
            f"${{{number}:{name}}}" for number, (name, _) in enumerate(builtin.parameters, start=1)
        )
        item = Suggestion(
            builtin.name,
            SuggestionKind.FUNCTION,
            self.span,
            f"{builtin.name}({arguments})",
            builtin.signature,
            snippet=True,
            rank=3,
        )
        return self.needing(item, builtin.feature)

    # --- words ---

    def types(self) -> Iterator[Suggestion]:
        """The types of variables."""
        for number, (name, doc) in enumerate(TYPES.items()):
            yield Suggestion(name, SuggestionKind.TYPE, self.span, name, doc, rank=number)

    def keywords(self) -> Iterator[Suggestion]:
        """The words that the grammar would take, with what always follows them."""
        for word in sorted(self.there.words):
            if word == "overdraft" and self.there.last != "ALLOWING":
                continue  # here it is the function
            if not self.sensible(word):
                continue
            rank = _RANKS.get(word, 4)
            for label, shape in self.phrases(word):
                snippet = "$" in shape
                kind = SuggestionKind.SNIPPET if snippet else SuggestionKind.KEYWORD
                doc = KEYWORDS.get(word, "")
                item = Suggestion(label, kind, self.span, shape, doc, snippet, rank)
                yield self.needing(item, _NEEDED.get(word))

    def sensible(self, word: str) -> bool:
        """Whether a word that the grammar would take says something where it stands."""
        there = self.there
        if self.in_list:
            if self.type_before == Type.PORTION:
                return word == "from"
            if self.type_before == Type.ACCOUNT and word == "from":
                return False
        match word:
            case "allowing":
                return there.text_before != f"@{WORLD}"
            case "remaining":
                return not (self.in_source and there.sends_all)
            case "source" | "destination":
                return word not in self.following()
        return True

    @property
    def in_list(self) -> bool:
        """Whether what stands before the place may be a source of a list or a portion."""
        return {"from", "allowing"} <= self.there.words

    @property
    def type_before(self) -> str:
        """The type of the name or the portion right before the place; nothing elsewhere."""
        if self.there.divides:
            return Type.PORTION
        if self.there.last == "ACCOUNT":
            return Type.ACCOUNT
        if self.there.last != "VARIABLE":
            return ""
        rows = {f"${name}": kind for name, kind, _ in declarations(self.checked.parsed)}
        return rows.get(self.there.text_before, "")

    def following(self) -> set[str]:
        """The words of the clauses behind the place, in the same statement."""
        kinds, starts, _, _ = self.checked.parsed.tokens
        found = set()
        for number in range(bisect_right(starts, self.span.end), len(kinds)):
            if kinds[number] in _STATEMENTS:
                break
            if kinds[number] in _CLAUSES:
                found.add(_CLAUSES[kinds[number]])
        return found

    def phrases(self, word: str) -> tuple[tuple[str, str], ...]:
        """A keyword with what follows it: label and text."""
        amount = f"[${{1:{self.example}}} ${{2:100}}]"
        after = "from" if self.slot.form in ("source", "portion") and self.in_source else "to"
        match word:
            case "allowing":
                label = "allowing overdraft up to"
                phrases = (("allowing unbounded overdraft",) * 2, (label, f"{label} {amount}"))
                return phrases[self.there.sends_all :]
            case "unbounded":
                return () if self.there.sends_all else (("unbounded overdraft",) * 2,)
            case "overdraft" if self.there.last == "ALLOWING":
                return (("overdraft up to", f"overdraft up to {amount}"),)
            case "up":
                return (("up to", f"up to {amount}"),)
            case "with" | "scaling":
                label = "with scaling through" if word == "with" else "scaling through"
                return ((label, f"{label} @${{1:swap}}"),)
            case "source" | "destination":
                assigned = _EQUAL.match(self.checked.script.text, self.span.end)
                return ((word, word if assigned else f"{word} = "),)
            case "vars":
                return (("vars", "vars {\n  ${1:monetary} \\$${2:amount}\n}"),)
            case "oneof":
                return (("oneof", "oneof {\n  $0\n}"),)
            case "max":
                return (("max", f"max {amount} {after} $0"),)
            case "remaining" if after == "from":
                return (("remaining", "remaining from $0"),)
            case "remaining":
                return (("remaining to", "remaining to $0"), ("remaining kept", "remaining kept"))
            case "save":
                return (("save", f"save {amount} from @${{3:account}}"),)
            case "send":
                return (("send", "send"),) if self.sends_already else ()
        return ((word, word),)

    @property
    def sends_already(self) -> bool:
        """Whether what is sent stands behind the word already."""
        return bool(_AMOUNT.match(self.checked.script.text, self.span.end))

    @property
    def in_source(self) -> bool:
        """Whether the source is being written, and not the destination."""
        for item in reversed(self.there.stack):
            if item.name in ("SOURCE", "DESTINATION"):
                return item.name == "SOURCE"
        return False

    def statements(self) -> Iterator[Suggestion]:
        """Whole statements, and what stands at the top of a script."""
        for label, detail, shape in SKELETONS:
            if label == "send" and self.sends_already:
                continue
            text = shape.replace("ASSET", f"${{1:{self.example}}}")
            kind = SuggestionKind.SNIPPET
            rank = 1 if label == "send" else 2
            yield Suggestion(label, kind, self.span, text, detail, snippet=True, rank=rank)
        for builtin in BUILTINS.values():
            if builtin.statement:
                yield self.call(builtin)
        if self.there.accepts("__ANON_0"):
            flag = f'#![feature("${{1|{",".join(FEATURES)}|}}")]'
            detail = KEYWORDS["feature"]
            yield Suggestion("#![feature]", SuggestionKind.SNIPPET, self.span, flag, detail, True)


_FIELD = re.compile(r"\$\{(\d+)(?:\|([^,|]*)[^|]*\||:((?:[^}\\]|\\.)*))?\}|\$\d|\\(.)")


def plain(shape: str) -> str:
    """A snippet for an editor that knows none: its places filled with what they propose."""
    given: dict[str, str] = {}

    def fill(found: re.Match[str]) -> str:
        number, choice, default, escaped = found.groups()
        if escaped is not None:
            return str(escaped)
        given.setdefault(number, choice or default or "")
        return given[number]

    return _FIELD.sub(fill, shape)


SKELETONS = (
    (
        "send",
        "from one account to another",
        "send [ASSET ${2:100}] (\n  source = @${3:source}\n  destination = @${4:destination}\n)",
    ),
    (
        "send all",
        "everything that an account has",
        "send [ASSET *] (\n  source = @${2:source}\n  destination = @${3:destination}\n)",
    ),
    (
        "send in order",
        "from several accounts, one after the other",
        (
            "send [ASSET ${2:100}] (\n  source = {\n    @${3:first}\n    @${4:second}\n  }\n"
            "  destination = @${5:destination}\n)"
        ),
    ),
    (
        "send split",
        "to several accounts, by portions",
        (
            "send [ASSET ${2:100}] (\n  source = @${3:source}\n  destination = {\n"
            "    ${4:1/2} to @${5:first}\n    remaining to @${6:second}\n  }\n)"
        ),
    ),
    (
        "send capped",
        "to one account up to an amount, the rest to another",
        (
            "send [ASSET ${2:100}] (\n  source = @${3:source}\n  destination = {\n"
            "    max [${1} ${4:10}] to @${5:first}\n    remaining to @${6:second}\n  }\n)"
        ),
    ),
)
"""Sends to fill in: label, what they do, and their text, where ASSET is the asset."""


def documentation(label: str, kind: str) -> str:
    """What is known of a suggestion, in Markdown, for the one that is looked at."""
    word = label.partition(" ")[0]
    if kind == SuggestionKind.FUNCTION and word in BUILTINS:
        builtin = BUILTINS[word]
        return f"```numscript\n{builtin.signature}\n```\n\n{builtin.doc}"
    if kind == SuggestionKind.TYPE and word in TYPES:
        return f"{word}: {TYPES[word]}"
    if kind == SuggestionKind.FLAG and word in FEATURES:
        return f"Switches on {FEATURES[word]}."
    if kind in (SuggestionKind.KEYWORD, SuggestionKind.SNIPPET) and word in KEYWORDS:
        return f"`{word}` {KEYWORDS[word]}"
    return ""
