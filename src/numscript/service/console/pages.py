"""The console's files: sent as they are, but for what the page is told of the server.

A browser keeps them and asks whether they are still the same; those that are worth it are sent
compressed.
"""

from __future__ import annotations

import gzip
import secrets
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from typing import NamedTuple

from numscript import __version__
from numscript.service.calls import Call, Reply
from numscript.service.problems import not_found

HTML = "text/html; charset=utf-8"
MEDIA = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
"""What the files are, by how their names end."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What the page may do: use this server's files and call it, and nothing from anywhere else."""
GUARDS = {
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
WORTH_IT = 2000
"""In bytes: the least that is compressed."""


class File(NamedTuple):
    """A file: its content, that compressed where it is worth it, its tag and type."""

    content: bytes
    packed: bytes | None
    tag: str
    media: str


@cache
def static() -> dict[str, File]:
    """The files by name."""
    found = {}
    for path in files("numscript.service.console").joinpath("static").iterdir():
        ending = path.name.rpartition(".")[2]
        if ending in MEDIA:
            content = path.read_bytes()
            packed = gzip.compress(content, mtime=0) if len(content) > WORTH_IT else None
            tag = f'"{sha256(content).hexdigest()[:20]}"'
            found[path.name] = File(content, packed, tag, MEDIA[ending])
    return found


@cache
def page() -> str:
    """The page, with places for what differs."""
    path = files("numscript.service.console").joinpath("static", "index.html")
    return path.read_text("utf-8")


def has_language_server() -> bool:
    """Whether the extra `lsp` is installed."""
    return find_spec("pygls") is not None


def lead_on(_call: Call) -> Reply:
    """Lead to the page, whose links need the slash."""
    return Reply(307, None, {"Location": "console/"})


def show_page(call: Call) -> Reply:
    """The page, with the one thing that lets the editor bring styles of its own."""
    nonce = secrets.token_urlsafe(16)
    told = {
        "nonce": nonce,
        "version": __version__,
        "guarded": "yes" if call.state.settings.guarded else "no",
        "lsp": "yes" if has_language_server() else "no",
    }
    text = page()
    for name, value in told.items():
        text = text.replace(f"{{{{{name}}}}}", escape(value))
    headers = {**GUARDS, "Content-Security-Policy": POLICY.format(nonce=nonce)}
    return Reply(200, text.encode(), headers, HTML)


def show_file(call: Call) -> Reply:
    """A file. Raises Problem."""
    name = call.path["name"]
    file = static().get(name)
    if file is None:
        raise not_found(f"the console has no file `{name[:80]}`")
    headers = {**GUARDS, "ETag": file.tag, "Vary": "Accept-Encoding"}
    if file.tag in call.headers.get("if-none-match", ""):
        return Reply(304, None, headers)
    if file.packed is not None and "gzip" in call.headers.get("accept-encoding", ""):
        return Reply(200, file.packed, {**headers, "Content-Encoding": "gzip"}, file.media)
    return Reply(200, file.content, headers, file.media)
