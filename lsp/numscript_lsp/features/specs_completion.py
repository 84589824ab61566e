"""Completion in spec files: keys of the format, and the names that the script gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from numscript.analysis.checked import CheckedProgram
from numscript.errors import CATALOGUE
from numscript.inputs import INPUT_KEYS
from numscript.prelude import FEATURES, Type
from numscript.script import Span
from numscript.specs import CASE_KEYS
from numscript.syntax import nodes
from numscript_lsp.features.completion import Suggestion, SuggestionKind, Suggestions
from numscript_lsp.features.specs_place import SpecsPlace, place_at
from numscript_lsp.features.specs_tree import FLAG_ERRORS, ROW_LISTS
from numscript_lsp.json_tree import Object, Value, walk
from numscript_lsp.names import Names
from numscript_lsp.tree import walk as walk_nodes

KEY_DOCS = {
    "balances": "what accounts hold before the run: rows of account, asset, amount, perhaps color",
    "variables": "the values of the script's variables, by name without `$`",
    "metadata": "what `meta()` reads: texts by account and key",
    "featureFlags": "feature flags that are on besides the script's own",
    "testCases": "the cases, each with inputs of its own and what it expects",
    "it": "the name of the case: what the script does in it",
    "focus": "run only the cases that have it; the run as a whole then fails",
    "skip": "leave the case out; the run as a whole then fails",
    "expect.postings": "the postings, in their order",
    "expect.movements": "postings summed by source, destination, asset and color, in any order",
    "expect.endBalances": "all balances after the run",
    "expect.endBalances.include": "some balances after the run",
    "expect.txMetadata": "the transaction's metadata after the run",
    "expect.metadata": "the metadata that the run sets on accounts",
    "expect.error": "the error that stops the script, by its name or code",
    "expect.error.missingFunds": "whether the script stops for missing funds",
    "expect.error.negativeAmount": "whether the script stops at a negative amount",
    "account": "an account, without its `@`",
    "source": "the account that gives, without its `@`",
    "destination": "the account that receives, without its `@`",
    "asset": "an asset such as `USD/2`",
    "amount": "a whole number in the asset's smallest unit",
    "color": "the colour of the funds, in capital letters",
}
"""What each key of the format is for."""

_LISTS = (*ROW_LISTS, "featureFlags", "testCases")
_OBJECTS = ("variables", "metadata", "expect.txMetadata", "expect.metadata")
_FLAGS = ("focus", "skip", *FLAG_ERRORS)
_ADDRESSES = ("account", "source", "destination")
_VALUES = {
    Type.ACCOUNT: '"${1:account}"',
    Type.ASSET: '"${1:USD/2}"',
    Type.MONETARY: '"${1:USD/2 100}"',
    Type.NUMBER: "${1:100}",
    Type.PORTION: '"${1:1/2}"',
    Type.STRING: '"${1:text}"',
}


def complete_specs(
    text: str, tree: Value | None, offset: int, checked: CheckedProgram | None, names: Names
) -> Suggestions:
    """What may stand at a place of a spec file; `names` are those seen in all documents."""
    place = place_at(text, offset)
    if place is None:
        return Suggestions()
    given = _keys_around(text, tree, place.span)
    there = _Specs(place, given, checked, names)
    return Suggestions(tuple(there.keys() if place.in_key else there.values()))


class _Specs:
    """One question about a spec file."""

    def __init__(
        self, place: SpecsPlace, given: set[str], checked: CheckedProgram | None, names: Names
    ) -> None:
        self.place = place
        self.checked = checked
        self.names = names
        self.given = given

    # --- keys ---

    def keys(self) -> Iterator[Suggestion]:
        """Keys that are not there yet."""
        place = self.place
        holder, depth = place.holder, len(place.path)
        if depth == 0:
            yield from self.keys_of((*INPUT_KEYS, "testCases"))
        elif place.path[0] == "testCases" and depth == 2:
            yield from self.keys_of(CASE_KEYS)
        elif holder in ROW_LISTS and place.in_row:
            yield from self.keys_of((*ROW_LISTS[holder], "amount"))
        elif holder == "variables":
            yield from self.variables()
        elif holder in ("metadata", "expect.metadata"):
            for name in self.accounts():
                yield self.key(name, SuggestionKind.ACCOUNT, "", "{ $0 }")
        elif holder == "expect.txMetadata":
            yield from self.metadata_keys("set_tx_meta", 0)
        elif "metadata" in place.path or "expect.metadata" in place.path:
            expected = "expect.metadata" in place.path
            yield from self.metadata_keys("set_account_meta" if expected else "meta", 1)

    def keys_of(self, keys: Iterable[str]) -> Iterator[Suggestion]:
        """Keys of the format, each with the kind of value that it has."""
        for rank, key in enumerate(keys):
            value = '"$0"'
            if key in _LISTS:
                value = "[$0]"
            elif key in _OBJECTS:
                value = "{ $0 }"
            elif key in _FLAGS:
                value = "true"
            elif key == "amount":
                value = "${0:100}"
            yield from self.unless_given(key, SuggestionKind.KEYWORD, KEY_DOCS[key], value, rank)

    def variables(self) -> Iterator[Suggestion]:
        """The variables that the caller gives."""
        if self.checked is None:
            return
        for rank, (name, declaration) in enumerate(self.checked.variables.items()):
            if declaration.origin is None:
                value = _VALUES.get(Type(declaration.type), '"$0"') if self.typed(name) else '"$0"'
                asset = self.checked.assets.get(name)
                if asset is not None:
                    value = value.replace("USD/2", asset)
                kind = SuggestionKind.VARIABLE
                yield from self.unless_given(name, kind, declaration.type, value, rank)

    def typed(self, name: str) -> bool:
        """Whether a variable is declared with a type that exists."""
        return self.checked is not None and self.checked.variables[name].type in _VALUES

    def metadata_keys(self, function: str, place: int) -> Iterator[Suggestion]:
        """The keys that the script reads or sets."""
        if self.checked is None:
            return
        keys: dict[str, None] = {}
        for node in walk_nodes(self.checked.program):
            if isinstance(node, nodes.FnCall) and node.name == function:
                for argument in node.arguments[place : place + 1]:
                    if isinstance(argument, nodes.StringLiteral):
                        keys[argument.string] = None
        for key in keys:
            yield from self.unless_given(key, SuggestionKind.KEYWORD, function, '"$0"', 0)

    def unless_given(
        self, key: str, kind: SuggestionKind, detail: str, value: str, rank: int
    ) -> Iterator[Suggestion]:
        """A key that the object does not have yet."""
        if key not in self.given:
            yield self.key(key, kind, detail, value, rank)

    def key(
        self, key: str, kind: SuggestionKind, detail: str, value: str, rank: int = 0
    ) -> Suggestion:
        """A key: inside its quotes, or with them and its value."""
        place = self.place
        if place.quoted or place.has_value:
            return self.word(key, kind, detail, rank)
        return Suggestion(key, kind, place.span, f'"{key}": {value}', detail, "$" in value, rank)

    # --- values ---

    def values(self) -> Iterator[Suggestion]:
        """Values that fit the key, or the list."""
        place = self.place
        if not place.key:
            yield from self.items(place.holder)
        elif place.holder == "variables":
            yield from self.value_of(place.key)
        elif place.key in _FLAGS:
            for word in ("true", "false"):
                yield Suggestion(word, SuggestionKind.KEYWORD, place.span, word)
        elif place.key == "expect.error":
            yield from self.errors()
        elif place.key in _ADDRESSES:
            yield from self.words(self.accounts(), SuggestionKind.ACCOUNT)
        elif place.key == "asset":
            yield from self.words(self.assets(), SuggestionKind.ASSET)

    def items(self, holder: str) -> Iterator[Suggestion]:
        """What a list may hold."""
        if holder == "featureFlags":
            for name, doc in FEATURES.items():
                yield self.word(name, SuggestionKind.FLAG, doc)
        elif holder == "testCases":
            case = '{\n  "it": "${1:moves the funds}",\n  "expect.postings": [$0]\n}'
            yield self.shape("a case", KEY_DOCS["testCases"], case)
        elif holder in ROW_LISTS:
            example = self.assets()[0]
            fields = []
            for number, name in enumerate(ROW_LISTS[holder][:-1], start=1):
                proposed = example if name == "asset" else name
                fields.append(f'"{name}": "${{{number}:{proposed}}}"')
            row = f'{{ {", ".join(fields)}, "amount": ${{{len(fields) + 1}:100}} }}'
            yield self.shape("a row", KEY_DOCS[holder], row)

    def shape(self, label: str, detail: str, text: str) -> Suggestion:
        """An item to fill in."""
        return Suggestion(label, SuggestionKind.SNIPPET, self.place.span, text, detail, True)

    def value_of(self, name: str) -> Iterator[Suggestion]:
        """Values for a variable of the script."""
        found = self.checked.variables.get(name) if self.checked is not None else None
        if found is None:
            return
        if found.type == Type.ACCOUNT:
            yield from self.words(self.accounts(), SuggestionKind.ACCOUNT)
        elif found.type == Type.ASSET:
            yield from self.words(self.assets(), SuggestionKind.ASSET)
        elif found.type == Type.MONETARY:
            forced = self.checked.assets.get(name) if self.checked is not None else None
            assets = [forced] if forced else self.assets()
            yield from self.words((f"{asset} 100" for asset in assets), SuggestionKind.ASSET)

    def errors(self) -> Iterator[Suggestion]:
        """The errors that a run can stop with."""
        for kind in CATALOGUE.values():
            if kind.severity == 1 and kind.code < "NUM5":
                detail = f"{kind.code}: {kind.title}"
                yield self.word(kind.__name__, SuggestionKind.TYPE, detail)

    def accounts(self) -> list[str]:
        """The accounts seen anywhere."""
        return list(dict.fromkeys(("world", *self.names.accounts)))

    def assets(self) -> list[str]:
        """The assets seen anywhere."""
        return list(self.names.assets) or ["USD/2"]

    def words(self, names: Iterable[str], kind: SuggestionKind) -> Iterator[Suggestion]:
        """Names as texts."""
        for rank, name in enumerate(names):
            yield self.word(name, kind, kind.value, rank)

    def word(self, name: str, kind: SuggestionKind, detail: str, rank: int = 0) -> Suggestion:
        """A name as a text, inside its quotes or with them."""
        text = name if self.place.quoted else f'"{name}"'
        return Suggestion(name, kind, self.place.span, text, detail, rank=rank)


def _keys_around(text: str, tree: Value | None, span: Span) -> set[str]:
    """The keys of the innermost object around a place, but for the one that is written there."""
    inner: Object | None = None
    for _, value in walk(tree):
        # One that is not closed yet goes on to where the writer is.
        end = value.span.end if text[value.span.end - 1] == "}" else len(text) + 1
        if isinstance(value, Object) and value.span.start < span.start < end:
            inner = value
    if inner is None:
        return set()
    return {
        key.value for key, _ in inner.members if not key.span.start <= span.start <= key.span.end
    }
