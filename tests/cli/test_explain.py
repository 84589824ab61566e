from __future__ import annotations

import json

import pytest

from numscript.errors import CATALOGUE
from tests.cli.conftest import Call


@pytest.mark.parametrize("name", ["NUM401", "num401", "MissingFunds", "missingfundserr"])
def test_a_page_is_found_by_any_name(call: Call, name: str) -> None:
    done = call("explain", name)
    assert done.exit_code == 0
    assert done.stdout.startswith("error NUM401: missing funds\n\nThe source cannot give")
    assert "For example:\n    send [USD/2 100] (\n" in done.stdout
    assert done.stdout.endswith("Names: MissingFunds, MissingFundsErr\n")
    assert "```" not in done.stdout


def test_every_page_can_be_shown(call: Call) -> None:
    for code in CATALOGUE:
        done = call("explain", code)
        assert done.exit_code == 0
        assert code in done.stdout
        assert "```" not in done.stdout


def test_a_name_of_several_kinds_shows_them_all(call: Call) -> None:
    done = call("explain", "ParseError", "-o", "json")
    pages = json.loads(done.stdout)
    assert len(pages) > 5
    assert {page["code"][:4] for page in pages} == {"NUM1"}
    assert all(page["page"] and "ParseError" in page["reference"] for page in pages)


@pytest.mark.parametrize("arguments", [(), ("--list",), ("NUM401", "--list")])
def test_all_are_listed(call: Call, arguments: tuple[str, ...]) -> None:
    lines = call("explain", *arguments).stdout.splitlines()
    assert lines[0].split() == ["Code", "Severity", "Title"]
    assert [line.split()[0] for line in lines[1:]] == list(CATALOGUE)
    rows = json.loads(call("explain", *arguments, "-o", "json").stdout)
    assert [row["code"] for row in rows] == list(CATALOGUE)


def test_an_unknown_name_gives_the_one_that_may_be_meant(call: Call) -> None:
    done = call("explain", "MisingFunds")
    assert done.exit_code == 2
    assert done.stderr == "error: there is no error `MisingFunds`; is `MissingFunds` meant?\n"
    done = call("explain", "xyz")
    assert done.stderr == "error: there is no error `xyz`; `numscript explain` lists all errors\n"
