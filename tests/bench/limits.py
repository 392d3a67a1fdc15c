"""The limits that the service is measured against, each a process of its own: `python -m tests.bench.limits WAY …`.

`acknowledge`  paho, no work: every message is acknowledged and forgotten
`bare`         paho, decode, one batch into an inbox and a hypertable with duplicate check, commit, acknowledge; nothing else
`single`       paho, each message by itself: insert into both, commit, acknowledge
`model`        paho, each message by itself through an SQLModel session with a look for a duplicate: what most teams write

Each prints "listening", and when all messages are acknowledged one line of JSON.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from sqlmodel import Field, Session, SQLModel, create_engine, select

SCHEMA = """
CREATE TABLE bare_inbox (patient uuid NOT NULL, uplink uuid NOT NULL, received_at timestamptz NOT NULL, raw bytea NOT NULL,
    PRIMARY KEY (patient, uplink));
CREATE TABLE bare_observation (measured_at timestamptz NOT NULL, patient uuid NOT NULL, uplink uuid NOT NULL, code text NOT NULL,
    value numeric NOT NULL, unit text NOT NULL, received_at timestamptz NOT NULL);
CREATE INDEX bare_observation_of_patient ON bare_observation (patient, measured_at);
"""
HYPERTABLE = """
SELECT create_hypertable('bare_observation', 'measured_at', chunk_time_interval => interval '28 days', create_default_indexes => false)
"""
INBOX = """
INSERT INTO bare_inbox SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::bytea[])
    ON CONFLICT DO NOTHING RETURNING patient::text, uplink::text
"""
OBSERVATIONS = """
INSERT INTO bare_observation
SELECT * FROM unnest(%s::timestamptz[], %s::uuid[], %s::uuid[], %s::text[], %s::numeric[], %s::text[], %s::timestamptz[])
"""
MOST = 1000
Taken = tuple[dict[str, Any], MQTTMessage]


def make_tables(url: str) -> None:
    """The bare ways' own two tables, the second a hypertable where TimescaleDB is."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
            connection.execute(HYPERTABLE)


def store(connection: psycopg.Connection[Any], messages: Sequence[MQTTMessage], now: datetime) -> None:
    """One batch: what is new into the inbox, its values into the hypertable, commit. Arrays are written by hand, five times as fast as
    psycopg's own."""
    at = now.isoformat()
    taken = {(t["patient"], t["id"]): (t, m.payload) for m in messages for t in [msgspec.json.decode(m.payload)]}
    raws = _array(['"\\\\x' + raw.hex() + '"' for _, raw in taken.values()])
    keys = [_array([key[0] for key in taken]), _array([key[1] for key in taken])]
    new = connection.execute(INBOX, [*keys, _array([at] * len(taken)), raws]).fetchall()
    values = [
        (t["taken_at"], *key, v["code"], str(v["value"]), f'"{v["unit"]}"', at) for key in new for t in [taken[key][0]] for v in t["values"]
    ]
    if values:
        connection.execute(OBSERVATIONS, [_array(column) for column in zip(*values, strict=True)])
    connection.commit()


def _array(items: Iterable[str]) -> str:
    return "{" + ",".join(items) + "}"


class _Inbox(SQLModel, table=True):
    __tablename__ = "bare_inbox"
    patient: UUID = Field(primary_key=True)
    uplink: UUID = Field(primary_key=True)
    received_at: datetime
    raw: bytes


class _Observation(SQLModel, table=True):
    __tablename__ = "bare_observation"
    measured_at: datetime = Field(primary_key=True)
    patient: UUID = Field(primary_key=True)
    uplink: UUID = Field(primary_key=True)
    code: str = Field(primary_key=True)
    value: float
    unit: str
    received_at: datetime


def _model_store(url: str) -> Callable[[MQTTMessage, datetime], None]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))

    def keep(message: MQTTMessage, now: datetime) -> None:
        taken = json.loads(message.payload)
        patient, uplink = UUID(taken["patient"]), UUID(taken["id"])
        with Session(engine) as session:
            known = session.exec(select(_Inbox).where(_Inbox.patient == patient, _Inbox.uplink == uplink)).first()
            if known is None:
                session.add(_Inbox(patient=patient, uplink=uplink, received_at=now, raw=message.payload))
                at = datetime.fromisoformat(taken["taken_at"])
                for value in taken["values"]:
                    session.add(_Observation(measured_at=at, patient=patient, uplink=uplink, received_at=now, **value))
            session.commit()

    return keep


def _single_store(url: str) -> Callable[[MQTTMessage, datetime], None]:
    connection = psycopg.connect(url)
    return lambda message, now: store(connection, [message], now)


def _prepare(client: Client, host: str, port: int, user: str, password: str) -> None:
    client.username_pw_set(user, password)
    client.on_connect = lambda *_: client.subscribe("dho/v1/+/measurements", 1)
    client.on_subscribe = lambda *_: print("listening", flush=True)
    client.connect(host, port)


def _client() -> Client:
    """MQTT 3.1.1, which costs paho less than 5."""
    return Client(
        CallbackAPIVersion.VERSION2, f"limit-{os.getpid()}", clean_session=False, protocol=MQTTProtocolVersion.MQTTv311, manual_ack=True
    )


def _one_by_one(expected: int, keep: Callable[[MQTTMessage, datetime], None] | None, *address: Any) -> None:
    done, client, left = threading.Event(), _client(), expected

    def on_message(_client: Client, _userdata: Any, message: MQTTMessage) -> None:
        nonlocal left
        if keep is not None:
            keep(message, datetime.now().astimezone())
        client.ack(message.mid, message.qos)
        left -= 1
        if left == 0:
            done.set()

    client.on_message = on_message
    _prepare(client, *address)
    client.loop_start()
    done.wait()


def _in_batches(expected: int, url: str, *address: Any) -> None:
    """paho without its thread: read what has come, store it, acknowledge. Two threads that hand over Python's lock cost twice as much."""
    client, waiting = _client(), list[MQTTMessage]()
    client.on_message = lambda _client, _userdata, message: waiting.append(message)
    _prepare(client, *address)
    with psycopg.connect(url) as connection:
        while expected:
            client.loop(1.0)
            before = -1
            while before < len(waiting) < MOST:
                before = len(waiting)
                client.loop_read()
            if waiting:
                store(connection, waiting, datetime.now().astimezone())
                for message in waiting:
                    client.ack(message.mid, message.qos)
                expected -= len(waiting)
                waiting.clear()


def main(way: str, expected: int, url: str, host: str, port: int, user: str, password: str) -> None:
    address = (host, port, user, password)
    match way:
        case "acknowledge":
            _one_by_one(expected, None, *address)
        case "single":
            _one_by_one(expected, _single_store(url), *address)
        case "model":
            _one_by_one(expected, _model_store(url), *address)
        case "bare":
            _in_batches(expected, url, *address)
        case _:
            raise SystemExit(f"{way} is no way that is known here")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"done": time.monotonic(), "cpu_s": used.ru_utime + used.ru_stime, "rss_mb": used.ru_maxrss / 1024}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6], sys.argv[7])
