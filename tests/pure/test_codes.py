"""One measurement has one canonical unit, and every other unit becomes it."""

from decimal import Decimal

import pytest

from dho.codes import BY_NAME, MEASUREMENTS, measurement


@pytest.mark.parametrize(
    ("name", "unit", "sent", "canonical"),
    [
        ("temperature", "[degF]", "101.3", "38.5"),
        ("temperature", "[degF]", "100.4", "38.0"),
        ("glucose", "mg/dL", "180.16", "10.0"),
        ("glucose", "mg/dL", "99", "5.5"),
        ("systolic", "kPa", "16", "120"),
        ("weight", "[lb_av]", "176.37", "80.00"),
        ("weight", "g", "80125", "80.13"),  # half up
    ],
)
def test_a_converted_value_is_rounded_half_up_to_the_measurements_step(name: str, unit: str, sent: str, canonical: str) -> None:
    assert str(BY_NAME[name].units[unit].convert(Decimal(sent))) == canonical


def test_a_native_value_keeps_every_digit() -> None:
    assert str(BY_NAME["weight"].units["kg"].convert(Decimal("80.12345"))) == "80.12345"


def test_a_difference_is_scaled_but_never_shifted() -> None:
    assert BY_NAME["temperature"].units["[degF]"].convert_difference(Decimal("1.8")).quantize(Decimal("0.001")) == Decimal("1.000")


def test_synonymous_codes_are_one_measurement() -> None:
    assert measurement("15074-8") is measurement("2339-0") is measurement("14743-9") is measurement("glucose")
    assert measurement("59408-5") is measurement("2708-6") is measurement("spo2")
    assert measurement("8867-4") is measurement("8889-8") is measurement("pulse")


def test_no_code_belongs_to_two_measurements() -> None:
    codes = [code for m in MEASUREMENTS for code in (m.name, *m.codes)]
    assert len(codes) == len(set(codes))


def test_the_misprinted_weight_code_is_not_taken_for_weight() -> None:
    assert measurement("29563-7") is None
