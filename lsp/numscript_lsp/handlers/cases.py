"""Running the cases of spec files: code lenses, and the two commands behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from numscript.script import Span
from numscript.specs import Status
from numscript_lsp.documents import Document, key_of
from numscript_lsp.features.cases import (
    RUN_CASE,
    TEST_FILE,
    FileResult,
    merged,
    run_case,
    run_file,
    script_lenses,
    specs_lenses,
)
from numscript_lsp.handlers.rows import Row
from numscript_lsp.handlers.synchronization import last_run

if TYPE_CHECKING:
    from numscript_lsp.server import NumscriptServer


def lenses(server: NumscriptServer, request: types.CodeLensParams) -> list[types.CodeLens]:
    """Above a script and its cases: run them, with what came of it last."""
    document = server.project.find(request.text_document.uri)
    if document is None or not server.project.settings.code_lens:
        return []
    script, specs = pair(server, document)
    if script is None or specs is None:
        return []
    last = server.project.results.get(key_of(specs.uri))
    fresh = last_run(server, specs) is not None
    if document is specs:
        found = specs_lenses(specs.uri, specs.tree, last, fresh=fresh)
    else:
        _, starts, ends, _ = script.parsed.tokens
        first = Span(starts[0], ends[0]) if starts else Span(0, 0)
        found = script_lenses(first, specs.uri, specs.tree, last, fresh=fresh)
    converter = server.converter(document)
    return [
        types.CodeLens(
            types.Range(converter.position(span.start), converter.position(span.start)),
            types.Command(title, command, arguments=list(arguments)),
        )
        for span, title, command, arguments in found
    ]


def pair(server: NumscriptServer, document: Document) -> tuple[Document | None, Document | None]:
    """A script and its spec file, of which one is at hand."""
    if document.is_specs:
        return server.project.beside(document), document
    if document.is_script:
        return document, server.project.beside(document)
    return None, None


def test_file(server: NumscriptServer, arguments: Sequence[object]) -> dict[str, object]:
    """Run all cases; the argument is the URI of the script or of its spec file."""
    script, specs = asked(server, arguments, 1)
    return keep(server, specs, run_file(script.parsed.script, specs.text))


def run_one(server: NumscriptServer, arguments: Sequence[object]) -> dict[str, object]:
    """Run one case; the arguments are such a URI, and the case's number from 0 or its name."""
    script, specs = asked(server, arguments, 2)
    case = arguments[1]
    if isinstance(case, bool) or not isinstance(case, (int, str)):
        raise JsonRpcInvalidParams("a case is given by its number from 0 or by its name")
    return keep(server, specs, run_case(script.parsed.script, specs.text, case))


def asked(
    server: NumscriptServer, arguments: Sequence[object], count: int
) -> tuple[Document, Document]:
    """The script and the spec file that a command is about."""
    if len(arguments) != count or not isinstance(arguments[0], str):
        wanted = ("the URI of a script or spec file", "a case")[:count]
        raise JsonRpcInvalidParams(f"the command takes {' and '.join(wanted)}")
    document = server.project.find(arguments[0])
    if document is None:
        raise JsonRpcInvalidParams(f"there is no file {arguments[0]}")
    script, specs = pair(server, document)
    if script is None or specs is None:
        missing = "script" if script is None else "spec file"
        raise JsonRpcInvalidParams(f"there is no {missing} beside {arguments[0]}")
    return script, specs


def keep(server: NumscriptServer, specs: Document, result: FileResult) -> dict[str, object]:
    """Keep what came of a run, show it where the client can, and answer with it."""
    key = key_of(specs.uri)
    server.project.results[key] = merged(server.project.results.get(key), result)
    server.refresh_lenses()
    server.publish_all()
    failed = [row for row in result.results if row.status is Status.FAILED]
    for row in failed:
        message = f"{row.outcome.case.it}\n{row.text}"
        server.window_log_message(types.LogMessageParams(types.MessageType.Info, message))
    if result.problem or failed:
        names = ", ".join(row.outcome.case.it for row in failed)
        message = result.problem or f"{len(failed)} of {len(result.results)} failed: {names}"
        server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, message))
    return result.to_dict()


COMMANDS: dict[str, Callable[[Any, Sequence[object]], object]] = {
    RUN_CASE: run_one,
    TEST_FILE: test_file,
}
"""The commands that a client can have executed, by name."""

ROWS = (Row(types.TEXT_DOCUMENT_CODE_LENS, lenses),)
