"""The console at `/console`: pages in a browser over the API, and a playground for scripts.

The pages are files, and call the API as anybody could; what only they need is here: the files
themselves (`pages`), a check and a traced run of a script (`playground`), and a language server by
WebSocket (`language_server`). None of it is in the OpenAPI document: it may change with the pages.
"""

from __future__ import annotations

from numscript.service.access import READ
from numscript.service.console import pages, playground
from numscript.service.routes import Route

ROUTES = (
    Route("GET", "/", "root", "Lead to the console.", pages.lead_on, None, status=307),
    Route("GET", "/console", "console", "Lead to the console.", pages.lead_on, None, status=307),
    Route("GET", "/console/", "consolePage", "The console.", pages.show_page, None,
          media=pages.HTML),
    Route("GET", "/console/static/{name}", "consoleFile", "A file of the console.",
          pages.show_file, None),
    Route("POST", "/console/check", "checkScript", "Say what a script asks for.",
          playground.check_script, READ, body=playground.Sheet),
    Route("POST", "/console/run", "traceScript", "Run a script step by step, and write nothing.",
          playground.trace_script, READ, body=playground.Sheet),
)  # fmt: skip
"""The routes of the console, besides its WebSocket."""
