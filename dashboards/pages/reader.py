"""Who reads a page and how: language, look, time zone, the instant at which it was asked for; and the making of the page.

The language is what the reader chose (a cookie), else the person's own, else what the browser asks for. Every page says what instant it
was made at, so that the browser counts ages from the server's clock.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from alerts.acts import OUTCOMES
from dashboards.house import house_of
from dashboards.pages.ages import age
from dashboards.sessions import Viewer
from dho.texts import DEFAULT, LANGUAGES, catalogue, number, render

LANGUAGE_COOKIE, THEME_COOKIE = "dho_language", "dho_theme"
THEMES = ("light", "dark", "contrast")
_TEMPLATES = Path(__file__).parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class Reader:
    """One request's reader. `viewer` is None before log-in; `zone` is the time zone in which times are written."""

    language: str
    theme: str | None
    zone: ZoneInfo
    now: datetime
    path: str
    viewer: Viewer | None

    def t(self, key: str, **args: object) -> str:
        """The sentence for a key, in the reader's language."""
        return render(key, args, self.language)

    def say(self, text: Mapping[str, Any]) -> str:
        """A stored sentence (`key`, `args`, `text`) in the reader's language; as it was stored where the key is no longer known."""
        if text.get("key") not in catalogue(self.language):
            return str(text.get("text", ""))
        return render(str(text["key"]), self._shown(text.get("args") or {}), self.language)

    def say_shortly(self, text: Mapping[str, Any]) -> str:
        """A stored explanation without what it would take to be otherwise: only what was found."""
        finding = (text.get("args") or {}).get("finding")
        return self.say(finding) if isinstance(finding, Mapping) else self.say(text)

    def _shown(self, args: Mapping[str, Any]) -> dict[str, object]:
        """Instants among the arguments become local times; nested sentences likewise."""
        shown: dict[str, object] = {}
        for name, value in args.items():
            if isinstance(value, str) and (name.endswith(("_at", "_until")) or name in ("at", "since", "until", "deadline")):
                shown[name] = self.clock(_instant(value)) if _instant(value) else value
            elif isinstance(value, Mapping) and "args" in value:
                shown[name] = {**value, "args": self._shown(value["args"] or {})}
            else:
                shown[name] = value
        return shown

    def age(self, at: datetime) -> str:
        """How long ago, or in how long."""
        return age(at, self.now, self.language)

    def clock(self, at: datetime | None) -> str:
        """Date and time as the reader writes them."""
        if at is None:
            return ""
        local = at.astimezone(self.zone)
        pattern = "d. MMM HH:mm" if local.year == self.now.astimezone(self.zone).year else "d. MMM y HH:mm"
        return str(format_datetime(local, pattern if self.language != "en" else pattern.replace("d.", "d"), locale=self.language))

    def day(self, on: date) -> str:
        """A date as the reader writes it."""
        return str(format_date(on, "long", locale=self.language))

    def number(self, value: Decimal) -> str:
        """A number as the reader writes it."""
        return number(value, self.language)

    def unit(self, ucum: str) -> str:
        """A unit as people write it."""
        return render(f"unit.{ucum}", None, self.language) if ucum else ""

    @property
    def today(self) -> date:
        """The local date at this instant."""
        return self.now.astimezone(self.zone).date()


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def reader_of(request: Request, viewer: Viewer | None, now: datetime, zone: str | None = None) -> Reader:
    """The reader of this request."""
    theme = request.cookies.get(THEME_COOKIE)
    return Reader(
        language=_language(request, viewer),
        theme=theme if theme in THEMES else None,
        zone=ZoneInfo(zone or house_of(request).settings.timezone),
        now=now,
        path=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        viewer=viewer,
    )


def _language(request: Request, viewer: Viewer | None) -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    if viewer is not None:
        return viewer.language
    for wanted in request.headers.get("accept-language", "").split(","):
        tag = wanted.split(";")[0].strip().split("-")[0].lower()
        tag = {"no": "nb"}.get(tag, tag)
        if tag in LANGUAGES:
            return tag
    return DEFAULT


def stored_json(text: str) -> Any:
    """JSON from the database with its numbers exactly as they were written."""
    return json.loads(text, parse_float=Decimal)


def page(reader: Reader, template: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A page, or a part of one. It is never kept by a browser or proxy: it holds a patient's data and says how old it is."""
    made = environment().get_template(template).render(reader=reader, t=reader.t, **context)
    return HTMLResponse(made, status, {"Cache-Control": "no-store"})


@cache
def environment() -> Environment:
    """The templates; everything is escaped, and what is missing is an error."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["json"] = lambda value: Markup.escape(json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":")))
    made.globals["languages"] = LANGUAGES
    made.globals["outcomes"] = OUTCOMES
    made.globals["themes"] = THEMES
    return made


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (UUID, datetime)):
        return str(value)
    raise TypeError(type(value).__name__)
