"""Many writes in one call: a JSON array, a stream of JSON objects, or a stream of scripts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from msgspec import UNSET

from numscript import errors
from numscript.diagnostics import NumscriptError
from numscript.ledger import BulkResult, Ledger, Post, Request
from numscript.service import listing as lists
from numscript.service import records
from numscript.service.calls import JSON, Call, Reply, decode
from numscript.service.problems import Problem, invalid, read_error
from numscript.service.records import BulkElement, BulkOutcome
from numscript.service.requests import Writes

STREAM = "application/vnd.formance.ledger.api.v2.bulk+json-stream"
SCRIPTS = "application/vnd.formance.ledger.api.v2.bulk+script-stream"
ACTIONS: dict[type, str] = {
    records.Create: "CREATE_TRANSACTION",
    records.AddMetadata: "ADD_METADATA",
    records.DropMetadata: "DELETE_METADATA",
    records.Undo: "REVERT_TRANSACTION",
}
WRONG = Post(())
"""What stands in a bulk for an element that is known to be wrong: the ledger refuses it too."""


def create_bulk(call: Call) -> Reply:
    """Do many writes. The results are in the order of the elements, also if they run together."""
    atomic, go_on = call.flag("atomic"), call.flag("continueOnFailure")
    if atomic and call.flag("parallel"):
        raise Problem(412, "VALIDATION", "a bulk is either atomic or parallel; leave one out")
    elements = read_elements(call)
    ledger = call.ledger()
    writes = Writes(call.state, ledger, call.text("schemaVersion"))
    requests, wrong = prepare(writes, elements)
    results = ledger.bulk(requests, atomic=atomic, continue_on_failure=go_on and not atomic)
    earlier = replayed_lines(ledger, elements, results)
    outcomes = []
    failed: Problem | None = None
    for at, (element, result) in enumerate(zip(elements, results, strict=True)):
        if result.error is None:
            line = result.line or earlier.get(element.ik or "", 0)
            outcomes.append(done(call, element, result, line))
            continue
        # An element that was never reached has that error, not the one that it would have had.
        problem = wrong.get(at) if result.error.kind.code == "NUM508" else None
        problem = problem or read_error(result.error)
        # What was not done for another's failure is no cause; it may stand before it.
        if failed is None and not isinstance(result.error.kind, errors.NotRun):
            failed = problem
        outcomes.append(
            BulkOutcome("ERROR", 0, error_code=problem.code, error_description=problem.message,
                        error_details=problem.details or UNSET)
        )  # fmt: skip
    if failed is None:
        return Reply(200, records.BulkAnswer(outcomes))
    return Reply(400, records.BulkAnswer(outcomes, failed.code, failed.message))


def prepare(
    writes: Writes, elements: Sequence[BulkElement]
) -> tuple[list[Request], dict[int, Problem]]:
    """The requests of elements, and what is known to be wrong with which."""
    requests: list[Request] = []
    wrong: dict[int, Problem] = {}
    for at, element in enumerate(elements):
        try:
            requests.append(writes.element(element))
        except Problem as problem:
            wrong[at] = problem
        except NumscriptError as error:
            wrong[at] = read_error(error)
        if at in wrong:
            requests.append(WRONG)
    return requests, wrong


def done(call: Call, element: BulkElement, result: BulkResult, line: int) -> BulkOutcome:
    """What came of an element that was done."""
    if result.transaction is None:
        return BulkOutcome(ACTIONS[type(element)], line)
    shown = call.writer.transaction(result.transaction, volumes=True)
    return BulkOutcome(ACTIONS[type(element)], line, shown)


def replayed_lines(
    ledger: Ledger, elements: Sequence[BulkElement], results: Sequence[BulkResult]
) -> dict[str, int]:
    """The lines of the log that elements wrote before this bulk, by their idempotency keys."""
    keys = [
        element.ik
        for element, result in zip(elements, results, strict=True)
        if element.ik and result.transaction is not None and result.transaction.replayed
    ]
    return {
        str(log.idempotency_key): log.id
        for part in lists.parts_of(keys)
        for log in lists.every(ledger.logs, {"$in": {"idempotency_key": part}})
    }


# --- reading ----------------------------------------------------------------------------------


def read_elements(call: Call) -> list[BulkElement]:
    """The elements of a bulk, in the form that the content type names. Raises Problem."""
    media = call.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media not in FORMS:
        # `curl -d` says that it sends a form, and sends what it is given.
        if media not in ("application/x-www-form-urlencoded", ""):
            raise invalid(f"the content type `{media[:100]}` is none of {', '.join(FORMS)}")
        media = JSON
    assert call.file is not None
    settings = call.state.settings
    limit = settings.body if media == JSON else settings.stream
    body = call.file.read(limit + 1)
    if len(body) > limit:
        raise Problem(413, "VALIDATION", f"the body is larger than {limit} bytes; send it in parts")
    elements = FORMS[media](body)
    if media == JSON and len(elements) > settings.bulk:
        raise Problem(
            413,
            "BULK_SIZE_EXCEEDED",
            f"a bulk has at most {settings.bulk} elements, and this one {len(elements)}; send it "
            "in parts, or as a stream",
        )
    return elements


def read_array(body: bytes) -> list[BulkElement]:
    """The elements of a JSON array."""
    elements: list[BulkElement] = decode(body, list[BulkElement])
    return elements


def read_stream(body: bytes) -> list[BulkElement]:
    """The elements of JSON objects, one behind the other, with or without blanks in between."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise invalid("the body is not UTF-8") from None
    elements: list[BulkElement] = []
    at, length = 0, len(text)
    while True:
        while at < length and text[at] in " \t\r\n":
            at += 1
        if at == length:
            return elements
        end = end_of_object(text, at)
        if end < 0:
            raise invalid(f"element {len(elements)} of the stream is no JSON object, or not whole")
        elements.append(decode(text[at:end], BulkElement))
        at = end


