"""Some 5,000 generated programs, each with what the reference answered, must answer the same here.

Postings in their order, metadata and errors by name; and what the reference says without running
a program must be among what ours says, at the same place.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import numscript
from numscript.embedding import Engine
from numscript.errors import CATALOGUE
from tests.material import ABSENT, corpus

CHUNKS = 20
SHOWN = 3
DIFFERS = {
    3077: "`destination` before `source` is the older dialect, which ours reads (section 13)",
}
"""Cases that differ on purpose."""

TYPE_LEVEL = {
    name for kind in CATALOGUE.values() if kind.code.startswith("NUM2") for name in kind.reference
}
"""What the reference calls the mistakes for which ours does not compile a program."""

pytestmark = pytest.mark.skipif(not corpus(), reason=ABSENT)


def cases(chunk: int) -> list[dict[str, Any]]:
    return [case for case in corpus()[chunk::CHUNKS] if case["id"] not in DIFFERS]


def run(case: dict[str, Any], engine: Engine = "vm") -> dict[str, object]:
    """What ours answers, in the corpus's words; an error as all the names that it goes by."""
    try:
        program = numscript.compile(case["script"], case["featureFlags"])
        store = numscript.StaticStore(case["balances"], case["metadata"])
        result = program.run(case["variables"], store, engine=engine)
    except numscript.CheckError as error:
        return {"refused": [d.kind.reference for d in error.diagnostics]}
    except numscript.NumscriptError as error:
        return {"error": error.kind.reference}
    return {
        "postings": [posting.to_dict() for posting in result.postings],
        "txMetadata": result.tx_metadata,
        "metadata": result.account_metadata,
    }


def is_same(case: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Whether the answers agree.

    Where the reference's own check finds a mistake of names or types, ours refuses the program
    and names that mistake, whatever the reference did when it ran the program all the same.
    """
    mistakes = {kind for kind, _, _ in case.get("diagnostics", ())} & TYPE_LEVEL
    if mistakes:
        named = {name for names in answer.get("refused", ()) for name in names}
        return mistakes <= named
    expected = case["expect"]
    if "error" in expected:
        return expected["error"] in answer.get("error", ())
    return bool(expected == answer)


def shown(case: dict[str, Any], answer: object) -> str:
    inputs = {key: case[key] for key in ("variables", "balances", "metadata", "featureFlags")}
    return "\n".join(
        (
            f"--- case {case['id']}",
            case["script"],
            f"inputs:   {inputs}",
            f"expected: {case['expect']} {case.get('diagnostics')}",
            f"answered: {answer}",
        )
    )


def complain(mismatches: list[str]) -> None:
    if mismatches:
        rest = len(mismatches) - SHOWN
        more = f"\n... and {rest} more" if rest > 0 else ""
        pytest.fail("\n".join(mismatches[:SHOWN]) + more, pytrace=False)


@pytest.mark.parametrize("engine", ["vm", "translated"])
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_run_answers_as_the_reference(chunk: int, engine: Engine) -> None:
    mismatches = []
    for case in cases(chunk):
        answer = run(case, engine)
        if not is_same(case, answer):
            mismatches.append(shown(case, answer))
    complain(mismatches)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_check_finds_what_the_reference_finds(chunk: int) -> None:
    mismatches = []
    for case in cases(chunk):
        if case["expect"].get("error") == "ParseError":
            continue
        checked = numscript.check(case["script"], case["featureFlags"])
        ours = Counter((name, *d.start) for d in checked.diagnostics for name in d.kind.reference)
        theirs = Counter((kind, *place[:2]) for kind, _, place in case["diagnostics"])
        if theirs - ours:
            mismatches.append(shown(case, [str(d) for d in checked.diagnostics]))
    complain(mismatches)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_severities_are_the_references(chunk: int) -> None:
    """An error there is an error here, a warning a warning."""
    words = {"error": numscript.Severity.ERROR, "warning": numscript.Severity.WARNING}
    mismatches = []
    for case in cases(chunk):
        if case["expect"].get("error") == "ParseError":
            continue
        checked = numscript.check(case["script"], case["featureFlags"])
        severities = {
            (name, *d.start): d.severity for d in checked.diagnostics for name in d.kind.reference
        }
        for kind, severity, place in case["diagnostics"]:
            expected = words[str(severity).lower()]
            if severities.get((kind, *place[:2]), expected) != expected:
                mismatches.append(shown(case, [str(d) for d in checked.diagnostics]))
    complain(mismatches)


def test_every_case_is_there_and_each_exception_still_differs() -> None:
    by_id = {case["id"]: case for case in corpus()}
    assert len(by_id) > 4900
    for number in DIFFERS:
        case = by_id[number]
        assert not is_same(case, run(case)), f"case {number} agrees by now"
