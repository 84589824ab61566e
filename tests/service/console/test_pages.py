"""The console's pages in a browser."""

from __future__ import annotations

import re
from typing import Any

import pytest

from numscript.service.access import new_token
from numscript.service.settings import Settings
from tests.service.console.browser import check_access, check_width, opened
from tests.service.servers import Api, running

PAGES = {
    "ledgers": "#/",
    "accounts": "#/l/main/accounts",
    "account": "#/l/main/accounts/users:010",
    "transactions": "#/l/main/transactions",
    "transaction": "#/l/main/transactions/24",
    "logs": "#/l/main/logs",
    "an empty ledger": "#/l/empty/accounts",
    "no such ledger": "#/l/nowhere/accounts",
}


LINES = """(amount) => Array.from(amount.childNodes).filter(
  (node) => /^\\d+$/.test(node.data)
).map((node) => {
  const range = new Range();
  range.selectNode(node);
  return range.getClientRects().length;
})"""
"""On how many lines each group of an amount's digits stands."""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_every_page_is_accessible_and_fits(
    chromium: Any, books: Api, theme: str, size: str
) -> None:
    with opened(chromium, books.url, theme=theme, size=size) as page:
        for place in PAGES.values():
            page.goto(f"{books.url}/console/{place}")
            page.wait_for_selector("main:not([aria-busy]) h1")
            if "logs" in place:
                page.wait_for_selector("#chain.good")
            assert not re.search(r"\b(null|undefined|NaN|object Object)\b", page.inner_text("main"))
            check_access(page)
            check_width(page)


def test_a_ledger_is_created_and_looked_at(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url) as page:
        page.get_by_label("Name").fill("new-books")
        page.get_by_role("button", name="Create").click()
        page.get_by_role("heading", name="Accounts of new-books").wait_for()
        assert "Nobody has an account yet" in page.inner_text("main")
    assert books.call("GET", "/v2/new-books")["data"]["name"] == "new-books"


def test_accounts_are_filtered_and_come_in_pages(chromium: Any, books: Api) -> None:
    from playwright.sync_api import expect

    with opened(chromium, books.url, "#/l/main/accounts") as page:
        assert page.locator("tbody tr").count() == 20
        page.get_by_role("link", name="Next").click()
        page.get_by_role("link", name="Before").wait_for()
        assert page.locator("tbody tr").count() < 20
        page.keyboard.press("b")
        expect(page.locator("tbody tr")).to_have_count(20)
        page.keyboard.press("/")
        page.keyboard.type("shops:")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(1)
        assert page.inner_text("tbody th") == "shops:books"
        assert page.inner_text("tbody td.number") == "45.00 USD"


