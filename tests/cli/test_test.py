from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import BALANCES, ROOT, SALE, SHARED, Call

PASSES = {"it": "passes", "variables": {"price": "USD/2 50"}}
FAILS = {"it": "falls short", "variables": {"price": "USD/2 100"}}


def write(folder: Path, *cases: dict[str, Any], **outer: object) -> Path:
    (folder / "sale.num").write_text(SALE, "utf-8")
    specs = folder / "sale.num.specs.json"
    tree = {"balances": json.loads(BALANCES), **outer, "testCases": cases}
    specs.write_text(json.dumps(tree), "utf-8")
    return specs


@pytest.mark.parametrize("path", ["sale.num", "sale.num.specs.json", ".", None])
def test_a_script_a_spec_file_or_a_folder_can_be_named(
    call: Call, folder: Path, path: str | None
) -> None:
    write(folder, PASSES)
    done = call("test", *([path] if path else []))
    assert (done.exit_code, done.stdout) == (0, "1 case in 1 file: 1 passed\n")


def test_the_same_file_is_run_once(call: Call, folder: Path) -> None:
    write(folder, PASSES)
    assert call("test", ".", "sale.num.specs.json", "./sale.num.specs.json").stdout == (
        "1 case in 1 file: 1 passed\n"
    )


def test_postings_that_differ_are_set_beside_each_other(call: Call, folder: Path) -> None:
    rows = [
        {"source": "alice", "destination": "carol", "asset": "USD/2", "amount": 40},
        {"source": "bob", "destination": "carol", "asset": "USD/2", "amount": 10},
    ]
    write(folder, {**PASSES, "expect.postings": rows}, PASSES)
    done = call("test", ".")
    assert done.exit_code == 1
    assert done.stdout == (
        "sale.num.specs.json\n"
        "FAIL passes\n\n"
        "  given\n"
        "    $price  USD/2 50\n"
        "    @alice  USD/2 60\n\n"
        "  expect.postings: 1 different, 1 missing\n"
        "    Source  Destination  Asset  Expected  Received\n"
        "  ~ alice   carol        USD/2        40        50  different\n"
        "  - bob     carol        USD/2        10         -  missing\n\n"
        "2 cases in 1 file: 1 failed, 1 passed\n"
    )


def test_an_error_fails_its_case_and_the_others_go_on(call: Call, folder: Path) -> None:
    wrong = {"it": "is given nonsense", "variables": {"price": "{nonsense}"}}
    write(folder, wrong, FAILS, PASSES)
    done = call("test", ".")
    assert done.exit_code == 1
    assert "sale.num:2:3: error NUM409: `{nonsense}` is not a monetary" in done.stdout
    assert "the script failed, and it should not:" in done.stdout
    assert "sale.num:5:12: error NUM401" in done.stdout
    assert done.stdout.endswith("3 cases in 1 file: 2 failed, 1 passed\n")


def test_expected_errors_pass_and_their_absence_fails(call: Call, folder: Path) -> None:
    funds = {"expect.error.missingFunds": True}
    write(folder, {**FAILS, **funds}, {**FAILS, "expect.error": "NUM401"})
    assert call("test", ".").exit_code == 0
    write(folder, {**PASSES, **funds}, {**FAILS, "expect.error.negativeAmount": True})
    done = call("test", ".")
    assert done.stdout.endswith("2 cases in 1 file: 2 failed\n")
    assert "should have failed with missing funds (NUM401)" in done.stdout
    assert "but with another error than negative amount (NUM402)" in done.stdout


@pytest.mark.parametrize("word", ["focus", "skip"])
def test_focus_and_skip_make_the_run_fail_and_say_so(call: Call, folder: Path, word: str) -> None:
    write(folder, {**PASSES, word: True})
    done = call("test", ".")
    assert done.exit_code == 1
    assert "the run fails while a case says `focus` or `skip`" in done.stdout
    write(folder, {**PASSES, word: True}, {**PASSES, "it": "another"})
    done = call("test", ".")
    assert done.stdout.count("skip ") == 1
    assert "2 cases in 1 file: 1 skipped, 1 passed\n" in done.stdout


def test_cases_can_be_chosen_by_name(call: Call, folder: Path) -> None:
    write(folder, PASSES, FAILS)
    assert call("test", ".", "--filter", "PASS").stdout == "1 case in 1 file: 1 passed\n"
    done = call("test", ".", "--filter", "nothing")
    assert (done.exit_code, done.stderr) == (2, "error: no case in . has `nothing` in its name\n")


def test_verbose_names_every_case(call: Call, folder: Path) -> None:
    write(folder, PASSES)
    assert "sale.num.specs.json\nok   passes\n" in call("test", ".", "-v").stdout


