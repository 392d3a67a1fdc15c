"""Lists come back from the database as they went there, whatever is in them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from dho import arrays

HALF_PAST_FIVE = timezone(timedelta(hours=5, minutes=30))
AWKWARD = ["", "null", "NULL", "a,b", '{"a": 1}', "back\\slash", "'", "\u3000\u2028", "blåbær\n\t", None]


@pytest.fixture(scope="module")
def connection(embedded_url):
    arrays.register()
    with psycopg.connect(embedded_url) as connected:
        yield connected


@pytest.mark.parametrize(
    ("array", "items"),
    [
        ("uuid[]", [uuid4(), None, uuid4()]),
        ("timestamptz[]", [datetime(2026, 11, 22, 8, 1, 12, 123456, UTC), None, datetime(2026, 3, 29, 2, 30, tzinfo=HALF_PAST_FIVE)]),
        ("text[]", AWKWARD),
        ("bytea[]", [b"", b'\x00\xff\\"', None]),
        ("bigint[]", [1, -5, None, 2**40]),
        ("numeric[]", [Decimal("38.0"), None, Decimal("-0.10")]),
        ("boolean[]", [True, None, False]),
        ("real[]", [0.5, None]),
        ("uuid[]", []),
        ("uuid[]", [None, None]),
    ],
)
def test_a_list_comes_back_as_it_went(connection, array, items):
    row = connection.execute(f"SELECT %s::{array}", [items]).fetchone()
    assert row[0] == items
    assert list(map(str, row[0])) == list(map(str, items)) or array == "timestamptz[]"


def test_a_list_needs_no_cast_where_the_column_says_its_type(connection):
    assert connection.execute("SELECT relname FROM pg_class WHERE relname = ANY(%s)", [["pg_class"]]).fetchone() == ("pg_class",)


def test_a_text_that_the_database_cannot_keep_is_refused_and_not_cut(connection):
    with pytest.raises(psycopg.DataError), connection.transaction():
        connection.execute("SELECT %s::text[]", [["half\0lost"]])