_pieces = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')


def end_of_object(text: str, start: int) -> int:
    """Where a JSON object ends that starts here, or -1."""
    if text[start] != "{":
        return -1
    depth = 0
    for piece in _pieces.finditer(text, start):
        sign = piece[0]
        if sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
            if not depth:
                return piece.end()
    return -1


def read_scripts(body: bytes) -> list[BulkElement]:
    """The elements of scripts: lines between `//script` (with `ik=KEY`) and `//end`."""
    try:
        lines = body.decode().splitlines()
    except UnicodeDecodeError:
        raise invalid("the body is not UTF-8") from None
    elements: list[BulkElement] = []
    script: list[str] | None = None
    key: str | None = None
    for number, line in enumerate(lines, start=1):
        word = line.strip()
        if script is None:
            if not word:
                continue
            if not re.match(r"//\s*script\b", word):
                raise invalid(f"line {number}: a script starts with a line `//script`")
            script, key = [], read_key(word, number)
        elif re.fullmatch(r"//\s*end", word):
            plain = records.Script("\n".join(script))
            elements.append(records.Create(records.NewTransaction(script=plain), key))
            script = None
        else:
            script.append(line)
    if script is not None:
        raise invalid("the last script has no line `//end`")
    return elements


def read_key(line: str, number: int) -> str | None:
    """The idempotency key that the first line of a script gives it."""
    try:
        settings = shlex.split(line.partition("script")[2].replace(",", " "))
    except ValueError:
        settings = ["?"]
    key = None
    for setting in settings:
        name, sign, value = setting.partition("=")
        if name != "ik" or not sign:
            raise invalid(f"line {number}: a script takes `ik=KEY` only, not `{setting[:40]}`")
        key = value
    return key


FORMS: dict[str, Callable[[bytes], list[BulkElement]]] = {
    JSON: read_array,
    STREAM: read_stream,
    SCRIPTS: read_scripts,
}
"""What reads each content type."""
