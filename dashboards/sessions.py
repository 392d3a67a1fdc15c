"""Who is asking: log-in with a local password, browser sessions, service tokens.

Of a session's cookie and of a token only HMAC-SHA-256 under the server key is kept. A session ends after `session_idle_minutes`
without use (an open live feed is use), after `session_hours` in any case, and at log-out. A cookie counts for a request that changes
something only if the Origin is ours.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import HTTPConnection, Request

from dashboards.house import House, house_of
from dashboards.passwords import hash_password, is_outdated, is_password
from dashboards.problems import NotAuthenticated, Problem
from dho import clock
from dho.db import Actor, Tx
from dho.settings import Settings
from dho.sql import queries

SQL = queries("dashboards")
COOKIE = "dho_session"
SAFE = ("GET", "HEAD", "OPTIONS")
NOBODY = Actor("person")
ATTEMPTS = 10
ATTEMPTS_WITHIN = timedelta(minutes=15)
SEEN_EVERY = timedelta(minutes=1)
TokenKind = Literal["session", "token"]
FOUND_BY: dict[TokenKind, str] = {"session": "viewer_by_session", "token": "viewer_by_token"}
ENDED_BY: dict[TokenKind, str] = {"session": "end_session", "token": "end_token"}


@dataclass(frozen=True, slots=True)
class Post:
    """A role that a person holds now: at a centre, at another organisation, or neither (`place` is its name)."""

    role: str
    centre: UUID | None
    organisation: UUID | None
    place: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking. `credential` is the hash of what they showed; `expires_at` when it ends at the latest (None: not by itself)."""

    person: UUID
    user: str
    name: str
    language: str
    memberships: tuple[Post, ...]
    token_kind: TokenKind
    credential: bytes
    expires_at: datetime | None

    @property
    def actor(self) -> Actor:
        """On whose behalf transactions run."""
        return Actor("person", self.person)


def new_token(house: House) -> tuple[str, bytes]:
    """A secret of 256 bits, and what is kept of it."""
    token = secrets.token_urlsafe(32)
    return token, hash_token(house.settings.secret_key, token)


def hash_token(secret_key: str, token: str) -> bytes:
    """What is kept of a session's cookie or a service token."""
    return hmac.new(secret_key.encode(), token.encode(), hashlib.sha256).digest()


def current_viewer(request: Request) -> Viewer:
    """Who sends this request. Raises `NotAuthenticated`, or 403 `origin_mismatch` for a change with a cookie from elsewhere.

    For handlers in a thread: it reads the database once a request.
    """
    known: Viewer | None = getattr(request.state, "viewer", None)
    if known is None:
        token, kind = credential_of(request)
        if kind == "session" and request.method not in SAFE:
            require_our_origin(request)
        known = request.state.viewer = find_viewer(house_of(request), token, kind, clock.now())
    return known


def credential_of(connection: HTTPConnection) -> tuple[str, TokenKind]:
    """The token of the Authorization header, else that of the cookie. Raises `NotAuthenticated`."""
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAuthenticated("Log in, or send `Authorization: Bearer TOKEN`.")
        return token.strip(), "token"
    cookie = connection.cookies.get(COOKIE)
    if not cookie:
        raise NotAuthenticated("Log in, or send `Authorization: Bearer TOKEN`.")
    return cookie, "session"


def find_viewer(house: House, token: str, kind: TokenKind, now: datetime) -> Viewer:
    """The person to whom this token belongs at `now`. Raises `NotAuthenticated`."""
    credential = hash_token(house.settings.secret_key, token)
    idle_since = now - timedelta(minutes=house.settings.session_idle_minutes)
    with house.database.transaction(NOBODY, "recognise", now) as tx:
        row = tx.row(SQL[FOUND_BY[kind]], {"hash": credential, "now": now, "idle_since": idle_since})
        if row is None:
            raise NotAuthenticated("You are not logged in, or no longer.")
        if kind == "session" and now - row.seen_at >= SEEN_EVERY:
            tx.execute(SQL["session_seen"], {"hashes": [credential], "now": now})
    return _viewer(row, kind, credential)


