"""What a run is given, read from JSON: `Inputs`, and the strict reader that they come through.

    inputs = load_inputs(text)
    program.run(inputs.variables, inputs.store)

JSON is read exactly: amounts are whole numbers of any size whatever way they are written (`1e3`),
a fraction is refused, and so is a key that stands twice. Nothing here opens files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from numscript.runtime.store import BalanceKey, StaticStore, describe_key
from numscript.values import MAX_DIGITS


class InputError(ValueError):
    """Inputs or a spec file that cannot be used: what is wrong, and where in the text or tree."""

    def __init__(self, message: str, *, path: str = "", line: int = 0, column: int = 0) -> None:
        self.message = message
        self.path = path
        self.line = line
        self.column = column
        super().__init__(f"{path}: {message}" if path else message)

    def located(self, name: str) -> str:
        """The error in one sentence, with the name of the file that it is about."""
        place = f"{name}:{self.line}:{self.column}" if self.line else name
        return f"{place}: {self}"


# --- JSON, read exactly -----------------------------------------------------------------------


def read_json(text: str) -> object:
    """JSON as data, strictly: numbers whole and exact, no key twice. Raises InputError."""
    if not text.strip():
        raise InputError("it is empty; it should hold a JSON object, at least `{}`")
    try:
        tree: object = json.loads(
            text,
            parse_int=_whole_number,
            parse_float=_exact_number,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as problem:
        message = _JSON_MESSAGES.get(problem.msg, problem.msg[:1].lower() + problem.msg[1:])
        raise InputError(
            f"this is not valid JSON: {message}", line=problem.lineno, column=problem.colno
        ) from None
    except RecursionError:
        raise InputError("its lists and objects are nested too deeply to be read") from None
    return tree


_JSON_MESSAGES = {
    "Expecting value": "a value is expected here",
    "Expecting property name enclosed in double quotes": "a key in double quotes is expected here",
    "Expecting ':' delimiter": "a `:` is expected here",
    "Expecting ',' delimiter": "a `,` or the end of the list or object is expected here",
    "Extra data": "nothing may follow the first value",
    "Unterminated string starting at": "this string is not closed",
    "Invalid control character at": "a string may not hold a line break or a control character",
    "Illegal trailing comma before end of object": "there is a `,` too many at the end here",
    "Illegal trailing comma before end of array": "there is a `,` too many at the end here",
}


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise InputError(f"a number of {len(text)} digits is too long: the limit is {MAX_DIGITS}")
    return int(text)


def _exact_number(text: str) -> int:
    """A number written with a point or an exponent, decided from its text: `1e3` is 1000."""
    mantissa, _, power = text.lower().partition("e")
    whole, _, decimals = mantissa.partition(".")
    if not (whole + decimals).strip("-0"):
        return 0
    # An exponent that long decides by its sign alone.
    exponent = int(power or "0") if len(power) < 9 else (-1 if "-" in power else 1) * 10**9
    shift = exponent - len(decimals)
    digits = whole + decimals
    if shift >= 0:
        if len(digits) + shift > MAX_DIGITS:
            raise InputError(f"`{_cut(text)}` has too many digits: the limit is {MAX_DIGITS}")
        whole_power: int = 10**shift
        return _whole_number(digits) * whole_power
    if -shift < len(digits) and not digits[shift:].strip("0"):
        return _whole_number(digits[:shift])
    raise InputError(
        f"`{_cut(text)}` is not a whole number: amounts are counted in the asset's smallest unit, "
        'and portions are text such as "1/2"'
    )


def _no_constant(text: str) -> NoReturn:
    raise InputError(f"`{text}` is not a whole number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                inside = ", ".join(f"{name}: {shown(value)}" for name, value in pairs)
                raise InputError(f"the key `{key}` stands twice in one object: {_cut(inside)}")
            seen.add(key)
    return tree


def shown(value: object) -> str:
    """A value of JSON as a message names it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return _cut(str(value))
        case str():
            return _cut(json.dumps(value, ensure_ascii=False))
        case list():
            return "a list"
        case _:
            return "an object"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


# --- inputs -----------------------------------------------------------------------------------


class Inputs(NamedTuple):
    """What a run is given: balances, variables, metadata by account and key, feature flags."""

    balances: dict[BalanceKey, int] = {}  # noqa: RUF012 - never changed in place
    variables: dict[str, object] = {}  # noqa: RUF012
    metadata: dict[str, dict[str, str]] = {}  # noqa: RUF012
    features: tuple[str, ...] = ()

    def merged(self, inner: Inputs) -> Inputs:
        """These inputs, those of `inner` replacing them key by key; the flags of both."""
        metadata = {account: dict(items) for account, items in self.metadata.items()}
        for account, items in inner.metadata.items():
            metadata.setdefault(account, {}).update(items)
        return Inputs(
            {**self.balances, **inner.balances},
            {**self.variables, **inner.variables},
            metadata,
            tuple(dict.fromkeys((*self.features, *inner.features))),
        )

    @property
    def store(self) -> StaticStore:
        """A store with the balances and metadata."""
        store = StaticStore((), self.metadata)
        store.balances = dict(self.balances)
        return store

    def to_dict(self) -> dict[str, object]:
        """The inputs as a file has them, without what is empty."""
        tree: dict[str, object] = {
            "balances": balance_rows(self.balances),
            "variables": {name: _plain(value) for name, value in self.variables.items()},
            "metadata": self.metadata,
            "featureFlags": list(self.features),
        }
        return {key: value for key, value in tree.items() if value}


