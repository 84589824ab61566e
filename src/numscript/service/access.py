"""Who may do what: access tokens and JSON Web Tokens, and the scopes that they grant.

A scope is `ledger:read` or `ledger:write`, for all ledgers, or with a pattern of names behind it:
`ledger:write:eu-*`. Of a token the file holds the sha256 only; tokens are made by us and long, so
that a slow hash would add nothing.
"""

from __future__ import annotations

import json
import math
import re
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
from numscript.service.telemetry import LOG
from numscript.storage import hide_password

READ, WRITE = "ledger:read", "ledger:write"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""How a JSON Web Token may be signed: never by a shared secret, and never not at all."""
REFRESH = 10.0
"""In seconds: how often at most a key set is fetched, whatever tokens come."""
KEPT = 300.0
"""In seconds: how long a key set is good for, before it is fetched anew."""
LONGEST = 3600.0
"""In seconds: how long a key set is good for that cannot be fetched anew."""
LARGEST = 1 << 20
"""How many bytes a key set may have."""
TIMEOUT = 5.0
"""In seconds: how long it may take to fetch a key set."""
PATIENCE = 1.0
"""In seconds: how long a call waits for a key set that is being fetched for another."""


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
        raise BadTokens(f"the tokens cannot be read from {path}: {reason_of(problem)}") from None
    rows = tree.get("tokens", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadTokens(f"{path}: `tokens` must be tables, each below a line `[[tokens]]`")
    callers = {}
    for row in rows:
        name, digest, scopes = (row.get(key) for key in ("name", "sha256", "scopes"))
        if not isinstance(name, str) or not isinstance(scopes, list):
            raise BadTokens(f"{path}: each of [[tokens]] needs `name` and `scopes`")
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-fA-F]{64}", digest):
            raise BadTokens(f"{path}: `sha256` of `{name}` must be 64 hexadecimal digits")
        for scope in scopes:
            if not isinstance(scope, str) or not read_scopes([scope]):
                raise BadTokens(
                    f"{path}: `{name}` has the scope `{scope}`, which is none: use {READ} or "
                    f"{WRITE}, for some ledgers with a name or pattern behind it: {WRITE}:eu-*"
                )
        callers[digest.lower()] = Caller(name, read_scopes(scopes))
    if not callers:
        raise BadTokens(f"{path} holds no tokens; make one with `numscript serve --new-token NAME`")
    return callers


def reason_of(problem: OSError | ValueError) -> str:
    """Why a file cannot be read, as a person says it."""
    reason = problem.strerror if isinstance(problem, OSError) else None
    return reason.lower() if reason else str(problem)


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
                ways = "send `Authorization: Bearer TOKEN`"
                if basic:
                    ways += ", or HTTP Basic with the token's name and the token as the password"
                raise refused(f"a token is needed: {ways}", basic=basic)

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
    """The key set that signs JSON Web Tokens: a file, or a URL whose set is fetched anew.

    One thread fetches at a time. Who has a good key meanwhile does not wait for it, so that a URL
    that is slow or down holds up only tokens whose key is not known.
    """

    def __init__(self, settings: Settings) -> None:
        import jwt

        self.jwt: Any = jwt
        self.place = str(settings.keys)
        self.issuer = settings.issuer
        self.audience = settings.audience
        self.lock = Lock()
        self.found: dict[str | None, Any] = {}
        self.fetched = -math.inf
        self.tried = -math.inf
        self.problem = ""
        self.distant = self.place.lower().startswith(("http://", "https://"))
        if not self.distant:
            try:
                self.keep(Path(self.place).read_bytes())
            except (OSError, ValueError) as problem:
                reason = reason_of(problem)
                raise BadTokens(f"the keys cannot be read from {self.place}: {reason}") from None

    def keep(self, text: bytes) -> None:
        """Keep a key set. Raises ValueError where it is none."""
        try:
            tree = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise ValueError(f"it is no JSON: {problem}") from None
        rows = tree.get("keys") if isinstance(tree, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("it is no JSON Web Key Set, an object with a list of `keys`")
        try:
            keys = self.jwt.PyJWKSet.from_dict(tree).keys
        except (self.jwt.PyJWTError, TypeError) as problem:
            raise ValueError(f"it has no key that can be used: {problem}") from None
        usable = {
            key.key_id: key
            for key in keys
            if key.public_key_use in (None, "sig") and key.key_type != "oct"
        }
        if not usable:
            raise ValueError(
                "no key in it can be used: a public key of RSA, EC or EdDSA that signs is needed"
            )
        self.found = usable

    def fetch(self) -> str:
        """Fetch the key set from its URL; what is wrong, or nothing if all is well."""
        import httpx

        self.problem = ""
        if not self.distant:
            return ""
        try:
            self.keep(download(self.place))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as problem:
            reason = str(problem).strip() or type(problem).__name__
            place = hide_password(self.place.partition("?")[0])
            self.problem = f"the keys of tokens cannot be fetched from {place}: {reason}"
        self.tried = monotonic()
        if not self.problem:
            self.fetched = self.tried
        return self.problem

    def renew(self) -> None:
        """Fetch the key set, and have the log say what is wrong, and that it is well again."""
        before = self.problem
        if self.fetch():
            LOG.error("%s", self.problem)
        elif before:
            LOG.info("the keys of tokens are fetched again")

    def is_due(self, number: str | None) -> bool:
        """Whether the set is to be fetched anew, for a token that names a key of it."""
        good_for = KEPT if number in self.found else REFRESH
        age = monotonic() - self.fetched
        return self.distant and age > good_for and monotonic() - self.tried > REFRESH

    def is_usable(self, number: str | None) -> bool:
        """Whether there is a key of this id that can still be trusted."""
        known = number in self.found
        return known and not (self.distant and monotonic() - self.fetched > LONGEST)

    def key(self, number: str | None) -> Any:
        """The key of an id, from a set that is fetched anew now and then. Raises Problem."""
        wait = 0 if self.is_usable(number) else PATIENCE
        if self.is_due(number):
            if self.lock.acquire(timeout=wait):
                try:
                    # Somebody else may have fetched it meanwhile.
                    if self.is_due(number):
                        self.renew()
                finally:
                    self.lock.release()
            elif not self.is_usable(number):
                raise unchecked("are being fetched", 1)
        if self.problem and not self.is_usable(number):
            raise unchecked("cannot be fetched", math.ceil(REFRESH))
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


def download(url: str) -> bytes:
    """The key set at a URL. Raises httpx.HTTPError, ValueError."""
    import ssl

    import httpx

    # The certificates that the machine trusts, and not only those that come with a package.
    trusted = ssl.create_default_context()
    text = b""
    end = monotonic() + TIMEOUT
    with httpx.stream("GET", url, timeout=TIMEOUT, verify=trusted, follow_redirects=True) as answer:
        if answer.status_code != 200:
            raise ValueError(f"the server answered {answer.status_code}")
        for piece in answer.iter_bytes():
            text += piece
            if len(text) > LARGEST:
                raise ValueError(f"it is larger than {LARGEST} bytes")
            if monotonic() > end:
                raise ValueError(f"it is not whole after {TIMEOUT:g} s")
    return text


def unchecked(why: str, wait: int) -> Problem:
    """The answer to a token that cannot be checked for now. wait: seconds."""
    message = f"the keys of tokens {why}, so that this one cannot be checked; send it again later"
    return Problem(503, "INTERNAL", message, headers={"Retry-After": str(wait)})


def refused(message: str, *, basic: bool = False) -> Problem:
    """The answer to a caller whom nobody knows."""
    schemes = 'Bearer realm="numscript"' + (', Basic realm="numscript"' if basic else "")
    return Problem(401, "VALIDATION", message, headers={"WWW-Authenticate": schemes})


def check_scope(caller: Caller, scope: str | None, ledger: str | None) -> None:
    """Refuse a call that the caller may not make. Raises Problem."""
    if scope is not None and not caller.may(scope, ledger):
        where = f" for the ledger `{ledger}`" if ledger else ""
        raise Problem(403, "VALIDATION", f"the token of `{caller.name}` has no {scope}{where}")
