"""The live feed in a terminal: a plain client that resumes, as `dho watch-feed` runs it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from dho.errors import DhoError

NOT_WORTH_ANOTHER_TRY = {4400: "it did not understand us", 4401: "the token is not accepted", 4403: "this person sees no patients"}
WAIT_S = (0.5, 1.0, 2.0, 5.0)


class FeedRefused(DhoError):
    """The live feed will not have us; trying again would not help."""

    code = "feed_refused"


@dataclass(slots=True)
class Position:
    """Where this client is: the highest of last event, snapshot and heartbeat, within one epoch."""

    epoch: str | None = None
    seq: int | None = None
    lost: bool = False

    def hello(self, token: str) -> dict[str, Any]:
        """The first frame to send."""
        frame: dict[str, Any] = {"op": "hello", "token": token}
        if self.epoch is not None and self.seq is not None:
            frame["resume"] = {"epoch": self.epoch, "seq": self.seq}
        return frame

    def take(self, frame: dict[str, Any]) -> bool:
        """Move with a frame; False for a repetition. A gap marks the position as lost: resume."""
        match frame.get("op"):
            case "welcome":
                if frame["epoch"] != self.epoch:
                    self.epoch, self.seq = frame["epoch"], None
            case "snapshot":
                if frame["last"]:
                    self.seq = frame["at_seq"]
            case "heartbeat":
                self.seq = max(self.seq or 0, frame["seq"])
            case "event":
                if self.seq is not None and frame["seq"] <= self.seq:
                    return False
                self.lost = self.seq is not None and frame["prev"] > self.seq
                if not self.lost:
                    self.seq = frame["seq"]
        return True


def run(
    url: str,
    token: str,
    show: Callable[[dict[str, Any]], None],
    *,
    until: Callable[[dict[str, Any]], bool] = lambda _: False,
    away: Callable[[], None] = lambda: None,
) -> None:
    """Show every frame of the feed at `url` (`ws://host/api/v1/feed`) until interrupted or `until` says so, resuming after every break.

    `away` is called once each time the feed begins to be out of reach. Raises `FeedRefused` with one sentence if it can never work.
    """
    asyncio.run(_forever(url, token, show, until, away))


async def _forever(
    url: str, token: str, show: Callable[[dict[str, Any]], None], until: Callable[[dict[str, Any]], bool], away: Callable[[], None]
) -> None:
    position = Position()
    failures, told = 0, False
    while True:
        try:
            async with connect(url, max_size=2**20) as socket:
                failures, told = 0, False
                if await _follow(socket, token, position, show, until):
                    return
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            if code in NOT_WORTH_ANOTHER_TRY:
                raise FeedRefused(f"The live feed closed with {code}: {NOT_WORTH_ANOTHER_TRY[code]}.") from None
        except (InvalidURI, InvalidHandshake) as error:
            raise FeedRefused(f"There is no live feed at {url}: {error}.") from None
        except OSError:
            if not told:
                away()
            told = True
        await asyncio.sleep(WAIT_S[min(failures, len(WAIT_S) - 1)])
        failures += 1


async def _follow(
    socket: ClientConnection,
    token: str,
    position: Position,
    show: Callable[[dict[str, Any]], None],
    until: Callable[[dict[str, Any]], bool],
) -> bool:
    """One connection; True once `until` says so, False to connect again."""
    await socket.send(json.dumps(position.hello(token)))
    async for text in socket:
        frame = json.loads(text)
        if position.take(frame):
            if position.lost:
                position.lost = False
                return False
            show(frame)
            if until(frame):
                return True
    return False