INPUT_KEYS = ("balances", "variables", "metadata", "featureFlags")


def load_inputs(text: str) -> Inputs:
    """The combined inputs of a run, from the text of their file. Raises InputError."""
    tree = as_object(read_json(text), "", "the inputs")
    check_keys(tree, ("$schema", *INPUT_KEYS), "")
    return inputs_of(tree, "")


def read_balances(rows: object, path: str = "") -> dict[BalanceKey, int]:
    """A list of rows of account, asset, amount and perhaps color. Raises InputError."""
    if not isinstance(rows, list):
        example = '{"account": "alice", "asset": "USD/2", "amount": 100}'
        raise InputError(
            f"balances must be a list of rows such as {example}, not {shown(rows)}", path=path
        )
    balances: dict[BalanceKey, int] = {}
    for number, row in enumerate(rows):
        place = f"{path}[{number}]"
        key, amount = read_row(row, ("account", "asset", "color"), place)
        if key in balances:
            raise InputError(f"two rows are given for {describe_key(_three(key))}", path=place)
        balances[_three(key)] = amount
    return balances


def read_variables(tree: object, path: str = "") -> dict[str, object]:
    """Values by the name of their variable. Raises InputError."""
    mapping = as_object(tree, path, "variables")
    for name, value in mapping.items():
        given = isinstance(value, (str, int)) and not isinstance(value, bool)
        if not given and not isinstance(value, dict):
            raise InputError(
                f"the value of `{name}` must be text, a whole number, or an object with `asset` "
                f"and `amount`, not {shown(value)}",
                path=path,
            )
    return dict(mapping)


def read_metadata(tree: object, path: str = "") -> dict[str, dict[str, str]]:
    """Text by account and key. Raises InputError."""
    metadata: dict[str, dict[str, str]] = {}
    for account, items in as_object(tree, path, "metadata").items():
        place = f"{path}.{account}" if path else account
        metadata[account] = read_texts(items, place, f"the metadata of @{account}")
    return metadata


def inputs_of(tree: Mapping[str, object], path: str) -> Inputs:
    """The inputs among the keys of an object; null is as good as left out. Raises InputError."""

    def at(key: str) -> str:
        return f"{path}.{key}" if path else key

    features = tree.get("featureFlags")
    if features is None:
        features = []
    if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
        raise InputError("feature flags must be a list of names", path=at("featureFlags"))
    balances, variables, metadata = (tree.get(key) for key in INPUT_KEYS[:3])
    return Inputs(
        {} if balances is None else read_balances(balances, at("balances")),
        {} if variables is None else read_variables(variables, at("variables")),
        {} if metadata is None else read_metadata(metadata, at("metadata")),
        tuple(features),
    )


def as_object(tree: object, path: str, what: str) -> dict[str, Any]:
    """The tree, which must be an object. Raises InputError."""
    if not isinstance(tree, dict):
        raise InputError(f"{what} must be a JSON object, not {shown(tree)}", path=path)
    return tree


def read_texts(tree: object, path: str, what: str) -> dict[str, str]:
    """Text by key. Raises InputError."""
    items = as_object(tree, path, what)
    for key, text in items.items():
        if not isinstance(text, str):
            raise InputError(f"the value of `{key}` must be text, not {shown(text)}", path=path)
    return dict(items)


def read_row(row: object, names: Sequence[str], path: str) -> tuple[tuple[str, ...], int]:
    """The key of a row, and its amount; its color may be left out."""
    tree = as_object(row, path, "a row")
    check_keys(tree, (*names, "amount"), path)
    texts = []
    for name in names:
        value = tree.get(name)
        if name == "color" and value is None:
            value = ""
        if not isinstance(value, str):
            problem = f"must be text, not {shown(value)}" if name in tree else "is missing"
            raise InputError(f"`{name}` {problem}", path=path)
        texts.append(value)
    if "amount" not in tree:
        raise InputError("`amount` is missing", path=path)
    amount = tree["amount"]
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise InputError(f"`amount` must be a whole number, not {shown(amount)}", path=path)
    return tuple(texts), amount


def _three(key: tuple[str, ...]) -> BalanceKey:
    account, asset, color = key
    return account, asset, color


def check_keys(tree: Mapping[str, object], known: Sequence[str], path: str) -> None:
    """Refuse keys that are not known. Raises InputError."""
    for key in tree:
        if key not in known:
            raise InputError(f"there is no key `{key}`{spelling(key, known)}", path=path)


def spelling(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a word that is not known: what may have been meant."""
    from difflib import get_close_matches

    names = [name for name in known if not name.startswith("$")]
    close = get_close_matches(word, names, n=1)
    if close:
        return f"; is `{close[0]}` meant?"
    return "; the keys are " + ", ".join(f"`{name}`" for name in names)


def balance_rows(balances: Mapping[BalanceKey, int]) -> list[dict[str, object]]:
    """Balances as the rows of a file."""
    rows: list[dict[str, object]] = []
    for (account, asset, color), amount in balances.items():
        row: dict[str, object] = {"account": account, "asset": asset, "amount": amount}
        rows.append({**row, "color": color} if color else row)
    return rows


def _plain(value: object) -> object:
    """The value of a variable as a spec file has it."""
    return value if isinstance(value, (str, int, dict)) else str(value)
