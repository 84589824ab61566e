"""Where ledgers are kept: `open_storage` finds the storage that a URL speaks of."""

from __future__ import annotations

from collections.abc import Callable

from numscript import errors
from numscript.diagnostics import StorageError
from numscript.storage.protocol import (
    AccountRow,
    Changes,
    Found,
    Head,
    HeadMoved,
    Holding,
    Known,
    Log,
    MetadataChange,
    Session,
    Storage,
    Transaction,
    TryAgain,
    Volume,
    Wanted,
)

__all__ = [
    "AccountRow",
    "Changes",
    "Found",
    "Head",
    "HeadMoved",
    "Holding",
    "Known",
    "Log",
    "MetadataChange",
    "Session",
    "Storage",
    "Transaction",
    "TryAgain",
    "Volume",
    "Wanted",
    "open_storage",
]

GROUP = "numscript.storage"
"""The entry point group by which other packages bring storages: a scheme, and what opens a URL."""
SCHEMES = ("memory", "postgres", "postgresql", "sqlite")


def open_storage(url: str, *, read_only: bool = False) -> Storage:
    """Open a storage by its URL.

    `memory:` keeps everything in this process; `sqlite:///books.db` in a file, created if need be
    (four slashes for an absolute path); `postgresql://user:password@host/database` on a server.
    Other schemes come from packages that register an entry point in the group
    `numscript.storage`. read_only: books that are there are read, and neither made, upgraded nor
    written. Raises StorageError: CannotOpen, UnknownScheme, NewerSchema, MissingDriver.
    """
    if not isinstance(url, str):
        raise TypeError(f"{url!r} is no URL of a storage; for a file write sqlite:///{url}")
    scheme = url.partition(":")[0]
    match scheme:
        case "memory":
            from numscript.storage.memory import MemoryStorage

            return MemoryStorage(url, read_only=read_only)
        case "sqlite":
            from numscript.storage.sqlite import SQLiteStorage

            return SQLiteStorage(url, read_only=read_only)
        case "postgres" | "postgresql":
            return _open_postgres(url, read_only)
        case _:
            return _registered(scheme, url)(url)


def _open_postgres(url: str, read_only: bool) -> Storage:
    """Open a storage on a server, if the driver is installed."""
    try:
        from numscript.storage.postgres import PostgresStorage
    except ImportError as problem:
        package = (problem.name or "psycopg").partition(".")[0]
        shown = hide_password(url)
        kind = errors.MissingDriver(url=shown, package=package, extra="postgres")
        raise StorageError.of(kind) from problem
    return PostgresStorage(url, read_only=read_only)


def _registered(scheme: str, url: str) -> Callable[[str], Storage]:
    """What opens the URLs of a scheme that another package brings."""
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP)
    for point in found.select(name=scheme):
        opener: Callable[[str], Storage] = point.load()
        return opener
    known = ", ".join(sorted({*SCHEMES, *found.names}))
    raise StorageError.of(errors.UnknownScheme(url=hide_password(url), known=known))


def hide_password(url: str) -> str:
    """A URL as it may be shown: without its password."""
    start, separator, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    if not at or ":" not in login:
        return url
    return f"{start}{separator}{login.partition(':')[0]}:***@{place}"
