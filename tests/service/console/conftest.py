"""The browser and the server of these tests, as fixtures."""

from tests.service.console.browser import books, chromium

__all__ = ["books", "chromium"]
