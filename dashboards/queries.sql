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

-- name: take_role
-- Go on in another part of the service, until the transaction ends.
SELECT set_config('role', %(role)s, true)

-- name: feed_history
-- Which history of the database the feed's numbers belong to.
SELECT feed_history() AS history

-- name: scopes
-- The audience keys of active people, each with the role that gives it: their centres, and the patients they are related to.
SELECT p.id AS person, m.role, 'centre:' || m.centre AS key
  FROM person p JOIN membership m ON m.person = p.id AND m.during @> %(now)s::timestamptz
 WHERE p.id = ANY(%(people)s) AND p.active AND m.centre IS NOT NULL AND m.role = ANY(%(centre_roles)s)
 UNION ALL
SELECT p.id, c.role, 'patient:' || c.patient
  FROM person p JOIN care_relation c ON c.person = p.id AND c.during @> %(now)s::timestamptz
 WHERE p.id = ANY(%(people)s) AND p.active AND c.role = ANY(%(roles)s)
 ORDER BY person, key, role DESC

-- name: session_in_use
-- Sessions with an open feed are in use; written once a minute at most, and never for one that has lain idle too long.
UPDATE session SET seen_at = %(now)s
 WHERE token_hash = ANY(%(hashes)s) AND seen_at <= %(stale)s AND seen_at > %(idle_since)s AND ended_at IS NULL AND expires_at > %(now)s

-- name: living_credentials
-- Which of these sessions and tokens still stand.
SELECT s.token_hash FROM session s JOIN person p ON p.id = s.person AND p.active
 WHERE s.token_hash = ANY(%(hashes)s) AND s.ended_at IS NULL AND s.expires_at > %(now)s AND s.seen_at > %(idle_since)s
 UNION ALL
SELECT t.token_hash FROM api_token t JOIN person p ON p.id = t.person AND p.active
 WHERE t.token_hash = ANY(%(hashes)s) AND t.ended_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > %(now)s)

-- name: open_alerts_in_sight
-- The feed's head and all open alerts of patients in sight, in one statement and so at one instant; one row of nulls if there are none.
SELECT h.seq AS head, o.*
  FROM feed_head h LEFT JOIN LATERAL (
       SELECT a.* FROM alert a
        WHERE a.closed_at IS NULL
          AND a.patient IN (SELECT v.patient FROM visible_patients(%(person)s, %(now)s) v WHERE v.role = ANY(%(roles)s))) o ON true
 ORDER BY o.raised_at, o.id

-- name: events_in_scope
-- The feed's head, its oldest kept number, and what is visible to these keys after a position; one row of nulls if there is nothing.
SELECT h.seq AS head, (SELECT min(seq) FROM feed_event) AS oldest, e.seq, e.patient, e.body::text AS body,
       ARRAY(SELECT a.audience FROM feed_audience a WHERE a.seq = e.seq) AS audience
  FROM feed_head h LEFT JOIN LATERAL (
       SELECT f.seq, f.patient, f.body FROM feed_event f
        WHERE f.seq IN (SELECT a.seq FROM feed_audience a WHERE a.audience = ANY(%(keys)s::text[]) AND a.seq > %(after)s::bigint)
        ORDER BY f.seq LIMIT %(limit)s) e ON true
 ORDER BY e.seq

-- name: last_in_scope
-- The last number up to a position that is visible to these keys: one step into the index for each.
SELECT coalesce(max(last.seq), 0) AS seq
  FROM unnest(%(keys)s::text[]) AS k (key),
       LATERAL (SELECT a.seq FROM feed_audience a WHERE a.audience = k.key AND a.seq <= %(up_to)s::bigint ORDER BY a.seq DESC LIMIT 1) last

-- name: new_events
-- What the live feed's reader has not seen yet, in commit order, with who may see it.
SELECT e.seq, e.patient, ARRAY(SELECT a.audience FROM feed_audience a WHERE a.seq = e.seq) AS audience, e.body::text AS body
  FROM feed_event e WHERE e.seq > %(after)s::bigint ORDER BY e.seq LIMIT %(limit)s

