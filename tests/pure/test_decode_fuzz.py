"""No bytes make a decoder fail: 100 000 broken, twisted and random payloads in `make test`, a million in `make fuzz`.

What is taken must also be what a strict JSON reader sees, must be storable, and must mean the same when it is written anew.
"""

import json
import os
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from devices import receipts
from devices.decode import DECODERS, decode
from devices.questionnaires import SHIPPED, checked
from devices.reading import Element, Invalidation, Reading, Rejected
from dho.codes import BY_NAME
from tests.pure.said import EVA, ID, PULSE, SPO2, element, measurement, members, message

CASES = int(os.environ.get("DHO_TEST_FUZZ", "100000"))
SEED = int(os.environ.get("DHO_TEST_FUZZ_SEED", "20261121"))
LEAVES = [*DECODERS, "something-new"]
REASONS = frozenset(
    [
        "malformed",
        "too_large",
        "too_many",
        "empty",
        "missing_field",
        "wrong_type",
        "bad_id",
        "bad_time",
        "no_offset",
        "time_out_of_range",
        "unknown_code",
        "unknown_unit",
        "unit_mismatch",
        "impossible_value",
        "not_finite",
        "duplicate_code",
        "bad_text",
        "unknown_leaf",
        "retained",
        "not_supported",
    ]
)
INVALIDATION = b'{"id": "%s", "invalidates": "%s", "reason": "r"}' % (ID.encode(), EVA.encode())
FHIR = json.dumps({"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:" + ID, "resource": {"id": "x"}}]}).encode()
ANSWERS = json.dumps(
    {
        "id": ID,
        "taken_at": "2026-11-21T08:01:12Z",
        "source": "patient",
        "questionnaire": "symptoms",
        "version": 2,
        "answers": [{"question": "breathlessness", "value": 2}, {"question": "chest_pain", "value": 0}],
    }
).encode()
FEET = (
    b'{"id":"%s","taken_at":"2026-11-21T08:01:12Z","questionnaire":"feet","version":1,"answers":[{"question":"wound","value":"yes"}]}'
    % ID.encode()
)
GATT = b'{"id":"%s","taken_at":"2026-11-21T08:01:12Z","device":"d","service":"1810","characteristic":"2A35","hex":"1664"}' % ID.encode()
SEEDS = [
    measurement(device="d", note="blå \\ måne", context={"oxygen_l_min": 2.5}),
    measurement(values=[{"code": "consciousness", "value": "A", "unit": "{code}"}, PULSE]),
    measurement(values=[{"code": "temperature", "value": 101.3, "unit": "[degF]"}, {"code": "weight", "value": 1.7e2, "unit": "[lb_av]"}]),
    INVALIDATION,
    b"[" + measurement() + b", " + INVALIDATION + b", " + measurement(id=EVA) + b"]",
    b'{"state":"online","battery":0.8,"app":"1.4.2","clock":"2026-11-21T08:01:12+01:00"}',
    b'{"id":"%s","message":"%s","at":"2026-11-21T08:01:12+01:00"}' % (ID.encode(), EVA.encode()),
    FHIR,
    GATT,
    ANSWERS,
    FEET,
    b"[" + ANSWERS + b"," + FEET + b"]",
]
PIECES = [
    *(b'"', b"\\", b"\\u0000", b"\\ud800", b"\\u0041", b"{", b"}", b"[", b"]", b",", b":", b"[" * 40, b"]" * 40, b'{"a":' * 20),
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"0.1e-400", b"9" * 400, b"null", b"true", b"2026-02-30T25:61:61Z", b"mm[Hg]", b"59408-5"),
    *(b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b"\n", b"  ", "æ".encode(), "😀".encode()),
    *(b'"id"', b'"values"', b'"invalidates"', b'"x-arrived-at"', b'"answers"', b'"question"', b'"version"'),
]
SCALARS: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e308,
    10**30,
    "",
    "x",
    "A",
    "%",
    "kg",
    ID,
    EVA,
    "é",
    "2026-11-21T08:01:12Z",
    [],
    {},
    [[]],
    SPO2,
    PULSE,
]


def twisted(chance: random.Random) -> bytes:
    """A good payload with bytes removed, doubled, swapped or put in."""
    payload = bytearray(chance.choice(SEEDS))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        start = chance.randrange(len(payload) + 1)
        end = min(len(payload), start + chance.choice((0, 1, 1, 2, 5, 20)))
        how = chance.randrange(4)
        if how == 0:
            del payload[start:end]
        elif how == 1:
            payload[start:end] = chance.choice(PIECES)
        elif how == 2:
            payload[start:start] = payload[start:end]
        elif start < len(payload):
            payload[start] = chance.randrange(256)
    return bytes(payload)


