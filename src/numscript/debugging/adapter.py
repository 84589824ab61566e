"""The Debug Adapter Protocol over a session: a request in, its response and events out.

Nothing here waits or runs: the trace is there when a script is launched, so every request is
answered at once, those that go back as well. Reading files and streams is left to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from numscript import render
from numscript.debugging import session as stands
from numscript.debugging.session import Session, describe_asset
from numscript.debugging.trace import END, FAILURE, UNDONE, trace
from numscript.diagnostics import NumscriptError
from numscript.script import Position, Span

if TYPE_CHECKING:
    from numscript.bytecode.program import Program
    from numscript.debugging.clauses import Clause
    from numscript.runtime.store import Store

Message: TypeAlias = dict[str, Any]
"""A message of the protocol, without its `seq`."""

CAPABILITIES = {
    "supportsConfigurationDoneRequest": True,
    "supportsStepBack": True,
    "supportsEvaluateForHovers": True,
    "supportsExceptionInfoRequest": True,
    "supportsTerminateRequest": True,
    "supportsRestartRequest": True,
    "supportsBreakpointLocationsRequest": True,
    "supportsDataBreakpoints": True,
    "supportsLoadedSourcesRequest": True,
    "exceptionBreakpointFilters": [
        {
            "filter": FAILURE,
            "label": "Failures of the script",
            "description": "Stop where the run fails, before the session ends.",
            "default": True,
        }
    ],
}
THREAD = 1
SOURCE = 1
"""The reference of a script that is no file, and the only thread."""
SCOPES = ("Variables", "Balances", "Funds", "Postings", "Metadata")
"""What is shown of a run; the reference of each is its place, from 1."""

MOVES = {
    "continue": Session.resume,
    "next": Session.step_over,
    "stepIn": Session.step_in,
    "stepOut": Session.step_out,
    "stepBack": Session.step_back,
    "reverseContinue": Session.resume_back,
}
REASONS = {
    stands.START: "entry",
    stands.BREAKPOINT: "breakpoint",
    stands.WATCH: "data breakpoint",
    FAILURE: "exception",
}
"""What the protocol calls the reasons of a session; everything else is a step."""


class Launch(NamedTuple):
    """What is debugged: a program with its inputs; its path, or "" for text that is no file.

    notes: what the person should know about where the inputs are from.
    """

    program: Program
    variables: Mapping[str, object]
    store: Store
    path: str
    notes: tuple[str, ...] = ()


class Refusal(Exception):  # noqa: N818 - it is an answer
    """Why a request cannot be met: one sentence; `shown` if the person must see it at once."""

    def __init__(self, reason: str, *, shown: bool = False) -> None:
        super().__init__(reason)
        self.shown = shown


class Adapter:
    """One conversation with an editor.

    load: finds what the arguments of `launch` ask for. Raises Refusal or NumscriptError.
    """

    def __init__(self, load: Callable[[Mapping[str, Any]], Launch]) -> None:
        self.load = load
        self.closed = False
        self._session: Session | None = None
        self.path = ""
        self.arguments: Mapping[str, Any] = {}
        self.first_line = self.first_column = 1
        self.stops_at_failures = True
        self.wanted: list[tuple[int, int]] = []
        self.events: list[Message] = []

    def handle(self, request: Message) -> Iterator[Message]:
        """Answer a request: the response, then the events that follow from it."""
        command = str(request.get("command", ""))
        answer = {"type": "response", "request_seq": request.get("seq", 0), "command": command}
        self.events = []
        try:
            body = self._answer(command, request.get("arguments") or {})
            yield {**answer, "success": True, "body": body}
        except Refusal as refusal:
            yield {**answer, **refused(str(refusal), shown=refusal.shown)}
        except NumscriptError as error:
            self._output("stderr", render.diagnostics(error.diagnostics, color=False))
            yield {**answer, **refused(str(error.diagnostics[0]), shown=True)}
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            # Arguments that do not have the form of the protocol.
            reason = f"the arguments of `{command}` cannot be used: {problem!r}"
            yield {**answer, **refused(reason)}
        yield from self.events

    def _answer(self, command: str, arguments: Mapping[str, Any]) -> Message:
        if command in MOVES:
            return self._move(command)
        handler = getattr(self, HANDLERS.get(command, ""), None)
        if handler is None:
            raise Refusal(f"there is no request `{command}` here")
        body: Message | None = handler(arguments)
        return body or {}

    @property
    def session(self) -> Session:
        """The session. Raises Refusal before there is one."""
        if self._session is None:
            raise Refusal("nothing was launched yet")
        return self._session

    def _send(self, event: str, **body: Any) -> None:
        self.events.append({"type": "event", "event": event, "body": body})

    def _output(self, category: str, text: str) -> None:
        if text:
            self._send("output", category=category, output=f"{text}\n")

    # --- the start and the end ---

    def do_initialize(self, arguments: Mapping[str, Any]) -> Message:
        """What both sides can do."""
        self.first_line = 1 if arguments.get("linesStartAt1", True) else 0
        self.first_column = 1 if arguments.get("columnsStartAt1", True) else 0
        return CAPABILITIES

    def do_launch(self, arguments: Mapping[str, Any]) -> None:
        """Run the script, and record it."""
        self._launch(arguments)
        self._send("initialized")

    def _launch(self, arguments: Mapping[str, Any]) -> None:
        launch = self.load(arguments)
        for text in launch.notes:
            self._output("console", text)
        self.arguments, self.path = arguments, launch.path
        found = trace(launch.program, launch.variables, launch.store)
        if found.cut:
            steps = len(found.steps) - 1
            self._output("console", f"only the first {steps} steps are kept, and the last one")
        self._session = Session(found)

    def do_configuration_done(self, _arguments: Mapping[str, Any]) -> None:
        """Start, now that the breakpoints are known."""
        session = self.session
        if self.arguments.get("noDebug"):
            self._finish()
        elif self.arguments.get("stopOnEntry", True) or session.at_breakpoint:
            self._stopped(session.at_breakpoint or session.step.reason)
        else:
            self._go(session.resume(), "continue")

    def do_restart(self, arguments: Mapping[str, Any]) -> None:
        """Read everything anew and start again, with the same breakpoints."""
        watched = self.session.watched
        self._launch(arguments.get("arguments") or self.arguments)
        self.session.watched = watched
        for line, column in self.wanted:
            self.session.place_breakpoint(line, column)
        self.do_configuration_done({})

    def do_terminate(self, _arguments: Mapping[str, Any]) -> None:
        """End the run where it stands."""
        self._send("terminated")

    def do_disconnect(self, _arguments: Mapping[str, Any]) -> None:
        """End the conversation."""
        self.closed = True

    def _finish(self) -> None:
        """Say how the run came out, and end."""
        found = self.session.trace
        if found.result is not None:
            self._output("stdout", render.result(found.result, color=False))
        else:
            assert found.error is not None
            self._output("stderr", render.diagnostics(found.error.diagnostics, color=False))
        self._send("exited", exitCode=0 if found.error is None else 1)
        self._send("terminated")

    # --- moving ---

    def _move(self, command: str) -> Message:
        session = self.session
        forward = command not in ("stepBack", "reverseContinue")
        if forward and session.at == session.last:
            self._finish()
        else:
            self._go(MOVES[command](session), command)
        return {"allThreadsContinued": True} if command == "continue" else {}

    def _go(self, reason: str, command: str) -> None:
        """Say where a move came to; the end is only stopped at by those who step."""
        stays = self.stops_at_failures if reason == FAILURE else command != "continue"
        if reason in (END, FAILURE) and not stays:
            self._finish()
        else:
            self._stopped(reason)

    def _stopped(self, reason: str) -> None:
        session = self.session
        body: Message = {
            "reason": REASONS.get(reason, "step"),
            "threadId": THREAD,
            "allThreadsStopped": True,
        }
        if session.at == 0 and reason not in (FAILURE, END, stands.BREAKPOINT):
            body["reason"] = "entry"
        if reason == FAILURE:
            assert session.trace.error is not None
            body["description"] = "The run failed"
            body["text"] = str(session.trace.error.diagnostics[0])
        elif reason == END:
            body["description"] = "The run is over"
        elif session.step.reason == UNDONE:
            body["description"] = "This branch gives too little, and is undone"
        elif reason == stands.BREAKPOINT and session.step.clause is not None:
            body["hitBreakpointIds"] = [session.step.clause.number + 1]
        self._send("stopped", **body)

    # --- breakpoints ---

    def do_set_breakpoints(self, arguments: Mapping[str, Any]) -> Message:
        """Stop at these places of the script, and no others."""
        session = self.session
        rows = arguments.get("breakpoints") or []
        if not self._is_script(arguments["source"]):
            message = "this is not the script that is debugged"
            return {"breakpoints": [{"verified": False, "message": message} for _ in rows]}
        session.breakpoints.clear()
        self.wanted = [self._read(row["line"], row.get("column")) for row in rows]
        return {
            "breakpoints": [
                self._breakpoint(session.place_breakpoint(line, column))
                for line, column in self.wanted
            ]
        }

    def _breakpoint(self, clause: Clause | None) -> Message:
        if clause is None:
            return {"verified": False, "message": "there is nothing to stop at from here on"}
        return {"id": clause.number + 1, "verified": True, **self._place(clause.head)}

    def do_breakpoint_locations(self, arguments: Mapping[str, Any]) -> Message:
        """The places in some lines where a run can be stopped."""
        first, column = self._read(arguments["line"], arguments.get("column"))
        last, end = self._read(
            arguments.get("endLine", arguments["line"]), arguments.get("endColumn")
        )
        clauses = self.session.trace.clauses
        limit = Position(last, end) if "endColumn" in arguments else Position(last + 1, -1)
        return {
            "breakpoints": [
                self._place(clause.head)
                for clause in clauses.stops
                if Position(first, column) <= clauses.position(clause) <= limit
            ]
        }

    def do_set_exception_breakpoints(self, arguments: Mapping[str, Any]) -> None:
        """Whether to stop where the run fails."""
        self.stops_at_failures = FAILURE in arguments.get("filters", ())

    def do_data_breakpoint_info(self, arguments: Mapping[str, Any]) -> Message:
        """Whether a value can be watched: the balances can, by account."""
        name = str(arguments.get("name", ""))
        if arguments.get("variablesReference") != SCOPES.index("Balances") + 1 or name[:1] != "@":
            return {"dataId": None, "description": "only balances can be watched"}
        account = name[1:].partition(" ")[0]
        about = f"the balances of @{account}"
        return {"dataId": account, "description": about, "accessTypes": ["write"]}

    def do_set_data_breakpoints(self, arguments: Mapping[str, Any]) -> Message:
        """Stop when a balance of these accounts has changed."""
        rows = arguments.get("breakpoints") or []
        self.session.watched = {str(row["dataId"]) for row in rows}
        return {"breakpoints": [{"verified": True} for _ in rows]}

    # --- what there is to see ---

    def do_threads(self, _arguments: Mapping[str, Any]) -> Message:
        """The one thread that a run is."""
        return {"threads": [{"id": THREAD, "name": "run"}]}

    def do_stack_trace(self, arguments: Mapping[str, Any]) -> Message:
        """The clause that comes next, and those around it."""
        session = self.session
        step = session.step
        frames: list[tuple[str, Span]] = []
        if step.clause is not None:
            above = session.trace.clauses.above(step.clause)
            frames = [(clause.title, clause.head) for clause in above]
            frames[0] = frames[0][0], step.span
        else:
            frames = [("the end" if step.reason == END else "the start", step.span)]
        rows = [
            {"id": number, "name": name, "source": self._source(), **self._place(span)}
            for number, (name, span) in enumerate(frames, start=1)
        ]
        start = arguments.get("startFrame") or 0
        end = start + (arguments.get("levels") or len(rows))
        return {"stackFrames": rows[start:end], "totalFrames": len(rows)}

    def do_scopes(self, _arguments: Mapping[str, Any]) -> Message:
        """The kinds of values; they are the same in each frame."""
        return {
            "scopes": [
                {
                    "name": name,
                    "variablesReference": reference,
                    "namedVariables": len(self._rows(reference)),
                    "expensive": False,
                    **({"presentationHint": "locals"} if name == "Variables" else {}),
                }
                for reference, name in enumerate(SCOPES, start=1)
            ]
        }

    def do_variables(self, arguments: Mapping[str, Any]) -> Message:
        """The values of a kind."""
        rows = self._rows(arguments["variablesReference"])
        start = arguments.get("start") or 0
        end = start + (arguments.get("count") or len(rows))
        return {"variables": [{**row, "variablesReference": 0} for row in rows[start:end]]}

    def _rows(self, reference: int) -> list[Message]:
        """The values of a scope, by its reference."""
        session = self.session
        state = session.state
        match SCOPES[reference - 1] if 0 < reference <= len(SCOPES) else "":
            case "Variables":
                types = {d.variable.name: d.type for d in session.trace.clauses.declarations}
                return [
                    _row(f"${name}", str(value), f"${name}") | {"type": types[name]}
                    for name, value in state.variables.items()
                ]
            case "Balances":
                return [
                    _row(
                        f"@{account} {describe_asset(asset, color)}",
                        str(amount),
                        "" if color or amount < 0 else f"balance(@{account}, {asset})",
                    )
                    for (account, asset, color), amount in state.balances.items()
                ]
            case "Funds":
                return [
                    _row(str(number), f"@{account} {describe_asset(state.asset, color)} {amount}")
                    for number, (account, color, amount) in enumerate(state.funds, start=1)
                ]
            case "Postings":
                return [
                    _row(
                        str(number),
                        f"@{found.source} -> @{found.destination} "
                        f"{describe_asset(found.asset, found.color)} {found.amount}",
                    )
                    for number, found in enumerate(state.postings, start=1)
                ]
            case "Metadata":
                rows = [_row(key, text) for key, text in state.tx_metadata.items()]
                for account, texts in state.account_metadata.items():
                    rows += [_row(f"@{account} {key}", text) for key, text in texts.items()]
                return rows
        raise Refusal(f"there are no values under {reference}")

    def do_evaluate(self, arguments: Mapping[str, Any]) -> Message:
        """The value of an expression on the balances in flight."""
        try:
            value = self.session.evaluate(str(arguments["expression"]))
        except ValueError as problem:
            raise Refusal(str(problem)) from None
        return {"result": value, "variablesReference": 0}

    def do_exception_info(self, _arguments: Mapping[str, Any]) -> Message:
        """What stopped the run."""
        error = self.session.trace.error
        if error is None or self.session.step.reason != FAILURE:
            raise Refusal("the run has not failed here")
        found = error.diagnostics[0]
        return {
            "exceptionId": found.code,
            "description": found.message,
            "breakMode": "unhandled",
            "details": {
                "message": found.message,
                "typeName": type(found.kind).__name__,
                "stackTrace": render.diagnostics(error.diagnostics, color=False),
            },
        }

    def do_source(self, _arguments: Mapping[str, Any]) -> Message:
        """The text of the script."""
        return {"content": self.session.trace.script.text, "mimeType": "text/x-numscript"}

    def do_loaded_sources(self, _arguments: Mapping[str, Any]) -> Message:
        """The one script there is."""
        return {"sources": [self._source()]}

    # --- places ---

    def _source(self) -> Message:
        name = self.session.trace.script.name.replace("\\", "/").rpartition("/")[2]
        if self.path:
            return {"name": name, "path": self.path}
        return {"name": name, "sourceReference": SOURCE}

    def _is_script(self, source: Mapping[str, Any]) -> bool:
        self.session  # noqa: B018 - there must be one
        if not self.path:
            return source.get("sourceReference") == SOURCE
        return str(source.get("path", "")).casefold() == self.path.casefold()

    def _place(self, span: Span) -> Message:
        """A place as the protocol has it: columns in UTF-16 code units, from 1 or 0."""
        script = self.session.trace.script
        first, last = script.position(span.start), script.position(span.end)
        place = {}
        for (line, column), names in (
            (first, ("line", "column")),
            (last, ("endLine", "endColumn")),
        ):
            text = script.line(line)[:column]
            place[names[0]] = line + self.first_line
            place[names[1]] = len(text.encode("utf-16-le")) // 2 + self.first_column
        return place

    def _read(self, line: int, column: int | None) -> tuple[int, int]:
        """A line and a column from the protocol, both from 0."""
        script = self.session.trace.script
        number = max(0, line - self.first_line)
        if column is None or number >= len(script.line_starts):
            return number, 0
        units = script.line(number).encode("utf-16-le")[: 2 * max(0, column - self.first_column)]
        return number, len(units.decode("utf-16-le", "ignore"))


def _row(name: str, value: str, expression: str = "") -> Message:
    return {"name": name, "value": value, **({"evaluateName": expression} if expression else {})}


def refused(reason: str, *, shown: bool = False) -> Message:
    """The part of a response that says why not."""
    error = {"id": 1, "format": "{reason}", "variables": {"reason": reason}, "showUser": shown}
    return {"success": False, "message": reason, "body": {"error": error}}


HANDLERS = {
    "initialize": "do_initialize",
    "launch": "do_launch",
    "configurationDone": "do_configuration_done",
    "restart": "do_restart",
    "terminate": "do_terminate",
    "disconnect": "do_disconnect",
    "setBreakpoints": "do_set_breakpoints",
    "breakpointLocations": "do_breakpoint_locations",
    "setExceptionBreakpoints": "do_set_exception_breakpoints",
    "dataBreakpointInfo": "do_data_breakpoint_info",
    "setDataBreakpoints": "do_set_data_breakpoints",
    "threads": "do_threads",
    "stackTrace": "do_stack_trace",
    "scopes": "do_scopes",
    "variables": "do_variables",
    "evaluate": "do_evaluate",
    "exceptionInfo": "do_exception_info",
    "source": "do_source",
    "loadedSources": "do_loaded_sources",
}
"""The requests that are answered, besides those that move, each with its method."""
