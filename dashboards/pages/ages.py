"""How old a time is, in words. `static/ages.js` mirrors this and keeps the words true while the page stands open."""

from datetime import datetime

from dho.texts import render

_UNITS = (("minutes", 60, 3600), ("hours", 3600, 48 * 3600), ("days", 86400, None))


def age(at: datetime, now: datetime, language: str) -> str:
    """ "3 min siden", "om 20 min": the whole minutes, hours (up to two days) or days between the two, rounded down."""
    seconds = (now - at).total_seconds()
    far, side = abs(seconds), "past" if seconds >= 0 else "ahead"
    if far < 60:
        return render("age.now" if side == "past" else "age.soon", None, language)
    unit, size = next((unit, size) for unit, size, until in _UNITS if until is None or far < until)
    return render(f"age.{side}_{unit}", {"n": int(far // size)}, language)
