"""The pages of the ledger's and the storages' errors, and the guide: their examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from numscript.diagnostics import Kind, LedgerError, NumscriptError, StorageError
from numscript.errors import CATALOGUE

GUIDE = Path(__file__).parents[2] / "docs" / "ledger.md"
KINDS = [kind for kind in CATALOGUE.values() if kind.code >= "NUM5"]
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.code for kind in KINDS])
def test_the_example_gives_this_error(kind: type[Kind]) -> None:
    from inspect import cleandoc

    (example,) = EXAMPLE.findall(cleandoc(kind.__doc__ or ""))
    expected = LedgerError if kind.code < "NUM6" else StorageError
    with pytest.raises(expected) as raised:
        exec(compile(example, kind.code, "exec"), {})
    assert raised.value.kind.code == kind.code
    assert str(raised.value) == f"error {kind.code}: {raised.value.kind.message}"


def test_the_guide_runs() -> None:
    examples = EXAMPLE.findall(GUIDE.read_text(encoding="utf-8"))
    assert examples
    for example in examples:
        exec(compile(example, str(GUIDE), "exec"), {})


def test_errors_are_of_the_package() -> None:
    assert issubclass(LedgerError, NumscriptError)
    assert issubclass(StorageError, NumscriptError)
