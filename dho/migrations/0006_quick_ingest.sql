-- What the intake pays for each message and gains nothing by.

-- Each stored message looked up and share-locked its patient's and its gateway's row once more. Both are certain already: the intake
-- holds the lock on `patient_state`, which refers to the patient, and has attributed the message by the gateway's own row.
ALTER TABLE inbox DROP CONSTRAINT inbox_patient_fkey, DROP CONSTRAINT inbox_gateway_fkey;

-- The exclusion constraint's index answers "who is responsible for these patients?" three times as slowly.
CREATE INDEX responsibility_patient ON responsibility (patient);
