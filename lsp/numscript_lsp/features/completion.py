"""Completion: what may stand at a place, by the grammar, the types, and the names seen so far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum, unique
from typing import NamedTuple

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import BUILTINS, FEATURES, KEYWORDS, TYPES, Builtin, Type
from numscript.prelude import MID_SCRIPT_FUNCTION_CALL as CALLS_ANYWHERE
from numscript.script import Span
from numscript.syntax import tables
from numscript_lsp.expectation import Expectation, Slot
from numscript_lsp.names import Names
from numscript_lsp.tokens import account_names, declarations

MOST_NAMES = 100
"""How many accounts or assets are offered at once; the list says when it holds not all."""
_ASSET = tables.TERMINALS.index("ASSET")
_WORD = re.compile(
    r"(?:@[\w$:-]*|\$\w*|[A-Z][A-Z0-9]*/?[0-9]*|[a-z][a-z_]*|#!?\[?[a-z]*)\Z", re.ASCII
)
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

    snippet: whether the text has places to fill in, in the protocol's syntax for them.
    """

    label: str
    kind: SuggestionKind
    span: Span
    text: str
    detail: str = ""
    snippet: bool = False
    rank: int = 5


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
    declared = checked.program.features
    given = {flag.string for flag in declared.flags if flag.end < offset} if declared else set()
    return Suggestions(
        tuple(
            Suggestion(name, SuggestionKind.FLAG, span, name, doc)
            for name, doc in FEATURES.items()
            if name not in given
        )
    )


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
            ]
        elif self.slot.form == "type":
            items = list(self.types())
        elif self.slot.form == "variable":
            items = []
        else:
            items = [*self.values(), *self.keywords()]
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

    # --- values ---

    def values(self) -> Iterator[Suggestion]:
        """Variables, calls, accounts, assets and monetaries of a fitting type."""
        if not self.slot.types:
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
                top = builtin.returns is Type.ANY and self.slot.form == "origin"
                if not builtin.statement and (top or self.fits(builtin.returns)):
                    if builtin.name == "meta" and not top:
                        continue
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
        return list(dict.fromkeys((*own, "world", *self.seen.accounts)))

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
                yield Suggestion(f"${name}", SuggestionKind.VARIABLE, span, f"${name}", declared)

    def call(self, builtin: Builtin) -> Suggestion:
        """A call with its arguments to fill in."""
        arguments = ", ".join(
            f"${{{number}:{name}}}" for number, (name, _) in enumerate(builtin.parameters, start=1)
        )
        needed = builtin.feature is not None and builtin.feature not in self.checked.features
        detail = f"needs the flag {builtin.feature}" if needed else builtin.signature
        return Suggestion(
            builtin.name,
            SuggestionKind.FUNCTION,
            self.span,
            f"{builtin.name}({arguments})",
            detail,
            snippet=True,
            rank=4 if needed else 3,
        )

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
            rank = 9 if word in ("print", "fail") else 4
            for label, shape in self.phrases(word):
                snippet = "$" in shape
                kind = SuggestionKind.SNIPPET if snippet else SuggestionKind.KEYWORD
                doc = KEYWORDS.get(word, "")
                yield Suggestion(label, kind, self.span, shape, doc, snippet, rank)

    def phrases(self, word: str) -> tuple[tuple[str, str], ...]:
        """A keyword with what follows it: label and text."""
        amount = f"[${{1:{self.example}}} ${{2:100}}]"
        after = "from" if self.slot.form in ("source", "portion") and self.in_source else "to"
        match word:
            case "allowing":
                return (
                    ("allowing unbounded overdraft", "allowing unbounded overdraft"),
                    ("allowing overdraft up to", f"allowing overdraft up to {amount}"),
                )
            case "with":
                return (("with scaling through", "with scaling through @${1:swap}"),)
            case "source" | "destination":
                return ((word, f"{word} = "),)
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
                return ()
        return ((word, word),)

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