def test_amounts_are_shown_exactly_at_any_size(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/l/main/accounts/users:010") as page:
        shown = page.locator(f"[title='ETH/18 {10**29 + 1}']").first
        assert shown.inner_text().replace("\u202f", "") == "100000000000.000000000000000001 ETH"


def test_a_transaction_shows_who_paid_whom_and_is_reverted(chromium: Any, books: Api) -> None:
    made = books.post("world users:900 100 USD/2")
    number = made["id"]
    with opened(chromium, books.url, f"#/l/main/transactions/{number}") as page:
        spoken = page.locator("svg[role=img]").get_attribute("aria-label")
        assert spoken == "world pays users:900 1.00 USD"
        page.get_by_role("button", name="Revert").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert not books.call("GET", f"/v2/main/transactions/{number}")["data"]["reverted"]
        page.get_by_role("button", name="Revert").click()
        page.get_by_role("dialog").get_by_role("button", name="Revert").click()
        page.get_by_role("heading", name=f"Transaction {number + 1} of main").wait_for()
    assert books.call("GET", f"/v2/main/transactions/{number}")["data"]["reverted"]


def test_a_revert_that_the_ledger_refuses_says_why(chromium: Any, books: Api) -> None:
    made = books.post("world users:901 100 USD/2")
    books.post("users:901 shops:books 100 USD/2")
    with opened(chromium, books.url, f"#/l/main/transactions/{made['id']}") as page:
        page.get_by_role("button", name="Revert").click()
        page.get_by_role("dialog").get_by_role("button", name="Revert").click()
        page.locator("p.error:visible").wait_for()
        said = page.inner_text("p.error:visible")
        assert "users:901" in said
        assert "fund the account first" in said
        assert "force" not in said


def test_metadata_are_set_and_deleted(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/l/main/accounts/users:007") as page:
        page.get_by_role("textbox", name="Key").fill("<b>tier")
        page.get_by_role("textbox", name="Text").fill("gold & silver")
        page.get_by_role("button", name="Set").click()
        page.get_by_role("cell", name="gold & silver").wait_for()
        page.get_by_role("button", name="Delete <b>tier").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.get_by_role("cell", name="gold & silver").wait_for(state="detached")


def test_the_chain_of_hashes_is_checked_in_the_browser(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/l/main/logs") as page:
        page.wait_for_selector("#chain.good")
        assert "The chain is whole" in page.inner_text("#chain")

        def falsify(route: Any) -> None:
            answer = route.fetch()
            lines = answer.text().splitlines()
            lines[9] = lines[9].replace('"amount":10007', '"amount":99007')
            route.fulfill(response=answer, body="\n".join(lines) + "\n")

        page.route("**/logs/export", falsify)
        page.get_by_role("button", name="Check the chain again").click()
        page.wait_for_selector("#chain.bad")
        assert "broken at line 10" in page.inner_text("#chain")


def test_keys_lead_everywhere(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/l/main/accounts") as page:
        page.keyboard.press("?")
        assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
        check_access(page)
        page.keyboard.press("Escape")
        for key, heading in (("t", "Transactions of main"), ("o", "Log of main"),
                             ("l", "Ledgers"), ("a", "Accounts of main"),
                             ("p", "Playground")):  # fmt: skip
            page.keyboard.press("g")
            page.keyboard.press(key)
            page.get_by_role("heading", name=heading, exact=True).wait_for()


def test_the_theme_is_chosen_and_kept(chromium: Any, books: Api) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with opened(chromium, books.url, theme="light") as page:
        light = page.evaluate(background)
        page.keyboard.press("t")
        dark = page.evaluate(background)
        assert dark != light
        page.reload()
        page.wait_for_selector("main h1")
        assert page.evaluate(background) == dark


def test_a_token_is_asked_for_and_kept_in_the_tab_only(chromium: Any, tmp_path: Any) -> None:
    token, lines = new_token("console")
    file = tmp_path / "tokens.toml"
    file.write_text(lines, "utf-8")
    with (
        running(Settings("memory:", tokens=str(file))) as url,
        opened(chromium, url, "#/playground") as page,
    ):
        check_access(page)
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Enter").click()
        page.locator("p.error:visible").wait_for()
        assert "not known" in page.inner_text("p.error:visible")
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Playground").wait_for()
        page.get_by_text("language server: connected").wait_for()
        kept = page.evaluate("[{...localStorage}, document.cookie, {...sessionStorage}]")
        assert token not in str(kept[:2])
        assert token in str(kept[2])
        page.get_by_role("button", name="Forget the token").click()
        page.get_by_label("Token").wait_for()
        assert token not in str(page.evaluate("[{...sessionStorage}]"))


def test_a_token_that_may_only_write_is_told_what_it_needs(chromium: Any, tmp_path: Any) -> None:
    token, lines = new_token("till")
    file = tmp_path / "tokens.toml"
    file.write_text(lines.replace('"ledger:read", ', ""), "utf-8")
    with running(Settings("memory:", tokens=str(file))) as url, opened(chromium, url) as page:
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.get_by_text("the token needs the scope ledger:read").wait_for()


def test_a_filter_that_nothing_fits_says_what_it_takes(chromium: Any, books: Api) -> None:
    from playwright.sync_api import expect

    for kind, what in (("accounts", "account"), ("transactions", "transaction")):
        with opened(chromium, books.url, f"#/l/main/{kind}") as page:
            page.locator("#filter").fill("@nobody")
            page.keyboard.press("Enter")
            page.get_by_text(f"No {what} fits nobody").wait_for()
            assert "users: for all below it" in page.inner_text("main")
            page.get_by_role("button", name="Clear the filter").click()
            expect(page.locator("tbody tr").first).to_be_visible()


@pytest.mark.parametrize("text", ["7", "#7"])
def test_the_filter_of_transactions_goes_to_one_by_its_id(
    chromium: Any, books: Api, text: str
) -> None:
    with opened(chromium, books.url, "#/l/main/transactions") as page:
        page.locator("#filter").fill(text)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Transaction 7 of main").wait_for()


def test_the_focus_stays_at_its_control_or_comes_to_the_heading(chromium: Any, books: Api) -> None:
    focused = (
        "document.activeElement.id || document.activeElement.name || document.activeElement.tagName"
    )
    with opened(chromium, books.url, "#/l/main/transactions") as page:
        page.locator("#filter").fill("users:")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="All").wait_for()
        assert page.evaluate(focused) == "filter"
        page.goto(f"{books.url}/console/#/l/main/accounts")
        page.get_by_role("heading", name="Accounts of main").wait_for()
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("n")
        page.locator("#previous").wait_for()
        assert page.evaluate(focused) == "H1"
        page.goto(f"{books.url}/console/#/l/main/accounts/users:008")
        page.get_by_role("textbox", name="Key").fill("tier")
        page.get_by_role("textbox", name="Text").fill("tin")
        page.keyboard.press("Enter")
        page.get_by_role("cell", name="tin").wait_for()
        assert page.evaluate(focused) == "text"


def test_a_ledger_that_cannot_be_read_is_not_kept_as_the_one_looked_at(
    chromium: Any, books: Api
) -> None:
    with opened(chromium, books.url, "#/l/main/accounts") as page:
        page.get_by_role("heading", name="Accounts of main").wait_for()
        page.goto(f"{books.url}/console/#/l/nowhere/accounts")
        page.locator("p.error:visible").wait_for()
        page.get_by_role("navigation", name="Places").get_by_text("Ledgers (main)").wait_for()


def test_nothing_is_wider_than_its_place_because_of_a_long_name(chromium: Any) -> None:
    account = "a:" + "long" * 30
    with running(Settings("memory:")) as url:
        api = Api(url)
        api.call("POST", "/v2/main", {})
        api.post(f"world {account} {10**30} USD/2")
        api.close()
        for size in ("wide", "narrow"):
            with opened(chromium, url, "#/l/main/logs", size=size) as page:
                page.wait_for_selector("#chain.good")
                wider = "(node) => node.scrollWidth > node.clientWidth"
                assert not page.locator(".scroll").evaluate(wider)
        with opened(chromium, url, "#/l/main/accounts", size="narrow") as page:
            page.locator("tbody tr").first.wait_for()
            name = page.locator("th", has_text=account).bounding_box()
            assert name["width"] > 180
            # A line ends at a gap: each part between two gaps is on one line.
            parts = page.locator(".amount").first.evaluate(LINES)
            assert len(parts) > 5
            assert set(parts) == {1}


def test_one_is_not_counted_as_many_and_times_have_their_zone(chromium: Any) -> None:
    with running(Settings("memory:")) as url:
        api = Api(url)
        api.call("POST", "/v2/main", {})
        api.post("world users:1 1 USD/2")
        api.close()
        with opened(chromium, url) as page:
            shown = page.inner_text(".ledgers")
            assert "1 transaction\n" in shown
            assert "2 accounts" in shown
            assert re.search(r"(UTC|GMT|[A-Z]{3,4})", page.inner_text(".ledgers time"))
            page.goto(f"{url}/console/#/l/main/accounts/users:1")
            page.get_by_text("account of main").wait_for()


def test_pages_use_no_other_host(chromium: Any, books: Api) -> None:
    asked: list[str] = []
    with opened(chromium, books.url) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{books.url}/console/#/playground")
        page.reload()
        page.get_by_text("language server: connected").wait_for()
    assert asked
    assert all(re.match(r"(data:|" + re.escape(books.url) + "/)", url) for url in asked), asked
