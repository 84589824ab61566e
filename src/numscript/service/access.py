"""Who may do what: access tokens and JSON Web Tokens, and the scopes that they grant.

A scope is `ledger:read` or `ledger:write`, for all ledgers, or with a pattern of names behind it:
`ledger:write:eu-*`. Of a token the file holds the sha256 only; tokens are made by us and long, so
that a slow hash would add nothing.
"""

from __future__ import annotations

import secrets
import tomllib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from numscript.service.problems import Problem
from numscript.service.settings import Settings

READ, WRITE = "ledger:read", "ledger:write"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""How a JSON Web Token may be signed: never by a shared secret, and never not at all."""
REFRESH = 60.0
"""In seconds: how often a key set may be fetched because of a key that is not in it."""
KEPT = 300.0
"""In seconds: how long a key set is good for."""


class Caller(NamedTuple):
    """Who calls, and what they may do. scopes: each with the pattern of its ledgers."""

    name: str
    scopes: tuple[tuple[str, str], ...]

    def may(self, scope: str, ledger: str | None) -> bool:
        """Whether a scope is granted for a ledger; with None, for any ledger at all."""
        return any(
            name == scope and (ledger is None or fnmatchcase(ledger, pattern))
            for name, pattern in self.scopes
        )


ANYBODY = Caller("", ((READ, "*"), (WRITE, "*")))
"""Who calls where nobody has to say who they are."""


class BadTokens(ValueError):  # noqa: N818 - what it is about
    """The file of tokens or keys cannot be used."""


def read_scopes(scopes: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Scopes as text, taken apart; those of other services are left out."""
    found = []
    for scope in scopes:
        for name in (READ, WRITE):
            if scope == name:
                found.append((name, "*"))
            elif scope.startswith(f"{name}:"):
                found.append((name, scope[len(name) + 1 :]))
    return tuple(found)


def new_token(name: str) -> tuple[str, str]:
    """A new token, and the lines for the file of tokens."""
    token = f"nst_{secrets.token_urlsafe(32)}"
    digest = sha256(token.encode()).hexdigest()
    lines = f'[[tokens]]\nname = "{name}"\nsha256 = "{digest}"\n'
    return token, f'{lines}scopes = ["{READ}", "{WRITE}"]\n'


def read_tokens(path: str) -> dict[str, Caller]:
    """The callers of a file of tokens, by the sha256 of their tokens. Raises BadTokens."""
    try:
        tree = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise BadTokens(f"the tokens cannot be read from {path}: {problem}") from None
    callers = {}
    for row in tree.get("tokens", ()):
        name, digest, scopes = (row.get(key) for key in ("name", "sha256", "scopes"))
        if not isinstance(name, str) or not isinstance(scopes, list):
            raise BadTokens(f"{path}: each of [[tokens]] needs `name` and `scopes`")
        if not isinstance(digest, str) or len(digest) != 64:
            raise BadTokens(f"{path}: `sha256` of `{name}` must be 64 hexadecimal digits")
        granted = read_scopes(map(str, scopes))
        if len(granted) != len(scopes):
            raise BadTokens(f"{path}: `{name}` has a scope that is none: use {READ}, {WRITE}:NAME")
        callers[digest.lower()] = Caller(name, granted)
    if not callers:
        raise BadTokens(f"{path} holds no tokens; make one with `numscript serve --new-token NAME`")
    return callers


