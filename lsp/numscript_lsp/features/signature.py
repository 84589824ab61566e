"""Signature help: the function whose arguments are being written."""

from __future__ import annotations

from typing import NamedTuple

from numscript.analysis.checked import CheckedProgram
from numscript.prelude import BUILTINS, Builtin
from numscript_lsp.expectation import Expectation


class Signature(NamedTuple):
    """A function and the number of the argument at hand, from 0.

    parameters: where each parameter stands in the function's signature.
    """

    builtin: Builtin
    argument: int
    parameters: tuple[tuple[int, int], ...]


def signature(checked: CheckedProgram, offset: int) -> Signature | None:
    """The function that is being called at an offset, if it is a known one."""
    call = Expectation(checked.parsed, offset).call
    builtin = BUILTINS.get(call[0]) if call is not None else None
    if call is None or builtin is None:
        return None
    places = []
    at = len(builtin.name) + 1
    for name, kind in builtin.parameters:
        length = len(f"{name}: {kind}")
        places.append((at, at + length))
        at += length + len(", ")
    return Signature(builtin, call[1], tuple(places))
