-- Statements of the operators' commands. They run as the owner of the schema.

-- name: enrol_patients
-- Patients that are not there yet; their municipality is the one that their centre belongs to.
INSERT INTO patient (id, kind, municipality, name, born, language, phone, registered_at)
SELECT DISTINCT ON (e.patient) e.patient, CASE WHEN e.simulated THEN 'simulated' ELSE 'real' END, c.organisation, e.name, e.born,
       e.language, e.phone, %(now)s
  FROM unnest(%(patients)s::uuid[], %(centres)s::uuid[], %(names)s::text[], %(born)s::date[], %(languages)s::text[], %(phones)s::text[],
              %(simulated)s::boolean[])
       AS e(patient, centre, name, born, language, phone, simulated)
  JOIN centre c ON c.id = e.centre
    ON CONFLICT (id) DO NOTHING

-- name: enrol_responsibility
-- The centre's responsibility for patients that have none yet.
INSERT INTO responsibility (patient, organisation, centre, during)
SELECT DISTINCT ON (e.patient) e.patient, c.organisation, e.centre, tstzrange(%(since)s, NULL)
  FROM unnest(%(patients)s::uuid[], %(centres)s::uuid[]) AS e(patient, centre)
  JOIN centre c ON c.id = e.centre
 WHERE NOT EXISTS (SELECT FROM responsibility r WHERE r.patient = e.patient)

-- name: enrol_gateways
-- Gateways with the hash of their secret.
INSERT INTO gateway (id, centre, secret_hash, simulated, registered_at)
SELECT DISTINCT ON (e.gateway) e.gateway, e.centre, e.secret_hash, e.simulated, %(now)s::timestamptz
  FROM unnest(%(gateways)s::text[], %(centres)s::uuid[], %(secret_hashes)s::bytea[], %(simulated)s::boolean[])
       AS e(gateway, centre, secret_hash, simulated)
 WHERE e.gateway IS NOT NULL
    ON CONFLICT (id) DO NOTHING

-- name: enrol_assignments
-- Which gateway serves which patient, from `since` on.
INSERT INTO assignment (id, patient, gateway, during)
SELECT gen_random_uuid(), e.patient, e.gateway, tstzrange(%(since)s, NULL)
  FROM (SELECT DISTINCT * FROM unnest(%(patients)s::uuid[], %(gateways)s::text[]) AS u(patient, gateway)) AS e
 WHERE e.gateway IS NOT NULL

-- name: enrol_plans
-- The first plan version of patients that have none, active at once, from documents that were validated before.
INSERT INTO plan_version (id, patient, number, state, document, active_from, created_at)
SELECT gen_random_uuid(), e.patient, 1, 'active', d.document, %(plan_from)s, %(now)s
  FROM (SELECT DISTINCT ON (patient) * FROM unnest(%(patients)s::uuid[], %(plans)s::text[]) AS u(patient, plan) WHERE plan IS NOT NULL) AS e
  JOIN unnest(%(documents)s::text[], %(texts)s::json[]) AS d(name, document) ON d.name = e.plan
 WHERE NOT EXISTS (SELECT FROM plan_version v WHERE v.patient = e.patient)

-- name: enrol_states
-- Where each patient stands: nothing judged yet. Without a plan somebody is asked for one at the next look.
INSERT INTO patient_state (patient, plan_version, judge_again_at)
SELECT p.patient, v.id, CASE WHEN v.id IS NULL THEN %(now)s ELSE %(judge_at)s::timestamptz END
  FROM (SELECT DISTINCT unnest(%(patients)s::uuid[]) AS patient) AS p
  LEFT JOIN plan_version v ON v.patient = p.patient AND v.state = 'active'
    ON CONFLICT (patient) DO NOTHING

-- name: judge_by_first_plan
-- The first plan is what the patient is judged by, from the beginning, at once.
UPDATE patient_state s SET plan_version = v.id, state = NULL, judge_again_at = %(now)s, version = s.version + 1
  FROM plan_version v WHERE s.patient = %(patient)s AND v.patient = s.patient AND v.state = 'active'

-- name: known_gateways
-- Gateways that are there already, with the patients that they have served, by name.
SELECT g.id, g.secret_hash, g.revoked_at, coalesce(jsonb_object_agg(p.name, p.id) FILTER (WHERE p.id IS NOT NULL), '{}') AS patients
  FROM gateway g LEFT JOIN assignment a ON a.gateway = g.id LEFT JOIN patient p ON p.id = a.patient
 WHERE g.id = ANY(%(gateways)s)
 GROUP BY g.id

