"""Who has a tablet in a drill, and what they measure."""

import hmac
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from dashboards.commands.enrolment import Enrolment, enrol
from dho.db import WATCH, Database
from tests.cast import SECRET, SECRET_KEY, Cast
from tests.services.mosquitto import Mosquitto

_NUMBERS = count(1)
RED, GREEN = 80, (93, 99)


@dataclass(frozen=True, slots=True)
class Home:
    """A patient and the tablet that serves them."""

    patient: UUID
    gateway: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a tablet measured: values are (code, value, unit), and `reason` is the refusal it must get, if one."""

    home: Home
    id: UUID
    taken_at: datetime
    values: tuple[tuple[str, float, str], ...]
    reason: str | None = None

    @property
    def body(self) -> bytes:
        values = [{"code": code, "value": value, "unit": unit} for code, value, unit in self.values]
        return json.dumps({"id": str(self.id), "taken_at": self.taken_at.isoformat(), "source": "device", "values": values}).encode()

    @property
    def kept(self) -> tuple[str, bytes]:
        """As an outbox takes it."""
        return str(self.id), self.body


def homes(
    who: Cast, broker: Mosquitto, number: int, document: Mapping[str, Any], *, since: timedelta = timedelta(days=365), due: bool = False
) -> list[Home]:
    """So many patients of Ada's centre, each on this plan for so long, with a tablet that the broker lets in.

    With `due` they are past due at once: time alone judges them. Else their first reading does.
    """
    made = [Home(uuid4(), f"home-{next(_NUMBERS)}-{uuid4().hex[:6]}") for _ in range(number)]
    digest = hmac.digest(SECRET_KEY.encode(), SECRET.encode(), "sha256")
    enrolments = [Enrolment(home.patient, who.centre, "Fiktiv Pasient", home.gateway, digest, "plan") for home in made]
    year_ago = who.now - timedelta(days=365)
    database = Database(who.url, "owner", size=1)
    with database.transaction(WATCH, "drill", who.now) as tx:
        enrol(tx, enrolments, {"plan": json.dumps(document)}, since=year_ago, plan_from=who.now - since, judge_at=who.now if due else None)
    database.close()
    broker.add_gateways({home.gateway: SECRET for home in made})
    return made


def ordinary(home: Home, now: datetime, number: int, dice: random.Random, *, apart: timedelta = timedelta(minutes=10)) -> list[Measurement]:
    """Readings of saturation and pulse, the last one just before `now`; exactly one is red, and sometimes one cannot be taken."""
    red, bad = dice.randrange(number), dice.randrange(4 * number)
    readings = []
    for place in range(number):
        at = now - (number - place) * apart + timedelta(seconds=dice.randrange(60))
        spo2 = RED if place == red else dice.randint(*GREEN)
        values = (("59408-5", spo2, "%"), ("8867-4", dice.randint(58, 96), "/min"))
        readings.append(Measurement(home, uuid4(), at, values))
    if bad < number and bad != red:
        was = readings[bad]
        readings[bad] = Measurement(home, was.id, was.taken_at, (("59408-5", 95, "percent"),), "unknown_unit")
    return readings


def everybody(
    places: Sequence[Home], now: datetime, number: int, dice: random.Random, **how: Any
) -> Iterator[tuple[Home, list[Measurement]]]:
    """The readings of every home."""
    for home in places:
        yield home, ordinary(home, now, number, dice, **how)
