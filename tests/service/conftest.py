"""The storages and servers of these tests, as fixtures."""

from tests.service.servers import api, memory, postgres_server, server, sqlite_server
from tests.storage.backends import name, postgres_url

__all__ = ["api", "memory", "name", "postgres_server", "postgres_url", "server", "sqlite_server"]
