-- Who is logged in, who looked, and the walls between the roles.

-- A look at a patient's data, written with the read it records. Append-only: nobody but the owner may change or remove a row.
CREATE TABLE access_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    person uuid REFERENCES person,
    role text NOT NULL,
    relation text NOT NULL,
    purpose text NOT NULL,
    patient uuid NOT NULL REFERENCES patient,
    what text NOT NULL,
    request text
);
CREATE INDEX access_log_patient ON access_log (patient, at);

-- A browser's log-in; only a hash of the cookie is kept.
CREATE TABLE session (
    token_hash bytea PRIMARY KEY,
    person uuid NOT NULL REFERENCES person,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);

-- A service token; only a hash is kept.
CREATE TABLE api_token (
    token_hash bytea PRIMARY KEY,
    person uuid NOT NULL REFERENCES person,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    ended_at timestamptz
);

-- Failed log-ins, for throttling.
CREATE TABLE login_failure (
    user_name text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX login_failure_recent ON login_failure (user_name, at);

-- Answers to POST requests that carried an Idempotency-Key, kept 24 hours.
CREATE TABLE idempotency (
    caller text NOT NULL,
    key text NOT NULL,
    request_digest bytea NOT NULL,
    at timestamptz NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    PRIMARY KEY (caller, key)
);

-- Which patients a person may see at an instant, in which role, and why. The one definition of visibility in the database.
CREATE FUNCTION visible_patients(viewer uuid, at timestamptz)
RETURNS TABLE (patient uuid, role text, relation text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.patient, m.role, 'centre:' || r.centre
      FROM membership m JOIN responsibility r ON r.centre = m.centre AND r.during @> at
     WHERE m.person = viewer AND m.during @> at AND m.role IN ('follow_up_nurse', 'centre_lead')
    UNION ALL
    SELECT c.patient, c.role, 'care_team'
      FROM care_relation c
     WHERE c.person = viewer AND c.during @> at
$$;

-- The person on whose behalf the transaction runs, or null for a machine.
CREATE FUNCTION acting_person() RETURNS uuid
LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('dho.actor', true), '')::uuid $$;

CREATE FUNCTION acting_at() RETURNS timestamptz
LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('dho.at', true), '')::timestamptz $$;

CREATE FUNCTION may_see(whom uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM visible_patients(acting_person(), acting_at()) v WHERE v.patient = whom)
$$;

-- The only way in which people read values: nothing comes out for a patient that the acting person may not see.
CREATE FUNCTION readable_observations(whom uuid, since timestamptz, until timestamptz)
RETURNS TABLE (measured_at timestamptz, uplink uuid, "position" smallint, measurement text, code text, value numeric, letter text,
               unit text, sent_value text, sent_unit text, received_at timestamptz, source text, oxygen_l_min numeric, late boolean, clock_suspect boolean,
               invalid_reason text, note text, device text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.measured_at, o.uplink, o.position, o.measurement, o.code, o.value, o.letter, o.unit, o.sent_value, o.sent_unit, o.received_at,
           o.source, o.oxygen_l_min, o.late, o.clock_suspect, i.reason, b.note, b.device
      FROM observation o
      JOIN inbox b ON b.patient = o.patient AND b.uplink = o.uplink
      LEFT JOIN invalidation i ON i.patient = o.patient AND i.uplink = o.uplink
     WHERE o.patient = whom AND o.measured_at >= since AND o.measured_at < until AND may_see(whom)
     ORDER BY o.measured_at, o.uplink, o.position
$$;

DO $$
DECLARE part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['dho_ingest', 'dho_watch', 'dho_serve'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', part);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- roles belong to the cluster, another database may have made them
        END;
    END LOOP;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO dho_ingest, dho_watch, dho_serve;

-- What each part of the service may touch. Serving people, it reads no values but through readable_observations().
GRANT SELECT ON installation, organisation, centre, patient, responsibility, gateway, device, assignment, plan_version TO dho_ingest, dho_watch;
GRANT SELECT, INSERT, UPDATE ON patient_state, alert, gateway_status TO dho_ingest, dho_watch;
GRANT SELECT, INSERT ON observation, inbox, invalidation, staff_fact, state_checkpoint, alert_event, feed_event, feed_audience TO dho_ingest, dho_watch;
GRANT DELETE ON state_checkpoint TO dho_ingest, dho_watch;
GRANT SELECT, UPDATE ON feed_head TO dho_ingest, dho_watch, dho_serve;
GRANT SELECT, INSERT, UPDATE ON ingest_counter, quarantine TO dho_ingest;
GRANT SELECT, INSERT, UPDATE ON task, outbox TO dho_ingest, dho_watch;
GRANT SELECT ON ingest_counter, quarantine, membership TO dho_watch;
GRANT SELECT, UPDATE ON plan_version, message TO dho_ingest, dho_watch;
GRANT DELETE ON feed_event, idempotency, session, login_failure TO dho_watch;
GRANT SELECT ON idempotency, session, login_failure TO dho_watch;
GRANT SELECT ON installation, organisation, centre, person, membership, patient, responsibility, care_relation, gateway, gateway_status, device,
    assignment, alert_event, ingest_counter, listed_patient, inbox, invalidation TO dho_serve;
GRANT SELECT, INSERT, UPDATE ON alert, task, message, outbox, session, idempotency, plan_version, patient_state, gateway_status TO dho_serve;
GRANT SELECT, INSERT ON feed_event, feed_audience, access_log, login_failure, staff_fact, alert_event TO dho_serve;
GRANT DELETE ON login_failure, idempotency TO dho_serve;
GRANT SELECT, UPDATE ON api_token TO dho_serve;
GRANT UPDATE (password_hash) ON person TO dho_serve;
GRANT EXECUTE ON FUNCTION visible_patients(uuid, timestamptz), acting_person(), acting_at(), may_see(uuid),
    readable_observations(uuid, timestamptz, timestamptz) TO dho_serve;
