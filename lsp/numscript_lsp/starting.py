"""A quick start: what the server is made of is imported with less work than it takes by default.

Nine tenths of the time that a server on pygls takes to start go into `lsprotocol.types`: a thousand
classes whose methods are written, compiled and run one by one. The server neither compares nor
prints them, so in its own process they are made without those methods, which takes half the time;
and the garbage collector, which would look through all of them time and again while they come
into being, waits until they are there and then leaves them alone.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial


@contextmanager
def quick_start() -> Iterator[None]:
    """Import the server inside of this, in a process that does nothing but serve."""
    gc.disable()
    try:
        _import_protocol()
        yield
    finally:
        gc.freeze()
        gc.enable()


def _import_protocol() -> None:
    """Import the protocol's classes without methods to compare and to print them."""
    if "lsprotocol.types" in sys.modules:
        return
    import attrs

    names = vars(attrs)
    define = names["define"]
    names["define"] = partial(define, eq=False, repr=False)
    try:
        import lsprotocol.types  # noqa: F401 - what follows finds it there
    finally:
        names["define"] = define
