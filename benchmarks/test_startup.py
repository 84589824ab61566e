"""Whole processes: the command line, beside Python alone and Python with click.

They run in an environment made for it, which holds this package and click by plain paths and
their compiled modules: the import hook of an editable installation would count on both sides.
"""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path
from typing import Any

import click
import pytest

import numscript
from benchmarks.conftest import Measure
from benchmarks.programs import load

pytestmark = pytest.mark.skipif(os.name == "nt", reason="made for POSIX environments")

ENTRY = "import sys\nfrom numscript.cli import main\n\nsys.exit(main())\n"


class Place:
    """An environment with the command line, and a folder with the scripts that it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        root = folder / "venv"
        venv.EnvBuilder(symlinks=True).create(root)
        self.python = root / "bin" / "python"
        packages = next(root.glob("lib/python*/site-packages"))
        click_folder, source = (Path(m.__file__ or "").parent for m in (click, numscript))
        (packages / "click").symlink_to(click_folder)
        (packages / "numscript").symlink_to(source)
        for name in ("click", "numscript"):
            for about in click_folder.parent.glob(f"{name}-*.dist-info"):
                (packages / about.name).symlink_to(about)
        self.command = root / "bin" / "numscript"
        self.command.write_text(f"#!{self.python}\n{ENTRY}", "utf-8")
        self.command.chmod(0o755)
        self.environment = {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def run(self, *command: str | Path) -> None:
        """Run a process to its end. Raises CalledProcessError."""
        subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def output(self, *command: str | Path) -> str:
        """What a process writes, or nothing where it fails; also compiles what it imports."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("startup"))


def _measure(measure: Measure, place: Place, name: str, *command: str | Path) -> None:
    def import_click() -> None:
        place.run(place.python, "-c", "import click")

    import_click()
    notes: dict[str, Any] = {"suite": "startup", "program": name, "stage": "process"}
    measure(place.run, *command, beside=import_click, **notes)


@pytest.mark.parametrize(
    ("name", "code"), [("python -c pass", "pass"), ("python -c 'import click'", "import click")]
)
def test_python(measure: Measure, place: Place, name: str, code: str) -> None:
    place.output(place.python, "-c", code)
    _measure(measure, place, name, place.python, "-c", code)


def test_import(measure: Measure, place: Place) -> None:
    place.output(place.python, "-c", "import numscript")
    name = "python -c 'import numscript'"
    _measure(measure, place, name, place.python, "-c", "import numscript")


def test_version(measure: Measure, place: Place) -> None:
    if numscript.__version__ not in place.output(place.command, "--version"):
        pytest.skip("the command `numscript --version` does not exist yet")
    _measure(measure, place, "numscript --version", place.command, "--version")


@pytest.mark.parametrize("name", ["booking", "order"])
def test_run(measure: Measure, place: Place, name: str) -> None:
    """The second run on: the script's program is in the disk cache."""
    case = load(name)
    if case is None:
        pytest.skip("the shared programs are not there; set NUMSCRIPT_SHARED to their folder")
    script = place.folder / f"{name}.num"
    script.write_text(case.text, "utf-8")
    script.with_name(f"{name}.num.inputs.json").write_text(case.inputs(), "utf-8")
    if "taxes" not in place.output(place.command, "run", script.name):
        pytest.skip("the command `numscript run` does not exist yet")
    if not any(path.is_file() for path in (place.folder / "cache").rglob("*")):
        pytest.skip("`numscript run` keeps no disk cache yet")
    _measure(measure, place, f"numscript run {name}.num", place.command, "run", script.name)
