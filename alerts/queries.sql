-- Statements of the package alerts. Each is used; a test says so.

-- name: lock_patients
-- Whoever judges locks the patients first, in id order, and only then reads. The responsible centre comes along.
SELECT s.patient, s.plan_version, s.zone, s.zone_since, s.newest_measured_at, s.judged_at, s.judge_again_at, s.state, s.version, p.ended_at,
       p.kind, p.language, s.pauses_revision
  FROM patient_state s JOIN patient p ON p.id = s.patient
 WHERE s.patient = ANY(%(patients)s)
 ORDER BY s.patient
   FOR UPDATE OF s

-- name: responsible_centres
-- The centre that is responsible for each patient now, with its hours; the latest one if there is a gap, because an alert must have somebody.
SELECT DISTINCT ON (r.patient) r.patient, r.centre, r.organisation, c.language, c.timezone, c.always_open, c.opening_hours::text
  FROM responsibility r JOIN centre c ON c.id = r.centre
 WHERE r.patient = ANY(%(patients)s)
 ORDER BY r.patient, (r.during @> %(now)s::timestamptz) DESC, lower(r.during) DESC

-- name: plans
-- Plan versions by id, with the text as it was given, the time zone of the centre that follows the patient up, and the patient's pauses.
SELECT v.id, v.patient, v.number, v.state, v.document::text AS document, v.active_from, v.active_until,
       (SELECT c.timezone FROM responsibility r JOIN centre c ON c.id = r.centre WHERE r.patient = v.patient
         ORDER BY (r.during @> coalesce(v.active_from, %(now)s::timestamptz)) DESC, lower(r.during) DESC LIMIT 1) AS timezone,
       ARRAY(SELECT q.start_at FROM pause q WHERE q.patient = v.patient AND q.cancelled_at IS NULL ORDER BY q.start_at, q.id) AS pause_starts,
       ARRAY(SELECT q.end_at FROM pause q WHERE q.patient = v.patient AND q.cancelled_at IS NULL ORDER BY q.start_at, q.id) AS pause_ends,
       coalesce((SELECT s.pauses_revision FROM patient_state s WHERE s.patient = v.patient), 0) AS pauses_revision
  FROM plan_version v WHERE v.id = ANY(%(ids)s)

-- name: plans_in_force
-- For each patient the versions that have ever been in force, oldest first.
SELECT id, patient, number, active_from, active_until
  FROM plan_version WHERE patient = ANY(%(patients)s) AND active_from IS NOT NULL ORDER BY patient, active_from

-- name: checkpoints_before
-- For each (patient, instant) the newest checkpoint of the plan version that lies before it.
SELECT DISTINCT ON (w.patient) w.patient, c.newest_measured_at, c.state
  FROM unnest(%(patients)s::uuid[], %(versions)s::uuid[], %(instants)s::timestamptz[]) AS w (patient, plan_version, instant)
  JOIN state_checkpoint c ON c.patient = w.patient AND c.plan_version = w.plan_version AND c.newest_measured_at < w.instant
 ORDER BY w.patient, c.newest_measured_at DESC

-- name: drop_checkpoints_from
-- Checkpoints at or after a late reading no longer tell the truth.
DELETE FROM state_checkpoint c
 USING unnest(%(patients)s::uuid[], %(instants)s::timestamptz[]) AS w (patient, instant)
 WHERE c.patient = w.patient AND c.newest_measured_at >= w.instant

-- name: keep_checkpoints
-- The state at the end of a patient's day.
INSERT INTO state_checkpoint (patient, plan_version, newest_measured_at, state)
SELECT * FROM unnest(%(patients)s::uuid[], %(versions)s::uuid[], %(instants)s::timestamptz[], %(states)s::bytea[])
    ON CONFLICT DO NOTHING

-- name: forget_old_checkpoints
-- Later than the late horizon a replay may start from an older checkpoint; keep the newest five weeks and one a patient before.
DELETE FROM state_checkpoint c
 WHERE c.newest_measured_at < %(before)s
   AND EXISTS (SELECT FROM state_checkpoint n WHERE n.patient = c.patient AND n.plan_version = c.plan_version
                  AND n.newest_measured_at > c.newest_measured_at AND n.newest_measured_at < %(before)s)

-- name: facts_after
-- For each (patient, instant) all valid observations measured after it.
SELECT o.patient, o.uplink, o.position, o.measurement, o.code, o.value, o.letter, o.unit, o.measured_at, o.received_at, o.source,
       o.oxygen_l_min, o.late, o.clock_suspect
  FROM unnest(%(patients)s::uuid[], %(instants)s::timestamptz[]) AS w (patient, instant)
  JOIN observation o ON o.patient = w.patient AND o.measured_at > w.instant
 WHERE NOT EXISTS (SELECT FROM invalidation i WHERE i.patient = o.patient AND i.uplink = o.uplink)
 ORDER BY o.patient, o.measured_at, o.uplink, o.position

