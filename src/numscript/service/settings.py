"""How the service is set up: `Settings`, which the command line fills."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_BIND = "127.0.0.1:3068"
"""Formance's port, on this machine alone."""


class Settings(NamedTuple):
    """All that can be set. A limit of 0 is none, where that is said.

    body, stream: bytes of a request's body, and of an import or a streamed bulk; script:
    characters; bulk: elements; page, longest_page: records; threads: how many requests are worked
    on at once; concurrency: how many may be under way; timeout: seconds a request may take; rate:
    requests a second of one caller, 0 for any number; tokens: the file of access tokens; keys: the
    URL or file of the key set that signs JSON Web Tokens, with the issuer and audience they must
    have; origins: who may call from a browser; strict: whether a ledger that has a schema refuses
    writes that name none; json_logs: whether logs are lines of JSON, or for people; streams: of
    events, at once in a process; webhooks: URLs to which events are posted; webhook_events: of
    which types, all if none is named; webhook_secrets: the file of what signs them;
    webhook_timeout: seconds a receiver may take; webhook_give_up: hours after which one that fails
    is disabled; webhook_public: whether only public addresses may be.
    """

    storage: str
    bind: str = DEFAULT_BIND
    workers: int = 1
    threads: int = 64
    body: int = 4 << 20
    stream: int = 1 << 30
    script: int = 100_000
    bulk: int = 1000
    page: int = 15
    longest_page: int = 1000
    concurrency: int = 512
    timeout: float = 30.0
    rate: float = 0.0
    tokens: str | None = None
    keys: str | None = None
    issuer: str | None = None
    audience: str | None = None
    origins: tuple[str, ...] = ()
    strict: bool = False
    metrics: bool = True
    traces: bool = False
    json_logs: bool = True
    streams: int = 1000
    webhooks: tuple[str, ...] = ()
    webhook_events: tuple[str, ...] = ()
    webhook_secrets: str | None = None
    webhook_timeout: float = 10.0
    webhook_give_up: float = 72.0
    webhook_public: bool = False

    @property
    def guarded(self) -> bool:
        """Whether callers must show who they are."""
        return self.tokens is not None or self.keys is not None
