"""What believable home patients answer to their questionnaires. Invented, for demonstration; nothing here is a clinical reference.

`ill` is 0 on a good day and 1 at the worst of an exacerbation. Licensed forms are answered by number only: their wordings do not ship.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

MONTH, QUARTER = 28, 91  # days between two CAT, two KCCQ-12
SUNDAY = 6


class Filled(NamedTuple):
    """A form, filled in so many minutes after the day's measurements of that hour. `hour` is local."""

    questionnaire: str
    version: int
    hour: int
    minute: int
    answers: Mapping[str, int | str]


def filled(condition: str, days_to_turn: int, weekday: int, ill: float, person: Random, dice: Random) -> Iterator[Filled]:
    """The forms that a patient with this condition fills in on a day, `days_to_turn` days after their course came to a head (negative:
    before). `person` is what is their own every day."""
    usual = person.choice((0, 1, 1))
    breathless = 3 if ill > 0.95 else 2 if ill >= 0.6 else usual
    match condition:
        case "copd":
            yield Filled("symptoms", 2, 8, 12, {"breathlessness": breathless, **_sputum(ill, usual, dice), "chest_pain": 0})
            if days_to_turn % MONTH == MONTH - 6:
                yield Filled("CAT", 1, 10, 0, {str(item): person.choice((0, 1, 1, 2, 2, 3)) for item in range(1, 9)})
        case "heart_failure":
            swelling = 3 if ill > 0.95 else 2 if ill >= 0.6 else usual
            yield Filled("symptoms", 2, 7, 45, {"breathlessness": breathless, "swelling": swelling, "chest_pain": 0})
            if days_to_turn % QUARTER == QUARTER - 6:
                yield Filled("KCCQ-12", 1, 10, 0, _kccq(person))
        case "hypertension":
            yield Filled("symptoms", 2, 19, 40, {"breathlessness": 0, "chest_pain": 0, "vision": 0})
        case "diabetes" if weekday == SUNDAY:
            yield Filled("feet", 1, 8, 5, {"wound": "yes", "where": "toes"} if ill >= 0.85 else {"wound": "no"})


def _sputum(ill: float, usual: int, dice: Random) -> dict[str, int | str]:
    """Its colour is asked only if there is any."""
    amount = 2 if ill >= 0.6 else usual
    if not amount:
        return {"sputum_amount": 0}
    return {"sputum_amount": amount, "sputum_colour": dice.choice((2, 3)) if ill >= 0.6 else 1}


def _kccq(person: Random) -> dict[str, int | str]:
    highest = {"1a": 5, "1b": 5, "1c": 5, "2": 5, "3": 7, "4": 7, "5": 5, "6": 5, "7": 5, "8a": 5, "8b": 5, "8c": 5}
    return {item: person.randint(most - 2, most) for item, most in highest.items()}
