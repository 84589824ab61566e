"""How the ledger's records are shown: as the API's records, for one caller.

Amounts are whole numbers of any size, or text where the caller asks for it: JavaScript, for one,
reads numbers above 2^53 wrongly.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec import UNSET, UnsetType

from numscript.ledger import Account, Log, Posting, Transaction, Volume, VolumeRow
from numscript.service import records
from numscript.service.records import Amount

Keyed = Mapping[tuple[str, str, str], Volume]
"""Volumes by account, asset and colour."""


@lru_cache(maxsize=256)
def write_instant(instant: datetime) -> str:
    """An instant in UTC as text, without zeros at its end: `2026-01-31T12:00:00Z`."""
    text = instant.replace(tzinfo=None).isoformat()
    if instant.microsecond:
        text = text.rstrip("0")
    return f"{text}Z"


def instant_or_unset(instant: datetime | None) -> str | UnsetType:
    """As `write_instant`; what never was is left out."""
    return UNSET if instant is None else write_instant(instant)


def asset_name(asset: str, color: str) -> str:
    """An asset of a colour as one name."""
    return f"{asset} {color}" if color else asset


class Writer:
    """Shows records. bigints_as_text: whether amounts become text."""

    __slots__ = ("amount", "as_text")

    def __init__(self, *, bigints_as_text: bool = False) -> None:
        self.as_text = bigints_as_text
        self.amount: Any = str if bigints_as_text else _as_it_is

    def volume(self, volume: Volume) -> records.Volume:
        """A volume with its balance."""
        amount = self.amount
        input_, output = volume
        return records.Volume(amount(input_), amount(output), amount(input_ - output))

    def volumes(self, volumes: Keyed) -> records.Volumes:
        """Volumes by account, then by asset."""
        tree: records.Volumes = {}
        as_text, volume = self.as_text, records.Volume
        for (account, asset, color), pair in volumes.items():
            input_, output = pair
            shown = self.volume(pair) if as_text else volume(input_, output, input_ - output)
            name = f"{asset} {color}" if color else asset
            if account in tree:
                tree[account][name] = shown
            else:
                tree[account] = {name: shown}
        return tree

    def volumes_of_one(
        self, volumes: Mapping[tuple[str, str], Volume]
    ) -> dict[str, records.Volume]:
        """The volumes of one account by asset."""
        return {asset_name(*key): self.volume(volume) for key, volume in volumes.items()}

    def postings(self, postings: Iterable[Posting]) -> list[records.Posting]:
        """Postings in their order."""
        posting = records.Posting
        if not self.as_text:
            return [posting(*row) for row in postings]
        return [
            posting(source, destination, str(number), asset, color)
            for source, destination, number, asset, color in postings
        ]

    def transaction(
        self, row: Transaction, *, volumes: bool, effective: Keyed | None = None
    ) -> records.Transaction:
        """A transaction; with its volumes, and those by date of effect, where they are given."""
        shown = records.Transaction(
            row.id,
            self.postings(row.postings),
            dict(row.metadata),
            write_instant(row.timestamp),
            row.reverted_at is not None,
            write_instant(row.inserted_at),
            write_instant(row.updated_at),
            UNSET if row.reference is None else row.reference,
            UNSET if row.reverted_at is None else write_instant(row.reverted_at),
        )
        if volumes:
            shown.post_commit_volumes = self.volumes(row.volumes)
            shown.pre_commit_volumes = self.volumes(before(row.volumes, row.postings))
        if effective is not None:
            shown.post_commit_effective_volumes = self.volumes(effective)
            shown.pre_commit_effective_volumes = self.volumes(before(effective, row.postings))
        return shown

    def account(
        self, row: Account, *, volumes: bool, effective: Mapping[tuple[str, str], Volume] | None
    ) -> records.Account:
        """An account; with its volumes, and those by date of effect, where they are given."""
        return records.Account(
            row.address,
            dict(row.metadata),
            instant_or_unset(row.first_usage),
            instant_or_unset(row.inserted_at),
            instant_or_unset(row.updated_at),
            self.volumes_of_one(row.volumes) if volumes else UNSET,
            UNSET if effective is None else self.volumes_of_one(effective),
        )

    def volume_row(self, row: VolumeRow) -> records.AccountVolume:
        """What an account, or a group of them, received and gave of an asset."""
        amount = self.amount
        return records.AccountVolume(
            row.account, row.asset, amount(row.input), amount(row.output), amount(row.balance),
            row.color,
        )  # fmt: skip

    def balances(self, balances: Mapping[str, int]) -> dict[str, Amount]:
        """Balances by asset."""
        return {asset: self.amount(balance) for asset, balance in balances.items()}

    def log(self, row: Log, reverted: Mapping[int, Transaction]) -> records.Log:
        """A line of the log; `reverted` holds the transactions that lines tell of the revert of."""
        data = self.log_data(row)
        number = data.pop("revertedTransactionID", None)
        if number is not None:
            data["revertedTransaction"] = self.transaction(reverted[number], volumes=False)
        return records.Log(
            row.id,
            row.type,
            write_instant(row.date),
            data,
            log_hash(row),
            UNSET if row.idempotency_key is None else row.idempotency_key,
            UNSET if row.idempotency_hash is None else row.idempotency_hash,
        )

    def log_data(self, row: Log) -> dict[str, Any]:
        """What a line of the log tells; of a transaction also what the line itself says of it."""
        data: dict[str, Any] = json.loads(row.data)
        if "transaction" in data:
            transaction = data["transaction"]
            transaction["reverted"] = False
            transaction["insertedAt"] = transaction["updatedAt"] = write_instant(row.date)
            for posting in transaction["postings"]:
                posting["amount"] = self.amount(posting["amount"])
        return data


def log_hash(row: Log) -> str:
    """The hash of a line of the log, in base64."""
    return b64encode(bytes.fromhex(row.hash)).decode()


def _as_it_is(number: int) -> int:
    return number


def before(volumes: Keyed, postings: Sequence[Posting]) -> dict[tuple[str, str, str], Volume]:
    """The volumes as they were before postings that led to these."""
    earlier = dict(volumes)
    for source, destination, amount, asset, color in postings:
        key = (source, asset, color)
        input_, output = earlier[key]
        earlier[key] = Volume(input_, output - amount)
        key = (destination, asset, color)
        input_, output = earlier[key]
        earlier[key] = Volume(input_ - amount, output)
    return earlier