-- name: known_patients
-- Patients that are there already, with the centre that is responsible now.
SELECT p.id, r.centre FROM patient p LEFT JOIN responsibility r ON r.patient = p.id AND r.during @> %(now)s::timestamptz
 WHERE p.id = ANY(%(patients)s)

-- name: centres
-- All follow-up centres.
SELECT c.id, c.name, c.timezone, c.language, c.always_open, c.opening_hours, o.name AS municipality
  FROM centre c JOIN organisation o ON o.id = c.organisation ORDER BY c.name

-- name: place
-- A centre or an organisation by name or id; a centre brings its organisation along.
SELECT id AS centre, organisation FROM centre WHERE %(text)s IN (name, id::text)
 UNION ALL
SELECT NULL, id FROM organisation WHERE %(text)s IN (name, id::text)
 LIMIT 1

-- name: municipality
-- A municipality by name or id.
SELECT id FROM organisation WHERE kind = 'municipality' AND %(text)s IN (name, id::text)

-- name: end_sessions
-- A person's browser sessions end.
UPDATE session SET ended_at = %(now)s WHERE person = %(person)s AND ended_at IS NULL

-- name: end_tokens
-- A person's service tokens end.
UPDATE api_token SET ended_at = %(now)s WHERE person = %(person)s AND ended_at IS NULL

-- name: end_memberships
-- A person's memberships end.
UPDATE membership SET during = during * tstzrange(NULL, %(now)s)
 WHERE person = %(person)s AND during @> %(now)s::timestamptz AND lower(during) < %(now)s

-- name: end_memberships_of_role
-- A person's memberships of one role end.
UPDATE membership SET during = during * tstzrange(NULL, %(now)s)
 WHERE person = %(person)s AND role = %(role)s AND during @> %(now)s::timestamptz AND lower(during) < %(now)s

-- name: end_care_relations
-- A person's relations to patients end.
UPDATE care_relation SET during = during * tstzrange(NULL, %(now)s)
 WHERE person = %(person)s AND during @> %(now)s::timestamptz AND lower(during) < %(now)s

-- name: end_care_relation
-- One relation of a person to a patient ends.
UPDATE care_relation SET during = during * tstzrange(NULL, %(now)s)
 WHERE person = %(person)s AND patient = %(patient)s AND during @> %(now)s::timestamptz AND lower(during) < %(now)s

-- name: add_token
-- A service token, of which only the hash is kept.
INSERT INTO api_token (token_hash, person, created_at, expires_at) VALUES (%(hash)s, %(person)s, %(now)s, %(expires_at)s)

-- name: revoke_gateway
-- A gateway that is lost or returned: its credential is void and its assignments end.
UPDATE gateway SET revoked_at = %(now)s WHERE id = %(gateway)s AND revoked_at IS NULL

-- name: end_gateway_assignments
-- A gateway serves nobody any more.
UPDATE assignment SET during = during * tstzrange(NULL, %(now)s)
 WHERE gateway = %(gateway)s AND during @> %(now)s::timestamptz AND lower(during) < %(now)s

-- name: patients_of_file
-- Patients that an import names, with the responsible centre and how far each has been judged.
SELECT p.id, r.centre, s.judged_at
  FROM patient p JOIN patient_state s ON s.patient = p.id
  LEFT JOIN responsibility r ON r.patient = p.id AND r.during @> %(now)s::timestamptz
 WHERE p.id = ANY(%(patients)s)

-- name: import_gateways
-- The gateway by which each centre's imports come in; nobody knows its secret.
INSERT INTO gateway (id, centre, secret_hash, registered_at)
SELECT 'import-' || c.id, c.id, u.secret_hash, %(now)s
  FROM unnest(%(centres)s::uuid[], %(secret_hashes)s::bytea[]) AS u(centre, secret_hash) JOIN centre c ON c.id = u.centre
    ON CONFLICT (id) DO NOTHING

-- name: judge_now
-- After an import: what time alone has brought since is judged at once.
UPDATE patient_state SET judge_again_at = %(now)s WHERE patient = ANY(%(patients)s) AND plan_version IS NOT NULL

-- name: trace_inbox
-- What was stored under a sender's id, for every patient that has it.
SELECT b.*, p.kind AS patient_kind FROM inbox b JOIN patient p ON p.id = b.patient WHERE b.uplink = %(id)s ORDER BY b.received_at