def restructured(chance: random.Random) -> bytes:
    """A measurement with members and values exchanged for others; mostly JSON, seldom right."""
    whole = members(device="d", note="n", context={"oxygen_l_min": 1})
    for _ in range(chance.randrange(3)):
        name = chance.choice([*whole, "invalidates", "reason", "x-arrived-at", "colour"])
        whole[name] = chance.choice(SCALARS)
    value = {
        "code": chance.choice([*BY_NAME, "59408-5", "?"]),
        "value": chance.choice([*SCALARS, 36.6, 92, 200]),
        "unit": chance.choice(["%", "kg", "/min", "Cel", "?"]),
    }
    if chance.random() < 0.5 and isinstance(whole["values"], list):
        whole["values"] = [*whole["values"], value, *chance.sample(SCALARS, chance.randrange(2))]
    return json.dumps(whole, ensure_ascii=chance.random() < 0.5).encode()


def noise(chance: random.Random) -> bytes:
    """Any bytes, or any of the pieces."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(60))
    return b"".join(chance.choices(PIECES, k=chance.randrange(12)))


def check(one: Element) -> None:
    """What holds for every element, whatever came."""
    what = one.what
    if isinstance(what, Rejected):
        assert what.reason in REASONS
        assert what.detail.endswith(".")
        body = json.loads(receipts.rejected(one, what))
        assert body["reason"] == what.reason
        assert ("payload_sha256" in body) == (body["id"] is None)
    elif isinstance(what, Reading) and what.questionnaire is not None:
        check_answers(one)
    elif isinstance(what, Reading):
        strict = json.loads(one.raw.decode(), parse_constant=lambda text: pytest.fail(f"{text} was taken for a number"))
        assert strict["id"] == one.id
        assert len(what.values) + len([r for r in what.refused if r.code != "oxygen_l_min"]) == len(strict["values"])
        for value in what.values:
            row = BY_NAME[value.measurement]
            assert value.unit == row.unit
            assert value.value in row.letters if row.letters else row.hard and row.hard[0] <= Decimal(value.value) <= row.hard[1]
        assert "\0" not in f"{what.note}{what.device}{what.source}{what.context}"
        json.dumps(what.context)
        again = element(json.dumps(dict(reversed(strict.items())), indent=1).encode()) if "e" not in str(strict["values"]) else one
        assert not isinstance(again.what, Reading) or again.what.digest == what.digest
    elif isinstance(what, Invalidation):
        assert json.loads(one.raw)["id"] == one.id


def check_answers(one: Element) -> None:
    """A form's answers are those that were sent; after the check against the definition each is possible or named."""
    what = one.what
    assert isinstance(what, Reading)
    strict = json.loads(one.raw.decode(), parse_constant=lambda text: pytest.fail(f"{text} was taken for a number"))
    assert (strict["id"], strict["questionnaire"]) == (one.id, what.questionnaire)
    assert len(what.values) == len([answer for answer in strict["answers"] if answer["value"] is not None])
    after = checked(SHIPPED, one).what
    if isinstance(after, Rejected):
        assert after.reason in ("unknown_code", "wrong_type", "impossible_value")
        return
    assert isinstance(after, Reading)
    assert len(after.values) + len(after.refused) == len(what.values)
    form = SHIPPED.version(what.questionnaire or "", what.version)
    assert form
    for value in after.values:
        item = form.item(value.code)
        assert item
        assert item.allows(value.value)
        assert value.measurement == f"answer:{what.questionnaire}:{value.code}"
    again = element(json.dumps(dict(reversed(strict.items())), indent=1).encode(), "answers") if "e" not in str(strict["answers"]) else one
    assert not isinstance(again.what, Reading) or again.what.digest == what.digest


@pytest.mark.parametrize("make", [twisted, restructured, noise], ids=lambda make: make.__name__)
def test_fuzz_no_payload_makes_a_decoder_fail(make: Callable[[random.Random], bytes]) -> None:
    chance = random.Random(SEED)
    taken = 0
    for number in range(CASES // 3 + 1):
        payload = make(chance)
        leaf = "measurements" if number % 2 else chance.choice(LEAVES)
        try:
            found = decode(message(payload, leaf, retain=number % 50 == 0))
            assert found
            for one in found:
                check(one)
                taken += isinstance(one.what, Reading)
        except Exception as error:
            raise AssertionError(f"case {number} of seed {SEED} on {leaf}: {payload!r}") from error
    assert make is noise or taken > CASES // 300, "the fuzz hardly ever gets past the shape"
