"""The demo's cast: two follow-up centres in two municipalities, a hospital, a GP practice, and patients. Everybody is invented.

Ada and Bjørn work at Fjordvik, which is staffed round the clock, so that nothing in the demo depends on the hour; Cecilie works at
Skogly on weekdays and never sees Fjordvik's patients. The same number gives the same people again.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

Condition = Literal["copd", "heart_failure", "diabetes", "hypertension"]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")


@dataclass(frozen=True, slots=True)
class DemoCentre:
    """A follow-up centre; an empty `hours` is open always."""

    key: str
    municipality: str
    org_number: str
    name: str
    phone: str
    hours: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Staff:
    """Someone who logs in. `login` is the role's name in demo.json, `place` a centre's key, an organisation's name, or neither."""

    user: str
    name: str
    role: str
    login: str
    place: str | None


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """A patient with one tablet. `live` tablets are never simulated: they wait for whoever tries the demo."""

    name: str
    born: date
    language: str
    phone: str
    centre: str
    condition: Condition
    gateway: str
    live: bool


FJORDVIK, SKOGLY = "fjordvik", "skogly"
CENTRES = (
    DemoCentre(FJORDVIK, "Fjordvik kommune", "990000001", "Oppfølgingssenteret Fjordvik", "+47 55 50 00 10", None),
    DemoCentre(SKOGLY, "Skogly kommune", "990000002", "Oppfølgingssenteret Skogly", "+47 55 50 00 20", ("08:00", "15:30")),
)
HOSPITAL, GP_PRACTICE = "Fjordvik sjukehus", "Havnegata legesenter"
ORGANISATIONS = ((HOSPITAL, "hospital", "990000003"), (GP_PRACTICE, "gp_practice", "990000004"))
STAFF = (
    Staff("ada", "Ada Lunde", "follow_up_nurse", "nurse", FJORDVIK),
    Staff("bjorn", "Bjørn Aasen", "follow_up_nurse", "nurse", FJORDVIK),
    Staff("cecilie", "Cecilie Moe", "follow_up_nurse", "nurse", SKOGLY),
    Staff("liv", "Liv Strand", "centre_lead", "lead", FJORDVIK),
    Staff("dag", "Dag Fossum", "hospital_specialist", "specialist", HOSPITAL),
    Staff("gro", "Gro Vik", "gp", "gp", GP_PRACTICE),
    Staff("admin", "Asta Drift", "system_admin", "admin", None),
)
CONDITIONS: tuple[Condition, ...] = ("copd", "heart_failure", "diabetes", "hypertension")
LIVE_PATIENTS = 4  # two at each centre, the first patients in the list
# fmt: off
_FIRST = (
    "Eva", "Odd", "Inger", "Knut", "Solveig", "Arne", "Berit", "Leif", "Marit", "Einar", "Turid", "Hans", "Astrid", "Harald", "Randi",
    "Kåre", "Gerd", "Sverre", "Unni", "Torbjørn", "Aud", "Magnar", "Bjørg", "Steinar", "Sigrid", "Oddvar", "Reidun", "Asbjørn",
    "Ingrid", "Trygve", "Máret", "Ánte", "Ayşe", "Mohammed",
)
_LAST = (
    "Hagen", "Lie", "Dahl", "Solberg", "Bakke", "Nygård", "Eide", "Myhre", "Sæther", "Brekke", "Tangen", "Aune", "Ødegård", "Fjeld",
    "Lund", "Haugen", "Viken", "Rønning", "Strøm", "Holte", "Kvamme", "Sande", "Moen", "Berge", "Nesse", "Utsi", "Yılmaz", "Hassan",
)
# fmt: on


def patients(count: int) -> Iterator[DemoPatient]:
    """The first `count` patients; the first `LIVE_PATIENTS` have live tablets, Eva Hagen's among them."""
    dice = random.Random(1947)  # noqa: S311  (a repeatable cast, nothing secret)
    for number in range(count):
        first, last = _FIRST[number % len(_FIRST)], _LAST[(number + number // len(_FIRST)) % len(_LAST)]
        centre = (FJORDVIK, SKOGLY)[number % 2] if number < LIVE_PATIENTS else (FJORDVIK, FJORDVIK, SKOGLY)[number % 3]
        live = number < LIVE_PATIENTS
        yield DemoPatient(
            name=f"{first} {last}",
            born=date(dice.randint(1934, 1975), dice.randint(1, 12), dice.randint(1, 28)),
            language=dice.choices(("nb", "nn", "en"), (7, 2, 1))[0],
            phone=f"+47 590 {dice.randint(10, 99)} {dice.randint(100, 999)}",
            centre=centre,
            condition="copd" if live else CONDITIONS[number % len(CONDITIONS)],
            gateway=f"tablet-{'live' if live else 'sim'}-{number + 1:04d}",
            live=live,
        )


def related(role: str, condition: Condition, centre: str) -> bool:
    """Whom the specialist (COPD and heart failure, both centres) and the GP (Fjordvik) have a care relation to."""
    return condition in ("copd", "heart_failure") if role == "hospital_specialist" else role == "gp" and centre == FJORDVIK