-- name: staff_facts_after
-- What people decided after it, that a replay must see.
SELECT f.patient, f.kind, f.target, f.at
  FROM unnest(%(patients)s::uuid[], %(instants)s::timestamptz[]) AS w (patient, instant)
  JOIN staff_fact f ON f.patient = w.patient AND f.at > w.instant
 ORDER BY f.patient, f.at

-- name: add_staff_fact
-- A person's decision, as a fact.
INSERT INTO staff_fact (id, patient, kind, target, at, by_person, reason) VALUES (%(id)s, %(patient)s, %(kind)s, %(target)s, %(at)s, %(by)s, %(reason)s)

-- name: save_states
-- Where each patient stands after the batch.
UPDATE patient_state s
   SET zone = n.zone, zone_since = n.zone_since, newest_measured_at = n.newest, last_heard_at = greatest(s.last_heard_at, n.heard),
       judged_at = n.judged, judge_again_at = n.again, state = n.state, plan_version = n.plan, version = s.version + 1
  FROM unnest(%(patients)s::uuid[], %(zones)s::text[], %(since)s::timestamptz[], %(newest)s::timestamptz[], %(heard)s::timestamptz[],
              %(again)s::timestamptz[], %(states)s::bytea[], %(plans)s::uuid[], %(judged)s::timestamptz[])
       AS n (patient, zone, zone_since, newest, heard, again, state, plan, judged)
 WHERE s.patient = n.patient

-- name: open_alerts
-- The open alerts of these patients.
SELECT * FROM alert WHERE patient = ANY(%(patients)s) AND closed_at IS NULL

-- name: latest_closed_alerts
-- The latest closed alert of each family of these patients: what a new one points back to.
SELECT DISTINCT ON (patient, family) * FROM alert
 WHERE patient = ANY(%(patients)s) AND closed_at IS NOT NULL
 ORDER BY patient, family, closed_at DESC

-- name: alert
-- One alert.
SELECT * FROM alert WHERE id = %(id)s

-- name: fold_alerts
-- The alert rows as their events leave them.
INSERT INTO alert SELECT * FROM jsonb_populate_recordset(NULL::alert, %(alerts)s)
    ON CONFLICT (id) DO UPDATE SET (version, zone, standing, state, level, updated_at, late, supported, basis_withdrawn, owner, due_at, escalate_at,
           confirm_until, ack_expires_at, snoozed_until, outcome, text, because, basis, breaches, closed_at, raised_at)
         = (excluded.version, excluded.zone, excluded.standing, excluded.state, excluded.level, excluded.updated_at, excluded.late,
            excluded.supported, excluded.basis_withdrawn, excluded.owner, excluded.due_at, excluded.escalate_at, excluded.confirm_until,
            excluded.ack_expires_at, excluded.snoozed_until, excluded.outcome, excluded.text, excluded.because, excluded.basis,
            excluded.breaches, excluded.closed_at, excluded.raised_at)

-- name: journal
-- Append the events; (alert, version) makes a second writer of the same version fail.
INSERT INTO alert_event (alert, version, type, at, actor, actor_kind, reason, change)
SELECT e.alert, e.version, e.type, e.at, e.actor, e.actor_kind, e.reason, e.change
  FROM jsonb_to_recordset(%(events)s)
       AS e (alert uuid, version integer, type text, at timestamptz, actor uuid, actor_kind text, reason text, change jsonb)

-- name: alert_journal
-- The whole journal of one alert.
SELECT version, type, at, actor, actor_kind, reason, change FROM alert_event WHERE alert = %(alert)s ORDER BY version

-- name: tell
-- The last statement of a transaction: numbers in commit order without gaps (the row lock on feed_head lasts until the commit), the
-- frames, and who may see them.
WITH head AS (UPDATE feed_head SET seq = seq + %(count)s RETURNING seq - %(count)s AS before),
     told AS (
        INSERT INTO feed_event (seq, type, at, patient, centre, organisation, alert, body)
        SELECT head.before + f.ordinal, f.type, f.at, f.patient, f.centre, f.organisation, f.alert, f.body
          FROM head, unnest(%(types)s::text[], %(ats)s::timestamptz[], %(patients)s::uuid[], %(centres)s::uuid[], %(organisations)s::uuid[],
                            %(alerts)s::uuid[], %(bodies)s::json[])
               WITH ORDINALITY AS f (type, at, patient, centre, organisation, alert, body, ordinal)
        RETURNING seq, patient, centre)
INSERT INTO feed_audience (audience, seq)
SELECT 'patient:' || patient, seq FROM told UNION ALL SELECT 'centre:' || centre, seq FROM told

