"""`numscript lsp`: the language server, for editors to start."""

from __future__ import annotations

import click


@click.command(short_help="Start the language server for an editor.")
@click.option("--tcp", metavar="HOST:PORT", help="Listen on a TCP port instead.")
@click.option("--ws", metavar="HOST:PORT", help="Listen for WebSockets on a port instead.")
def lsp(tcp: str | None, ws: str | None) -> None:
    """Serve the Language Server Protocol over standard input and output.

    Editors start it themselves; docs/editor.md says how to tell them. With --tcp or --ws it
    listens on a port, serves any number of clients, each with a state of its own, and runs until
    it is interrupted. The port 0 takes a free one, which is printed.

    Needs the extra `lsp`: pip install "numscript[lsp]"

    \b
    Examples:
      numscript lsp
      numscript lsp --tcp localhost:4711
      numscript lsp --ws localhost:4712
    """
    if tcp and ws:
        raise click.UsageError("choose one of --tcp and --ws")
    try:
        from numscript_lsp import server
    except ImportError as problem:
        if (problem.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        message = 'the language server is not installed: pip install "numscript[lsp]"'
        raise click.ClickException(message) from None
    server.serve_stdio()
