"""Values: which measurement, in which unit, possible or not; converted at the border and never guessed."""

from decimal import Decimal

import pytest

from devices.reading import Refused
from dho.codes import MEASUREMENTS, Measurement
from tests.pure.said import PULSE, SPO2, measurement, reading, reason, refusal, with_value


@pytest.mark.parametrize("row", MEASUREMENTS, ids=lambda m: m.name)
def test_every_code_and_short_name_of_a_measurement_is_one(row: Measurement) -> None:
    value = '"A"' if row.letters else str(row.hard[0] if row.hard else 0)
    said = [reading(with_value(value, code, row.unit)) for code in (row.name, *row.codes)]
    assert {one.values[0].measurement for one in said} == {row.name}
    assert {one.digest for one in said} == {said[0].digest}
    assert [one.values[0].code for one in said] == [row.name, *row.codes]


@pytest.mark.parametrize("row", [m for m in MEASUREMENTS if m.hard], ids=lambda m: m.name)
def test_the_hard_range_is_inclusive(row: Measurement) -> None:
    assert row.hard
    low, high = row.hard
    step = Decimal("0.001")
    for possible in (low, high):
        assert reading(with_value(str(possible), row.name, row.unit)).values[0].value == possible
    for impossible in (low - step, high + step):
        assert reason(with_value(str(impossible), row.name, row.unit)) == "impossible_value"


@pytest.mark.parametrize(
    ("code", "text", "unit", "canonical"),
    [
        ("glucose", "180", "mg/dL", "10.0"),
        ("2339-0", "99", "mg/dL", "5.5"),
        ("glucose", "139.624", "mg/dL", "7.8"),
        ("temperature", "98.69", "[degF]", "37.1"),
        ("temperature", "98.6", "[degF]", "37.0"),
        ("temperature", "100.4", "[degF]", "38.0"),
        ("weight", "150", "[lb_av]", "68.04"),
        ("weight", "70123", "g", "70.12"),
        ("systolic", "16.0", "kPa", "120"),
        ("systolic", "1.6e1", "kPa", "120"),
        ("pef", "5.5", "L/s", "330"),
        ("height", "1.72", "m", "172"),
        ("height", "70", "[in_i]", "178"),
    ],
)
def test_whitelisted_units_are_converted_and_rounded_half_up(code: str, text: str, unit: str, canonical: str) -> None:
    value = reading(with_value(text, code, unit)).values[0]
    assert value.value == Decimal(canonical)
    assert (value.sent_value, value.sent_unit) == (text, unit)


def test_native_units_are_never_rounded() -> None:
    value = reading(with_value("36.6499999999999999999", "temperature", "Cel")).values[0]
    assert value.value == Decimal("36.6499999999999999999")


def test_ranges_are_judged_after_conversion() -> None:
    assert reading(with_value("113", "temperature", "[degF]")).values[0].value == Decimal("45.0")
    assert reason(with_value("113.2", "temperature", "[degF]")) == "impossible_value"
    assert reason(with_value("45", "temperature", "[degF]")) == "impossible_value"


@pytest.mark.parametrize("unit", ["mmHg", "bpm", "percent", "mmol/l", "MG/DL", "KG", "lbs", "°C", "C", "cel", "MM[HG]", "", " %", "% "])
def test_a_unit_that_is_not_ucum_is_never_guessed(unit: str) -> None:
    assert reason(with_value("92", "spo2", unit)) == "unknown_unit"
    assert reason(with_value("92", "systolic", unit)) == "unknown_unit"


@pytest.mark.parametrize(
    ("code", "unit"),
    [("spo2", "kg"), ("temperature", "%"), ("weight", "mm[Hg]"), ("pulse", "%"), ("consciousness", "%"), ("glucose", "{code}")],
)
def test_a_known_unit_of_something_else_does_not_match(code: str, unit: str) -> None:
    why = refusal(with_value("92", code, unit))
    assert why.reason == "unit_mismatch"
    assert "/values/0/unit" in why.detail


@pytest.mark.parametrize("code", ["99999-9", "SpO2", "29563-7", "", "85354-9", "answer:x:y"])
def test_an_unknown_code_is_refused(code: str) -> None:
    assert reason(with_value("92", code)) == "unknown_code"


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e400", "9" * 400, "1" * 5000, "1e99999999999999999999"]
)
def test_what_is_no_finite_number_is_not_finite(text: str) -> None:
    assert reason(with_value(text)) == "not_finite"
    assert (
        reason(measurement(values=[PULSE, "@"]).replace(b'"@"', b'{"code": "weight", "value": %s, "unit": "[lb_av]"}' % text.encode()))
        == "not_finite"
    )


@pytest.mark.parametrize("text", ["1e308", "-1", "0", "1e30", "123456789012345678901234567890", "1e-400", "9" * 101, "60." + "0" * 200])
@pytest.mark.parametrize(("code", "unit"), [("spo2", "%"), ("weight", "[lb_av]"), ("temperature", "[degF]")])
def test_a_finite_but_absurd_number_is_impossible(text: str, code: str, unit: str) -> None:
    assert reason(with_value(text, code, unit)) == "impossible_value"


