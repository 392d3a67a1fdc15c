"""Years of history: five million stored values, filled in by SQL with random ids, so that what grows with it can be seen."""

from datetime import timedelta

import psycopg

from tests.bench.world import FOLLOWED, World

VALUES_A_MESSAGE = 2
OLDEST = timedelta(days=1000)
PAST = """
CREATE UNLOGGED TABLE past AS
SELECT a.patient, a.gateway, gen_random_uuid() AS uplink, %(newest)s::timestamptz - random() * %(span)s::interval AS at
  FROM generate_series(1, %(each)s) n CROSS JOIN (SELECT patient, gateway FROM assignment WHERE gateway IS NOT NULL) a
"""
FILL = (
    """
INSERT INTO inbox (patient, uplink, kind, digest, taken_at, measured_at, received_at, gateway, source, device, context, note, raw, receipt)
SELECT patient, uplink, 'measurement', substr(uuid_send(uplink), 1, 16), at, at, at, gateway, 'device', 'A4C138', '{"oxygen_l_min": 0}',
       'etter trapp', convert_to(repeat('x', 390), 'UTF8'), convert_to(repeat('y', 260), 'UTF8') FROM past
""",
    """
INSERT INTO observation (measured_at, patient, uplink, position, measurement, code, value, unit, sent_value, sent_unit, received_at, source,
                         oxygen_l_min, late, clock_suspect)
SELECT p.at, p.patient, p.uplink, v.position, v.name, v.code, 90, v.unit, '90', v.unit, p.at, 'device', 0, false, false
  FROM past p CROSS JOIN (VALUES (0, 'spo2', '59408-5', '%'), (1, 'pulse', '8867-4', '/min')) AS v (position, name, code, unit)
""",
    "INSERT INTO bare_inbox SELECT patient, uplink, at, convert_to(repeat('x', 390), 'UTF8') FROM past",
    """
INSERT INTO bare_observation
SELECT p.at, p.patient, p.uplink, v.code, 90, v.unit, p.at
  FROM past p CROSS JOIN (VALUES ('59408-5', '%'), ('8867-4', '/min')) AS v (code, unit)
""",
    "DROP TABLE past",
)


def fill(world: World, values: int) -> None:
    """Give each patient its share of `values` stored values from the days before the plan; the limits' own tables get as many."""
    each = values // VALUES_A_MESSAGE // len(world.tablets)
    given = {"newest": world.read_until - FOLLOWED, "span": OLDEST, "each": each}
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute(PAST, given)
        for statement in FILL:
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def size_mb(world: World) -> float:
    """What the database takes on disk."""
    with psycopg.connect(world.url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return float(row[0]) / 1e6
