"""The programs that are measured: five of our own, and the five the reference was measured with.

The latter lie in a folder outside the repository: `../shared/bench` beside it, or `bench` in the
folder that the environment variable NUMSCRIPT_SHARED names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.reference import FIGURES
from numscript import StaticStore

HERE = Path(__file__).parent / "programs"
SHARED = tuple(FIGURES)
OWN = tuple(sorted(path.stem for path in HERE.glob("*.num")))


class Case(NamedTuple):
    """A program with the inputs of one run."""

    text: str
    variables: Mapping[str, object]
    balances: list[dict[str, object]]
    metadata: dict[str, dict[str, str]]

    @property
    def store(self) -> StaticStore:
        """A store of the case's balances and metadata."""
        return StaticStore(self.balances, self.metadata)

    def inputs(self) -> str:
        """The inputs as the text of an inputs file."""
        rest = self._asdict()
        del rest["text"]
        return json.dumps(rest)


def shared_folder() -> Path:
    """Where the shared programs are, if they are there."""
    beside = Path(__file__).parents[2] / "shared"
    return Path(os.environ.get("NUMSCRIPT_SHARED") or beside) / "bench"


def load(name: str) -> Case | None:
    """A case by name; None where it is a shared one that is not there."""
    if name in OWN:
        inputs = json.loads((HERE / f"{name}.num.inputs.json").read_text("utf-8"))
        return _case((HERE / f"{name}.num").read_text("utf-8"), inputs)
    path = shared_folder() / f"{name}.json"
    if not path.is_file():
        return None
    inputs = json.loads(path.read_text("utf-8"))
    return _case(inputs["script"], inputs)


def _case(text: str, inputs: Mapping[str, Any]) -> Case:
    return Case(
        text, inputs.get("variables", {}), inputs.get("balances", []), inputs.get("metadata", {})
    )
