"""The VS Code extension: it compiles, packages, and says of the language what the language says."""

from __future__ import annotations

import dataclasses
import json
import re
import zipfile
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from numscript_lsp.features.cases import run_file
from numscript_lsp.project import Settings

import numscript
from numscript.inputs import INPUT_KEYS, InputError
from numscript.prelude import FEATURES
from numscript.script import Script
from numscript.specs import CASE_KEYS, load_specs
from tests.editors.tools import EDITORS, node, program, run
from tests.material import CONFORMANCE, ROOT

VSCODE = EDITORS / "vscode"
SCHEMA = json.loads((VSCODE / "specs.schema.json").read_text(encoding="utf-8"))
MANIFEST = json.loads((VSCODE / "package.json").read_text(encoding="utf-8"))
SPECS = (*sorted(CONFORMANCE.rglob("*.specs.json")), *sorted(ROOT.glob("examples/*.specs.json")))


def npm(*arguments: str) -> str:
    node()
    return run([program("npm", "it comes with Node"), *arguments], cwd=VSCODE, seconds=300)


def test_it_packages_whole(tmp_path: Path) -> None:
    npm("run", "package", "--", "--out", str(tmp_path / "numscript.vsix"))
    with zipfile.ZipFile(tmp_path / "numscript.vsix") as archive:
        names = {name.removeprefix("extension/") for name in archive.namelist()}
        manifest = json.loads(archive.read("extension/package.json"))
    assert {MANIFEST["main"].removeprefix("./"), "readme.md", "LICENSE.txt", "icon.png"} <= names
    for path in paths_in(manifest["contributes"]):
        assert path in names, f"the manifest names {path}, which is not packed"
    assert not [name for name in names if re.search(r"node_modules|\.ts$|test/|\.map$", name)]


def paths_in(tree: Any) -> set[str]:
    """Every relative path that a tree of JSON names."""
    if isinstance(tree, str):
        return {tree.removeprefix("./")} if tree.startswith("./") else set()
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return {path for item in items for path in paths_in(item)}


def test_its_own_tests_and_the_snapshots_of_its_grammar_pass() -> None:
    said = npm("test")
    assert "# fail 0" in said
    assert "sale.num run successfully" in said
    assert "words.test.num run successfu" in said


def test_its_version_is_the_projects() -> None:
    assert MANIFEST["version"] == numscript.__version__


def test_the_types_are_not_newer_than_the_oldest_editor_it_runs_in() -> None:
    assert MANIFEST["engines"]["vscode"] == f"^{MANIFEST['devDependencies']['@types/vscode']}"


def test_it_understands_what_the_server_answers_of_cases() -> None:
    script = Script("send [USD/2 1] ( source = @world destination = @a )")
    answer = run_file(script, json.dumps({"testCases": [{"it": "pays"}]})).to_dict()
    (case,) = cast(list[dict[str, object]], answer["cases"])
    assert answer["ok"] is True
    assert {"it": case["it"], "status": case["status"]} == {"it": "pays", "status": "passed"}
    assert isinstance(case["text"], str)


def test_its_settings_are_those_of_the_server() -> None:
    properties = MANIFEST["contributes"]["configuration"]["properties"]
    own = {"path", "arguments", "trace.server"}
    names = {name.removeprefix("numscript.") for name in properties} - own
    assert names == {camel(field.name) for field in dataclasses.fields(Settings)}
    assert properties["numscript.features"]["items"]["enum"] == list(FEATURES)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((EDITORS / "package-lock.json").read_text(encoding="utf-8"))
    places = [entry.get("resolved", "") for entry in lock["packages"].values()]
    assert [place for place in places if ":" in place] == []


# --- snippets ---------------------------------------------------------------------------------

SNIPPETS = json.loads((VSCODE / "snippets.json").read_text(encoding="utf-8"))
AROUND = {
    "Variable from metadata": "vars {\n  %s\n}",
    "Variable from a balance": "vars {\n  %s\n}",
    "Overdraft": "send [USD/2 1] (\n  source = @a %s\n  destination = @b\n)",
}
"""What a snippet stands in that is no program by itself."""


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_is_a_program_as_it_is_filled_in(name: str) -> None:
    text = "\n".join(SNIPPETS[name]["body"])
    text = re.sub(r"\$\{\d+\|([^,|]*)[^}]*\}", r"\1", text)
    text = re.sub(r"\$\{\d+:([^}]*)\}|\$0", r"\1", text)
    checked = numscript.check(AROUND.get(name, "%s") % text)
    assert [
        each.message for each in checked.diagnostics if each.severity is numscript.Severity.ERROR
    ] == []


