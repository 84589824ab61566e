"""A real browser on a real server: Chromium through Playwright, and axe for accessibility.

Where one of them is missing tests are skipped with the reason; in CI they fail.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from numscript.service.settings import Settings
from tests.editors.tools import EDITORS, absent
from tests.service.servers import Api, running

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"wide": (1200, 800), "narrow": (400, 800)}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright is not installed: it is among what `pip install -e '.[test]'` installs")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        absent("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def books() -> Iterator[Api]:
    """A server with two ledgers, of which `main` has transactions."""
    with running(Settings("memory:")) as url:
        api = Api(url)
        for name in ("main", "empty"):
            api.call("POST", f"/v2/{name}", {})
        for number in range(1, 24):
            api.post(f"world users:{number:03} {number * 1000 + 7} USD/2")
        api.post("users:010 shops:books 4500 USD/2", "users:010 platform:fees 500 USD/2",
                 f"world users:010 {10**29 + 1} ETH/18", reference="order-7")  # fmt: skip
        api.call("POST", "/v2/{l}/transactions/3/revert", {})
        api.call("POST", "/v2/{l}/accounts/users:010/metadata", {"name": "Ana", "tier": "gold"})
        yield api
        api.close()


@contextmanager
def opened(
    chromium: Any, url: str, place: str = "#/", theme: str = "light", size: str = "wide"
) -> Iterator[Any]:
    """A page of the console; afterwards nothing may have gone wrong in it."""
    width, height = SIZES[size]
    context = chromium.new_context(
        color_scheme=theme, viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"{error}\n{error.stack}"))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    try:
        page.goto(f"{url}/console/{place}")
        page.wait_for_selector("main h1")
        yield page
    finally:
        context.close()
    # A refusal that the page shows is also told by the browser.
    told = [each for each in problems if "the server responded with a status" not in each]
    assert told == [], "\n".join(told)


@cache
def axe() -> str:
    """The program that looks for what keeps people out."""
    path: Path = EDITORS / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        absent("axe-core is not installed: `npm ci` in lsp/editors")
    return path.read_text("utf-8")


def check_access(page: Any) -> None:
    """Hold a page to what axe knows."""
    page.evaluate(axe())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    told = [
        f"{row['id']}: {row['help']}: {[node['html'][:160] for node in row['nodes'][:4]]}"
        for row in found["violations"]
    ]
    assert told == [], "\n".join(told)


def check_width(page: Any) -> None:
    """Nothing of a page may stand beside it."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
