"""Where each patient stands on the board: pure rules from what is known to a group and an order.

Red, yellow, not reported, messages and due tasks, no valid plan, green. A patient stands where the worse of the zone and the open alerts
puts them; whoever has no valid plan is never green, and no data is never green.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

Group = Literal["red", "yellow", "not_reported", "due", "no_plan", "green"]
GROUPS: tuple[Group, ...] = ("red", "yellow", "not_reported", "due", "no_plan", "green")
_ALPHABET = str.maketrans("æøåäö", "{|}{|")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one patient at one instant. Alert members are None or 0 without an open alert.

    `red_since` and `yellow_since` are when the oldest open alert of that zone was raised (one that waits for a repeat counts as yellow);
    `owned` says that every open alert has an owner, `asleep` that every one is snoozed.
    """

    patient: UUID
    name: str
    born: date | None
    centre: UUID | None
    centre_name: str | None
    zone: str | None
    zone_since: datetime | None
    newest_measured_at: datetime | None
    plan: UUID | None
    review_due: date | None
    planless_since: datetime
    alerts: int
    red_since: datetime | None
    yellow_since: datetime | None
    owned: bool
    asleep: bool
    messages: int
    message_at: datetime | None
    tasks: int
    task_at: datetime | None

    def has_valid_plan(self, today: date) -> bool:
        """An active plan that is not past its review date."""
        return self.plan is not None and (self.review_due is None or self.review_due >= today)

    def group(self, today: date) -> Group:
        """The group in which the patient's row stands."""
        valid = self.has_valid_plan(today)
        if self.red_since or (valid and self.zone == "red"):
            return "red"
        if self.yellow_since or (valid and self.zone == "yellow"):
            return "yellow"
        if not valid:
            return "no_plan"
        if self.zone != "green":
            return "not_reported"
        return "due" if self.messages or self.tasks else "green"

    def since(self, group: Group) -> datetime | None:
        """Since when the patient has stood there."""
        match group:
            case "red":
                return self.red_since or self.zone_since
            case "yellow":
                return self.yellow_since or self.zone_since
            case "due":
                return min(at for at in (self.message_at, self.task_at) if at)
            case "no_plan":
                return self.planless_since
            case _:
                return self.zone_since

    def order(self, group: Group) -> str:
        """Sorts within the group, here and in the browser: nobody's before somebody's, the longest waiting first; the greens by name."""
        name = f"{alphabetical(self.name)} {self.patient}"
        if group == "green":
            return name
        since = self.since(group)
        return f"{self.asleep:d}{self.owned and self.alerts > 0:d}{since.isoformat() if since else ''} {name}"


def alphabetical(name: str) -> str:
    """A key that sorts names as Norwegian does, æ, ø, å last."""
    return name.casefold().translate(_ALPHABET)
