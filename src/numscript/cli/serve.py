"""`numscript serve`: the ledger as a service over HTTP."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from numscript.cli import console
from numscript.cli.books import SQLITE, storage_option

VARIABLES = "NUMSCRIPT_SERVE"
"""How the variables start that set the options, such as `NUMSCRIPT_SERVE_BIND`."""
EXTRA = "numscript[server]"


def _new_token(invocation: click.Context, _parameter: click.Parameter, name: str | None) -> None:
    """Print a new token, and the lines for the file of tokens, and end."""
    if name is None:
        return
    if not name.strip():
        raise click.BadParameter("it is empty; name who will use the token, such as shop")
    from json import dumps

    from numscript.service.access import new_token

    token, lines = new_token(name)
    if dumps(name) != f'"{name}"':
        raise click.BadParameter("use letters, digits and signs without quotes or backslashes")
    click.echo(lines, nl=False)
    console.note(f"the token, shown only now: {token}")
    invocation.exit(0)


DEFAULT_PORTS = {"http": 80, "https": 443}


def as_origin(text: str) -> str | None:
    """An address as browsers send it as an origin: without path and default port, in small letters.

    None where it is no address.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not re.fullmatch(r"[a-z0-9._:-]+", host):
        return None
    behind = "" if port is None or port == DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{show_host(host)}{behind}"


