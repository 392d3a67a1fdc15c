"""The real application on a real socket, in a thread of the test, with tokens for the cast."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from jsonschema import Draft202012Validator

from dashboards.app import Zone, create_app
from dashboards.house import House
from dashboards.passwords import hash_password
from dashboards.serving import listening_socket, server_of
from dashboards.sessions import hash_token
from dho import clock
from dho.db import WATCH, Database, Tx
from dho.people import CareRelation, Membership, Person, since
from dho.settings import Settings
from tests.cast import SECRET_KEY, Cast
from tests.services.processes import wait_for


class Documented:
    """The OpenAPI document as a judge: every answer that a test's client gets must stand in it, status and shape."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = {path: re.compile(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(path))) for path in document["paths"]}

    def check(self, answer: httpx.Response) -> None:
        """Fails for an answer that the document does not know."""
        method, path = answer.request.method.lower(), answer.request.url.path
        known = next((p for p, pattern in self._paths.items() if pattern.fullmatch(path) and method in self._document["paths"][p]), None)
        if known is None:
            assert not path.startswith("/api/v1/") or answer.status_code in (404, 405), f"{method} {path} is not documented"
            return
        said = self._document["paths"][known][method]["responses"]
        assert str(answer.status_code) in said, f"{method} {known} answers {answer.status_code}, which is not documented"
        content = said[str(answer.status_code)].get("content", {})
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if media_type.endswith("json") and content:
            assert media_type in content, f"{method} {known} answers {media_type}"
            answer.read()
            schema = content[media_type].get("schema", {}) | {"components": self._document["components"]}
            Draft202012Validator(schema).validate(answer.json())


@dataclass(slots=True)
class Served:
    """One running application. `owner` reads and writes the database behind its back."""

    url: str
    house: House
    owner: Database
    document: Documented
    server: uvicorn.Server
    thread: threading.Thread

    def stop(self) -> None:
        """End it as SIGTERM does."""
        self.server.should_exit = True
        self.thread.join(10)

    @property
    def feed(self) -> str:
        return self.url.replace("http://", "ws://") + "/api/v1/feed"

    def client(self, person: UUID | None = None, **headers: str) -> httpx.Client:
        """A client that shows this person's service token, or none."""
        shown = {"Authorization": f"Bearer {self.token(person)}"} if person else {}
        return httpx.Client(base_url=self.url, headers=shown | headers, timeout=20, event_hooks={"response": [self.document.check]})

    def token(self, person: UUID, expires_at: datetime | None = None) -> str:
        """A new service token of this person."""
        token = f"token-of-{person}-{expires_at}"
        with self.write() as tx:
            tx.execute(
                "INSERT INTO api_token (token_hash, person, created_at, expires_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (hash_token(SECRET_KEY, token), person, tx.now, expires_at),
            )
        return token

    def password(self, person: UUID, password: str) -> str:
        """Give somebody a password; their user name."""
        with self.write() as tx:
            tx.execute("UPDATE person SET password_hash = %s WHERE id = %s", (hash_password(password), person))
            return str(tx.row("SELECT user_name FROM person WHERE id = %s", (person,)).user_name)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction as the owner."""
        with self.owner.transaction(WATCH, "test", clock.now(), "owner") as tx:
            yield tx

    def rows(self, statement: str, params: Any = None) -> list[Any]:
        """What the database says."""
        with self.write() as tx:
            return tx.rows(statement, params)


@contextmanager
def serving(database_url: str, port: int = 0, only: Zone | None = None, **settings: Any) -> Iterator[Served]:
    """Serve until the block ends, or `stop`."""
    given = Settings(database_url=database_url, secret_key=SECRET_KEY, _env_file=None, **settings)  # type: ignore[call-arg]
    app = create_app(given, only)
    bound = listening_socket("127.0.0.1", port)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    running = Served(url, app.state.house, Database(database_url, "owner", size=2), Documented(app.openapi()), server, thread)
    thread.start()
    try:
        wait_for("the application has started", lambda: server.started, 20)
        yield running
    finally:
        running.stop()
        running.owner.close()


def log_in_as_patient(served: Served, who: Cast) -> UUID:
    """Eva herself, as a person who may log in."""
    return related(served, who.eva, "patient", "Eva")


def related(served: Served, patient: UUID, role: str, name: str = "Noen") -> UUID:
    """A person with this part in the patient's care team."""
    person = someone(served, name)
    with served.write() as tx:
        tx.records.add(CareRelation(patient=patient, person=person, role=role, during=since(tx.now)))
    return person


def someone(served: Served, name: str = "Noen", role: str | None = None, centre: UUID | None = None) -> UUID:
    """A person, with a role at a centre if one is given."""
    made = Person(user_name=f"{name.lower()}-{len(served.rows('SELECT FROM person'))}", name=name)
    with served.write() as tx:
        tx.records.add(made)
        tx.records.flush()
        if role:
            tx.records.add(Membership(person=made.id, role=role, centre=centre, during=since(tx.now)))
        return made.id