-- name: feed_head
-- The last number of the feed.
SELECT seq FROM feed_head

-- name: log_frames
-- One line of the access log for each patient, connection and hour of the live feed.
INSERT INTO access_log (at, person, role, relation, purpose, patient, what, request)
SELECT %(at)s, l.person, l.role, l.relation, l.purpose, l.patient, 'feed.event', l.request
  FROM unnest(%(people)s::uuid[], %(patients)s::uuid[], %(roles)s::text[], %(relations)s::text[], %(purposes)s::text[], %(requests)s::text[])
       AS l (person, patient, role, relation, purpose, request)

-- name: listen
-- Be told when there may be something new on the feed.
LISTEN dho_feed

-- name: alerts_in_sight
-- One page of the alerts of patients in sight, newest first; without states all that are not closed.
SELECT a.* FROM alert a
 WHERE a.patient IN (SELECT v.patient FROM visible_patients(%(person)s, %(now)s) v WHERE v.role = ANY(%(roles)s))
   AND CASE WHEN %(states)s::text[] IS NULL THEN a.closed_at IS NULL ELSE a.state = ANY(%(states)s::text[]) END
   AND (%(zone)s::text IS NULL OR a.zone = %(zone)s)
   AND (%(patient)s::uuid IS NULL OR a.patient = %(patient)s)
   AND (%(after_at)s::timestamptz IS NULL OR (a.raised_at, a.id) < (%(after_at)s, %(after_id)s::uuid))
 ORDER BY a.raised_at DESC, a.id DESC LIMIT %(limit)s

-- name: patients_in_sight
-- One page of the patients in sight. Simulated ones are shown in a simulation alone, canaries never.
SELECT p.id, p.name, p.born, s.zone, s.zone_since, s.last_heard_at, l.number AS plan_number, l.review_due,
       l.id IS NOT NULL AND (l.review_due IS NULL OR l.review_due >= (%(now)s AT TIME ZONE c.timezone)::date) AS valid_plan,
       (SELECT count(*) FROM alert a WHERE a.patient = p.id AND a.closed_at IS NULL AND a.zone = 'red') AS reds,
       (SELECT count(*) FROM alert a WHERE a.patient = p.id AND a.closed_at IS NULL AND a.zone = 'yellow') AS yellows
  FROM listed_patient p
  LEFT JOIN responsibility r ON r.patient = p.id AND r.during @> %(now)s::timestamptz
  LEFT JOIN centre c ON c.id = r.centre
  LEFT JOIN patient_state s ON s.patient = p.id
  LEFT JOIN plan_version l ON l.patient = p.id AND l.state = 'active'
 WHERE p.id IN (SELECT v.patient FROM visible_patients(%(person)s, %(now)s) v WHERE v.role = ANY(%(roles)s))
   AND p.ended_at IS NULL
   AND (%(centre)s::uuid IS NULL OR r.centre = %(centre)s)
   AND (%(after)s::uuid IS NULL OR p.id > %(after)s)
 ORDER BY p.id LIMIT %(limit)s

-- name: patient
-- One patient: where they stand, the plan in force, the responsible centre.
SELECT p.id, p.kind, p.name, p.born, p.language, p.phone, s.zone, s.zone_since, s.last_heard_at,
       l.id AS plan, l.number AS plan_number, l.review_due, l.active_from, l.document::text AS document,
       l.id IS NOT NULL AND (l.review_due IS NULL OR l.review_due >= (%(now)s AT TIME ZONE c.timezone)::date) AS valid_plan,
       c.id AS centre, c.name AS centre_name, c.phone AS centre_phone,
       (SELECT count(*) FROM alert a WHERE a.patient = p.id AND a.closed_at IS NULL AND a.zone = 'red') AS reds,
       (SELECT count(*) FROM alert a WHERE a.patient = p.id AND a.closed_at IS NULL AND a.zone = 'yellow') AS yellows
  FROM patient p
  LEFT JOIN responsibility r ON r.patient = p.id AND r.during @> %(now)s::timestamptz
  LEFT JOIN centre c ON c.id = r.centre
  LEFT JOIN patient_state s ON s.patient = p.id
  LEFT JOIN plan_version l ON l.patient = p.id AND l.state = 'active'
 WHERE p.id = %(patient)s