def test_the_snippet_of_feature_flags_offers_all_of_them() -> None:
    (choices,) = re.findall(r"\|(.*)\|", "".join(SNIPPETS["Feature flags"]["body"]))
    assert sorted(choices.split(",")) == sorted(FEATURES)


# --- spec files -------------------------------------------------------------------------------


def test_the_schema_knows_the_keys_of_spec_files() -> None:
    assert set(SCHEMA["properties"]) == {"$schema", *INPUT_KEYS, "testCases"}
    case = SCHEMA["definitions"]["case"]["properties"]
    assert set(case) == set(CASE_KEYS)
    flags = SCHEMA["definitions"]["featureFlags"]["items"]["anyOf"][0]["enum"]
    assert flags == list(FEATURES)


def test_the_schema_takes_every_spec_file() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft7Validator(SCHEMA)
    for path in SPECS:
        specs = json.loads(path.read_text(encoding="utf-8"))
        assert list(validator.iter_errors(specs)) == [], path


ROW = {"account": "ana", "asset": "USD/2", "amount": 1}
POSTING = {"source": "ana", "destination": "shop", "asset": "USD/2", "amount": 1}
CASE = {"it": "works"}


@pytest.mark.parametrize(
    ("tree", "taken"),
    [
        ({"testCases": [CASE]}, True),
        ({"testCases": []}, False),
        ({}, False),
        ([], False),
        ({"testCases": [{}]}, False),
        ({"testCases": [{**CASE, "expects": 1}]}, False),
        ({"testCases": [CASE], "balance": []}, False),
        ({"testCases": [CASE], "balances": [ROW], "featureFlags": ["mine"]}, True),
        ({"testCases": [CASE], "balances": [{**ROW, "color": None}]}, True),
        ({"testCases": [CASE], "balances": [{**ROW, "amount": "1"}]}, False),
        ({"testCases": [CASE], "balances": [{**ROW, "amount": 1.5}]}, False),
        ({"testCases": [CASE], "balances": [{"account": "ana", "amount": 1}]}, False),
        ({"testCases": [CASE], "balances": {"ana": {"USD/2": 1}}}, False),
        ({"testCases": [CASE], "balances": None, "variables": None, "metadata": None}, True),
        ({"testCases": [CASE], "variables": {"a": "1", "b": 2}}, True),
        ({"testCases": [CASE], "variables": {"a": True}}, False),
        ({"testCases": [CASE], "variables": {"a": None}}, False),
        ({"testCases": [CASE], "metadata": {"ana": {"tier": "gold"}}}, True),
        ({"testCases": [CASE], "metadata": {"ana": {"tier": 1}}}, False),
        ({"testCases": [CASE], "metadata": {"ana": None}}, False),
        ({"testCases": [{**CASE, "expect.postings": [POSTING]}]}, True),
        ({"testCases": [{**CASE, "expect.postings": [ROW]}]}, False),
        ({"testCases": [{**CASE, "expect.txMetadata": None}]}, True),
        ({"testCases": [{**CASE, "expect.txMetadata": {"order": 7}}]}, False),
        ({"testCases": [{**CASE, "expect.error": "NUM401"}]}, True),
        ({"testCases": [{**CASE, "expect.error": 401}]}, False),
        ({"testCases": [{**CASE, "expect.error.missingFunds": "yes"}]}, False),
        ({"testCases": [{**CASE, "focus": True, "skip": None}]}, True),
    ],
)
def test_the_schema_takes_what_the_reader_takes(tree: object, taken: bool) -> None:
    assert jsonschema.Draft7Validator(SCHEMA).is_valid(tree) is taken
    try:
        load_specs(json.dumps(tree))
    except InputError:
        assert not taken
    else:
        assert taken
