"""The scores of one filled-in form, to be kept beside its answers."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from dho.observation import Observation
from dho.rules.rule import Background
from dho.rules.sight import seen
from dho.scores import SCORES
from dho.scores.score import Assessment

_STEP = Decimal("0.01")


class FormScore(Struct, frozen=True):
    """A score as bounds: `low` and `high` are equal if what is `missing` makes no difference. `prorated`: missing items were filled in
    with the mean of the others, and that must be said wherever the number is shown. Rounded half up to 0.01."""

    score: str
    low: Decimal
    high: Decimal
    prorated: bool
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether it is a total, nothing missing."""
        return self.low == self.high and not self.missing


def scores_of(names: Iterable[str], answers: Iterable[Observation]) -> list[FormScore]:
    """These scores of one form's answers."""
    found = {answer.measurement: seen(answer) for answer in answers}
    return [_score(name, SCORES[name].assess(found, Background())) for name in names]


def _score(name: str, result: Assessment) -> FormScore:
    return FormScore(name, _rounded(result.low), _rounded(result.high), result.prorated, result.missing)


def _rounded(value: Decimal) -> Decimal:
    return value if value == value.to_integral_value() else value.quantize(_STEP, ROUND_HALF_UP)