-- name: care_team
-- Who has a part in the patient's care now.
SELECT c.person, n.name, c.role FROM care_relation c JOIN person n ON n.id = c.person
 WHERE c.patient = %(patient)s AND c.during @> %(now)s::timestamptz AND n.active ORDER BY c.role, n.name

-- name: looks_at_patient
-- One page of the looks at a patient's data, newest first.
SELECT l.id, l.at, n.name AS who, l.role, l.relation, l.purpose, l.what
  FROM access_log l LEFT JOIN person n ON n.id = l.person
 WHERE l.patient = %(patient)s
   AND (%(after_at)s::timestamptz IS NULL OR (l.at, l.id) < (%(after_at)s, %(after_id)s::bigint))
 ORDER BY l.at DESC, l.id DESC LIMIT %(limit)s

-- name: values_of_patient
-- One page of a patient's values, newest first, through the one function that people's reads go through.
SELECT o.* FROM readable_observations(%(patient)s, %(since)s, %(until)s) o
 WHERE (%(code)s::text IS NULL OR o.code = %(code)s OR o.measurement = %(code)s)
   AND (%(at)s::timestamptz IS NULL OR (o.measured_at, o.uplink, o.position) < (%(at)s, %(uplink)s::uuid, %(position)s::smallint))
 ORDER BY o.measured_at DESC, o.uplink DESC, o.position DESC LIMIT %(limit)s

-- name: forms_of_patient
-- One page of a patient's filled-in questionnaires, newest first, through the one function that people's reads of them go through.
SELECT f.* FROM readable_forms(%(patient)s, %(since)s, %(until)s) f
 WHERE (%(questionnaire)s::text IS NULL OR f.questionnaire = %(questionnaire)s)
   AND (%(at)s::timestamptz IS NULL OR (f.measured_at, f.uplink) < (%(at)s, %(uplink)s::uuid))
 ORDER BY f.measured_at DESC, f.uplink DESC LIMIT %(limit)s

-- name: gateway_secret
-- What is kept of a gateway's secret.
SELECT secret_hash, revoked_at FROM gateway WHERE id = %(gateway)s

-- name: ingest_counters
-- Conservation, added up over all writers.
SELECT name, reason, sum(value)::bigint AS value FROM ingest_counter GROUP BY name, reason ORDER BY name, reason

-- name: open_alert_counts
-- Open alerts by zone and state.
SELECT zone, state, count(*) AS count FROM alert WHERE closed_at IS NULL GROUP BY zone, state ORDER BY zone, state

-- name: figures
-- How far the feed is, and what waits.
SELECT (SELECT seq FROM feed_head) AS head,
       (SELECT count(*) FROM outbox WHERE sent_at IS NULL) AS outbox,
       (SELECT coalesce(extract(epoch FROM greatest(%(now)s - min(try_at), interval '0')), 0)::float8 FROM outbox WHERE sent_at IS NULL) AS outbox_age,
       (SELECT count(*) FROM patient_state WHERE judge_again_at <= %(now)s) AS overdue,
       (SELECT coalesce(extract(epoch FROM %(now)s - min(judge_again_at)), 0)::float8 FROM patient_state WHERE judge_again_at <= %(now)s) AS overdue_age,
       (SELECT count(*) FROM gateway g LEFT JOIN gateway_status s ON s.gateway = g.id
         WHERE g.revoked_at IS NULL AND (s.heard_at IS NULL OR s.heard_at < %(now)s - interval '1 day')) AS silent
