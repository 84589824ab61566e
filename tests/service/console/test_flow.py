"""The picture of who paid whom: names stand free, and bands go where they lead."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.console.browser import opened
from tests.service.servers import Api

PAYMENTS = {
    "to itself": ["a a 100 USD/2"],
    "past another": ["a b 5 USD/2", "b c 5 USD/2", "a c 70 EUR/2"],
    "in a circle": ["a b 5 USD/2", "b c 5 USD/2", "c a 5 USD/2"],
    "large": [f"treasury:reserve vault:a {10**40} ETH/18", "world vault:a 3 USD/2"],
    "a fee": ["users:ana platform:fees 70 EUR/2", "users:ana shops:books 930 EUR/2"],
    "many": [f"world users:00{number} {number}000 USD/2" for number in range(9)],
    "everything": ["a b 1 USD", "b c 2 USD", "c d 3 USD", "a d 4 USD", "d b 5 USD", "c c 6 USD",
                   "e d 7 USD", "a e 123456789 USD/2"],
}  # fmt: skip
"""Postings by what is special about them: who pays, to whom, how much of what."""

LOOK = """async ([postings, width]) => {
  const {flow} = await import(new URL('static/flow.js', document.baseURI));
  const place = document.createElement('div');
  place.style.width = `${width}px`;
  document.querySelector('main').replaceChildren(place);
  const shown = flow(postings);
  shown.style.display = 'block';
  place.append(shown);
  while (!place.querySelector('svg')) await new Promise(requestAnimationFrame);
  const box = (node) => {
    const {x, y, width, height} = node.getBBox();
    return [x, y, width, height];
  };
  const hundred = (path) => Array.from({length: 101}, (_, at) => {
    const {x, y} = path.getPointAtLength(path.getTotalLength() * at / 100);
    return [x, y];
  });
  const nodes = [...place.querySelectorAll('.flow-node')].map((node) => ({
    account: node.querySelector('title').textContent, box: box(node.querySelector('rect')),
    text: node.querySelector('text').textContent, name: box(node.querySelector('text'))}));
  const labels = [...place.querySelectorAll('.flow-label')].map((node) => ({
    text: node.textContent, box: box(node)}));
  const bands = [...place.querySelectorAll('.flow-band')].map((node) => ({
    title: node.querySelector('title').textContent, points: hundred(node)}));
  const svg = place.querySelector('svg');
  return {nodes, labels, bands, size: [svg.width.baseVal.value, svg.height.baseVal.value]};
}"""


def picture(page: Any, payments: list[str], width: int) -> Any:
    """What is drawn of payments in a place of some width, in pixels."""
    postings = []
    for payment in payments:
        source, destination, amount, asset = payment.split()
        row = {"source": source, "destination": destination, "amount": amount, "asset": asset}
        postings.append(row)
    return page.evaluate(LOOK, [postings, width])


def meet(one: list[float], other: list[float]) -> bool:
    """Whether two boxes share more than an edge."""
    return all(
        one[at] + one[at + 2] > other[at] + 1 and other[at] + other[at + 2] > one[at] + 1
        for at in (0, 1)
    )


@pytest.mark.parametrize("width", [340, 680, 1100])
def test_names_stand_free_and_bands_pass_no_account(chromium: Any, books: Api, width: int) -> None:
    with opened(chromium, books.url) as page:
        for kind, payments in PAYMENTS.items():
            found = picture(page, payments, width)
            boxes = [node["box"] for node in found["nodes"]]
            named = [label["box"] for label in found["labels"]]
            for at, box in enumerate(boxes):
                assert not any(meet(box, other) for other in boxes[at + 1 :]), kind
            for at, box in enumerate(named):
                assert not any(meet(box, other) for other in boxes + named[at + 1 :]), kind
            for x, y, wide, high in boxes + named:
                assert x >= 0, kind
                assert y >= 0, kind
                assert x + wide <= found["size"][0], kind
                assert y + high <= found["size"][1], kind
            for band in found["bands"]:
                ends = band["title"].split()[::2][:2]
                passed = {
                    node["account"]
                    for node in found["nodes"]
                    for x, y in band["points"]
                    if node["account"] not in ends and meet([x - 1, y - 1, 2, 2], node["box"])
                }
                assert not passed, f"{kind}: {band['title']}"


def test_names_and_amounts_are_whole_where_there_is_room(chromium: Any, books: Api) -> None:
    with opened(chromium, books.url) as page:
        for width in (340, 680):
            found = picture(page, PAYMENTS["a fee"], width)
            assert {node["text"] for node in found["nodes"]} == {
                "users:ana", "platform:fees", "shops:books"
            }  # fmt: skip
            assert {label["text"] for label in found["labels"]} == {"0.70 EUR", "9.30 EUR"}
        found = picture(page, PAYMENTS["to itself"], 340)
        assert [node["text"] for node in found["nodes"]] == ["a"]
        assert [label["text"] for label in found["labels"]] == ["1.00 USD"]
        found = picture(page, ["world users:ana 12 BTC/8", "users:ana shop 123456 ETH/18"], 900)
        assert [label["text"] for label in found["labels"]] == [
            "0.000\u202f000\u202f12 BTC", "0.000\u202f000\u202f000\u202f000\u202f12… ETH"
        ]  # fmt: skip
