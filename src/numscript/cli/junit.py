"""The report of `numscript test` as JUnit XML, which build servers read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from numscript import render
from numscript.cli.console import BadInput
from numscript.specs import Outcome, Status

if TYPE_CHECKING:
    from numscript.cli.test import TestedFile


def write_report(path: str, tested: list[TestedFile], problems: list[str]) -> None:
    """Write the report: a suite a file, and one of what could not be read. Raises BadInput."""
    root = ElementTree.Element("testsuites", name="numscript")
    for done in tested:
        outcomes = done.result.outcomes
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_clean(done.specs),
            tests=str(len(outcomes)),
            failures=str(done.result.count(Status.FAILED)),
            errors="0",
            skipped=str(done.result.count(Status.SKIPPED)),
            time=_seconds(done.seconds),
        )
        for outcome in outcomes:
            _add_case(suite, done, outcome)
    if problems:
        count = str(len(problems))
        suite = ElementTree.SubElement(
            root, "testsuite", name="unreadable", tests=count, failures="0", errors=count
        )
        for problem in problems:
            case = ElementTree.SubElement(suite, "testcase", name=_clean(problem))
            ElementTree.SubElement(case, "error", message=_clean(problem))
    tree = ElementTree.ElementTree(root)
    ElementTree.indent(tree)
    try:
        with Path(path).open("wb") as file:
            tree.write(file, encoding="utf-8", xml_declaration=True)
            file.write(b"\n")
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise BadInput(f"{path}: the report cannot be written: {reason}") from None


def _add_case(suite: ElementTree.Element, done: TestedFile, outcome: Outcome) -> None:
    seconds = _seconds(done.seconds / len(done.result.outcomes))
    case = ElementTree.SubElement(
        suite, "testcase", classname=_clean(done.script), name=_clean(outcome.case.it), time=seconds
    )
    if outcome.status is Status.SKIPPED:
        ElementTree.SubElement(case, "skipped")
    elif outcome.status is Status.FAILED:
        names = ", ".join(mismatch.expectation for mismatch in outcome.mismatches)
        failure = ElementTree.SubElement(case, "failure", message=f"not met: {names}")
        failure.text = _clean(render.outcome(outcome, color=False))


def _seconds(seconds: float) -> str:
    return f"{seconds:.6f}"


def _clean(text: str) -> str:
    """Text that XML can hold."""
    shown = render.visible(text)
    return "".join(
        "\ufffd" if "\ud800" <= c <= "\udfff" or c in "\ufffe\uffff" else c for c in shown
    )