-- name: hint
-- Listeners look now; those who miss it look within a second anyway.
SELECT pg_notify('dho_feed', '')

-- name: add_tasks
-- Work that is no alert; the same cause never makes two.
INSERT INTO task (id, patient, centre, kind, key, text, created_at, due_at)
SELECT t.id, t.patient, t.centre, t.kind, t.key, t.text, t.created_at, t.due_at
  FROM jsonb_to_recordset(%(tasks)s) AS t (id uuid, patient uuid, centre uuid, kind text, key text, text jsonb, created_at timestamptz, due_at timestamptz)
    ON CONFLICT (patient, kind, key) WHERE done_at IS NULL DO NOTHING

-- name: settle_tasks
-- What was missing has come: the task is done, by nobody in particular.
UPDATE task t SET done_at = %(now)s
  FROM unnest(%(patients)s::uuid[], %(kinds)s::text[], %(keys)s::text[]) AS s (patient, kind, key)
 WHERE t.patient = s.patient AND t.kind = s.kind AND t.key = s.key AND t.done_at IS NULL

-- name: claim_patients_past_due
-- Patients whom time alone changes now; another worker's are left to it. Simulated ones only as far as their simulator has come.
SELECT s.patient FROM patient_state s JOIN patient p ON p.id = s.patient
 WHERE s.judge_again_at <= %(now)s AND (p.kind <> 'simulated' OR s.judge_again_at <= %(simulated)s)
 ORDER BY s.patient LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED

-- name: claim_patients_with_alerts_past_due
-- Patients with an alert whose claim, snooze, answer or repeat (asked for by a version that is no longer in force) is past due.
SELECT s.patient FROM patient_state s
 WHERE s.patient IN (
        SELECT a.patient FROM alert a JOIN patient p ON p.id = a.patient JOIN patient_state t ON t.patient = a.patient
         WHERE a.closed_at IS NULL
           AND least(CASE WHEN a.state IN ('open', 'snoozed') THEN a.escalate_at END, a.ack_expires_at,
                     CASE WHEN a.state = 'pending_confirm' AND a.plan_version IS DISTINCT FROM t.plan_version THEN a.confirm_until END)
               <= CASE WHEN p.kind = 'simulated' THEN %(simulated)s ELSE %(now)s END::timestamptz)
 ORDER BY s.patient LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED

-- name: simulated_until
-- How far the simulator has come: the newest that any simulated gateway was heard.
SELECT max(g.heard_at) AS at FROM gateway_status g JOIN gateway w ON w.id = g.gateway WHERE w.simulated

-- name: withdraw_reading
-- A reading that should not count any more.
INSERT INTO invalidation (patient, uplink, at, by_person, reason) VALUES (%(patient)s, %(uplink)s, %(at)s, %(by)s, %(reason)s)
    ON CONFLICT DO NOTHING

-- name: add_message
-- A message to the patient.
INSERT INTO message (id, patient, at, by_person, text) VALUES (%(id)s, %(patient)s, %(at)s, %(by)s, %(text)s)

-- name: queue_downlinks
-- What must reach gateways; sent by watch, tried again until it arrived.
INSERT INTO outbox (id, channel, target, payload, retain, created_at, try_at)
SELECT gen_random_uuid(), 'mqtt', t.target, t.payload, %(retain)s, %(now)s, %(now)s
  FROM unnest(%(targets)s::text[], %(payloads)s::bytea[]) AS t (target, payload)

-- name: claim_outbox
-- What waits to be sent, oldest first; another worker's rows are left to it.
SELECT id, target, payload, retain, attempts FROM outbox WHERE sent_at IS NULL AND try_at <= %(now)s
 ORDER BY created_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED

-- name: settle_outbox
-- What became of each.
UPDATE outbox o SET sent_at = r.sent_at, try_at = r.try_at, failure = r.failure, attempts = o.attempts + 1
  FROM unnest(%(ids)s::uuid[], %(sent)s::timestamptz[], %(again)s::timestamptz[], %(failures)s::text[]) AS r (id, sent_at, try_at, failure)
 WHERE o.id = r.id

-- name: gateways_of_patients
-- The live gateways that serve these patients now.
SELECT DISTINCT a.gateway, a.patient FROM assignment a JOIN gateway g ON g.id = a.gateway
 WHERE a.patient = ANY(%(patients)s) AND a.during @> %(now)s::timestamptz AND g.revoked_at IS NULL

-- name: plans_on_gateways
-- For each gateway the patients it serves now and their active plans.
SELECT a.gateway, a.patient, v.id, v.number, v.active_from
  FROM assignment a LEFT JOIN plan_version v ON v.patient = a.patient AND v.state = 'active'
 WHERE a.gateway = ANY(%(gateways)s) AND a.during @> %(now)s::timestamptz
 ORDER BY a.gateway, a.patient

