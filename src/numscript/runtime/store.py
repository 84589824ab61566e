"""What a script may read: the `Store` protocol, and `StaticStore`, which is told everything.

A store answers two batch questions and nothing else. Balances are in the asset's smallest unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from numscript.diagnostics import Failure
from numscript.values import is_account, is_asset, is_color, read_number

BalanceKey: TypeAlias = tuple[str, str, str]
"""Account, asset, colour. Without a colour it is the empty text.

In a query an asset that ends in `/*`, such as `USD/*`, asks for all precisions: `USD`, `USD/2`...
"""

MetadataQuery: TypeAlias = Mapping[str, Sequence[str]]
"""The keys that are asked of each account."""


class Store(Protocol):
    """What a script may read. Any object with these two methods will do.

    An answer may hold more than was asked for; it is read at once and never changed. Whatever they
    raise reaches the caller of the run as one ExecutionError (NUM422, NUM423).
    """

    def get_balances(self, query: Sequence[BalanceKey]) -> Mapping[BalanceKey, int]:
        """The balances asked for; one that is left out counts as zero.

        For a key with `/*` all uncoloured balances of the account in that asset are given, each
        under its own key.
        """
        ...

    def get_metadata(self, query: MetadataQuery) -> Mapping[str, Mapping[str, str]]:
        """The metadata asked for, by account and key; what does not exist is left out."""
        ...


class StaticStore:
    """A store whose balances and metadata are given when it is made.

    Balances are rows such as `{"account": "a", "asset": "USD/2", "amount": 100, "color": ""}`
    (the color may be left out); metadata is text by account and key. Raises ValueError where a
    row is malformed or two rows have the same account, asset and color.
    """

    def __init__(
        self,
        balances: Iterable[Mapping[str, object]] = (),
        metadata: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.balances: dict[BalanceKey, int] = {}
        for row in balances:
            key, amount = read_balance_row(row)
            if key in self.balances:
                raise ValueError(f"two balances are given for {describe_key(key)}")
            self.balances[key] = amount
        self.metadata: dict[str, dict[str, str]] = {
            account: dict(items) for account, items in (metadata or {}).items()
        }

    def __repr__(self) -> str:
        return f"StaticStore({len(self.balances)} balances, {len(self.metadata)} accounts)"

    def get_balances(
        self,
        query: Sequence[BalanceKey],  # noqa: ARG002 - it gives all
    ) -> Mapping[BalanceKey, int]:
        """All balances, those asked for among them."""
        return self.balances

    def get_metadata(
        self,
        query: MetadataQuery,  # noqa: ARG002 - it gives all
    ) -> Mapping[str, Mapping[str, str]]:
        """All metadata, what is asked for among it."""
        return self.metadata


def is_scale(asset: str, base: str) -> bool:
    """Whether an asset is a precision of another: `USD/4` and `USD` are of `USD`."""
    return asset == base or asset.startswith(f"{base}/")


def describe_key(key: BalanceKey) -> str:
    """A balance's key in words."""
    account, asset, color = key
    return f"@{account} in {asset}" + (f" of color {color}" if color else "")


def read_balance_row(row: Mapping[str, object]) -> tuple[BalanceKey, int]:
    """A row of a list of balances: its key and amount. Raises ValueError with what is wrong."""
    if not isinstance(row, Mapping):
        raise ValueError(f"a balance must be an object, not {row!r}")
    unknown = [str(name) for name in row if name not in ("account", "asset", "amount", "color")]
    if unknown:
        raise ValueError(f"a balance has no field `{unknown[0]}`")
    texts = []
    for name in ("account", "asset", "color"):
        value = row.get(name, "" if name == "color" else None)
        if not isinstance(value, str):
            raise ValueError(f"a balance needs its `{name}` as text, got {value!r}")
        texts.append(str(value))
    if "amount" not in row:
        raise ValueError(f"the balance of @{texts[0]} has no `amount`")
    account, asset, color = texts
    for value, valid, wanted in (
        (account, is_account, "the address of an account, without the `@`"),
        (asset, is_asset, "an asset such as `USD/2`"),
        (color, is_color, "a color, of capital letters only"),
    ):
        if valid(value) is None:
            raise ValueError(f"a balance is given for `{value}`, which is not {wanted}")
    key = (account, asset, color)
    try:
        return key, read_number(whole(row["amount"]))
    except Failure as failure:
        where = describe_key(key)
        raise ValueError(f"the balance of {where}: {failure.kind.message}") from None


def whole(amount: object) -> object:
    """An amount with a float that is a whole number, such as JSON's `1e3`, made an int."""
    if isinstance(amount, float) and amount.is_integer() and abs(amount) < 2**53:
        return int(amount)
    return amount
