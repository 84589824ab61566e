"""The playground in a browser: from typing to a committed transaction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.console.browser import check_access, check_width, opened
from tests.service.servers import Api

SCRIPT = """vars {
account $seller
monetary $price
}
send $price (
source = { max [USD/2 1000] from @users:010 @world }
destination = $seller
)"""


def write(page: Any, text: str) -> None:
    """Put a text where the editor's was, by its keys."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    # Over a selection Chromium would keep the style of what was there, which the policy forbids.
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def test_from_typing_to_a_committed_transaction(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        page.get_by_text("language server: connected").wait_for()
        write(page, SCRIPT)
        page.get_by_label("$seller account").fill("shops:tea")
        page.get_by_label("$price monetary").fill("USD/2 2500")
        page.get_by_label("users:010 USD/2").fill("700")
        page.get_by_text("7.00 USD").wait_for()

        page.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.get_by_role("heading", name="A run would do this").wait_for()
        rows = page.locator("#result .flow tbody tr").all_inner_texts()
        assert [row.split() for row in rows] == [
            ["users:010", "shops:tea", "7.00", "USD"], ["world", "shops:tea", "18.00", "USD"]
        ]  # fmt: skip
        spoken = page.locator("#result svg").get_attribute("aria-label")
        assert spoken == "users:010 pays shops:tea 7.00 USD; world pays shops:tea 18.00 USD"

        # On the books the account has more.
        page.get_by_label("Run on").select_option("main")
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("cell", name="10.00 USD").first.wait_for()

        before = books.call("GET", "/v2/main/stats")["data"]["transactions"]
        page.get_by_label("Commit to").select_option("main")
        page.locator(".cm-content").click()
        page.keyboard.press("Control+Shift+Enter")
        page.get_by_role("dialog").get_by_role("button", name="Commit").click()
        page.get_by_role("heading", name="Committed").wait_for()
        link = page.locator("#result p a")
        number = int(link.inner_text().split()[1])
        link.click()
        page.get_by_role("heading", name=f"Transaction {number} of main").wait_for()
    assert books.call("GET", "/v2/main/stats")["data"]["transactions"] == before + 1
    made = books.call("GET", f"/v2/main/transactions/{number}")["data"]
    assert [(row["source"], row["amount"]) for row in made["postings"]] == [
        ("users:010", 1000), ("world", 1500)
    ]  # fmt: skip


def test_the_language_server_completes_and_says_what_is_wrong(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        page.get_by_text("language server: connected").wait_for()
        write(page, "send [USD/2 1] ( source = $nobody destination = @shops:a )")
        page.locator(".cm-lintRange-error").wait_for()
        page.locator("#problems").get_by_text("$nobody").wait_for()
        page.locator(".cm-lintRange-error").hover()
        page.locator(".cm-tooltip-lint").get_by_text("nobody").wait_for()
        write(page, "vars { account $shop }\nsend [USD/2 1] ( source = @world destination = ")
        page.keyboard.type("$s")
        page.locator(".cm-tooltip-autocomplete").get_by_text("$shop").wait_for()


def test_the_steps_of_a_run_are_walked_through(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        page.get_by_role("button", name="Run", exact=True).click()
        slider = page.get_by_role("slider", name="Step")
        slider.focus()
        steps = int(slider.get_attribute("max"))
        page.keyboard.press("ArrowRight")
        assert "step 2 of" in slider.get_attribute("aria-valuetext")
        assert page.locator(".cm-step").count() >= 1
        page.keyboard.press("Alt+.")
        assert f"3 of {steps}" in page.inner_text("#steps")
        page.get_by_role("button", name="A step back").click()
        assert f"2 of {steps}" in page.inner_text("#steps")
        page.keyboard.press("End")
        slider.focus()
        page.keyboard.press("End")
        assert "the end" in page.inner_text("#steps")
        made = page.locator("#result .flow tbody tr").count()
        assert (
            page.locator("#steps table", has_text="Postings so far").locator("tbody tr").count()
            == made
        )


def test_a_run_that_fails_says_why_and_stops_there(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        write(page, "send [USD/2 100] ( source = @users:x destination = @users:y )")
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("heading", name="The run fails").wait_for()
        assert "NUM401" in page.inner_text("#result")
        page.get_by_role("slider", name="Step").focus()
        page.keyboard.press("End")
        assert "the run fails here" in page.inner_text("#steps")


def test_a_link_holds_the_whole_example(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        write(page, SCRIPT)
        page.get_by_label("$seller account").fill("shops:ünïcode ☕")
        page.get_by_label("$price monetary").fill("USD/2 123456789012345678901234567890")
        page.get_by_role("button", name="Copy a link").click()
        page.locator("#said").get_by_text("the link is in").wait_for()
        place = page.evaluate("location.hash")
    with opened(chromium, books.url, place) as page:
        page.get_by_label("$seller account").wait_for()
        assert page.get_by_label("$seller account").input_value() == "shops:ünïcode ☕"
        price = page.get_by_label("$price monetary").input_value()
        assert price == "USD/2 123456789012345678901234567890"
        assert "max [USD/2 1000] from @users:010" in page.inner_text(".cm-content")


def test_a_damaged_link_opens_an_example(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground?x=AAAA!") as page:
        page.get_by_text("the link is damaged").wait_for()
        page.locator(".cm-content").wait_for()


def test_every_example_runs_as_it_is(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        names = page.locator("#examples option").all_inner_texts()[1:]
        assert len(names) >= 5
        for name in names:
            page.get_by_label("Examples").select_option(name)
            page.get_by_role("button", name="Run", exact=True).click()
            page.locator("#result:visible").wait_for()
            assert "A run would do this" in page.inner_text("#result"), name


@pytest.mark.parametrize("text", ["1.5", "abc"])
def test_a_balance_that_is_no_whole_number_is_marked_and_not_run(
    chromium: Any, books: Api, text: str
) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        field = page.get_by_label("users:ana EUR/2")
        field.fill(text)
        assert field.get_attribute("aria-invalid") == "true"
        page.get_by_text("write 150 for 1.50 EUR").wait_for()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("heading", name="It cannot be run").wait_for()
        assert field.evaluate("(node) => node === document.activeElement")
        check_access(page)
        field.fill("150")
        assert field.get_attribute("aria-invalid") is None
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("heading", name="A run would do this").wait_for()


def test_a_result_is_out_of_date_once_anything_is_changed(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        outdated = page.locator("#result").get_by_text("Out of date")
        for change in (
            lambda: page.get_by_label("users:ana EUR/2").fill("1600"),
            lambda: page.get_by_label("$fee portion").fill("8%"),
            lambda: write(page, "send [USD/2 1] ( source = @world destination = @a )"),
        ):
            page.get_by_role("button", name="Run", exact=True).click()
            page.get_by_role("heading", name="A run would do this").wait_for()
            outdated.wait_for(state="hidden")
            change()
            outdated.wait_for()
            check_access(page)


def test_what_was_changed_in_an_example_of_a_link_outlives_a_reload(
    chromium: Any, books: Api
) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        page.get_by_role("button", name="Copy a link").click()
        page.locator("#said").get_by_text("the link is in").wait_for()
        page.reload()
        page.locator(".cm-content").wait_for()
        assert "x=" in page.evaluate("location.hash")
        write(page, "// mine")
        page.reload()
        page.locator(".cm-content").wait_for()
        assert page.inner_text(".cm-content") == "// mine"


def test_the_language_server_comes_back(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url) as page:
        calls = []

        def serve(socket: Any) -> None:
            calls.append(socket)
            if len(calls) == 1:
                socket.close(code=1012, reason="the server restarts")
            else:
                socket.connect_to_server()

        page.route_web_socket("**/console/lsp", serve)
        page.goto(f"{books.url}/console/#/playground")
        page.get_by_text("the server restarts").wait_for()
        page.get_by_text("language server: connected").wait_for()
        write(page, "send [USD/2 1] ( source = $nobody destination = @shops:a )")
        page.locator(".cm-lintRange-error").wait_for()


def test_typing_over_a_selection_keeps_to_the_policy(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        page.locator(".cm-content").click()
        page.keyboard.press("Control+a")
        page.keyboard.type("send [USD/2 1")
        # The bracket is closed by the editor.
        assert page.inner_text(".cm-content") == "send [USD/2 1]"


def test_balances_that_are_only_read_are_not_called_changed(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url, "#/playground") as page:
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("slider", name="Step").focus()
        page.keyboard.press("Home")
        assert "changed" not in page.inner_text("#steps")
        last = int(page.get_by_role("slider", name="Step").get_attribute("max"))
        shown = []
        for _ in range(last - 1):
            page.keyboard.press("ArrowRight")
            shown.append(page.inner_text("#steps"))
        assert any("changed" in text for text in shown)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_playground_is_accessible_and_fits(
    chromium: Any, books: Api, theme: str, size: str
) -> None:
    with opened(chromium, books.url, "#/playground", theme, size) as page:
        page.get_by_text("language server: connected").wait_for()
        page.get_by_role("button", name="Run", exact=True).click()
        page.locator("#result svg").wait_for()
        page.keyboard.press("Alt+.")
        check_access(page)
        check_width(page)
        write(page, "send [USD/2 1] ( source = $nobody destination = @shops:a )")
        page.locator("#problems button").first.wait_for()
        check_access(page)
