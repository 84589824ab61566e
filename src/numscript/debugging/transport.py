"""Messages of the Debug Adapter Protocol on streams: a header with the length, then JSON."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from numscript.debugging.adapter import Adapter, Message

LONGEST_MESSAGE = 64 * 1024 * 1024
"""How many bytes a message may have."""


class ProtocolError(ValueError):
    """What came is no message of the protocol; the conversation cannot go on."""


def read_message(stream: BinaryIO) -> Message | None:
    """The next message, or None at the end of the stream. Raises ProtocolError."""
    length: int | None = None
    while True:
        line = stream.readline(1024)
        if not line:
            return None
        name, _, value = line.decode("latin-1").partition(":")
        if not line.strip():
            break
        if name.strip().lower() == "content-length":
            length = int(value) if value.strip().isdecimal() else None
    if length is None or length > LONGEST_MESSAGE:
        raise ProtocolError("a message needs a header `Content-Length` with its size in bytes")
    body = stream.read(length)
    if len(body) < length:
        return None
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise ProtocolError("a message is not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("a message is not a JSON object")
    return message


def write_message(stream: BinaryIO, message: Message) -> None:
    """Write a message, at once."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    stream.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    stream.flush()


def serve(source: BinaryIO, sink: BinaryIO, adapter: Adapter) -> None:
    """Answer requests until the editor leaves. Raises ProtocolError."""
    number = 0
    while not adapter.closed:
        request = read_message(source)
        if request is None:
            return
        if request.get("type") == "request":
            for message in adapter.handle(request):
                number += 1
                write_message(sink, {"seq": number, **message})


def serve_on_port(
    host: str, port: int, new_adapter: Callable[[], Adapter], ready: Callable[[str], None]
) -> None:
    """Serve one editor after the other on a TCP port, until interrupted. Raises OSError.

    ready: is told the address once it can be connected to.
    """
    with socket.create_server((host, port)) as listener:
        name, number = listener.getsockname()[:2]
        ready(f"{name}:{number}")
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as source, connection.makefile("wb") as sink:
                try:
                    serve(source, sink, new_adapter())
                except (ProtocolError, OSError):
                    # This editor is gone; the next one is as welcome.
                    continue
