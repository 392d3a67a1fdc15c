"""Reading persist, confirm, no_confirm, clear, max_gap and min_apart from a rule."""

from collections.abc import Callable
from decimal import Decimal

from dho.plan_section import Section
from dho.rules.rule import Modifiers


def read_modifiers(section: Section, *, confirm: bool = True, margin: Callable[[Decimal], Decimal] = lambda value: value) -> Modifiers:
    """The modifiers of a rule that is judged at readings. `margin` converts the clear margin to the canonical unit; `confirm` False
    refuses asking for a repeat (of a form or a score)."""
    persist, clear, asked = section.section("persist"), section.section("clear"), section.section("confirm")
    k, n, apart, gap = 1, 1, section.duration("min_apart"), section.duration("max_gap")
    if persist is not None:
        k, n = persist.whole("k", required=True, most=60) or 1, persist.whole("n", required=True, most=60) or 1
        apart = persist.duration("min_apart") or apart
        gap = persist.duration("max_gap") or gap
        persist.close()
        if k > n:
            persist.fault("k", "bad_value", f"{k} of the last {n} readings can never be reached.")
            k = n
    within = None
    if asked is not None:
        within = asked.duration("within", required=True)
        asked.close()
        if not confirm:
            section.fault("confirm", "contradiction", "A repeat can be asked of a measurement, not of an answer or a score.")
    no_confirm = section.flag("no_confirm") or False
    if no_confirm and "confirm" in section:
        section.fault("no_confirm", "contradiction", "`confirm` and `no_confirm` contradict each other; keep one.")
    amount, times = Decimal(0), 1
    if clear is not None:
        amount = clear.number("margin", least=0) or Decimal(0)
        times = clear.whole("consecutive", most=60) or 1
        clear.close()
    return Modifiers(k, n, apart, gap, within, no_confirm, margin(amount), times)
