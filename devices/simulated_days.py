"""What believable home patients measure and send on one day. Pure: the same patient, day and dice give the same uploads.

Four conditions, and for each the courses a follow-up centre knows: steady weeks, an exacerbation, a morning without a measurement, an
upload that comes twice, two days without network and then everything at once, a device that sends a unit nobody knows. Invented, for
demonstration; nothing here is a clinical reference. One patient sends a real person's figures (`devices/data`).
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from devices import topics
from devices.simulated_answers import Filled, filled

Condition = Literal["copd", "heart_failure", "diabetes", "hypertension"]
Course = Literal["steady", "exacerbation", "recovering", "missed_morning", "uploaded_twice", "offline", "unknown_unit", "real_figures"]
# In the order in which a condition's patients get them: about half are steady, as on a good day at a centre.
COURSES: tuple[Course, ...] = (
    "steady",
    "exacerbation",
    "missed_morning",
    "steady",
    "uploaded_twice",
    "offline",
    "recovering",
    "steady",
    "unknown_unit",
)
REAL_FIGURES = Path(__file__).parent / "data" / "home_blood_pressure.csv"
CYCLE_DAYS = 21
SEVERITY = {-4: 0.15, -3: 0.35, -2: 0.6, -1: 0.85, 0: 1.0, 1: 0.9, 2: 0.7, 3: 0.5, 4: 0.3, 5: 0.15}
RECOVERING_SINCE = 5
BACK_ONLINE = time(10, 12)

Values = list[tuple[str, float, str]]


@dataclass(frozen=True, slots=True)
class Profile:
    """A simulated patient: what they have, how they fare, and `turn`, the day on which their course comes to a head (every 21 days)."""

    gateway: str
    condition: Condition
    course: Course
    turn: date
    zone: ZoneInfo


class Upload(NamedTuple):
    """One payload, the topic it goes to, and when the tablet sends it. `id` is what its receipt will name."""

    send_at: datetime
    gateway: str
    id: UUID
    body: bytes
    leaf: str = topics.MEASUREMENTS


def profile(gateway: str, condition: Condition, number: int, today: date, zone: ZoneInfo) -> Profile:
    """The profile of a condition's patient number `number` (from 0). The first with hypertension sends the real figures."""
    real = condition == "hypertension" and number == 0
    course = "real_figures" if real else COURSES[number % len(COURSES)]
    turn = today - timedelta(days=RECOVERING_SINCE if course == "recovering" else 0)
    return Profile(gateway, condition, course, turn, zone)


def dice_for(patient: Profile, day_: date, seed: int = 0) -> Random:
    """The dice of one patient's day."""
    return Random(f"{seed} {patient.gateway} {day_}")  # noqa: S311  (repeatable days, nothing secret)