@pytest.mark.parametrize("text", ["92", "92.0", "9.2e1", "9.2E+1", "920e-1", "92.000000000000000000000000000000"])
def test_a_number_is_its_value_however_it_is_written(text: str) -> None:
    said = reading(with_value(text))
    assert said.values[0].value == Decimal(92)
    assert said.digest == reading(with_value("92")).digest
    assert said.values[0].sent_value == text


@pytest.mark.parametrize("text", ["-0", "-0.0", "0e5", "0"])
def test_minus_zero_is_zero(text: str) -> None:
    assert reading(with_value(text, "pain", "{score}")).digest == reading(with_value("0", "pain", "{score}")).digest


@pytest.mark.parametrize("text", ["01", "1.", ".5", "+5", "1e", "0x5c", "9 2"])
def test_a_number_that_json_does_not_know_is_malformed(text: str) -> None:
    assert reason(with_value(text)) == "malformed"


@pytest.mark.parametrize("letter", "ACVPU")
def test_consciousness_is_a_letter(letter: str) -> None:
    value = reading(with_value(f'"{letter}"', "consciousness", "{code}")).values[0]
    assert (value.value, value.unit, value.sent_value) == (letter, "{code}", letter)


def test_a_letter_may_be_escaped_as_json_allows() -> None:
    assert reading(with_value('"\\u0041"', "consciousness", "{code}")).values[0].value == "A"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"X"', "impossible_value"),
        ('"a"', "impossible_value"),
        ('""', "impossible_value"),
        ("1", "wrong_type"),
        ("true", "wrong_type"),
        ("null", "wrong_type"),
    ],
)
def test_consciousness_is_nothing_else(text: str, expected: str) -> None:
    assert reason(with_value(text, "consciousness", "{code}")) == expected


@pytest.mark.parametrize("codes", [("59408-5", "59408-5"), ("59408-5", "2708-6"), ("spo2", "2708-6")])
def test_one_measurement_twice_in_an_element_is_a_duplicate_code(codes: tuple[str, str]) -> None:
    assert reason(measurement(values=[{**SPO2, "code": code} for code in codes])) == "duplicate_code"


def test_a_duplicate_is_noticed_beside_an_impossible_one() -> None:
    assert reason(measurement(values=[{**SPO2, "value": 150}, SPO2])) == "duplicate_code"


def test_an_impossible_value_is_refused_alone() -> None:
    said = reading(measurement(values=[{**SPO2, "value": 150}, PULSE]))
    assert [value.measurement for value in said.values] == ["pulse"]
    assert said.refused == (Refused("59408-5", "impossible_value", "spo2 must be from 50 to 100 %."),)


def test_an_element_of_impossible_values_only_is_rejected_and_names_them() -> None:
    why = refusal(measurement(values=[{**SPO2, "value": 150}, {**PULSE, "value": 5}]))
    assert why.reason == "impossible_value"
    assert [(one.code, one.reason) for one in why.refused] == [("59408-5", "impossible_value"), ("8867-4", "impossible_value")]


def pressure(systolic: float, diastolic: float, *others: dict[str, object]) -> bytes:
    values = [{"code": "8480-6", "value": systolic, "unit": "mm[Hg]"}, {"code": "8462-4", "value": diastolic, "unit": "mm[Hg]"}]
    return measurement(values=[*values, *others])


@pytest.mark.parametrize("diastolic", [120, 121, 150])
def test_a_diastolic_at_or_above_the_systolic_refuses_the_pair(diastolic: float) -> None:
    said = reading(pressure(120, diastolic, PULSE))
    assert [value.measurement for value in said.values] == ["pulse"]
    assert [(one.code, one.reason) for one in said.refused] == [("8480-6", "impossible_value"), ("8462-4", "impossible_value")]
    assert reason(pressure(120, diastolic)) == "impossible_value"


def test_a_diastolic_below_the_systolic_is_fine() -> None:
    assert [value.value for value in reading(pressure(120, 119)).values] == [120, 119]


def test_half_a_pair_stands_when_the_other_half_is_impossible() -> None:
    assert [value.measurement for value in reading(pressure(300, 90)).values] == ["diastolic"]


def test_a_pair_is_compared_in_the_canonical_unit() -> None:
    values = [{"code": "systolic", "value": 16, "unit": "kPa"}, {"code": "diastolic", "value": 80, "unit": "mm[Hg]"}]
    assert [value.value for value in reading(measurement(values=values)).values] == [120, 80]


def test_one_to_fifty_values_are_taken() -> None:
    assert reason(measurement(values=[])) == "empty"
    assert reason(measurement(values=[SPO2] * 51)) == "too_many"
    assert reason(measurement(values=[SPO2] * 50)) == "duplicate_code"
