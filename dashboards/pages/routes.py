"""The pages: log-in, the board, the list of a specialist or GP, one patient. Parts of them are fetched by the pages' own scripts.

Handlers run in threads; each reads at one instant in one transaction, through `dashboards.access`.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from dashboards import access
from dashboards.house import house_of
from dashboards.pages.board import ACTING, GREENS_AT_ONCE, READING_ONLY, read_board, read_rows
from dashboards.pages.page_route import PageRoute
from dashboards.pages.patient import PERIODS, read_patient, timezone_of
from dashboards.pages.reader import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, Reader, page, reader_of
from dashboards.pages.standings import GROUPS
from dashboards.problems import NotAuthenticated
from dashboards.sessions import Viewer, current_viewer, is_https
from dho import clock
from dho.db import Tx
from dho.sql import queries
from dho.texts import LANGUAGES, catalogue

SQL = queries("dashboards/pages")
SPOKEN_BY_BROWSER = ("act.", "age.", "chart.reading", "live.", "login.wrong", "problem.")
"""Prefixes of the keys that the pages' scripts use."""

NURSES = {"follow_up_nurse", "centre_lead"}
Which = Literal["board", "mine"]
ROLES: dict[Which, list[str]] = {"board": ACTING, "mine": READING_ONLY}
LoggedIn = Annotated[Viewer, Depends(current_viewer)]
router = APIRouter(route_class=PageRoute, include_in_schema=False, default_response_class=Response)


@router.get("/login")
def login(request: Request, next: str = "/") -> Response:
    """The log-in page."""
    try:
        current_viewer(request)
        return RedirectResponse(_local(next), 303)
    except NotAuthenticated:
        reader = reader_of(request, None, clock.now())
        return page(reader, "login.html", {"next": _local(next), "local": house_of(request).settings.local_login})


@router.get("/show")
def show(request: Request, language: str | None = None, theme: str | None = None, next: str = "/") -> Response:
    """Remember how the reader wants to read, in this browser, and go back."""
    answer = RedirectResponse(_local(next), 303)
    for name, value, known in ((LANGUAGE_COOKIE, language, LANGUAGES), (THEME_COOKIE, theme, THEMES)):
        if value in known:
            secure = is_https(request, house_of(request).settings)
            answer.set_cookie(name, str(value), max_age=365 * 86400, httponly=True, samesite="lax", secure=secure)
        elif value == "auto":
            answer.delete_cookie(name)
    return answer


