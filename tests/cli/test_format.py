"""`numscript format`: files in place, what would change, and standard input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Call

MESSY = "send [USD/2 1](source=@world destination=@a)\n"
NEAT = "send [USD/2 1] (\n  source = @world\n  destination = @a\n)\n"
BROKEN = "send [USD/2 1] ( source = destination = @b )\nset_tx_meta(\n"


def test_files_are_rewritten_and_the_others_left_alone(call: Call, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "messy.num").write_text(MESSY, "utf-8")
    (folder / "sub" / "deep.num").write_text(MESSY, "utf-8")
    (folder / "neat.num").write_text(NEAT, "utf-8")
    (folder / "other.txt").write_text(MESSY, "utf-8")
    before = (folder / "neat.num").stat()
    done = call("format")
    assert (done.exit_code, done.stdout) == (0, "2 files reformatted, 1 file left unchanged\n")
    assert (folder / "messy.num").read_text("utf-8") == NEAT
    assert (folder / "sub" / "deep.num").read_text("utf-8") == NEAT
    assert (folder / "other.txt").read_text("utf-8") == MESSY
    after = (folder / "neat.num").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert call("format").stdout == "3 files left unchanged\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        "messy.num",
        "neat.num",
        "other.txt",
        "sub",
    ]


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(call: Call, folder: Path) -> None:
    real = folder / "real.num"
    real.write_text(MESSY, "utf-8")
    real.chmod(0o640)
    (folder / "link.num").symlink_to(real)
    assert call("format", "link.num").exit_code == 0
    assert (folder / "link.num").is_symlink()
    assert real.read_text("utf-8") == NEAT
    assert real.stat().st_mode & 0o777 == 0o640


def test_line_ends_are_kept_and_a_byte_order_mark_is_not(call: Call, folder: Path) -> None:
    path = folder / "windows.num"
    path.write_bytes(b"\xef\xbb\xbf" + MESSY.replace("\n", "\r\n").encode())
    assert call("format", "windows.num").exit_code == 0
    assert path.read_bytes() == NEAT.replace("\n", "\r\n").encode()


def test_check_says_what_would_change_and_writes_nothing(call: Call, folder: Path) -> None:
    (folder / "messy.num").write_text(MESSY, "utf-8")
    (folder / "neat.num").write_text(NEAT, "utf-8")
    done = call("format", "--check", ".")
    assert (done.exit_code, done.stdout) == (
        1,
        "would reformat messy.num\n1 file would be reformatted, 1 file already formatted\n",
    )
    assert (folder / "messy.num").read_text("utf-8") == MESSY
    done = call("format", "--check", "neat.num")
    assert (done.exit_code, done.stdout) == (0, "1 file already formatted\n")


def test_diff_shows_what_would_change_and_writes_nothing(call: Call, folder: Path) -> None:
    (folder / "messy.num").write_text(MESSY + "fail", "utf-8")
    done = call("format", "--diff", "messy.num")
    assert done.exit_code == 1
    assert done.stdout == (
        "--- messy.num\n"
        "+++ messy.num\n"
        "@@ -1,2 +1,6 @@\n"
        "-send [USD/2 1](source=@world destination=@a)\n"
        "-fail\n"
        "\\ No newline at end of file\n"
        "+send [USD/2 1] (\n"
        "+  source = @world\n"
        "+  destination = @a\n"
        "+)\n"
        "+\n"
        "+fail\n"
    )
    assert done.stderr == "1 file would be reformatted\n"
    assert (folder / "messy.num").read_text("utf-8") == MESSY + "fail"
    colored = call("--color", "always", "format", "--diff", "messy.num")
    assert "\x1b[32m+)\x1b[0m\n" in colored.stdout


def test_a_file_with_syntax_errors_is_left_as_it_is(call: Call, folder: Path) -> None:
    (folder / "broken.num").write_text(BROKEN, "utf-8")
    (folder / "messy.num").write_text(MESSY, "utf-8")
    done = call("format", "broken.num", "messy.num")
    assert done.exit_code == 1
    assert done.stderr == (
        "error: broken.num:1:27: it cannot be formatted: expected a source, "
        "found the keyword `destination` (and 1 more error)\n"
    )
    assert done.stdout == ("1 file reformatted, 1 file with syntax errors left as it is\n")
    assert (folder / "broken.num").read_text("utf-8") == BROKEN
    assert (folder / "messy.num").read_text("utf-8") == NEAT


def test_the_summary_counts_what_was_left_and_what_could_not_be_read(call: Call) -> None:
    for name in ("a.num", "b.num"):
        Path(name).write_text(BROKEN, "utf-8")
    left = "2 files with syntax errors left as they are, 1 file not read or written\n"
    assert call("format", "a.num", "b.num", "nope.num").stdout == left


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no `patch`")
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_difference_can_be_applied(call: Call, folder: Path, mark: bytes, line_end: str) -> None:
    path = folder / "messy.num"
    path.write_bytes(mark + f"// why\n{MESSY}".replace("\n", line_end).encode())
    done = call("format", "--diff", "messy.num")
    subprocess.run(["patch", "--binary", "messy.num"], input=done.stdout_bytes, check=True)
    assert path.read_bytes() == f"// why\n{NEAT}".replace("\n", line_end).encode()


def test_standard_input_goes_to_standard_output(call: Call) -> None:
    for text in (MESSY, NEAT, MESSY.replace("\n", "\r\n")):
        done = call("format", "-", input=text.encode())
        line_end = "\r\n" if "\r" in text else "\n"
        assert done.stdout_bytes == NEAT.replace("\n", line_end).encode()
        assert (done.exit_code, done.stderr) == (0, "")
    done = call("format", "-", input=BROKEN)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: <stdin>:1:27: it cannot be formatted: ")
    done = call("format", "--check", "-", input=MESSY)
    assert (done.exit_code, done.stdout) == (
        1,
        "would reformat <stdin>\n1 file would be reformatted\n",
    )


def test_outcomes_as_json(call: Call, folder: Path) -> None:
    for name, text in (("a.num", MESSY), ("b.num", NEAT), ("c.num", BROKEN)):
        (folder / name).write_text(text, "utf-8")
    done = call("format", "--diff", "-o", "json", "a.num", "b.num", "c.num", "nope.num")
    answer = json.loads(done.stdout)
    assert done.exit_code == 2
    assert [(row["file"], row["status"]) for row in answer["files"]] == [
        ("a.num", "would reformat"),
        ("b.num", "formatted"),
        ("c.num", "broken"),
        ("nope.num", "failed"),
    ]
    assert answer["files"][3]["message"] == "nope.num: there is no such file"
    assert answer["files"][0]["diff"].startswith("--- a.num\n+++ a.num\n@@ ")
    assert answer["files"][2]["message"].startswith("c.num:1:27: ")
    assert answer["error"] == "nope.num: there is no such file"
    done = call("format", "-o", "json", "-", input=MESSY)
    assert json.loads(done.stdout) == {
        "files": [{"file": "<stdin>", "status": "reformatted", "text": NEAT}]
    }


def test_what_cannot_be_read_or_written_does_not_stop_the_others(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.num").write_text(MESSY, "utf-8")
    done = call("format", "nope.num", "a.num")
    assert (done.exit_code, done.stderr) == (2, "error: nope.num: there is no such file\n")
    assert (folder / "a.num").read_text("utf-8") == NEAT
    (folder / "a.num").write_text(MESSY, "utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
        done = call("format", "a.num")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: a.num: it cannot be written: the file is write-protected\n",
    )
    assert (folder / "a.num").read_text("utf-8") == MESSY
    assert [path.name for path in folder.iterdir()] == ["a.num"]


def test_a_folder_without_scripts_is_wrong_usage(call: Call) -> None:
    done = call("format")
    assert (done.exit_code, done.stderr) == (2, "error: no *.num file was found in .\n")
