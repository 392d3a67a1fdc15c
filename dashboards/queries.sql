-- Statements of the package dashboards. Each is used; a test says so.

-- name: viewer_by_session
-- Whose session this is, if it has not ended, expired or lain idle; with the roles that the person holds now.
SELECT s.person, p.user_name, p.name, p.language, s.seen_at, s.expires_at, posts_of(s.person, %(now)s) AS posts
  FROM session s JOIN person p ON p.id = s.person AND p.active
 WHERE s.token_hash = %(hash)s AND s.ended_at IS NULL AND s.expires_at > %(now)s AND s.seen_at > %(idle_since)s

-- name: viewer_by_token
-- Whose service token this is, if it has not ended or expired; with the roles that the person holds now.
SELECT t.person, p.user_name, p.name, p.language, t.created_at AS seen_at, t.expires_at, posts_of(t.person, %(now)s) AS posts
  FROM api_token t JOIN person p ON p.id = t.person AND p.active
 WHERE t.token_hash = %(hash)s AND t.ended_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > %(now)s)

-- name: session_seen
-- These sessions are in use.
UPDATE session SET seen_at = %(now)s WHERE token_hash = ANY(%(hashes)s) AND seen_at < %(now)s

-- name: person_by_user_name
-- Somebody who may log in.
SELECT id, password_hash FROM person WHERE user_name = %(user)s AND active

-- name: set_password_hash
-- The same password, kept with today's parameters.
UPDATE person SET password_hash = %(hash)s WHERE id = %(person)s

-- name: recent_login_failures
-- How often somebody failed lately, and when first.
SELECT count(*) AS count, min(at) AS oldest FROM login_failure WHERE user_name = %(user)s AND at > %(since)s

-- name: add_login_failure
-- A failure until the password proves otherwise.
INSERT INTO login_failure (user_name, at) VALUES (%(user)s, %(now)s)

-- name: forget_login_failures
-- The right password makes the failures before it good.
DELETE FROM login_failure WHERE user_name = %(user)s

-- name: add_session
-- A log-in.
INSERT INTO session (token_hash, person, created_at, seen_at, expires_at) VALUES (%(hash)s, %(person)s, %(now)s, %(now)s, %(expires_at)s)

-- name: end_session
-- A log-out, at once.
UPDATE session SET ended_at = %(now)s WHERE token_hash = %(hash)s AND ended_at IS NULL

-- name: end_token
-- A service token given back.
UPDATE api_token SET ended_at = %(now)s WHERE token_hash = %(hash)s AND ended_at IS NULL

-- name: relations_to_patient
-- In which parts the person may see the patient; no row: not at all.
SELECT v.patient, v.role, v.relation FROM visible_patients(%(person)s, %(now)s) v
 WHERE v.patient = %(patient)s AND v.role = ANY(%(roles)s)

-- name: relations_to_patients
-- The same for many patients.
SELECT v.patient, v.role, v.relation FROM visible_patients(%(person)s, %(now)s) v
 WHERE v.patient = ANY(%(patients)s) AND v.role = ANY(%(roles)s)

-- name: relations_to_alert
-- The same through an alert.
SELECT v.patient, v.role, v.relation FROM alert a JOIN visible_patients(%(person)s, %(now)s) v ON v.patient = a.patient
 WHERE a.id = %(alert)s AND v.role = ANY(%(roles)s)

-- name: relations_to_plan
-- The same through a plan version.
SELECT v.patient, v.role, v.relation FROM plan_version l JOIN visible_patients(%(person)s, %(now)s) v ON v.patient = l.patient
 WHERE l.id = %(plan)s AND v.role = ANY(%(roles)s)

-- name: relations_to_uplink
-- The same through a measurement's id; one row for each patient in sight who has one.
SELECT v.patient, v.role, v.relation FROM visible_patients(%(person)s, %(now)s) v
  JOIN inbox b ON b.patient = v.patient AND b.uplink = %(uplink)s
 WHERE v.role = ANY(%(roles)s)

-- name: sees_anybody
-- Whether the person has a part in anybody's care.
SELECT FROM visible_patients(%(person)s, %(now)s) v WHERE v.role = ANY(%(roles)s) LIMIT 1

-- name: log_looks
-- One line of the access log for each patient looked at.
INSERT INTO access_log (at, person, role, relation, purpose, patient, what, request)
SELECT %(at)s, %(person)s, l.role, l.relation, l.purpose, l.patient, %(what)s, %(request)s
  FROM unnest(%(patients)s::uuid[], %(roles)s::text[], %(relations)s::text[], %(purposes)s::text[]) AS l (patient, role, relation, purpose)

-- name: answer_kept
-- The answer that this caller got under this key, if it has not been forgotten.
SELECT request_digest, status, answer FROM idempotency WHERE caller = %(caller)s AND key = %(key)s AND at > %(since)s

-- name: lock_key
-- Two requests under one key wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended(%(lock)s, 0))

-- name: keep_answer
-- Keep an answer for a day; a forgotten one under the same key makes room.
INSERT INTO idempotency (caller, key, request_digest, at, status, answer)
VALUES (%(caller)s, %(key)s, %(digest)s, %(now)s, %(status)s, %(answer)s)
    ON CONFLICT (caller, key) DO UPDATE
   SET (request_digest, at, status, answer) = (excluded.request_digest, excluded.at, excluded.status, excluded.answer)
