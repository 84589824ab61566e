"""The storages, as fixtures."""

from tests.storage.backends import backend, ledger, name, postgres, postgres_url, storage

__all__ = ["backend", "ledger", "name", "postgres", "postgres_url", "storage"]