def _viewer(row: Any, kind: TokenKind, credential: bytes) -> Viewer:
    posts = tuple(Post(p["role"], _uuid(p["centre"]), _uuid(p["organisation"]), p["place"] or "") for p in row.posts)
    return Viewer(row.person, row.user_name, row.name, row.language, posts, kind, credential, row.expires_at)


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def log_in(house: House, user: str, password: str, former: str | None, now: datetime) -> tuple[str, Viewer]:
    """A new session for who knows this password: the cookie's value, and who it is. `former`, the cookie shown, ends.

    Raises `NotAuthenticated`, or 429 after ten failures within a quarter of an hour. The failure is written before the password is
    looked at, so that a hundred attempts at once are a hundred failures.
    """
    if not house.settings.local_login:
        raise Problem(403, "local_login_off", "Logging in with a local password is switched off here.")
    throttled = house.keyed("login", user.casefold()).hex()
    with house.database.transaction(NOBODY, "log in", now) as tx:
        _count_attempt(tx, throttled, now)
        row = tx.row(SQL["person_by_user_name"], {"user": user})
    if not is_password(row.password_hash if row else None, password):
        raise NotAuthenticated("The user name or the password is wrong.")
    token, credential = new_token(house)
    with house.database.transaction(Actor("person", row.id), "log in", now) as tx:
        if is_outdated(row.password_hash):
            tx.execute(SQL["set_password_hash"], {"person": row.id, "hash": hash_password(password)})
        tx.execute(SQL["forget_login_failures"], {"user": throttled})
        if former:
            tx.execute(SQL["end_session"], {"hash": hash_token(house.settings.secret_key, former), "now": now})
        expires_at = now + timedelta(hours=house.settings.session_hours)
        tx.execute(SQL["add_session"], {"hash": credential, "person": row.id, "now": now, "expires_at": expires_at})
    return token, find_viewer(house, token, "session", now)


def _count_attempt(tx: Tx, user: str, now: datetime) -> None:
    failed = tx.row(SQL["recent_login_failures"], {"user": user, "since": now - ATTEMPTS_WITHIN})
    if failed.count >= ATTEMPTS:
        wait = max(1, int((failed.oldest + ATTEMPTS_WITHIN - now).total_seconds()))
        raise Problem(429, "too_many_attempts", "Too many failed log-ins; wait a while.", {"Retry-After": str(wait)})
    tx.execute(SQL["add_login_failure"], {"user": user, "now": now})


def log_out(house: House, viewer: Viewer, now: datetime) -> None:
    """End this session, or this service token, at once."""
    with house.database.transaction(viewer.actor, "log out", now) as tx:
        tx.execute(SQL[ENDED_BY[viewer.token_kind]], {"hash": viewer.credential, "now": now})


def is_https(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether browsers reach us encrypted, so that cookies must be secure."""
    return (settings.public_url or str(connection.url)).startswith(("https://", "wss://"))


def require_our_origin(connection: HTTPConnection) -> None:
    """Refuse what another site's page sends with our cookie. Raises 403 `origin_mismatch`."""
    if not is_our_origin(connection):
        raise Problem(403, "origin_mismatch", "This was not sent from our own pages: the Origin does not match.")


def is_our_origin(connection: HTTPConnection) -> bool:
    """Whether the Origin header is that of DHO_PUBLIC_URL; where that is not set, of the address that was asked for."""
    origin = connection.headers.get("origin")
    if not origin:
        return False
    public = house_of(connection).settings.public_url
    if public:
        return _origin(origin) == _origin(public)
    return urlsplit(origin).scheme in ("http", "https") and urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower()


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, with the scheme's own port filled in."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)
