-- What happened to a patient beside the measurements: what a plan should have warned of. The back-test says what was caught, and how early.
CREATE TABLE clinical_event (
    id uuid PRIMARY KEY,
    patient uuid NOT NULL REFERENCES patient,
    kind text NOT NULL CHECK (kind IN ('exacerbation', 'admission', 'treatment_start')),
    at timestamptz NOT NULL,
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
    recorded_at timestamptz NOT NULL,
    recorded_by uuid REFERENCES person
);
CREATE INDEX clinical_event_of_patient ON clinical_event (patient, at);

GRANT SELECT ON clinical_event TO dho_ingest;
GRANT SELECT, INSERT ON clinical_event TO dho_serve;
