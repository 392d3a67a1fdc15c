-- Statements of the pages. Each is used; a test says so. Those on several patients are given only whom `access.look_many` let in;
-- those on one patient ask the database's own wall as well.

-- name: centres_of_viewer
-- Where the reader works: names for the head of the board, and the time zone in which times are written.
SELECT c.id, c.name, c.timezone, c.phone
  FROM membership m JOIN centre c ON c.id = m.centre
 WHERE m.person = %(person)s AND m.during @> %(now)s::timestamptz
 ORDER BY c.name

-- name: standings
-- Every patient whom the reader sees in one of these roles (of those in `only`, if it is given), with what decides where the row stands.
WITH seen AS MATERIALIZED (
        SELECT DISTINCT patient FROM visible_patients(%(person)s, %(now)s)
         WHERE role = ANY(%(roles)s) AND (%(only)s::uuid[] IS NULL OR patient = ANY(%(only)s::uuid[]))),
     firing AS MATERIALIZED (
        SELECT a.patient, count(*) AS alerts,
               min(a.raised_at) FILTER (WHERE a.zone = 'red' AND a.state <> 'pending_confirm') AS red_since,
               min(a.raised_at) FILTER (WHERE a.zone = 'yellow' OR a.state = 'pending_confirm') AS yellow_since,
               bool_and(a.owner IS NOT NULL) AS owned, bool_and(a.state = 'snoozed') AS asleep
          FROM alert a JOIN seen USING (patient) WHERE a.closed_at IS NULL GROUP BY a.patient),
     heard AS MATERIALIZED (
        SELECT m.patient, count(*) AS messages, min(m.at) AS message_at
          FROM message m JOIN seen USING (patient)
         WHERE m.seen_at IS NULL
           AND (m.by_person IS NULL
                OR EXISTS (SELECT FROM care_relation c WHERE c.patient = m.patient AND c.person = m.by_person AND c.role = 'patient'))
         GROUP BY m.patient),
     asked AS MATERIALIZED (
        SELECT t.patient, count(*) AS tasks, min(t.due_at) AS task_at
          FROM task t JOIN seen USING (patient)
         WHERE t.done_at IS NULL AND t.due_at <= %(now)s AND t.kind <> 'not_reported' GROUP BY t.patient)
SELECT p.id AS patient, p.name, p.born, r.centre, c.name AS centre_name, s.zone, s.zone_since, s.newest_measured_at, v.id AS plan, v.review_due,
       coalesce(v.review_due::timestamp AT TIME ZONE coalesce(c.timezone, 'UTC'),
                CASE WHEN v.id IS NULL THEN (SELECT max(e.active_until) FROM plan_version e WHERE e.patient = p.id) END,
                p.registered_at) AS planless_since,
       coalesce(f.alerts, 0) AS alerts, f.red_since, f.yellow_since, coalesce(f.owned, false) AS owned, coalesce(f.asleep, false) AS asleep,
       coalesce(h.messages, 0) AS messages, h.message_at, coalesce(k.tasks, 0) AS tasks, k.task_at
  FROM seen JOIN listed_patient p ON p.id = seen.patient
  LEFT JOIN responsibility r ON r.patient = p.id AND r.during @> %(now)s::timestamptz
  LEFT JOIN centre c ON c.id = r.centre
  LEFT JOIN patient_state s ON s.patient = p.id
  LEFT JOIN plan_version v ON v.patient = p.id AND v.state = 'active'
  LEFT JOIN firing f ON f.patient = p.id
  LEFT JOIN heard h ON h.patient = p.id
  LEFT JOIN asked k ON k.patient = p.id
 WHERE (p.ended_at IS NULL OR p.ended_at > %(now)s)

-- name: alerts_shown
-- The open alerts of these patients, with the owner's name.
SELECT a.id, a.version, a.patient, a.family, a.zone, a.standing, a.state, a.level, a.raised_at, a.updated_at, a.late, a.supported,
       a.basis_withdrawn, a.breaches, a.owner, o.name AS owner_name, a.ack_expires_at, a.snoozed_until, a.confirm_until, a.due_at,
       a.plan_number, a.former, a.text::text AS text, a.because::text AS because
  FROM alert a LEFT JOIN person o ON o.id = a.owner
 WHERE a.patient = ANY(%(patients)s) AND a.closed_at IS NULL
 ORDER BY a.raised_at

-- name: tasks_shown
-- What is to be done for these patients, most urgent first.
SELECT t.patient, t.kind, t.text::text AS text, t.due_at, o.name AS owner_name
  FROM task t LEFT JOIN person o ON o.id = t.owner
 WHERE t.patient = ANY(%(patients)s) AND t.done_at IS NULL
 ORDER BY t.due_at

