"""The pages as people meet them: a real browser in front of a real `dho serve`, and measurements that come in meanwhile."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from alerts.intake import Intake
from dashboards.passwords import hash_password
from dashboards.sessions import COOKIE, hash_token
from dho import clock
from dho.db import WATCH, Database
from tests.cast import Cast, cast, measured, plan
from tests.services.roles import SECRET, Role

NAMES = {"ada": "Ada Lunde", "bjorn": "Bjørn Aasen", "cecilie": "Cecilie Moe", "dag": "Dag Fossum"}
PASSWORD = "riktig hest batteri stift"


@dataclass
class World:
    """A cast, their serving process, and a way for values to come in. `complaints` is what the browser's console said."""

    who: Cast
    serve: Role
    browser: Browser
    intake: Intake
    owner: Database
    complaints: list[str] = field(default_factory=list)

    def patient(self, name: str, document: dict[str, Any] | None = None) -> tuple[UUID, str]:
        """One more patient at Ada's centre, known by name, with the default plan: (patient, gateway)."""
        patient, gateway = self.who.patient(document or plan())
        with self.owner.transaction(WATCH, "test", clock.now()) as tx:
            tx.execute("UPDATE patient SET name = %s WHERE id = %s", (name, patient))
        return patient, gateway

    def measure(
        self, gateway: str, value: float, code: str = "59408-5", unit: str = "%", *, ago: timedelta = timedelta(), **members: Any
    ) -> None:
        """One value comes in, through the whole of the intake."""
        at = clock.now() - ago
        self.intake.take([measured(gateway, at, (code, value, unit), **members)], at)

    def context(self, person: str, **options: Any) -> BrowserContext:
        """A browser of its own in which this person is logged in, in bokmål and light unless it says otherwise."""
        token = secrets.token_urlsafe(16)
        now = clock.now()
        with self.owner.transaction(WATCH, "test", now) as tx:
            tx.execute(
                "INSERT INTO session (token_hash, person, created_at, seen_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
                (hash_token(SECRET, token), getattr(self.who, person), now, now, now + timedelta(hours=1)),
            )
        context = self.browser.new_context(base_url=self.serve.url, **{"viewport": {"width": 1280, "height": 900}} | options)
        context.add_cookies([{"name": COOKIE, "value": token, "domain": urlsplit(self.serve.url).hostname or "", "path": "/"}])
        return context

    def open(self, person: str, path: str = "/", **options: Any) -> Page:
        """A page in a browser of its own, followed live where it is a live page."""
        page = self.context(person, **options).new_page()
        self.listen(page)
        page.goto(path)
        if page.locator("[data-pulse]").count():
            page.wait_for_selector('[data-pulse][data-state="live"]')
        return page

    def close_pages(self) -> None:
        """Close everybody's browser, so that no forgotten page goes on asking the server."""
        for context in self.browser.contexts:
            context.close()

    def listen(self, page: Page) -> None:
        """Keep what the browser complains about, refused scripts and styles among it."""
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@contextmanager
def open_world(database_url: str, serve: Role, chromium: str) -> Iterator[World]:
    """The cast in an empty database, with names as people have them and a password for each, and a browser."""
    who = cast(database_url, clock.now() - timedelta(minutes=5))
    owner, ingest = Database(database_url, "owner", size=1), Database(database_url, "ingest", size=1)
    kept = hash_password(PASSWORD)
    with owner.transaction(WATCH, "test", clock.now()) as tx:
        for user, name in NAMES.items():
            tx.execute(
                "UPDATE person SET user_name = %s, name = %s, password_hash = %s WHERE id = %s", (user, name, kept, getattr(who, user))
            )
        tx.execute("UPDATE patient SET name = 'Eva Hagen' WHERE id = %s", (who.eva,))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield World(who, serve, browser, Intake(ingest, "test"), owner)
        browser.close()
    owner.close()
    ingest.close()


def row_of(page: Page, name: str) -> Any:
    """The board's row of the patient with this name."""
    return page.locator(".row", has=page.locator(".name", has_text=name))


def instant_of(page: Page, expression: str) -> datetime:
    """An instant that a script on the page wrote down, in milliseconds since 1970."""
    return datetime.fromtimestamp(page.evaluate(expression) / 1000, clock.now().tzinfo)
