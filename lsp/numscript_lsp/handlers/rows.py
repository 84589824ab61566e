"""`Row`: one method of the protocol, what serves it and the options that it is advertised with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Row(NamedTuple):
    """A method and its handler, which is given the server and the request."""

    method: str
    handler: Callable[[Any, Any], Any]
    options: object = None
