from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Call

GOOD = "send [USD/2 1] ( source = @world destination = @a )\n"
WARNED = "vars { account $unused }\n" + GOOD
WRONG = "send [USD/2 1] ( source = $x destination = @a )\n"


def test_a_good_script_passes(call: Call) -> None:
    done = call("check", "-", input=GOOD)
    assert (done.exit_code, done.stdout) == (0, "1 file checked: no mistakes found\n")


def test_warnings_fail_only_when_strict(call: Call, folder: Path) -> None:
    (folder / "w.num").write_text(WARNED, "utf-8")
    done = call("check", "w.num")
    assert done.exit_code == 0
    assert done.stdout == (
        "w.num:1:16: warning NUM301: the variable `$unused` is never used\n"
        "   |\n"
        " 1 | vars { account $unused }\n"
        "   |                ^^^^^^^\n"
        "   = hint: take the declaration away\n"
        "\n1 file checked: 1 warning\n"
    )
    assert call("check", "w.num", "--strict").exit_code == 1


def test_folders_are_searched_and_every_file_is_checked_once(call: Call, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / ".git").mkdir()
    (folder / "sub" / "a.num").write_text(WRONG, "utf-8")
    (folder / "sub" / "a.txt").write_text(WRONG, "utf-8")
    (folder / "b.num").write_text(WARNED + WRONG, "utf-8")
    (folder / ".git" / "c.num").write_text(WRONG, "utf-8")
    for arguments in ((), (".",), (".", "b.num", "./sub")):
        done = call("check", *arguments)
        assert done.exit_code == 1
        assert done.stdout.endswith("2 files checked: 2 errors, 1 warning\n")


def test_diagnostics_as_json(call: Call, folder: Path) -> None:
    (folder / "a.num").write_text(WRONG + WRONG, "utf-8")
    done = call("check", "a.num", "-o", "json")
    answer = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (answer["files"], answer["errors"], answer["warnings"]) == (1, 2, 0)
    assert [row["start"]["line"] for row in answer["diagnostics"]] == [1, 2]
    assert "error" not in answer


def test_flags_are_taken_from_the_caller(call: Call) -> None:
    text = "send [USD/2 1] ( source = oneof { @a @b } destination = @c )"
    assert call("check", "-", "--strict", input=text).exit_code == 1
    flag = ("--feature", "experimental-oneof")
    assert call("check", "-", "--strict", *flag, input=text).exit_code == 0


def test_files_that_cannot_be_read_do_not_stop_the_others(call: Call, folder: Path) -> None:
    (folder / "a.num").write_text(WRONG, "utf-8")
    (folder / "b.num").write_bytes(b"\xff")
    done = call("check", "nope.num", "a.num", "b.num")
    assert done.exit_code == 2
    assert done.stdout.endswith("1 file checked: 1 error\n")
    assert done.stderr == (
        "error: nope.num: there is no such file\n"
        "error: b.num: it is not UTF-8 text: line 1 has the byte 0xff; save it as UTF-8\n"
    )
    answer = json.loads(call("check", "nope.num", "a.num", "-o", "json").stdout)
    assert (answer["error"], answer["errors"]) == ("nope.num: there is no such file", 1)


def test_a_folder_without_scripts_is_wrong_usage(call: Call) -> None:
    done = call("check")
    assert (done.exit_code, done.stderr) == (2, "error: no *.num file was found in .\n")