-- name: newest_values
-- For each of these patients the newest values of each measurement, oldest first.
SELECT ranked.patient, ranked.measurement, ranked.measured_at, ranked.value, ranked.unit
  FROM (SELECT w.patient, o.measurement, o.measured_at, o.value, o.unit,
               row_number() OVER (PARTITION BY w.patient, o.measurement ORDER BY o.measured_at DESC) AS age
          FROM unnest(%(patients)s::uuid[]) AS w (patient)
         CROSS JOIN LATERAL readable_observations(w.patient, %(since)s, %(until)s) o
         WHERE o.invalid_reason IS NULL AND o.value IS NOT NULL) ranked
 WHERE ranked.age <= %(count)s
 ORDER BY ranked.patient, ranked.measured_at

-- name: plan_documents
-- The documents of these plan versions, as they were given.
SELECT id, document::text AS document FROM plan_version WHERE id = ANY(%(plans)s)

-- name: patient_head
-- One patient, the centre that answers for them, and where they stand.
SELECT p.id, p.name, p.born, p.phone, p.kind, p.registered_at, o.name AS municipality, c.name AS centre, c.phone AS centre_phone, c.timezone,
       s.zone, s.zone_since, s.newest_measured_at, s.last_heard_at, s.judged_at
  FROM patient p
  JOIN organisation o ON o.id = p.municipality
  LEFT JOIN responsibility r ON r.patient = p.id AND r.during @> %(now)s::timestamptz
  LEFT JOIN centre c ON c.id = r.centre
  LEFT JOIN patient_state s ON s.patient = p.id
 WHERE p.id = %(patient)s AND may_see(p.id)

-- name: active_plan
-- The plan in force, with its number, the day it is to be gone through again, and its document as it was given.
SELECT v.id, v.number, v.active_from, v.review_due, v.document::text AS document
  FROM plan_version v WHERE v.patient = %(patient)s AND v.state = 'active' AND may_see(v.patient)

-- name: closed_alerts
-- The latest closed alerts with who closed them, why, and the note that was written.
SELECT a.id, a.zone, a.raised_at, a.closed_at, a.state, a.outcome, a.text::text AS text, o.name AS closed_by, e.reason, e.change ->> 'note' AS note
  FROM alert a
  LEFT JOIN alert_event e ON e.alert = a.id AND e.version = a.version
  LEFT JOIN person o ON o.id = e.actor
 WHERE a.patient = %(patient)s AND a.closed_at IS NOT NULL AND may_see(a.patient)
 ORDER BY a.closed_at DESC LIMIT %(count)s

-- name: values_between
-- Everything measured in a time, invalid readings marked with the reason.
SELECT o.measured_at, o.uplink, o.measurement, o.value, o.unit, o.sent_value, o.sent_unit, o.late, o.source, o.invalid_reason, o.note
  FROM readable_observations(%(patient)s, %(since)s, %(until)s) o
 WHERE o.value IS NOT NULL

-- name: forms_between
-- Questionnaires that were filled in during a time, oldest first, with their scores; invalid ones marked with the reason.
SELECT f.questionnaire, f.measured_at, f.late, f.note, f.answers, f.scores, f.invalid_reason
  FROM readable_forms(%(patient)s, %(since)s, %(until)s) f
 ORDER BY f.measured_at, f.uplink

-- name: messages_of_patient
-- The latest messages, newest first; `name` is empty for the patient's own.
SELECT m.at, m.text, m.seen_at, o.name
  FROM message m
  LEFT JOIN person o ON o.id = m.by_person
 WHERE m.patient = %(patient)s AND may_see(m.patient)
 ORDER BY m.at DESC LIMIT %(count)s

-- name: care_team
-- Who is related to the patient now.
SELECT o.name, c.role
  FROM care_relation c JOIN person o ON o.id = c.person
 WHERE c.patient = %(patient)s AND c.during @> %(now)s::timestamptz AND may_see(c.patient)
 ORDER BY c.role, o.name

-- name: gateways_of_patient
-- The tablets that serve the patient now, and when each was last heard.
SELECT g.gateway, s.state, s.battery, s.heard_at
  FROM assignment g LEFT JOIN gateway_status s ON s.gateway = g.gateway
 WHERE g.patient = %(patient)s AND g.gateway IS NOT NULL AND g.during @> %(now)s::timestamptz AND may_see(g.patient)
 ORDER BY g.gateway

-- name: last_change
-- Who changed an alert last, and how.
SELECT e.type, e.at, o.name FROM alert_event e LEFT JOIN person o ON o.id = e.actor WHERE e.alert = %(alert)s ORDER BY e.version DESC LIMIT 1