-- name: trace_quarantine
-- Quarantined elements with this id, as their own or somewhere in their bytes.
SELECT * FROM quarantine WHERE id = %(id)s OR strpos(lower(encode(payload, 'escape')), %(text)s) > 0 ORDER BY received_at LIMIT 100

-- name: trace_observations
-- The values of one reading.
SELECT * FROM observation WHERE patient = %(patient)s AND uplink = %(id)s AND measured_at = %(measured_at)s ORDER BY position

-- name: trace_invalidation
-- Whether and why the reading should not count.
SELECT * FROM invalidation WHERE patient = %(patient)s AND uplink = %(id)s

-- name: trace_alerts
-- Alerts in whose journal this reading is quoted; the patient's own journal is searched, nothing else.
SELECT DISTINCT e.alert FROM alert a JOIN alert_event e ON e.alert = a.id
 WHERE a.patient = %(patient)s AND strpos((e.change -> 'because')::text, %(text)s) > 0

-- name: trace_journal
-- The whole journal of these alerts.
SELECT e.alert, e.version, e.type, e.at, p.user_name AS by, e.actor_kind, e.reason, e.change
  FROM alert_event e LEFT JOIN person p ON p.id = e.actor WHERE e.alert = ANY(%(alerts)s) ORDER BY e.at, e.alert, e.version

-- name: trace_frames
-- Frames that told of these alerts, and zone changes in the moment of the reading's arrival. Kept 30 days.
SELECT seq, type, at, centre, alert FROM feed_event
 WHERE alert = ANY(%(alerts)s) OR (patient = %(patient)s AND type = 'patient.zone' AND at = ANY(%(moments)s)) ORDER BY seq

-- name: trace_looks
-- Who has looked at the patient since the reading came.
SELECT l.at, p.user_name AS by, l.role, l.relation, l.purpose, l.what, l.request
  FROM access_log l LEFT JOIN person p ON p.id = l.person WHERE l.patient = %(patient)s AND l.at >= %(received_at)s ORDER BY l.at LIMIT 500

-- name: log_operator_look
-- An operator's look at a patient's data, written with the read.
INSERT INTO access_log (at, person, role, relation, purpose, patient, what)
VALUES (%(now)s, NULL, 'system_admin', 'operator', 'trace', %(patient)s, %(what)s)

-- name: work_waiting
-- What `watch` has not done yet, and since when. Simulated patients live at their simulator's time and are left out.
SELECT (SELECT count(*) FROM patient_state s JOIN patient p ON p.id = s.patient AND p.kind <> 'simulated' WHERE s.judge_again_at <= %(now)s) AS deadlines,
       (SELECT min(s.judge_again_at) FROM patient_state s JOIN patient p ON p.id = s.patient AND p.kind <> 'simulated'
         WHERE s.judge_again_at <= %(now)s) AS oldest_deadline,
       (SELECT count(*) FROM outbox WHERE sent_at IS NULL) AS outbox,
       (SELECT min(created_at) FROM outbox WHERE sent_at IS NULL) AS oldest_outbox

-- name: last_heard
-- When any gateway was last heard, and how many there are.
SELECT (SELECT max(heard_at) FROM gateway_status) AS at, (SELECT count(*) FROM gateway WHERE revoked_at IS NULL) AS registered

-- name: quarantine_waiting
-- How many messages wait for a replay.
SELECT count(*) AS count FROM quarantine WHERE replayed_at IS NULL

-- name: installation
-- What this database is.
SELECT ground, is_test, simulation FROM installation

-- name: timescaledb
-- The extension's version (null where it is gone) and licence.
SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS version, current_setting('timescaledb.license', true) AS licence

-- name: server_clock
-- When the server says that this very statement began.
SELECT query_start AS at FROM pg_stat_activity WHERE pid = pg_backend_pid()

-- name: demo_gateways
-- The demo's gateways with their patients, live ones first.
SELECT g.id, g.centre, g.simulated, a.patient
  FROM gateway g JOIN assignment a ON a.gateway = g.id
 WHERE g.id = ANY(%(gateways)s) ORDER BY g.simulated, g.id

-- name: simulation_reached
-- How far a former run of the demo's simulator came, and when its tablets were registered.
SELECT max(s.heard_at) AS heard_at, min(g.registered_at) AS registered_at
  FROM gateway g LEFT JOIN gateway_status s ON s.gateway = g.id WHERE g.simulated