def _local(path: str) -> str:
    """A path on this site; anything else becomes the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


@router.get("/words/{language}.json")
def words(request: Request, language: str) -> Response:
    """The sentences that the browser itself must say."""
    body, tag = _words(language if language in LANGUAGES else LANGUAGES[0])
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@cache
def _words(language: str) -> tuple[bytes, str]:
    spoken = {key: text for key, text in catalogue(language).items() if key.startswith(SPOKEN_BY_BROWSER)}
    body = json.dumps(spoken, ensure_ascii=False, separators=(",", ":")).encode()
    return body, f'"{hashlib.sha256(body).hexdigest()[:20]}"'


@router.get("/")
def first_page(request: Request, viewer: LoggedIn) -> Response:
    """The board for those who work at a follow-up centre; for others the list of patients who concern them."""
    if NURSES.isdisjoint(post.role for post in viewer.memberships):
        return RedirectResponse("/mine", 303)
    return _board(request, viewer, "board", "board.html")


@router.get("/mine")
def mine(request: Request, viewer: LoggedIn) -> Response:
    """Patients whose care team the reader belongs to, without being their nurse."""
    return _board(request, viewer, "mine", "board.html")


@router.get("/{which}/all")
def board_parts(request: Request, viewer: LoggedIn, which: Which) -> Response:
    """All that moves on a board: the counts and every group but the greens."""
    return _board(request, viewer, which, "board_parts.html")


def _board(request: Request, viewer: Viewer, which: Which, template: str) -> Response:
    with _reading(request, viewer) as (tx, reader, centres):
        access.require_clinical(viewer, tx)
        board = read_board(tx, viewer, reader, ROLES[which])
        rows = read_rows(tx, viewer, reader, board.shown(), request.state.request_id)
    by_group = {group: [row for row in rows if row.group == group] for group in GROUPS}
    return page(reader, template, {"which": which, "board": board, "rows": by_group, "centres": centres, "groups": GROUPS})


@router.get("/{which}/counts")
def board_counts(request: Request, viewer: LoggedIn, which: Which) -> Response:
    """How many stand in each group."""
    with _reading(request, viewer) as (tx, reader, _):
        board = read_board(tx, viewer, reader, ROLES[which])
    return page(reader, "counts.html", {"board": board, "groups": GROUPS})


@router.get("/{which}/rows")
def board_rows(request: Request, viewer: LoggedIn, which: Which, patient: Annotated[list[UUID], Query(max_length=200)]) -> Response:
    """The rows of these patients as they are now; of somebody who is not followed there is none."""
    with _reading(request, viewer) as (tx, reader, _):
        board = read_board(tx, viewer, reader, ROLES[which], patient)
        standings = [standing for group in GROUPS for standing in board.groups[group]]
        rows = read_rows(tx, viewer, reader, standings, request.state.request_id)
    return page(reader, "rows.html", {"which": which, "rows": rows, "next": None})


@router.get("/{which}/greens")
def greens(request: Request, viewer: LoggedIn, which: Which, after: str = "") -> Response:
    """The next hundred greens by name, after the one whose order is `after`."""
    with _reading(request, viewer) as (tx, reader, _):
        left = [s for s in read_board(tx, viewer, reader, ROLES[which]).groups["green"] if s.order("green") > after]
        rows = read_rows(tx, viewer, reader, left[:GREENS_AT_ONCE], request.state.request_id)
    more = rows[-1].order if rows and len(left) > GREENS_AT_ONCE else None
    return page(reader, "rows.html", {"which": which, "rows": rows, "next": more})


@contextmanager
def _reading(request: Request, viewer: Viewer) -> Iterator[tuple[Tx, Reader, list[Any]]]:
    """One instant, one transaction, the reader, and the centres where the reader works."""
    now = clock.now()
    with house_of(request).database.transaction(viewer.actor, "board", now) as tx:
        centres = tx.rows(SQL["centres_of_viewer"], {"person": viewer.person, "now": now})
        yield tx, reader_of(request, viewer, now, centres[0].timezone if centres else None), centres


@router.get("/patients/{patient}")
def patient(request: Request, viewer: LoggedIn, patient: UUID, days: int = 30) -> Response:
    """One patient's page."""
    return _patient(request, viewer, patient, days, "patient.html")


@router.get("/patients/{patient}/parts")
def patient_parts(request: Request, viewer: LoggedIn, patient: UUID, days: int = 30) -> Response:
    """All that moves on a patient's page."""
    return _patient(request, viewer, patient, days, "patient_parts.html")


def _patient(request: Request, viewer: Viewer, patient: UUID, days: int, template: str) -> Response:
    now = clock.now()
    with house_of(request).database.transaction(viewer.actor, "patient page", now) as tx:
        reader = reader_of(request, viewer, now, timezone_of(tx, patient))
        shown = read_patient(tx, viewer, reader, patient, days if days in PERIODS else 30, request.state.request_id)
    return page(reader, template, {"p": shown, "periods": PERIODS})


@router.get("/alerts/{alert}/last")
def last_change(request: Request, viewer: LoggedIn, alert: UUID) -> Response:
    """Who changed an alert last, as a sentence, for the one who came second."""
    now = clock.now()
    reader = reader_of(request, viewer, now)
    with house_of(request).database.transaction(viewer.actor, "alert", now) as tx:
        access.look_at_alert(tx, viewer, alert, "last change", request=request.state.request_id)
        last = tx.row(SQL["last_change"], {"alert": alert})
    verb = last.type.removeprefix("alert.")
    by = "person" if last.name else "system"
    known = verb if by == "person" and f"change.{verb}" in catalogue(reader.language) else by
    sentence = reader.t(f"change.{known}", name=last.name or "", age=reader.age(last.at))
    return Response(
        json.dumps({"sentence": sentence}, ensure_ascii=False), media_type="application/json", headers={"Cache-Control": "no-store"}
    )
