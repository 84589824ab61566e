"""Calls that schemathesis makes up from the document: no failure of ours, no answer unlike it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.material import FULL
from tests.service.servers import Api

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,\
response_schema_conformance,ignored_auth"


def test_made_up_calls_are_answered_as_the_document_says(sqlite_server: str, name: str) -> None:
    api = Api(sqlite_server, name)
    api.call("POST", "/v2/{l}", status=204)
    api.close()
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert program is not None, "install the extra `test`"
    done = subprocess.run(
        [
            program, "run", f"{sqlite_server}/openapi.json", "--max-examples", "3",
            "--phases", "coverage,fuzzing" if FULL else "fuzzing", "--checks", CHECKS,
            "--seed", "1", "--generation-deterministic", "--no-color",
            # A stream does not end.
            "--exclude-path", "/v2/{ledger}/events",
        ],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