def test_a_script_that_does_not_compile_fails_all_its_cases(call: Call, folder: Path) -> None:
    write(folder, PASSES, FAILS)
    (folder / "sale.num").write_text("send $x", "utf-8")
    done = call("test", ".")
    assert done.exit_code == 1
    assert done.stdout.count("sale.num:1:") == 1
    assert done.stdout.endswith("2 cases in 1 file: 2 failed\n")


def test_outcomes_as_json(call: Call, folder: Path) -> None:
    write(folder, {**PASSES, "expect.postings": []}, FAILS, {**PASSES, "skip": True})
    done = call("test", ".", "-o", "json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["cases"], answer["failed"], answer["skipped"]) == (False, 3, 2, 1)
    [file] = answer["files"]
    assert (file["specs"], file["script"]) == ("sale.num.specs.json", "sale.num")
    first, second, third = file["cases"]
    assert first["mismatches"][0]["expected"] == []
    assert first["mismatches"][0]["received"] == first["postings"]
    assert second["diagnostics"][0]["code"] == "NUM401"
    assert third == {"it": "passes", "status": "skipped"}


def test_outcomes_as_junit_xml(call: Call, folder: Path) -> None:
    bell = {**PASSES, "it": "rings \x07 & <bells>"}
    write(folder, bell, FAILS, {**PASSES, "skip": True})
    (folder / "bad.num.specs.json").write_text("{", "utf-8")
    assert call("test", ".", "--junit", "out.xml").exit_code == 2
    suite, bad = ElementTree.parse("out.xml").getroot()
    names = ("tests", "failures", "skipped", "errors")
    assert [suite.get(name) for name in names] == ["3", "1", "1", "0"]
    first, second, third = suite
    assert (first.get("name"), len(first)) == ("rings ␇ & <bells>", 0)
    assert "NUM401" in str(second[0].text)
    assert third[0].tag == "skipped"
    assert "bad.num.specs.json:1:2" in str(bad[0][0].get("message"))
    done = call("test", ".", "--junit", "no/such/folder.xml")
    assert done.exit_code == 2
    assert "no/such/folder.xml: the report cannot be written: no such file" in done.stderr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"testCases": [', "sale.num.specs.json:1:16: this is not valid JSON"),
        ("{}", "sale.num.specs.json: it has no cases; list at least one in `testCases`"),
        ('{"testCase": []}', "sale.num.specs.json: there is no key `testCase`; is `testCases`"),
        (
            '{"testCases": [{"it": "x", "expect.posting": []}]}',
            "sale.num.specs.json: testCases[0]: there is no key `expect.posting`; is `expect.p",
        ),
    ],
)
def test_bad_spec_files_are_told_apart_from_failures(
    call: Call, folder: Path, text: str, reason: str
) -> None:
    write(folder).write_text(text, "utf-8")
    done = call("test", ".")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {reason}")
    assert done.stderr.count("\n") == 1


def test_paths_without_specs_are_wrong_usage(call: Call, folder: Path) -> None:
    done = call("test", ".")
    assert done.stderr == "error: no *.num.specs.json file was found in .\n"
    assert done.exit_code == 2
    (folder / "a.num").write_text("", "utf-8")
    (folder / "b.num.specs.json").write_text('{"testCases": [{"it": ""}]}', "utf-8")
    done = call("test", "a.num", "nope", "b.num.specs.json")
    assert done.exit_code == 2
    assert done.stderr == (
        "error: a.num: it has no spec file; `numscript test-init a.num` writes a first one\n"
        "error: nope: there is no such file or folder\n"
        "error: b.num: there is no such file\n"
    )


def test_the_conformance_suite_passes(call: Call) -> None:
    done = call("test", str(ROOT / "conformance"))
    assert (done.exit_code, done.stderr) == (0, ""), done.stdout


def test_the_suite_of_the_reference_passes(call: Call) -> None:
    upstream = SHARED / "conformance" / "upstream"
    if not upstream.is_dir():
        pytest.skip(
            "the reference's suite is not here: put it at ../shared/conformance/upstream beside "
            "the repository, or name the shared folder in NUMSCRIPT_SHARED"
        )
    done = call("test", str(upstream))
    assert (done.exit_code, done.stderr) == (0, ""), done.stdout


def test_the_examples_pass_and_run(call: Call) -> None:
    examples = ROOT / "examples"
    assert call("check", "--strict", str(examples)).exit_code == 0
    done = call("test", str(examples))
    assert (done.exit_code, done.stderr) == (0, ""), done.stdout
    scripts = sorted(examples.glob("*.num"))
    assert len(scripts) >= 5
    for script in scripts:
        done = call("run", str(script), "-o", "json")
        assert done.exit_code == 0, done.stdout
        assert json.loads(done.stdout)["postings"]
        assert script.with_name(f"{script.name}.specs.json").exists()
