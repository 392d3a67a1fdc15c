-- Who must agree before a plan takes effect, and the times in which nothing is expected of a patient.

-- Whose approval a municipality asks for before a plan may be activated, by party; the nurse who activates it counts as the nurse's.
ALTER TABLE organisation ADD COLUMN approvals_needed jsonb NOT NULL DEFAULT '[]'
    CHECK (jsonb_typeof(approvals_needed) = 'array' AND approvals_needed <@ '["patient", "nurse", "gp", "specialist"]');

-- The version whose document a draft took up again.
ALTER TABLE plan_version ADD COLUMN restored_from uuid REFERENCES plan_version;

-- A holiday or an admission: nothing is expected from `start_at` until before `end_at` (none: until further notice); what arrives is
-- judged all the same. A pause that was cancelled before it began has `cancelled_at`.
CREATE TABLE pause (
    id uuid PRIMARY KEY,
    patient uuid NOT NULL REFERENCES patient,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    kind text NOT NULL CHECK (kind IN ('holiday', 'hospital', 'other')),
    reason text NOT NULL CHECK (length(reason) <= 500),
    created_at timestamptz NOT NULL,
    created_by uuid REFERENCES person,
    ended_by uuid REFERENCES person,
    cancelled_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CHECK (end_at IS NULL OR end_at > start_at)
);
CREATE INDEX pause_of_patient ON pause (patient, start_at);

-- Counts the changes of a patient's pauses, so that a compiled plan that is kept in memory is known to be outdated.
ALTER TABLE patient_state ADD COLUMN pauses_revision integer NOT NULL DEFAULT 0;

-- Those who have no valid plan get a task at the next look, also those who were registered before there was one.
UPDATE patient_state s SET judge_again_at = p.registered_at
  FROM patient p WHERE p.id = s.patient AND p.ended_at IS NULL AND s.plan_version IS NULL;
UPDATE patient_state s SET judge_again_at = least(s.judge_again_at, v.review_due::timestamp AT TIME ZONE 'UTC')
  FROM plan_version v WHERE v.id = s.plan_version AND v.review_due IS NOT NULL AND s.judge_again_at IS NOT NULL;

GRANT SELECT ON pause TO dho_ingest, dho_watch;
GRANT SELECT, INSERT, UPDATE ON pause TO dho_serve, dho_ingest;
