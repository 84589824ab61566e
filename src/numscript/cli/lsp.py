"""`numscript lsp`: the language server, for editors to start."""

from __future__ import annotations

import click

from numscript.cli.console import BadInput


def _place(
    invocation: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    """The host and port that a text names."""
    if value is None:
        return None
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(
            f"`{value}` is no place to listen on: write HOST:PORT, such as localhost:4711",
            invocation,
            parameter,
        )
    return host.strip("[]"), int(port)


@click.command(short_help="Start the language server for an editor.")
@click.option("--tcp", metavar="HOST:PORT", callback=_place, help="Listen on a TCP port instead.")
@click.option(
    "--ws", metavar="HOST:PORT", callback=_place, help="Listen for WebSockets on a port instead."
)
def lsp(tcp: tuple[str, int] | None, ws: tuple[str, int] | None) -> None:
    """Serve the Language Server Protocol over standard input and output.

    Editors start it themselves; docs/editor.md says how to tell them. With --tcp or --ws it
    listens on a port, serves any number of clients, each with a state of its own, and runs until
    it is interrupted. The port 0 takes a free one; where it listens is printed.

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
        from numscript_lsp.starting import quick_start

        with quick_start():
            from numscript_lsp import transports
    except ImportError as problem:
        if (problem.name or "").partition(".")[0] not in ("attrs", "lsprotocol", "pygls"):
            raise
        message = 'the language server is not installed: pip install "numscript[lsp]"'
        raise click.ClickException(message) from None
    if tcp is None and ws is None:
        transports.serve_stdio()
        return
    serve = transports.serve_ws if tcp is None else transports.serve_tcp
    host, port = tcp or ws or ("", 0)
    try:
        serve(host, port, lambda place: click.echo(f"listening on {place}"))
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise BadInput(f"{host}:{port}: it cannot be listened on: {reason}") from None
