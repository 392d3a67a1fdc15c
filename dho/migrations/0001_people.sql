-- Who there is: organisations, centres, people, patients, and who is responsible for and related to whom, when.
-- Identity is a constraint, a relation has a validity range, and nothing here has a default that reads the clock.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- One row: what this database is. `epoch` changes when the database has been restored, so that no feed resumes across it.
CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch uuid NOT NULL,
    is_test boolean NOT NULL DEFAULT false,
    simulation boolean NOT NULL DEFAULT false,
    ground text NOT NULL CHECK (ground IN ('timescaledb-community', 'timescaledb-apache', 'postgresql'))
);

CREATE TABLE organisation (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('municipality', 'hospital', 'gp_practice')),
    name text NOT NULL,
    org_number text UNIQUE
);

-- A follow-up centre belongs to a municipality and may serve several. opening_hours: {"mon": [["08:00", "15:30"]], …}, local time.
CREATE TABLE centre (
    id uuid PRIMARY KEY,
    organisation uuid NOT NULL REFERENCES organisation,
    name text NOT NULL UNIQUE,
    timezone text NOT NULL,
    language text NOT NULL DEFAULT 'nb' CHECK (language IN ('nb', 'nn', 'en')),
    phone text NOT NULL DEFAULT '',
    always_open boolean NOT NULL DEFAULT false,
    opening_hours jsonb NOT NULL DEFAULT '{}'
);

-- Someone who logs in. A password hash is argon2id; none means that the person cannot log in locally.
CREATE TABLE person (
    id uuid PRIMARY KEY,
    user_name text NOT NULL UNIQUE,
    name text NOT NULL,
    language text NOT NULL DEFAULT 'nb' CHECK (language IN ('nb', 'nn', 'en')),
    password_hash text,
    active boolean NOT NULL DEFAULT true
);

-- What a person may do, where, and when: a role at a centre, or at an organisation that is not a centre (hospital, GP practice).
CREATE TABLE membership (
    id uuid PRIMARY KEY,
    person uuid NOT NULL REFERENCES person,
    role text NOT NULL CHECK (role IN ('follow_up_nurse', 'centre_lead', 'hospital_specialist', 'gp', 'device_logistics', 'system_admin', 'auditor')),
    centre uuid REFERENCES centre,
    organisation uuid REFERENCES organisation,
    during tstzrange NOT NULL CHECK (NOT isempty(during)),
    CHECK (centre IS NOT NULL OR organisation IS NOT NULL OR role IN ('system_admin', 'auditor'))
);
CREATE INDEX membership_person ON membership (person);
CREATE INDEX membership_centre ON membership (centre);

-- `id` is opaque and the only name a patient has in topics, logs and addresses. `municipality` is the data controller.
CREATE TABLE patient (
    id uuid PRIMARY KEY,
    kind text NOT NULL DEFAULT 'real' CHECK (kind IN ('real', 'simulated', 'canary')),
    municipality uuid NOT NULL REFERENCES organisation,
    name text NOT NULL,
    born date,
    language text NOT NULL DEFAULT 'nb' CHECK (language IN ('nb', 'nn', 'en')),
    phone text NOT NULL DEFAULT '',
    registered_at timestamptz NOT NULL,
    ended_at timestamptz
);

-- Exactly one centre is responsible for a patient at any instant.
CREATE TABLE responsibility (
    patient uuid NOT NULL REFERENCES patient,
    organisation uuid NOT NULL REFERENCES organisation,
    centre uuid NOT NULL REFERENCES centre,
    during tstzrange NOT NULL CHECK (NOT isempty(during)),
    CONSTRAINT one_responsible_at_a_time EXCLUDE USING gist (patient WITH =, during WITH &&)
);
CREATE INDEX responsibility_centre ON responsibility (centre);

-- The care team is the people related to a patient; access reads the range.
CREATE TABLE care_relation (
    id uuid PRIMARY KEY,
    patient uuid NOT NULL REFERENCES patient,
    person uuid NOT NULL REFERENCES person,
    role text NOT NULL CHECK (role IN ('follow_up_nurse', 'contact_person', 'hospital_specialist', 'gp', 'patient', 'next_of_kin')),
    during tstzrange NOT NULL CHECK (NOT isempty(during)),
    CONSTRAINT one_relation_of_a_kind EXCLUDE USING gist (patient WITH =, person WITH =, role WITH =, during WITH &&)
);
CREATE INDEX care_relation_person ON care_relation (person);

-- A registered home tablet or hub. Its secret is kept as HMAC-SHA-256 under the server key, never as it is.
CREATE TABLE gateway (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9._-]{1,64}$'),
    centre uuid NOT NULL REFERENCES centre,
    secret_hash bytea NOT NULL,
    simulated boolean NOT NULL DEFAULT false,
    registered_at timestamptz NOT NULL,
    revoked_at timestamptz
);

-- The last that a gateway said of itself and when it was last heard at all.
CREATE TABLE gateway_status (
    gateway text PRIMARY KEY REFERENCES gateway,
    state text CHECK (state IN ('online', 'offline')),
    battery real,
    app text,
    said_at timestamptz,
    heard_at timestamptz NOT NULL
);

CREATE TABLE device (
    id text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    kind text NOT NULL,
    centre uuid NOT NULL REFERENCES centre
);

-- Which gateway serves, and which device measures, whom and when. A gateway may serve a named set; a device one patient at any instant.
CREATE TABLE assignment (
    id uuid PRIMARY KEY,
    patient uuid NOT NULL REFERENCES patient,
    gateway text REFERENCES gateway,
    device text REFERENCES device,
    during tstzrange NOT NULL CHECK (NOT isempty(during)),
    CHECK (num_nonnulls(gateway, device) = 1),
    CONSTRAINT one_patient_per_device EXCLUDE USING gist (device WITH =, during WITH &&) WHERE (device IS NOT NULL),
    CONSTRAINT one_row_per_gateway_and_patient EXCLUDE USING gist (gateway WITH =, patient WITH =, during WITH &&) WHERE (gateway IS NOT NULL)
);
CREATE INDEX assignment_gateway ON assignment (gateway) WHERE gateway IS NOT NULL;
CREATE INDEX assignment_device ON assignment (device) WHERE device IS NOT NULL;
CREATE INDEX assignment_patient ON assignment (patient);

-- Whom lists and measures are about: real patients, and simulated ones where the whole installation is a simulation; canaries never.
CREATE VIEW listed_patient AS
    SELECT * FROM patient WHERE kind = 'real' OR (kind = 'simulated' AND (SELECT simulation FROM installation));
