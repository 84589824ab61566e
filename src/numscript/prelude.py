"""What the language offers by name: types, builtin functions, feature flags, keywords.

One row each, with its line of documentation. Checker, compiler, completion, hover and the guide
all read these rows, so that none of them can know a name the others do not.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import NamedTuple


@unique
class Type(StrEnum):
    """The six types of a value, and `any` for what has no type of its own."""

    ACCOUNT = "account"
    ASSET = "asset"
    MONETARY = "monetary"
    NUMBER = "number"
    PORTION = "portion"
    STRING = "string"
    ANY = "any"


TYPES: dict[str, str] = {
    Type.ACCOUNT: "an address that holds funds, such as `@users:001`",
    Type.ASSET: "what is counted, with its number of decimals, such as `USD/2`",
    Type.MONETARY: "an amount of an asset in its smallest unit, such as `[USD/2 100]`",
    Type.NUMBER: "a whole number of any size, such as `42`",
    Type.PORTION: "an exact fraction, such as `1/3` or `12.5%`",
    Type.STRING: 'a piece of text, such as `"order 7"`',
}
"""Types that a variable can be declared with, and what each one holds."""

OVERDRAFT_FUNCTION = "experimental-overdraft-function"
GET_ASSET_FUNCTION = "experimental-get-asset-function"
GET_AMOUNT_FUNCTION = "experimental-get-amount-function"
ONEOF = "experimental-oneof"
ACCOUNT_INTERPOLATION = "experimental-account-interpolation"
MID_SCRIPT_FUNCTION_CALL = "experimental-mid-script-function-call"
ASSET_COLORS = "experimental-asset-colors"
ASSET_SCALING = "experimental-asset-scaling"

FEATURES: dict[str, str] = {
    OVERDRAFT_FUNCTION: "the function `overdraft(account, asset)`",
    GET_ASSET_FUNCTION: "the function `get_asset(monetary)`",
    GET_AMOUNT_FUNCTION: "the function `get_amount(monetary)`",
    ONEOF: "`oneof { ... }` as a source or a destination",
    ACCOUNT_INTERPOLATION: "variables inside account names, as in `@users:$id`",
    MID_SCRIPT_FUNCTION_CALL: "function calls outside `vars`, and origins that are not calls",
    ASSET_COLORS: 'coloured balances, as in `@a \\ "RED"`',
    ASSET_SCALING: "`@a with scaling through @swap`",
}
"""Feature flags, and what each one switches on."""


class Builtin(NamedTuple):
    """A builtin function: its parameters (name and type), what it returns, and where it may stand.

    A `statement` builtin stands alone and returns nothing; the others stand in expressions.
    """

    name: str
    parameters: tuple[tuple[str, Type], ...]
    returns: Type
    doc: str
    statement: bool = False
    feature: str | None = None

    @property
    def signature(self) -> str:
        """The builtin as a reader writes it: `balance(account: account, asset: asset)`."""
        inside = ", ".join(f"{name}: {kind}" for name, kind in self.parameters)
        result = "" if self.statement else f" -> {self.returns}"
        return f"{self.name}({inside}){result}"


BUILTINS: dict[str, Builtin] = {
    row.name: row
    for row in (
        Builtin(
            "set_tx_meta",
            (("key", Type.STRING), ("value", Type.ANY)),
            Type.ANY,
            "Set a key of the transaction's metadata; the last value set wins.",
            statement=True,
        ),
        Builtin(
            "set_account_meta",
            (("account", Type.ACCOUNT), ("key", Type.STRING), ("value", Type.ANY)),
            Type.ANY,
            "Set a key of an account's metadata; the last value set wins.",
            statement=True,
        ),
        Builtin(
            "meta",
            (("account", Type.ACCOUNT), ("key", Type.STRING)),
            Type.ANY,
            "The metadata of an account under a key, read as the type of the declared variable.",
        ),
        Builtin(
            "balance",
            (("account", Type.ACCOUNT), ("asset", Type.ASSET)),
            Type.MONETARY,
            "The balance of an account; an error where it is negative.",
        ),
        Builtin(
            "overdraft",
            (("account", Type.ACCOUNT), ("asset", Type.ASSET)),
            Type.MONETARY,
            "How far the balance of an account is below zero; zero where it is not.",
            feature=OVERDRAFT_FUNCTION,
        ),
        Builtin(
            "get_asset",
            (("monetary", Type.MONETARY),),
            Type.ASSET,
            "The asset of a monetary.",
            feature=GET_ASSET_FUNCTION,
        ),
        Builtin(
            "get_amount",
            (("monetary", Type.MONETARY),),
            Type.NUMBER,
            "The amount of a monetary, in the asset's smallest unit.",
            feature=GET_AMOUNT_FUNCTION,
        ),
    )
}

KEYWORDS: dict[str, str] = {
    "vars": "declares the variables of the script",
    "send": "moves funds from a source to a destination",
    "source": "says where the funds of a `send` come from",
    "destination": "says where the funds of a `send` go",
    "max": "caps what a source gives or a destination receives",
    "from": "names where funds are taken or saved",
    "up": "part of `allowing overdraft up to`",
    "to": "names where funds go or, in `allowing overdraft up to`, the limit",
    "remaining": "stands for the rest: of an allotment, or of the funds",
    "allowing": "lets an account go below zero",
    "unbounded": "without a limit, in `allowing unbounded overdraft`",
    "overdraft": "how far an account may go below zero",
    "oneof": "tries several sources or destinations and uses one",
    "kept": "leaves the funds where they came from",
    "save": "keeps funds of an account out of reach of the rest of the script",
    "with": "takes other precisions of an asset too, in `with scaling through`",
    "scaling": "converts between precisions of an asset, in `with scaling through`",
    "through": "names the account that converts between precisions of an asset",
    "feature": "switches on feature flags, in `#![feature(...)]`",
    "print": "adds a value to what the run prints (older dialect)",
    "fail": "stops the script with an error (older dialect)",
}
"""The words that the language keeps for itself, and what each one does."""

WORLD = "world"
"""The account that funds come from and leave to: it has no balance and never runs out."""
