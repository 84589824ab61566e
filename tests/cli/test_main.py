from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import numscript
from numscript.cli import COMMANDS
from tests.cli.conftest import Call


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "numscript", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def test_version_and_help(call: Call) -> None:
    assert call("--version").stdout == f"numscript {numscript.__version__}\n"
    for arguments in (("--help",), ("-h",)):
        done = call(*arguments)
        assert done.exit_code == 0
        assert all(f"  {name}" in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(call: Call, name: str) -> None:
    done = call(name, "--help")
    assert done.exit_code == 0
    assert done.stdout.count(f"numscript {name}") >= 2
    stem = name.replace("-", "_")
    command = getattr(import_module(f"numscript.cli.{stem}"), stem)
    assert command.name == name
    assert command.short_help in (None, COMMANDS[name])


def test_wrong_usage_gives_two(call: Call) -> None:
    done = call("rnu")
    assert done.exit_code == 2
    assert "there is no command `rnu`; is `run` meant?" in done.stderr
    assert call("run").exit_code == 2
    assert call("--colour").exit_code == 2


def test_commands_are_imported_only_when_called() -> None:
    program = (
        "import sys; from numscript.cli import main; main(['--help'], standalone_mode=False);"
        "names = [n for n in sys.modules if n.startswith('numscript.cli.')]"
        " + [n for n in ('lark', 'numscript.specs', 'json.decoder2') if n in sys.modules];"
        "assert names == [], names"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_what_the_shell_reads(call: Call, shell: str) -> None:
    done = call("completion", shell)
    assert done.exit_code == 0
    assert f"_NUMSCRIPT_COMPLETE={shell}_complete" in done.stdout
    assert call("completion", "tcsh").exit_code == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("numscript te", "test"),
        ("numscript explain num42", "NUM420"),
        ("numscript run --feature experimental-on", "experimental-oneof"),
    ],
)
def test_a_shell_completes_commands_codes_and_flags(words: str, expected: str) -> None:
    script = "from numscript.cli import main; main(prog_name='numscript')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "_NUMSCRIPT_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert f"plain,{expected}" in done.stdout.split()


def test_the_module_can_be_run() -> None:
    with start("run", "-") as process:
        out, err = process.communicate("send [X 1] ( source = @world destination = @日本 )")
    assert process.returncode == 1
    assert (out, err.splitlines()[0][:23]) == ("", "<stdin>:1:44: error NUM")


def test_a_closed_pipe_is_silent() -> None:
    text = f"send [X 1] ( source = @world destination = @{'a' * 100} )\n" * 1500
    with start("run", "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
def test_an_interrupt_ends_it_quietly() -> None:
    program = (
        "import os, signal; import numscript.cli.files as files; from numscript.cli import main;"
        "files.read_script = lambda path: os.kill(os.getpid(), signal.SIGINT);"
        "main(['run', '-'])"
    )
    # Where the tests were started with interrupts ignored, the child would ignore them too.
    program = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {program}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals on Windows")
def test_a_terminal_gets_colours_and_is_told_how_far_a_long_run_is(folder: Path) -> None:
    import pty

    for number in range(30):
        (folder / f"{number}.num").write_text("fail" if number == 29 else "", "utf-8")
        (folder / f"{number}.num.specs.json").write_text('{"testCases": [{"it": "x"}]}', "utf-8")
    program = (
        "import numscript.cli.test as command; command.PATIENCE = -1;"
        "from numscript.cli import main; main(['test', '.'])"
    )
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=follower, stderr=follower, env=environment
    ) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(leader)
    assert process.returncode == 1
    assert b"\r0 of 30 files" in shown
    assert b"\x1b[K\x1b[1m29.num.specs.json" in shown
    assert b"\x1b[31m1 failed\x1b[0m, \x1b[32m29 passed\x1b[0m" in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_cannot_be_written_gives_one_sentence() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "numscript", "explain"],
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "error: the output cannot be written: no space left on device\n"
