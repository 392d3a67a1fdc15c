"""The scores a plan can name: one table."""

from collections.abc import Mapping

from dho.scores.forms import ACT, CAT, ESAS_R, GAD_7, HADS_A, HADS_D, MMRC, PHQ_9
from dho.scores.kccq12 import KCCQ_12
from dho.scores.news2 import NEWS2
from dho.scores.score import Score

SCORES: Mapping[str, Score] = {score.name: score for score in (NEWS2, PHQ_9, GAD_7, CAT, MMRC, ACT, HADS_A, HADS_D, ESAS_R, KCCQ_12)}