class Access:
    """Finds out who calls."""

    def __init__(self, settings: Settings) -> None:
        self.guarded = settings.guarded
        self.tokens = {} if settings.tokens is None else read_tokens(settings.tokens)
        self.keys = None if settings.keys is None else Keys(settings)

    @property
    def is_quick(self) -> bool:
        """Whether nothing has to be fetched to find out who calls."""
        return self.keys is None or not self.keys.distant

    def identify(self, headers: Mapping[str, str], *, basic: bool) -> Caller:
        """Who calls. basic: whether name and token may come as HTTP Basic. Raises Problem."""
        if not self.guarded:
            return ANYBODY
        kind, _, value = headers.get("authorization", "").partition(" ")
        value = value.strip()
        match kind.lower():
            case "bearer" if value:
                return self.read_bearer(value)
            case "basic" if basic:
                return self.read_basic(value)
            case _:
                raise refused("a token is needed: send `Authorization: Bearer TOKEN`", basic=basic)

    def read_bearer(self, token: str) -> Caller:
        """The caller of a token."""
        found = self.tokens.get(sha256(token.encode("utf-8", "replace")).hexdigest())
        if found is not None:
            return found
        if self.keys is not None and token.count(".") == 2:
            return self.keys.read(token)
        raise refused("the token is not known here; ask the operator for one")

    def read_basic(self, value: str) -> Caller:
        """The caller of a name with a token as its password."""
        try:
            name, _, token = b64decode(value, validate=True).decode().partition(":")
        except (NotBase64, ValueError):
            raise refused("the credentials are not of the form of HTTP Basic", basic=True) from None
        found = self.tokens.get(sha256(token.encode()).hexdigest())
        if found is None or found.name != name:
            raise refused("name and token do not fit", basic=True)
        return found


class Keys:
    """The key set that signs JSON Web Tokens: a file, or a URL whose set is fetched anew."""

    def __init__(self, settings: Settings) -> None:
        import jwt

        self.jwt: Any = jwt
        self.place = str(settings.keys)
        self.issuer = settings.issuer
        self.audience = settings.audience
        self.lock = Lock()
        self.fetched = -KEPT
        self.found: dict[str | None, Any] = {}
        self.distant = self.place.startswith(("http://", "https://"))
        if not self.distant:
            try:
                self.keep(jwt.PyJWKSet.from_json(Path(self.place).read_text("utf-8")).keys)
            except (OSError, ValueError, jwt.PyJWTError) as problem:
                raise BadTokens(f"the keys cannot be read from {self.place}: {problem}") from None

    def keep(self, keys: Iterable[Any]) -> None:
        """Keep a key set, and when it came."""
        self.found = {key.key_id: key for key in keys}
        self.fetched = monotonic()

    def key(self, number: str | None) -> Any:
        """The key of an id, from a set that is fetched anew now and then."""
        with self.lock:
            age = monotonic() - self.fetched
            wait = REFRESH if number not in self.found else KEPT
            if self.distant and age > wait:
                client = self.jwt.PyJWKClient(self.place, timeout=5)
                try:
                    self.keep(client.get_jwk_set(refresh=True).keys)
                except self.jwt.PyJWTError as problem:
                    if number not in self.found:
                        raise Problem(
                            503, "INTERNAL", f"the keys of tokens cannot be fetched: {problem}"
                        ) from None
            return self.found.get(number)

    def read(self, token: str) -> Caller:
        """The caller that a token speaks of, if it is signed and still good."""
        try:
            key = self.key(self.jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise refused("the token is signed by a key that is not known here")
            claims = self.jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                issuer=self.issuer,
                audience=self.audience,
                options={"require": ["exp"], "verify_aud": self.audience is not None},
                leeway=10,
            )
        except self.jwt.PyJWTError as problem:
            raise refused(f"the token is not good: {str(problem).lower()}") from None
        scopes = claims.get("scope", claims.get("scopes", ""))
        if isinstance(scopes, str):
            scopes = scopes.split()
        granted = read_scopes(map(str, scopes)) if isinstance(scopes, list) else ()
        return Caller(str(claims.get("sub") or claims.get("client_id") or "jwt"), granted)


def refused(message: str, *, basic: bool = False) -> Problem:
    """The answer to a caller whom nobody knows."""
    schemes = 'Bearer realm="numscript"' + (', Basic realm="numscript"' if basic else "")
    return Problem(401, "VALIDATION", message, headers={"WWW-Authenticate": schemes})


def check_scope(caller: Caller, scope: str | None, ledger: str | None) -> None:
    """Refuse a call that the caller may not make. Raises Problem."""
    if scope is not None and not caller.may(scope, ledger):
        where = f" for the ledger `{ledger}`" if ledger else ""
        raise Problem(403, "VALIDATION", f"the token of `{caller.name}` has no {scope}{where}")