def day(patient: Profile, date_: date, dice: Random) -> list[Upload]:
    """Everything the patient measures and answers on a local date, in the order of sending (which may be days later)."""
    since_turn = (date_ - patient.turn).days
    phase = (since_turn + CYCLE_DAYS // 2) % CYCLE_DAYS - CYCLE_DAYS // 2
    if patient.course == "real_figures":
        return list(_real_figures(patient, date_, dice))
    if patient.course == "missed_morning" and phase % 7 == 0:
        return []
    severity = SEVERITY.get(phase, 0.0) if patient.course in ("exacerbation", "recovering") else 0.0
    uploads = []
    for at, values in _measured(patient, date_, severity, dice):
        if patient.course == "unknown_unit" and phase in (-2, 0):
            values = [(code, value, _WRONG.get(unit, unit)) for code, value, unit in values]
        uploads.append(_upload(patient, at, at + timedelta(seconds=dice.randint(3, 40)), values, dice))
    for form in filled(patient.condition, since_turn, date_.weekday(), severity, Random(patient.gateway), dice):  # noqa: S311
        uploads.append(_answers(patient, _morning(patient, date_, form.hour, dice, form.minute), form, dice))
    if patient.course == "uploaded_twice" and phase % 2 == 0:
        uploads += [upload._replace(send_at=upload.send_at + timedelta(seconds=65)) for upload in uploads]
    if patient.course == "offline" and phase in (-3, -2):
        online = datetime.combine(date_ + timedelta(days=-1 - phase), BACK_ONLINE, patient.zone)
        uploads = [upload._replace(send_at=online + timedelta(seconds=n)) for n, upload in enumerate(uploads)]
    return sorted(uploads)


_WRONG = {"/min": "bpm", "mm[Hg]": "mmHg", "mmol/L": "mmol/l", "kg": "KG"}


def _measured(patient: Profile, date_: date, ill: float, dice: Random) -> Iterator[tuple[datetime, Values]]:
    """The day's readings by condition; `ill` is 0 on a good day and 1 at the worst of an exacerbation."""
    person = Random(patient.gateway)  # noqa: S311  (what is this person's own, the same every day)
    match patient.condition:
        case "copd":
            yield from _copd(patient, date_, ill, person, dice)
        case "heart_failure":
            yield from _heart_failure(patient, date_, ill, person, dice)
        case "diabetes":
            yield from _diabetes(patient, date_, ill, person, dice)
        case "hypertension":
            yield from _hypertension(patient, date_, ill, person, dice)


def _copd(patient: Profile, date_: date, ill: float, person: Random, dice: Random) -> Iterator[tuple[datetime, Values]]:
    usual, pulse = person.uniform(93.6, 96.0), person.uniform(68, 86)
    at = _morning(patient, date_, 8, dice)
    spo2 = _whole(dice.gauss(usual - 9.5 * ill, 0.5))
    values: Values = [("59408-5", min(99, spo2), "%"), ("8867-4", _whole(dice.gauss(pulse + 24 * ill, 2.5)), "/min")]
    if date_.weekday() == 0:
        values.append(("29463-7", _tenth(dice.gauss(person.uniform(55, 88), 0.3)), "kg"))
    if ill >= 0.6:
        values.append(("8310-5", _tenth(dice.gauss(36.8 + 0.9 * ill, 0.1)), "Cel"))
    yield at, values
    if spo2 < 88:  # the tablet asks for a repeat
        again = at + timedelta(minutes=dice.randint(4, 7))
        yield again, [("59408-5", spo2 + dice.choice((0, 0, 1)), "%"), ("8867-4", _whole(dice.gauss(pulse + 24 * ill, 2)), "/min")]


def _heart_failure(patient: Profile, date_: date, ill: float, person: Random, dice: Random) -> Iterator[tuple[datetime, Values]]:
    weight, systolic, pulse = person.uniform(64, 96), person.uniform(112, 128), person.uniform(62, 78)
    top = _whole(dice.gauss(systolic - 22 * ill, 2.5))
    values: Values = [
        ("29463-7", _tenth(dice.gauss(weight + 3.2 * ill, 0.2)), "kg"),
        ("8480-6", top, "mm[Hg]"),
        ("8462-4", _whole(top * 0.6 + dice.gauss(0, 2)), "mm[Hg]"),
        ("8867-4", _whole(dice.gauss(pulse + 36 * ill, 3)), "/min"),
    ]
    yield _morning(patient, date_, 7, dice, 30), values


def _diabetes(patient: Profile, date_: date, ill: float, person: Random, dice: Random) -> Iterator[tuple[datetime, Values]]:
    fasting = person.uniform(6.0, 8.0)
    yield _morning(patient, date_, 7, dice, 20), [("15074-8", _tenth(dice.gauss(fasting + 7.5 * ill, 0.5)), "mmol/L")]
    at = _morning(patient, date_, 16, dice, 30)
    before_dinner = 3.6 if dice.random() < 0.04 and not ill else _tenth(dice.gauss(fasting + 1.0 + 7.0 * ill, 0.6))
    yield at, [("15074-8", before_dinner, "mmol/L")]
    if before_dinner < 4:  # something sweet, and measured again
        yield at + timedelta(minutes=17), [("15074-8", _tenth(dice.gauss(5.6, 0.3)), "mmol/L")]
    if date_.weekday() == 0:
        yield at + timedelta(minutes=2), [("29463-7", _tenth(dice.gauss(person.uniform(68, 110), 0.3)), "kg")]


def _hypertension(patient: Profile, date_: date, ill: float, person: Random, dice: Random) -> Iterator[tuple[datetime, Values]]:
    systolic, pulse = person.uniform(126, 141), person.uniform(60, 78)
    for hour, minute in ((7, 30), (19, 20)):
        at = _morning(patient, date_, hour, dice, minute)
        for pause in (0, 5):  # two readings, five minutes apart
            top = _whole(dice.gauss(systolic + 33 * ill - pause / 2, 3.5))
            values: Values = [("8480-6", top, "mm[Hg]"), ("8462-4", _whole(top * 0.6 + dice.gauss(1, 2)), "mm[Hg]")]
            yield at + timedelta(minutes=pause), [*values, ("8867-4", _whole(dice.gauss(pulse, 3)), "/min")]


def wristband(patient: Profile, at: datetime) -> Upload:
    """Steps since midnight and pulse, from a wristband that reports by itself."""
    dice = Random(f"{patient.gateway} {at.isoformat()}")  # noqa: S311
    local = at.astimezone(patient.zone)
    awake = max(0.0, min(local.hour + local.minute / 60, 22.5) - 7)
    values: Values = [("41950-7", _whole(awake * 310), "{steps}"), ("8867-4", _whole(dice.gauss(74 if awake else 62, 3)), "/min")]
    return _upload(patient, at, at, values, dice)


@cache
def real_series() -> tuple[tuple[datetime, Values], ...]:
    """The real home blood pressures, in the local time of the person who measured them (naive: the place is not ours to say)."""
    with REAL_FIGURES.open(newline="") as file:
        return tuple(
            (
                datetime.fromisoformat(row["measured_at_local"]),
                [
                    ("8480-6", int(row["systolic_mmHg"]), "mm[Hg]"),
                    ("8462-4", int(row["diastolic_mmHg"]), "mm[Hg]"),
                    ("8867-4", int(row["pulse_per_min"]), "/min"),
                ],
            )
            for row in csv.DictReader(file)
        )


def _real_figures(patient: Profile, date_: date, dice: Random) -> Iterator[Upload]:
    """The series moved by whole days to end on the patient's turn: real hours, real gaps. It begins anew when it has ended."""
    series = real_series()
    first, last = series[0][0].date(), series[-1][0].date()
    length = (last - first).days + 1
    replayed = last - timedelta(days=(patient.turn - date_).days % length)
    for measured, values in series:
        if measured.date() == replayed:
            at = datetime.combine(date_, measured.time(), patient.zone)
            yield _upload(patient, at, at + timedelta(seconds=20), values, dice)


def _upload(patient: Profile, taken_at: datetime, send_at: datetime, values: Values, dice: Random) -> Upload:
    id_ = UUID(int=dice.getrandbits(128), version=4)
    written = [{"code": code, "value": value, "unit": unit} for code, value, unit in values]
    body = {"id": str(id_), "taken_at": taken_at.isoformat(timespec="seconds"), "source": "device", "values": written}
    return Upload(send_at, patient.gateway, id_, json.dumps(body).encode())


def _answers(patient: Profile, taken_at: datetime, form: Filled, dice: Random) -> Upload:
    id_ = UUID(int=dice.getrandbits(128), version=4)
    body = {
        "id": str(id_),
        "taken_at": taken_at.isoformat(timespec="seconds"),
        "source": "patient",
        "questionnaire": form.questionnaire,
        "version": form.version,
        "answers": [{"question": question, "value": value} for question, value in form.answers.items()],
    }
    return Upload(taken_at + timedelta(seconds=dice.randint(3, 20)), patient.gateway, id_, json.dumps(body).encode(), topics.ANSWERS)


def _morning(patient: Profile, date_: date, hour: int, dice: Random, minute: int = 0) -> datetime:
    """About the same time every day: up to half an hour late, to the second."""
    minutes = minute + min(30.0, abs(dice.gauss(8, 7)))
    return datetime.combine(date_, time(hour), patient.zone) + timedelta(seconds=int(minutes * 60))


def _whole(value: float) -> int:
    return round(value)


def _tenth(value: float) -> float:
    return round(value, 1)
