"""Python's garbage collector, kept from walking again and again over what is no garbage.

It is held while a stage builds something large that stays. A tree, a program and a result have no
cycles and nothing in them is garbage while they are built, yet the collector walks all of it each
time that it has grown by a quarter, which made the cost of a statement grow with the number of
statements. Reference counting goes on as ever.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
SELDOM = 20_000
"""How many more objects there are before a server's collector looks for garbage among them."""


def collect_seldom() -> None:
    """Leave alone all that there is by now, and look for garbage seldom: for a server's start.

    A collector that walks over all modules makes callers wait for tens of milliseconds, and what
    calls leave behind is hardly ever cyclic.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)


def without_collector(build: Callable[P, R]) -> Callable[P, R]:
    """The function with the collector held while it runs, where it was not held already.

    Two threads that build at once at worst let the collector go on a little early.
    """

    @wraps(build)
    def held(*args: P.args, **kwargs: P.kwargs) -> R:
        if not gc.isenabled():
            return build(*args, **kwargs)
        gc.disable()
        try:
            return build(*args, **kwargs)
        finally:
            gc.enable()

    return held
