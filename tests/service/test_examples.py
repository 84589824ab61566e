"""The calls that docs/service.md shows are made, and give what stands below them."""

from __future__ import annotations

import re
import shlex

import msgspec
import pytest

from numscript.service.settings import Settings
from numscript.service.v2.bulk import SCRIPTS
from tests.material import ROOT
from tests.service.servers import Api, running

TEXT = (ROOT / "docs" / "service.md").read_text("utf-8")


def blocks(heading: str, language: str) -> list[str]:
    """The blocks of a language under a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("heading", ["Schemas"])
def test_calls_give_what_is_shown(heading: str) -> None:
    with running(Settings("memory:")) as url:
        api = Api(url)
        (block,) = blocks(heading, "shell-session")
        for part in re.split(r"^\$ curl -X ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n{")
            method, address, *rest = shlex.split(command)
            body = rest[1] if rest else None
            answer = api.send(method, address.removeprefix("http://localhost:3068"), body)
            assert answer.is_success is ("errorCode" not in shown), answer.text
            if shown:
                told = msgspec.json.decode("{" + shown)
                assert msgspec.json.decode(answer.content) == told
        api.close()


def test_a_stream_of_scripts_is_as_it_is_shown() -> None:
    with running(Settings("memory:")) as url:
        api = Api(url)
        api.call("POST", "/v2/{l}", status=204)
        (body,) = blocks("Do many things at once", "text")
        answer = api.call("POST", "/v2/{l}/_bulk", body, headers={"Content-Type": SCRIPTS})
        sums = [row["data"]["postings"][0]["amount"] for row in answer["data"]]
        assert sums == [100, 40]
        api.close()
