-- What facts mean: alerts, their journal, the feed, tasks and what waits to be sent.

CREATE TABLE alert (
    id uuid PRIMARY KEY,
    version integer NOT NULL CHECK (version > 0),
    patient uuid NOT NULL REFERENCES patient,
    centre uuid NOT NULL REFERENCES centre,
    organisation uuid NOT NULL REFERENCES organisation,
    family text NOT NULL,
    zone text NOT NULL CHECK (zone IN ('yellow', 'red')),
    standing text NOT NULL CHECK (standing IN ('green', 'not_reported', 'yellow', 'red')),
    state text NOT NULL CHECK (state IN ('pending_confirm', 'open', 'claimed', 'in_progress', 'waiting_patient', 'waiting_party', 'snoozed', 'auto_cleared', 'closed')),
    level integer NOT NULL DEFAULT 0,
    plan_version uuid NOT NULL REFERENCES plan_version,
    plan_number integer NOT NULL,
    raised_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    late boolean NOT NULL,
    supported boolean NOT NULL,
    basis_withdrawn boolean NOT NULL DEFAULT false,
    owner uuid REFERENCES person,
    due_at timestamptz,
    escalate_at timestamptz,
    confirm_until timestamptz,
    ack_expires_at timestamptz,
    snoozed_until timestamptz,
    outcome text,
    former uuid REFERENCES alert,
    text jsonb NOT NULL,
    because jsonb NOT NULL,
    basis jsonb NOT NULL,
    breaches integer NOT NULL DEFAULT 1,
    closed_at timestamptz,
    CHECK ((state IN ('closed', 'auto_cleared')) = (closed_at IS NOT NULL)),
    CHECK (state <> 'closed' OR outcome IS NOT NULL)
);
-- At most one open alert per patient and family: two workers and two nurses notwithstanding.
CREATE UNIQUE INDEX one_open_alert ON alert (patient, family) WHERE closed_at IS NULL;
CREATE INDEX alert_open_of_centre ON alert (centre, raised_at) WHERE closed_at IS NULL;
CREATE INDEX alert_of_patient ON alert (patient, raised_at);
CREATE INDEX alert_escalate_due ON alert (escalate_at) WHERE closed_at IS NULL AND escalate_at IS NOT NULL;
CREATE INDEX alert_claim_expires ON alert (ack_expires_at) WHERE closed_at IS NULL AND ack_expires_at IS NOT NULL;

-- The journal: append-only, one row per version; the alert row is its fold. `change` quotes the values it is about, because an
-- alert must explain itself after retention dropped the observations.
CREATE TABLE alert_event (
    alert uuid NOT NULL REFERENCES alert DEFERRABLE INITIALLY DEFERRED,
    version integer NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    actor uuid REFERENCES person,
    actor_kind text NOT NULL CHECK (actor_kind IN ('person', 'plan', 'watch', 'patient')),
    reason text,
    change jsonb NOT NULL,
    PRIMARY KEY (alert, version)
);

-- The feed, in commit order without gaps: `seq` is taken from `feed_head` as the last statement of a transaction; its row lock is
-- held until the commit. Patient, centre and organisation are as they were. Kept 30 days; the journal stays.
CREATE TABLE feed_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO feed_head (seq) VALUES (0);

CREATE TABLE feed_event (
    seq bigint PRIMARY KEY,
    type text NOT NULL,
    at timestamptz NOT NULL,
    patient uuid NOT NULL,
    centre uuid NOT NULL,
    organisation uuid NOT NULL,
    alert uuid,
    body json NOT NULL
);

-- Who may see an event, one row per key ("centre:…", "patient:…"); this one index answers `prev` and a resume for any scope.
CREATE TABLE feed_audience (
    audience text NOT NULL,
    seq bigint NOT NULL REFERENCES feed_event ON DELETE CASCADE,
    PRIMARY KEY (audience, seq)
);

-- Work that is no alert: an old red value, a plan without validity, a late measurement of someone who left.
CREATE TABLE task (
    id uuid PRIMARY KEY,
    patient uuid NOT NULL REFERENCES patient,
    centre uuid NOT NULL REFERENCES centre,
    kind text NOT NULL,
    key text NOT NULL,
    text jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    owner uuid REFERENCES person,
    done_at timestamptz,
    done_by uuid REFERENCES person
);
-- The same cause never makes two open tasks.
CREATE UNIQUE INDEX one_open_task ON task (patient, kind, key) WHERE done_at IS NULL;
CREATE INDEX task_open ON task (centre, due_at) WHERE done_at IS NULL;

-- A message to or from the patient.
CREATE TABLE message (
    id uuid PRIMARY KEY,
    patient uuid NOT NULL REFERENCES patient,
    at timestamptz NOT NULL,
    by_person uuid REFERENCES person,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
    seen_at timestamptz
);
CREATE INDEX message_of_patient ON message (patient, at);

-- What must leave the house: written with what caused it, sent by `watch`, tried again until it arrived.
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    channel text NOT NULL CHECK (channel IN ('mqtt')),
    target text NOT NULL,
    payload bytea NOT NULL,
    retain boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    try_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    sent_at timestamptz,
    failure text
);
CREATE INDEX outbox_waiting ON outbox (try_at) WHERE sent_at IS NULL;
