"""Plans over what was measured on real people at home: the shipped templates, back-tested from a file."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dashboards.commands.backtest_file import histories
from dho.__main__ import cli

DATA = Path(__file__).parents[1] / "data"
TEMPLATES = Path(__file__).parents[2] / "dho/templates"


def backtested(file: str, template: str, *more: str) -> dict[str, Any]:
    """The back-test of the one patient in a file."""
    plan = str(TEMPLATES / f"{template}.json")
    result = CliRunner().invoke(cli, ["backtest", "--csv", str(DATA / file), "--plan", plan, "--json", *more])
    assert result.exit_code == 0, result.output
    (told,) = json.loads(result.stdout)
    return dict(told)


def test_one_month_of_home_blood_pressure_is_one_alert_on_the_series_and_none_on_single_readings() -> None:
    told = backtested("home_blood_pressure_extract.csv", "hypertension")
    assert told["readings"] == 180
    assert [(alert["rule"], alert["zone"], alert["raised_at"]) for alert in told["draft"]["raised"]] == [
        ("systolic-series", "yellow", "2019-04-25T07:26:45Z")
    ]
    assert told["draft"]["tasks"]["not_reported"] > 0  # days without any reading


def test_a_real_low_glucose_is_alerted_while_it_falls_and_rises_to_red() -> None:
    told = backtested("glucose_low_extract.csv", "diabetes")
    (alert,) = told["draft"]["raised"]
    assert (alert["rule"], alert["zone"], alert["worst"], alert["raised_at"]) == ("glucose-low", "yellow", "red", "2015-03-11T12:11:23Z")
    assert told["draft"]["rose_to_red"] == 1


def test_a_plan_against_itself_is_nothing_new_and_nothing_missed() -> None:
    told = backtested("glucose_low_extract.csv", "diabetes", "--against", str(TEMPLATES / "diabetes.json"))
    assert (told["new"], told["missed"], told["milder"]) == ([], [], [])
    assert told["draft"] == told["active"]


def test_a_file_arrives_when_it_was_measured() -> None:
    (history,) = histories(DATA / "home_blood_pressure_extract.csv", "Europe/Oslo").values()
    assert [o.received_at for o in history.observations] == [o.measured_at for o in history.observations]
    assert not any(o.late for o in history.observations)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--csv", str(DATA / "cgm_extract.csv")], "needs --plan"),
        (["--patient", "018e0000-0000-7000-8000-00000000000e", "--csv", str(DATA / "cgm_extract.csv")], "either"),
        (["--csv", str(DATA / "cgm_extract.csv"), "--plan", str(TEMPLATES / "copd.json"), "--close-after", "0"], "above 0"),
    ],
)
def test_a_wrong_call_is_refused_with_what_would_be_right(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(cli, ["backtest", *arguments])
    assert result.exit_code == 2
    assert said in result.output
