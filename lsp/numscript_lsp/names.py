"""The accounts and assets that documents speak of, for completion and the workspace's symbols."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from numscript.syntax import tables
from numscript_lsp import json_tree, specs_symbols
from numscript_lsp.documents import Document
from numscript_lsp.tokens import Occurrence, SymbolKind, occurrences

_ASSET = tables.TERMINALS.index("ASSET")


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
        kinds, starts, ends, _ = document.parsed.tokens
        text = document.text
        rows = zip(kinds, starts, ends, strict=True)
        assets = (text[start:end] for kind, start, end in rows if kind == _ASSET)
        return _names(occurrences(document.parsed), assets)
    if document.is_specs:
        found = (
            value.value
            for path, value in json_tree.walk(document.tree)
            if path and path[-1] == "asset" and isinstance(value, json_tree.Text)
        )
        return _names(specs_symbols.occurrences(document.tree), found)
    return Names()


def _names(symbols: Iterable[Occurrence], assets: Iterable[str]) -> Names:
    accounts = (row.symbol.name for row in symbols if row.symbol.kind is SymbolKind.ACCOUNT)
    return Names(tuple(dict.fromkeys(accounts)), tuple(dict.fromkeys(assets)))