def _origins(
    _invocation: click.Context, _parameter: click.Parameter, origins: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse what no browser ever sends as an origin."""
    for origin in origins:
        wanted = "*" if origin == "*" else as_origin(origin)
        if origin != wanted:
            raise click.BadParameter(
                f"`{origin}` is no origin, which is scheme://host[:port]; write "
                f"{wanted or 'https://shop.example'}, or * for the pages of all"
            )
    return origins


@click.command(
    short_help="Serve ledgers over HTTP, as Formance's ledger does.",
    context_settings={"auto_envvar_prefix": VARIABLES, "show_default": True},
)
@storage_option
@click.option(
    "--bind",
    default="127.0.0.1:3068",
    metavar="HOST:PORT",
    show_envvar=True,
    help="Where to listen. Everything but loopback should be behind TLS.",
)
@click.option("--workers", default=1, type=click.IntRange(1, 64), help="Processes that answer.")
@click.option(
    "--threads",
    default=64,
    type=click.IntRange(1, 1000),
    help="Requests worked on at once by a process.",
)
@click.option(
    "--tokens",
    type=click.Path(exists=True, dir_okay=False),
    show_envvar=True,
    help="A TOML file of access tokens; see --new-token.",
)
@click.option(
    "--new-token",
    metavar="NAME",
    is_eager=True,
    expose_value=False,
    callback=_new_token,
    help="Print a new token and its lines for the file, and end.",
)
@click.option("--jwks", metavar="URL|FILE", help="The keys that sign JSON Web Tokens.")
@click.option("--jwt-issuer", metavar="TEXT", help="The issuer that they must have.")
@click.option("--jwt-audience", metavar="TEXT", help="The audience that they must have.")
@click.option(
    "--cors-origin",
    multiple=True,
    metavar="ORIGIN",
    callback=_origins,
    help="Whose pages may call from a browser, as https://shop.example, or * for all; may be given"
    " again.",
)
@click.option(
    "--rate-limit",
    default=0.0,
    type=click.FloatRange(0),
    metavar="NUMBER",
    help="Requests a second of one caller; 0 for any number.",
)
@click.option(
    "--max-body",
    default=4 << 20,
    type=click.IntRange(1),
    metavar="BYTES",
    help="The largest body of a request.",
)
@click.option(
    "--max-stream",
    default=1 << 30,
    type=click.IntRange(1),
    metavar="BYTES",
    help="The largest import, or streamed bulk.",
)
@click.option(
    "--max-script",
    default=100_000,
    type=click.IntRange(1),
    metavar="CHARACTERS",
    help="The longest script; it bounds the steps of a run too.",
)
@click.option(
    "--max-bulk",
    default=1000,
    type=click.IntRange(1),
    metavar="NUMBER",
    help="The most elements of a bulk.",
)
@click.option(
    "--page-size",
    default=15,
    type=click.IntRange(1, 9999),
    metavar="NUMBER",
    help="How many records a page has if nothing is said.",
)
@click.option(
    "--max-page-size",
    default=1000,
    type=click.IntRange(1, 9999),
    metavar="NUMBER",
    help="The most records of a page.",
)
@click.option(
    "--max-requests",
    default=512,
    type=click.IntRange(1),
    metavar="NUMBER",
    help="How many requests may be under way in a process.",
)
@click.option(
    "--timeout",
    default=30.0,
    type=click.FloatRange(0.1),
    metavar="SECONDS",
    help="How long a request may take.",
)
@click.option(
    "--max-streams",
    default=1000,
    type=click.IntRange(0),
    metavar="NUMBER",
    help="How many streams of events may be open in a process.",
)
@click.option(
    "--webhook",
    multiple=True,
    metavar="URL",
    help="Where events of all ledgers are posted; may be given again.",
)
@click.option(
    "--webhook-event",
    multiple=True,
    metavar="TYPE",
    help="Post only events of this type to them; may be given again. All if none is named.",
)
@click.option(
    "--webhook-secret-file",
    type=click.Path(exists=True, dir_okay=False),
    help="What signs them: whsec_ and base64. Or set NUMSCRIPT_SERVE_WEBHOOK_SECRET.",
)
@click.option(
    "--webhook-timeout",
    default=10.0,
    type=click.FloatRange(0.1, 60),
    metavar="SECONDS",
    help="How long a receiver may take to answer.",
)
@click.option(
    "--webhook-give-up",
    default=72.0,
    type=click.FloatRange(0),
    metavar="HOURS",
    help="After how long one that fails is disabled.",
)
@click.option("--webhook-public-only", is_flag=True, help="Post to no address that is not public.")
@click.option(
    "--strict-schemas",
    is_flag=True,
    help="Refuse writes without a schema on ledgers that have one.",
)
@click.option("--no-metrics", is_flag=True, help="Do not answer /metrics.")
@click.option("--traces", is_flag=True, help="Send traces by OpenTelemetry, set up by OTEL_*.")
@click.option(
    "--log-format",
    default="json",
    type=click.Choice(["json", "text"]),
    help="Lines of JSON, or for people.",
)
def serve(storage: str | None, **options: Any) -> None:
    """Serve ledgers over HTTP: Formance's API, versions 1 and 2, on our ledger.

    The books are in a SQLite file in your data directory, unless --storage says otherwise. It
    listens on this machine only and knows no callers, unless --bind and --tokens or --jwks say
    otherwise. Ledgers of version 1 are made when they are first spoken of. Open /console in a
    browser to look at the books; the API is described at /docs.

    Every option is also a variable, NUMSCRIPT_SERVE_<OPTION>: --max-body is
    NUMSCRIPT_SERVE_MAX_BODY.

    \b
    Examples:
      numscript serve
      numscript serve --storage postgresql://ledger@db/books --bind 0.0.0.0:3068 --tokens t.toml
      numscript serve --new-token shop >> t.toml
      numscript serve --webhook https://shop.example/events --webhook-secret-file secret.txt
      curl -X POST http://localhost:3068/quickstart/transactions \\
        -d '{"postings": [{"source": "world", "destination": "bank",
             "amount": 100, "asset": "USD"}]}'
      curl -N http://localhost:3068/v2/quickstart/events

    Exit codes: 0 stopped, 2 wrong usage, or a storage, file or address that cannot be used.
    """
    try:
        from numscript.service import server
        from numscript.service.access import Access, BadTokens
        from numscript.service.deliveries import check_configured
        from numscript.service.telemetry import NoTraces, check_traces
        from numscript.service.webhooks import BadWebhook, read_signer
    except ImportError as problem:
        package = (problem.name or "starlette").partition(".")[0]
        raise console.BadInput(
            f"`{package}` is not installed, and serving needs it: pip install '{EXTRA}'"
        ) from None
    from numscript.diagnostics import NumscriptError
    from numscript.storage import hide_password, open_storage

    url = storage or f"{SQLITE}{default_file()}"
    settings = read_settings(url, options)
    check_settings(settings)
    try:
        access = Access(settings)
        if settings.traces:
            check_traces()
        check_configured(settings, read_signer(settings.webhook_secrets))
        # What is wrong with the storage is said before anything listens.
        open_storage(url).close()
        listener = server.listen(settings.bind)
    except NumscriptError as error:
        console.fail(error, "pretty")
    except (BadTokens, BadWebhook, NoTraces, server.BadAddress) as problem:
        raise console.BadInput(str(problem)) from None
    host, port = listener.getsockname()[:2]
    console.note(f"serving {hide_password(url)} at http://{show_host(host)}:{port}")
    console.note("open /console in a browser; the API is described at /docs")
    if server.is_local(host):
        console.note("it listens on this machine only; --bind 0.0.0.0:3068 is for others too")
    elif not settings.guarded:
        console.note("anybody who reaches it may do anything: use --tokens or --jwks",
                     word="warning")  # fmt: skip
    problem_of_keys = access.keys.fetch() if access.keys is not None else ""
    if problem_of_keys:
        console.note(f"{problem_of_keys}; until they can be, JSON Web Tokens are answered with 503",
                     word="warning")  # fmt: skip
    server.serve(settings, listener)


def read_settings(url: str, options: dict[str, Any]) -> Any:
    """The settings that options make."""
    from numscript.service.settings import Settings

    return Settings(
        storage=url,
        bind=options["bind"],
        workers=options["workers"],
        threads=options["threads"],
        body=options["max_body"],
        stream=options["max_stream"],
        script=options["max_script"],
        bulk=options["max_bulk"],
        page=min(options["page_size"], options["max_page_size"]),
        longest_page=options["max_page_size"],
        concurrency=options["max_requests"],
        timeout=options["timeout"],
        rate=options["rate_limit"],
        tokens=options["tokens"],
        keys=options["jwks"],
        issuer=options["jwt_issuer"],
        audience=options["jwt_audience"],
        origins=tuple(options["cors_origin"]),
        strict=options["strict_schemas"],
        metrics=not options["no_metrics"],
        traces=options["traces"],
        json_logs=options["log_format"] == "json",
        streams=options["max_streams"],
        webhooks=tuple(options["webhook"]),
        webhook_events=tuple(options["webhook_event"]),
        webhook_secrets=options["webhook_secret_file"],
        webhook_timeout=options["webhook_timeout"],
        webhook_give_up=options["webhook_give_up"],
        webhook_public=options["webhook_public_only"],
    )


def check_settings(settings: Any) -> None:
    """Refuse options that do not go together. Raises click.UsageError."""
    for name, value in (("issuer", settings.issuer), ("audience", settings.audience)):
        if value is not None and settings.keys is None:
            raise click.UsageError(f"--jwt-{name} needs --jwks, the keys that sign the tokens")
    if settings.workers > 1 and settings.storage.startswith("memory:"):
        raise click.UsageError("a storage in memory is of one process: leave out --workers")


def show_host(host: str) -> str:
    """A host as a URL has it."""
    return f"[{host}]" if ":" in host else host


def default_file() -> Path:
    """The file of the books where nothing is said, in the user's data directory."""
    folder = data_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise console.BadInput(
            f"the folder {folder} cannot be made: {reason}; say where with --storage"
        ) from None
    return folder / "books.db"


def data_folder() -> Path:
    """Where a program keeps what its user makes with it, by the custom of the system."""
    given = os.environ.get("XDG_DATA_HOME")
    if given and Path(given).is_absolute():
        return Path(given) / "numscript"
    if sys.platform.startswith(("win", "darwin")):
        return Path(click.get_app_dir("numscript"))
    return Path.home() / ".local" / "share" / "numscript"
