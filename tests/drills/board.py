"""Ada's live feed during a drill: when each patient's red alert came, and that no frame was lost or came twice."""

import threading
import time
from collections import Counter
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from dashboards import watch_feed
from dashboards.sessions import hash_token
from dho.db import WATCH, Database
from tests.services.processes import wait_for
from tests.services.roles import SECRET, Role

TOKEN = "ada-watches-a-drill"


class Board:
    """Follows the feed of one person at `serve`, on a thread of its own; `raised_at` is monotonic time by patient."""

    def __init__(self, database: Database, person: UUID, serve: Role, now: datetime) -> None:
        with database.transaction(WATCH, "drill", now) as tx:
            row = (hash_token(SECRET, TOKEN), person, now)
            tx.execute("INSERT INTO api_token (token_hash, person, created_at) VALUES (%s, %s, %s)", row)
        self.raised_at: dict[str, float] = {}
        self.seen: Counter[int] = Counter()
        self._url = f"{serve.url.replace('http', 'ws')}/api/v1/feed"
        self._ending = self._welcomed = False
        self._thread = threading.Thread(target=self._follow, name="board", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for("Ada's board is open", lambda: self._welcomed)
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._ending = True
        self._thread.join(10)

    def _follow(self) -> None:
        watch_feed.run(self._url, TOKEN, self._show, until=lambda _: self._ending)

    def _show(self, frame: dict[str, Any]) -> None:
        now = time.monotonic()
        match frame["op"]:
            case "snapshot":
                self._welcomed = True
                for alert in frame["alerts"]:
                    self._note(alert, now)
            case "event":
                self.seen[frame["seq"]] += 1
                if "alert" in frame:
                    self._note(frame["alert"], now)

    def _note(self, alert: dict[str, Any], now: float) -> None:
        if alert["zone"] == "red" and alert["state"] != "pending_confirm":
            self.raised_at.setdefault(alert["patient"], now)
