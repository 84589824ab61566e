"""The calls that docs/service.md shows are made, and give what stands below them."""

from __future__ import annotations

import re
import shlex

import msgspec

from numscript.service.v2.bulk import SCRIPTS
from tests.material import ROOT
from tests.service.servers import Api

TEXT = (ROOT / "docs" / "service.md").read_text("utf-8")


def block(heading: str, language: str) -> str:
    """The one block of a language under a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_calls_about_schemas_give_what_is_shown(memory: Api) -> None:
    text = block("Schemas", "shell-session")
    for part in re.split(r"^\$ curl -X ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n{")
        method, address, *rest = shlex.split(command)
        body = rest[1] if rest else None
        answer = memory.send(method, address.removeprefix("http://localhost:3068"), body)
        assert answer.is_success is ("errorCode" not in shown), answer.text
        if shown:
            assert msgspec.json.decode(answer.content) == msgspec.json.decode("{" + shown)


def test_a_stream_of_scripts_is_as_it_is_shown(memory: Api) -> None:
    body = block("Do many things at once", "text")
    answer = memory.call("POST", "/v2/{l}/_bulk", body, headers={"Content-Type": SCRIPTS})
    assert [row["data"]["postings"][0]["amount"] for row in answer["data"]] == [100, 40]
