"""Compares the speed of two commits, and fails where the second is slower beyond noise.

The benchmarks of this tree run on both commits in turn, several times, so that what else the
machine does meets both. A figure is the median of a commit's runs, of each its best time in
thousandths of the unit of calibration.py, or as a multiple of what ran in turn with it; the noise
is the median distance of the runs from it, of the commit where that is larger. A regression is a
change above the threshold and three times the noise together. What looks slower is run again, as
often once more, before it is believed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.results import Results, read

ROOT = Path(__file__).parents[1]
HERE = "."
"""Stands for the working tree in place of a commit."""
THRESHOLD = 0.05
EXAMPLE = """\
example: is the work on this branch slower than the main branch, as to parsing and running?

  python -m benchmarks.compare main HEAD --select "test_parse or test_run_vm" --runs 5

without a second commit the working tree is compared. Exit status: 0 where nothing is slower, 1
where something is, 2 where the comparison could not be made.
"""


class Problem(Exception):  # noqa: N818 - said to the user and nothing else
    """What keeps the comparison from being made."""


class Change(NamedTuple):
    """One benchmark on both commits: thousandths of a unit, multiples of what ran beside it, or
    bytes; and the noise as a part."""

    name: str
    test: str
    old: float
    new: float
    noise: float

    @property
    def part(self) -> float:
        """How much more the new one takes, as a part of the old."""
        return self.new / self.old - 1

    def verdict(self, threshold: float) -> str:
        """In a word, what the change amounts to: beyond threshold and noise together, or not."""
        bound = threshold + 3 * self.noise
        if self.part > bound:
            return "SLOWER"
        return "faster" if self.old / self.new - 1 > bound else ""


def noise_of(figures: Sequence[float]) -> float:
    """How far a commit's figures lie from their median, as a part of it: the median distance."""
    middle = median(figures)
    return median(abs(figure - middle) for figure in figures) / middle


def changes(old: Sequence[Results], new: Sequence[Results]) -> list[Change]:
    """Every benchmark that ran on both commits."""
    found = []
    for name, row in old[0].rows.items():
        rows = [[run.rows[name] for run in runs if name in run.rows] for runs in (old, new)]
        if not rows[1]:
            continue
        times = [[row.beside or row.ratio * 1000 for row in side] for side in rows]
        found.append(change_of(name, row.test, times))
        if row.bytes:
            held = [[row.bytes for row in side] for side in rows]
            found.append(change_of(f"{name} [bytes]", row.test, held))
    return found


def change_of(name: str, test: str, sides: Sequence[Sequence[float]]) -> Change:
    """The change between the figures of both commits."""
    old, new = map(median, sides)
    return Change(name, test, old, new, max(map(noise_of, sides)))


def show(found: Sequence[Change], threshold: float) -> str:
    """The changes as a table for people."""
    width = max((len(change.name) for change in found), default=0)
    lines = [f"{'':{width}}  {'old':>10}  {'new':>10}  {'change':>8}  {'noise':>6}"]
    for change in found:
        line = (
            f"{change.name:{width}}  {change.old:10.3f}  {change.new:10.3f}"
            f"  {change.part:+8.1%}  {change.noise:6.1%}  {change.verdict(threshold)}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


# --- running ----------------------------------------------------------------------------------


def git(*arguments: str) -> str:
    """What git answers."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Problem(done.stderr.strip())
    return done.stdout.strip()


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """The sources of a commit, in a work tree of their own for as long as they are needed."""
    if commit == HERE:
        yield ROOT
        return
    git("worktree", "add", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))


def environment(sources: Path) -> dict[str, str]:
    """The environment in which Python finds the package of a tree before any that is installed."""
    variables = dict(os.environ, PYTHONPATH=str(sources / "src"))
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", "import numscript; print(numscript.__file__)"],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    found = Path(done.stdout.strip() or ".").resolve()
    if not found.is_relative_to(sources.resolve() / "src"):
        raise Problem(f"the package of {sources} cannot be imported: {done.stderr.strip()}")
    return variables


def run(variables: Mapping[str, str], chosen: Sequence[str], seconds: float, path: Path) -> Results:
    """Run the chosen benchmarks of this tree once."""
    command = [sys.executable, "-m", "pytest", "-q", *chosen]
    command += [f"--benchmark-max-time={seconds}", f"--benchmark-json={path}"]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(variables), capture_output=True, text=True, check=False
    )
    try:
        results = read([path])
    except (OSError, ValueError, KeyError):
        raise Problem(f"the benchmarks did not run:\n{done.stdout}{done.stderr}") from None
    if not results.rows:
        raise Problem(f"no benchmark was measured of those chosen:\n{done.stdout}")
    return results


def run_in_turn(
    sides: Sequence[Mapping[str, str]],
    chosen: Sequence[str],
    options: argparse.Namespace,
    folder: Path,
) -> tuple[list[Results], list[Results]]:
    """Run the chosen benchmarks several times on both sides, which take turns to go first."""
    found: tuple[list[Results], list[Results]] = ([], [])
    for number in range(options.runs):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            sys.stderr.write(f"run {number + 1} of {options.runs}, {('old', 'new')[side]}\n")
            path = folder / "results.json"
            found[side].append(run(sides[side], chosen, options.seconds, path))
            path.unlink()
    return found


def compare(options: argparse.Namespace) -> list[Change]:
    """Run and compare; what looks slower is run again."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with (
            checked_out(options.old, folder / "old") as old_tree,
            checked_out(options.new, folder / "new") as new_tree,
        ):
            sides = [environment(old_tree), environment(new_tree)]
            chosen = ["benchmarks", "-k", options.select]
            old, new = run_in_turn(sides, chosen, options, folder)
            found = changes(old, new)
            slower = [c for c in found if c.verdict(options.threshold) == "SLOWER"]
            if not slower or options.once:
                return found
            sys.stderr.write(f"{len(slower)} look slower and are run again\n")
            again = sorted({change.test for change in slower})
            more = run_in_turn(sides, again, options, folder)
            return changes([*old, *more[0]], [*new, *more[1]])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", help="the commit to compare with")
    parser.add_argument("new", nargs="?", default=HERE, help="a commit (default: the working tree)")
    parser.add_argument(
        "--select", default="test_stages", help="which benchmarks, as in `pytest -k` (test_stages)"
    )
    parser.add_argument("--runs", type=int, default=5, help="runs on each commit (5)")
    parser.add_argument("--seconds", type=float, default=0.1, help="of each benchmark a run (0.1)")
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        help=f"what is no regression even without noise, as a part ({THRESHOLD})",
    )
    parser.add_argument("--once", action="store_true", help="do not run again what looks slower")
    options = parser.parse_args(arguments)
    if options.runs < 2:
        parser.error("--runs must be at least 2: noise shows in repeated runs only")
    try:
        found = compare(options)
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    sys.stdout.write(show(found, options.threshold))
    slower = sum(change.verdict(options.threshold) == "SLOWER" for change in found)
    bound = f"{options.threshold:.0%} and three times the noise"
    sys.stdout.write(f"{slower} of {len(found)} figures are worse by more than {bound}\n")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