-- name: next_plan_number
-- Versions of a patient's plan are numbered without gaps; the caller holds the patient's lock.
SELECT coalesce(max(number), 0) + 1 AS number FROM plan_version WHERE patient = %(patient)s

-- name: add_plan
-- A new draft.
INSERT INTO plan_version (id, patient, number, state, document, review_due, created_at, created_by, restored_from)
VALUES (%(id)s, %(patient)s, %(number)s, 'draft', %(document)s::json, %(review_due)s, %(at)s, %(by)s, %(restored_from)s)

-- name: plan
-- One version of a plan. The digest is of the document's text: what somebody approved.
SELECT id, patient, number, state, document::text AS document, active_from, active_until, review_due, created_at, created_by, approvals, version,
       restored_from, encode(sha256(convert_to(document::text, 'UTF8')), 'hex') AS document_sha256
  FROM plan_version WHERE id = %(id)s

-- name: plans_of_patient
-- All versions of a patient's plan, newest first.
SELECT id, patient, number, state, document::text AS document, active_from, active_until, review_due, created_at, created_by, approvals, version,
       restored_from, encode(sha256(convert_to(document::text, 'UTF8')), 'hex') AS document_sha256
  FROM plan_version WHERE patient = %(patient)s ORDER BY number DESC

-- name: move_plan
-- A step in a plan version's life; its document never changes.
UPDATE plan_version SET state = %(state)s, active_from = coalesce(%(from)s, active_from), active_until = %(until)s,
       approvals = approvals || %(approvals)s::jsonb, version = version + 1
 WHERE id = %(id)s

-- name: end_active_plan
-- The version that another one takes over from, or that ends for good.
UPDATE plan_version SET state = %(state)s, active_until = %(now)s, version = version + 1 WHERE patient = %(patient)s AND state = 'active'

-- name: approvals_needed
-- The parties whose approval the patient's municipality asks for before a plan is activated.
SELECT o.approvals_needed FROM patient p JOIN organisation o ON o.id = p.municipality WHERE p.id = %(patient)s

-- name: pauses_of_patient
-- The patient's pauses that were not cancelled, newest first.
SELECT id, patient, start_at, end_at, kind, reason, created_at, created_by, ended_by, version
  FROM pause WHERE patient = %(patient)s AND cancelled_at IS NULL ORDER BY start_at DESC, id

-- name: pause
-- One pause.
SELECT id, patient, start_at, end_at, kind, reason, created_at, created_by, ended_by, version
  FROM pause WHERE id = %(id)s AND patient = %(patient)s AND cancelled_at IS NULL

-- name: add_pause
-- A time in which nothing is expected.
INSERT INTO pause (id, patient, start_at, end_at, kind, reason, created_at, created_by)
VALUES (%(id)s, %(patient)s, %(start)s, %(end)s, %(kind)s, %(reason)s, %(now)s, %(by)s)

-- name: end_pause
-- It ends now, or never happens if it has not begun.
UPDATE pause SET end_at = CASE WHEN start_at < %(now)s THEN %(now)s ELSE end_at END,
       cancelled_at = CASE WHEN start_at < %(now)s THEN NULL ELSE %(now)s::timestamptz END, ended_by = %(by)s, version = version + 1
 WHERE id = %(id)s

-- name: count_pause_change
-- Plans of this patient that are kept in memory anywhere are outdated.
UPDATE patient_state SET pauses_revision = pauses_revision + 1 WHERE patient = %(patient)s

-- name: forget_old_frames
-- Frames are kept 30 days; the journal stays.
DELETE FROM feed_event WHERE at < %(before)s

-- name: history
-- Everything a patient has measured, invalid or not, as it arrived.
SELECT patient, uplink, position, measurement, code, value, letter, unit, measured_at, received_at, source, oxygen_l_min, late, clock_suspect
  FROM observation WHERE patient = %(patient)s AND received_at <= %(until)s
 ORDER BY measured_at, uplink, position

-- name: withdrawals
-- When readings of a patient stopped counting.
SELECT uplink, at FROM invalidation WHERE patient = %(patient)s AND at <= %(until)s

-- name: add_clinical_event
-- Something that happened to the patient, as somebody recorded it.
INSERT INTO clinical_event (id, patient, kind, at, note, recorded_at, recorded_by)
VALUES (%(id)s, %(patient)s, %(kind)s, %(at)s, %(note)s, %(now)s, %(by)s)

-- name: clinical_events
-- What happened to the patient, newest first.
SELECT id, patient, kind, at, note, recorded_at, recorded_by FROM clinical_event WHERE patient = %(patient)s ORDER BY at DESC, id
