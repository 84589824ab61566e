"""The check: expectations stand in the scripts, on the line that they are about.

`// error: NUM203` expects an error of that code that starts on its line, `// warning: NUM301` a
warning; there must be no others. Each chunk of a file in this folder, cut at lines of `---`, is a
script of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import numscript
from numscript import Script
from numscript.analysis.assets import AssetCell, unify
from numscript.errors import CATALOGUE
from tests.material import all_scripts

HERE = Path(__file__).parent
EXPECTED = re.compile(r"(error|warning): (NUM\d\d\d)")
FEATURES = re.compile(r"^// features: (.*)$", re.MULTILINE)

CHUNKS = [
    pytest.param(chunk, id=f"{path.stem}-{number}")
    for path in sorted(HERE.glob("*.num"))
    for number, chunk in enumerate(path.read_text(encoding="utf-8").split("---\n"), start=1)
]


def features(text: str) -> list[str]:
    found = FEATURES.search(text)
    return [f"experimental-{name}" for name in found[1].split()] if found else []


@pytest.mark.parametrize("text", CHUNKS)
def test_findings_are_those_that_the_script_expects(text: str) -> None:
    expected = Counter(
        (number, severity, code)
        for number, line in enumerate(text.split("\n"), start=1)
        for severity, code in EXPECTED.findall(line)
    )
    found = Counter(
        (d.start.line + 1, d.severity.word, d.code)
        for d in numscript.check(text, features(text)).diagnostics
    )
    assert found == expected


def test_every_kind_that_the_check_can_find_is_in_the_files() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("*.num"))
    expected = {code for _, code in EXPECTED.findall(text)}
    found_by_check = {code for code in CATALOGUE if code[3] in "23"} | {
        "NUM402",
        "NUM404",
        "NUM405",
        "NUM406",
        "NUM407",
        "NUM414",
        "NUM416",
        "NUM418",
        "NUM419",
        "NUM420",
        "NUM421",
        "NUM425",
    }
    assert found_by_check - expected == set()


def test_findings_are_in_the_order_of_the_text() -> None:
    for _, text, flags in all_scripts(corpus_step=20):
        starts = [d.span.start for d in numscript.check(text, flags).diagnostics]
        assert starts == sorted(starts)


def test_what_the_check_finds_out() -> None:
    script = (
        "vars { account $a monetary $m portion $p }\n"
        "send $m ( source = { max [USD/2 1] from $a @b } "
        "destination = { $p to @c remaining kept } )"
    )
    checked = numscript.check(Script(script, "x.num"))
    assert list(checked.variables) == ["a", "m", "p"]
    assert checked.assets["m"] == "USD/2"
    assert checked.script.name == "x.num"
    assert checked.errors == ()
    assert checked.refusals == ()
    assert [d.code for d in checked.diagnostics] == ["NUM307"]
    assert set(checked.types.values()) >= {
        numscript.Type.ACCOUNT,
        numscript.Type.MONETARY,
        numscript.Type.PORTION,
    }


def test_the_check_of_a_broken_script_goes_as_far_as_it_can() -> None:
    checked = numscript.check("vars { money $a }\nsend $b ( source = destination = @b )")
    assert [d.code for d in checked.diagnostics] == ["NUM201", "NUM301", "NUM203", "NUM101"]
    assert [d.code for d in checked.refusals] == ["NUM201", "NUM203", "NUM101"]


def test_places_of_one_asset_are_joined() -> None:
    first, second, third = AssetCell(), AssetCell(), AssetCell("USD/2")
    assert unify(first, second) is None
    assert unify(second, third) is None
    assert first.resolve().name == "USD/2"
    assert unify(first, AssetCell("EUR/2")) == ("USD/2", "EUR/2")
    assert unify(first, first) is None


def test_a_flag_of_the_caller_counts_as_one_of_the_script() -> None:
    text = "send [USD/2 1] ( source = oneof { @a @b } destination = @c )"
    assert [d.code for d in numscript.check(text).diagnostics] == ["NUM420"]
    assert numscript.check(text, ["experimental-oneof"]).diagnostics == ()
    assert numscript.check(f'#![feature("experimental-oneof")] {text}').diagnostics == ()
    assert numscript.check(text, ["experimental-oneof", "of-the-future"]).diagnostics == ()
