"""The accounts and assets that documents speak of, for completion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from numscript.syntax import tables
from numscript_lsp import json_tree
from numscript_lsp.documents import Document

_ACCOUNT = tables.TERMINALS.index("ACCOUNT")
_ASSET = tables.TERMINALS.index("ASSET")
_ADDRESS_KEYS = {"account", "source", "destination"}


class Names(NamedTuple):
    """Accounts without their `@`, and assets, each in the order in which they were met."""

    accounts: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()

    @classmethod
    def joined(cls, several: Iterable[Names]) -> Names:
        """All of several, each name once."""
        rows = list(several)
        return cls(
            tuple(dict.fromkeys(name for row in rows for name in row.accounts)),
            tuple(dict.fromkeys(name for row in rows for name in row.assets)),
        )


def names_of(document: Document) -> Names:
    """The names in one document."""
    if document.is_script:
        return names_of_script(document)
    return names_of_specs(document.tree) if document.is_specs else Names()


def names_of_script(document: Document) -> Names:
    """The names in the tokens of a script; accounts with variables in them are left out."""
    accounts: dict[str, None] = {}
    assets: dict[str, None] = {}
    text = document.text
    kinds, starts, ends, _ = document.parsed.tokens
    for kind, start, end in zip(kinds, starts, ends, strict=True):
        if kind == _ACCOUNT and "$" not in (name := text[start + 1 : end]):
            accounts[name] = None
        elif kind == _ASSET:
            assets[text[start:end]] = None
    return Names(tuple(accounts), tuple(assets))


def names_of_specs(tree: json_tree.Value | None) -> Names:
    """The names in the rows of a spec file, and the accounts that its metadata is about."""
    accounts: dict[str, None] = {}
    assets: dict[str, None] = {}
    for path, value in json_tree.walk(tree):
        if isinstance(value, json_tree.Object):
            for key, inner in ((m.key.value, m.value) for m in value.members):
                if not isinstance(inner, json_tree.Text):
                    continue
                if key in _ADDRESS_KEYS:
                    accounts[inner.value] = None
                elif key == "asset":
                    assets[inner.value] = None
            if path and path[-1] in ("metadata", "expect.metadata"):
                accounts.update(dict.fromkeys(member.key.value for member in value.members))
    return Names(tuple(accounts), tuple(assets))
