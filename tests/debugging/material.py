"""Traces as the tests need them: of a script whose first line may hold its inputs as a comment."""

from __future__ import annotations

import json

import numscript
from numscript.cli.stepping import changes
from numscript.debugging.trace import Step, Trace, trace
from numscript.inputs import inputs_of
from numscript.script import Script


def traced(text: str) -> Trace:
    """The trace of a script, with the inputs of its first line: `// {"variables": ...}`."""
    first = text.partition("\n")[0]
    tree = json.loads(first[2:]) if first.startswith("// {") else {}
    inputs = inputs_of(tree, "")
    program = numscript.compile(Script(text, "script.num"))
    return trace(program, inputs.variables, inputs.store)


def listed(text: str) -> str:
    """The steps of a script, each with what happened on the way to the next."""
    found = traced(text)
    lines = []
    for number, step in enumerate(found.steps):
        if number:
            before, after = found.state(number - 1), found.state(number)
            lines += [f"        {line}" for line in changes(before, after, found.read)]
        lines.append(_line(found, step))
    return "\n".join(lines) + "\n"


def _line(found: Trace, step: Step) -> str:
    line, column = found.script.position(step.span.start)
    if step.reason == "failure":
        assert found.error is not None
        return f"{line + 1}:{column + 1} {found.error.diagnostics[0].code}"
    if step.clause is None:
        return step.reason
    undone = "undone: " if step.reason == "undone" else ""
    return f"{line + 1}:{column + 1} {'  ' * step.depth}{undone}{step.clause.title}"
