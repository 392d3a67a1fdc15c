-- What was measured, what it was judged by, and what could not be understood.

-- Message identity: the sender's id is the key within the patient. `digest` is of its meaning, so that the same id with another
-- meaning is a conflict; `raw` and `receipt` are the bytes that came and the bytes that were answered.
CREATE TABLE inbox (
    patient uuid NOT NULL REFERENCES patient,
    uplink uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('measurement', 'invalidation', 'answers')),
    digest bytea NOT NULL,
    taken_at timestamptz NOT NULL,
    measured_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    gateway text REFERENCES gateway,
    performer uuid REFERENCES person,
    source text,
    device text,
    context jsonb,
    note text,
    refused jsonb,
    raw bytea NOT NULL,
    receipt bytea NOT NULL,
    PRIMARY KEY (patient, uplink)
);

-- One value, true at one instant. Never updated: an invalid one gets a row in `invalidation`. A hypertable where TimescaleDB is.
-- Identity is guarded by the inbox in the same transaction, so no unique index is needed here.
CREATE TABLE observation (
    measured_at timestamptz NOT NULL,
    patient uuid NOT NULL,
    uplink uuid NOT NULL,
    position smallint NOT NULL,
    measurement text NOT NULL,
    code text NOT NULL,
    value numeric,
    letter text,
    unit text NOT NULL,
    sent_value text NOT NULL,
    sent_unit text NOT NULL,
    received_at timestamptz NOT NULL,
    source text,
    oxygen_l_min numeric,
    late boolean NOT NULL,
    clock_suspect boolean NOT NULL,
    CHECK (num_nonnulls(value, letter) = 1)
);
CREATE INDEX observation_of_patient ON observation (patient, measured_at);

-- A reading that should not count. It may come before the reading itself, and then waits for it.
CREATE TABLE invalidation (
    patient uuid NOT NULL REFERENCES patient,
    uplink uuid NOT NULL,
    at timestamptz NOT NULL,
    by_person uuid REFERENCES person,
    by_gateway text REFERENCES gateway,
    reason text NOT NULL,
    PRIMARY KEY (patient, uplink)
);

-- Versions of the self-treatment plan, never rewritten; `document` is the text as it was given.
CREATE TABLE plan_version (
    id uuid PRIMARY KEY,
    patient uuid NOT NULL REFERENCES patient,
    number integer NOT NULL CHECK (number > 0),
    state text NOT NULL CHECK (state IN ('draft', 'proposed', 'active', 'superseded', 'ended')),
    document json NOT NULL,
    active_from timestamptz,
    active_until timestamptz,
    review_due date,
    created_at timestamptz NOT NULL,
    created_by uuid REFERENCES person,
    approvals jsonb NOT NULL DEFAULT '[]',
    version integer NOT NULL DEFAULT 1,
    UNIQUE (patient, number),
    CHECK ((state IN ('draft', 'proposed')) = (active_from IS NULL)),
    CONSTRAINT one_plan_at_a_time EXCLUDE USING gist (patient WITH =, tstzrange(active_from, active_until) WITH &&) WHERE (active_from IS NOT NULL)
);
CREATE UNIQUE INDEX one_active_plan ON plan_version (patient) WHERE state = 'active';

-- Where each patient stands: the zone, and the evaluation's own state. Whoever judges locks this row first.
CREATE TABLE patient_state (
    patient uuid PRIMARY KEY REFERENCES patient,
    plan_version uuid REFERENCES plan_version,
    zone text CHECK (zone IN ('green', 'not_reported', 'yellow', 'red')),
    zone_since timestamptz,
    newest_measured_at timestamptz,
    last_heard_at timestamptz,
    judged_at timestamptz,
    judge_again_at timestamptz,
    state bytea,
    version bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE INDEX patient_state_due ON patient_state (judge_again_at) WHERE judge_again_at IS NOT NULL;

-- The evaluation's state at the end of a day, so that a late reading replays days and not years.
CREATE TABLE state_checkpoint (
    patient uuid NOT NULL REFERENCES patient,
    plan_version uuid NOT NULL REFERENCES plan_version,
    newest_measured_at timestamptz NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (patient, plan_version, newest_measured_at)
);

-- A person's decision that changes what counts (a family handled, a latch re-based): a fact of the replay like a reading.
CREATE TABLE staff_fact (
    id uuid PRIMARY KEY,
    patient uuid NOT NULL REFERENCES patient,
    kind text NOT NULL CHECK (kind IN ('handled', 'rebased')),
    target text NOT NULL,
    at timestamptz NOT NULL,
    by_person uuid REFERENCES person,
    reason text NOT NULL
);
CREATE INDEX staff_fact_patient ON staff_fact (patient, at);

-- One row per element that could not be taken: the bytes, and why.
CREATE TABLE quarantine (
    id uuid PRIMARY KEY,
    received_at timestamptz NOT NULL,
    channel text NOT NULL CHECK (channel IN ('mqtt', 'http', 'import')),
    gateway text,
    topic text NOT NULL,
    position integer,
    payload bytea NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    counted boolean NOT NULL,
    replayed_at timestamptz,
    replay_result text
);
CREATE INDEX quarantine_received ON quarantine (received_at);
CREATE INDEX quarantine_waiting ON quarantine (reason, received_at) WHERE replayed_at IS NULL;

-- Conservation: received = stored + duplicate + quarantined, true at every instant because it is written in the batch's own
-- transaction. One set of rows per writer, so that workers do not wait for each other; readers add up.
CREATE TABLE ingest_counter (
    writer text NOT NULL,
    name text NOT NULL CHECK (name IN ('received', 'stored', 'duplicate', 'quarantined', 'ignored')),
    reason text NOT NULL DEFAULT '',
    value bigint NOT NULL,
    PRIMARY KEY (writer, name, reason)
) WITH (fillfactor = 50);
