"""The programs that the tests run over: the conformance cases and the shared corpus.

The corpus is large and lies beside the repository, in `../shared`, or where the environment
variable NUMSCRIPT_SHARED says. Tests that need it are skipped where it is missing.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONFORMANCE = ROOT / "conformance"
SHARED = Path(os.environ.get("NUMSCRIPT_SHARED") or ROOT.parent / "shared")
CORPUS = SHARED / "conformance" / "corpus.jsonl"
UPSTREAM = SHARED / "conformance" / "upstream"
ABSENT = (
    "the shared corpus is not here: put it at ../shared beside the repository, or name its folder "
    "in NUMSCRIPT_SHARED"
)


@cache
def corpus() -> list[dict[str, Any]]:
    """Every case of the corpus, or none where it is missing."""
    if not CORPUS.is_file():
        return []
    with CORPUS.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@cache
def conformance_scripts() -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, text and feature flags of the programs in the repository's own suite."""
    return _scripts(CONFORMANCE)


@cache
def upstream_scripts() -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, text and feature flags of the reference's published programs, if they are here."""
    return _scripts(UPSTREAM)


FULL = os.environ.get("NUMSCRIPT_TEST_LOAD") == "full"
THINNED = 1 if FULL else 5
"""Of what is tried on many generated programs, one in so many is tried by default."""


def all_scripts(*, corpus_step: int = 1) -> list[tuple[str, str, tuple[str, ...]]]:
    """All programs; of the corpus one in `corpus_step`, and fewer where the load is not full."""
    generated = [
        (f"corpus {case['id']}", str(case["script"]), tuple(case["featureFlags"]))
        for case in corpus()[:: corpus_step * THINNED]
    ]
    return [*conformance_scripts(), *upstream_scripts(), *generated]


def _scripts(folder: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    found = []
    for path in sorted(folder.rglob("*.num")):
        specs = path.with_name(path.name + ".specs.json")
        flags: list[str] = []
        if specs.is_file():
            flags = json.loads(specs.read_text(encoding="utf-8")).get("featureFlags") or []
        text = path.read_bytes().decode("utf-8")
        found.append((str(path.relative_to(folder)), text, tuple(flags)))
    return found
