"""The language server through real clients: Neovim and Emacs with their files for Numscript."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from numscript_lsp.features.cases import run_file

from numscript.script import Script
from tests.editors import tools
from tests.editors.tools import EDITORS

SALE = """\
vars {
  monetary $price
  account $seller
}

send $prise (
source = @users:ana
    destination={7.5% to @platform:fees remaining to $seller}
)
"""
RENAMED = SALE.replace("$prise", "$amount").replace("$price", "$amount")
FORMATTED = """\
vars {
  monetary $amount
  account $seller
}

send $amount (
  source = @users:ana
  destination = {
    7.5%      to @platform:fees
    remaining to $seller
  }
)

save [USD/2 1] from $seller
"""
SPECS = {
    "variables": {"amount": "USD/2 10", "seller": "shop"},
    "testCases": [
        {"it": "pays", "balances": [{"account": "users:ana", "asset": "USD/2", "amount": 10}]}
    ],
}
HERE = Path(__file__).parent


def edited(client: str, folder: Path) -> dict[str, Any]:
    """What an editor shows while the script of a folder is edited in it."""
    (folder / "sale.num").write_text(SALE, encoding="utf-8")
    (folder / "sale.num.specs.json").write_text(json.dumps(SPECS), encoding="utf-8")
    environment = {
        "NUMSCRIPT_FOLDER": str(folder),
        "NUMSCRIPT_EDITOR": str(EDITORS / "neovim"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    run = {"neovim": tools.neovim, "emacs": tools.emacs}[client]
    suffix = {"neovim": "lua", "emacs": "el"}[client]
    seen: dict[str, Any] = json.loads(run(HERE / f"{client}-client.{suffix}", **environment))
    return seen


def test_neovim(tmp_path: Path) -> None:
    seen = edited("neovim", tmp_path)
    assert (seen["filetype"], seen["client"]) == ("numscript", "numscript")
    assert [(each["code"], each["line"]) for each in seen["diagnostics"]] == [
        ("NUM301", 1),
        ("NUM203", 5),
    ]
    assert "did you mean `$price`?" in seen["diagnostics"][1]["text"]
    assert seen["mended"] is True
    assert "monetary $price" in seen["hover"]
    assert seen["tokens"] == "variable"
    assert seen["renamed"] == RENAMED.rstrip("\n")
    assert seen["completion"] == ["$seller"]
    assert seen["completed"] == "save [USD/2 1] from $seller"
    assert seen["formatted"] == FORMATTED.rstrip("\n")
    assert seen["folded"] == ">1"
    assert seen["lenses"] == ["Test file: 1 case"]
    assert seen["tested"] == "1 of 1 cases passed"
    assert seen["stopped"] is True


def test_neovim_tells_what_came_of_cases(tmp_path: Path) -> None:
    script = Script(FORMATTED.replace("$amount", "$price"), "sale.num")
    variables = {"price": "USD/2 10", "seller": "shop"}
    good = {"it": "pays", "balances": [{"account": "users:ana", "asset": "USD/2", "amount": 10}]}
    poor = {"it": "is poor"}
    answers = [
        run_file(script, json.dumps({"variables": variables, "testCases": cases})).to_dict()
        for cases in ([good], [good, poor], [])
    ]
    (tmp_path / "sale.num").write_text(script.text, encoding="utf-8")
    answer = tools.neovim(
        HERE / "neovim-commands.lua",
        NUMSCRIPT_FOLDER=str(tmp_path),
        NUMSCRIPT_ANSWERS=json.dumps(answers),
    )
    seen = json.loads(answer)
    uri = (tmp_path / "sale.num.specs.json").as_uri()
    assert seen["asked"] == [{"command": "numscript.testFile", "arguments": [uri]}] * 3
    passed, failed, refused = (each["text"] for each in seen["told"])
    assert passed == "1 of 1 cases passed"
    assert failed.startswith("1 of 2 cases passed\n\nfailed: is poor\n")
    assert "not enough funds" in failed
    assert refused.startswith("Nothing was run: it has no cases")
    assert [each["level"] for each in seen["told"]] == [2, 3, 4]


def test_emacs(tmp_path: Path) -> None:
    seen = edited("emacs", tmp_path)
    assert (seen["mode"], seen["connected"]) == ("numscript-mode", True)
    assert seen["compile"] == f"numscript test {tmp_path / 'sale.num'}"
    found = "\n".join(seen["diagnostics"])
    assert "`$prise` is not declared" in found
    assert "`$price` is never used" in found
    assert seen["mended"] is True
    assert "monetary $price" in seen["hover"]
    assert seen["renamed"] == RENAMED
    assert list(seen["completion"]) == ["$seller"]
    assert seen["formatted"] == FORMATTED
    assert seen["indented"] == FORMATTED
    assert seen["stopped"] is True


@pytest.mark.parametrize("name", ["neovim", "emacs", "vscode", "codemirror"])
def test_a_readme_says_how_to_install_use_and_configure(name: str) -> None:
    text = (EDITORS / name / "README.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert [line.split(":")[0] for line in lines] == ["- Install", "- Use", "- Configure"]
