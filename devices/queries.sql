-- Statements of the package devices. Each is used; a test says so.

-- name: register
-- What the register says of these gateways, and to whom these registered devices have been lent: one row per assignment (or one without).
SELECT g.id AS gateway, NULL AS device, g.simulated, g.revoked_at, a.patient, lower(a.during) AS since, upper(a.during) AS until
  FROM gateway g LEFT JOIN assignment a ON a.gateway = g.id
 WHERE g.id = ANY(%(gateways)s)
 UNION ALL
SELECT NULL, d.id, false, NULL, a.patient, lower(a.during), upper(a.during)
  FROM device d LEFT JOIN assignment a ON a.device = d.id
 WHERE d.id = ANY(%(devices)s)

-- name: known_uplinks
-- Which of these ids were stored before, and what they meant; and which should not count. Two index look-ups each, however large the inbox is.
SELECT k.patient, k.uplink, i.digest, v.uplink IS NOT NULL AS withdrawn
  FROM unnest(%(patients)s::uuid[], %(uplinks)s::uuid[]) AS k (patient, uplink)
  LEFT JOIN LATERAL (SELECT b.digest FROM inbox b WHERE b.patient = k.patient AND b.uplink = k.uplink LIMIT 1) i ON true
  LEFT JOIN invalidation v ON v.patient = k.patient AND v.uplink = k.uplink
 WHERE i.digest IS NOT NULL OR v.uplink IS NOT NULL

-- name: copy_inbox
-- Message identity, and what came and was answered.
COPY inbox (patient, uplink, kind, digest, taken_at, measured_at, received_at, gateway, performer, source, device, context, note, refused, raw, receipt)
FROM STDIN (FORMAT BINARY)

-- name: copy_observations
-- Facts, one row per value.
COPY observation (measured_at, patient, uplink, position, measurement, code, value, letter, unit, sent_value, sent_unit, received_at, source,
                  oxygen_l_min, late, clock_suspect)
FROM STDIN (FORMAT BINARY)

-- name: insert_invalidations
-- Readings that should not count; the first to say so stays.
INSERT INTO invalidation (patient, uplink, at, by_gateway, reason)
SELECT * FROM unnest(%(patients)s::uuid[], %(uplinks)s::uuid[], %(ats)s::timestamptz[], %(gateways)s::text[], %(reasons)s::text[])
    ON CONFLICT DO NOTHING

-- name: measured_at
-- When these readings were measured; one that has not come yet gives no row.
SELECT k.patient, k.uplink, i.measured_at
  FROM unnest(%(patients)s::uuid[], %(uplinks)s::uuid[]) AS k (patient, uplink)
 CROSS JOIN LATERAL (SELECT b.measured_at FROM inbox b
                      WHERE b.patient = k.patient AND b.uplink = k.uplink AND b.kind <> 'invalidation' LIMIT 1) i

-- name: loaded_questionnaires
-- The centre's own definitions of these questionnaires, every version.
SELECT document::text AS document FROM questionnaire WHERE id = ANY(%(ids)s)

-- name: languages_of_patients
-- The language in which each of these patients is asked.
SELECT id, language FROM patient WHERE id = ANY(%(patients)s)

-- name: keep_questionnaire
-- A definition that the centre has loaded; under the same version only its wordings may change.
INSERT INTO questionnaire (id, version, document, loaded_at) VALUES (%(id)s, %(version)s, %(document)s::json, %(now)s)
    ON CONFLICT (id, version) DO UPDATE SET document = excluded.document, loaded_at = excluded.loaded_at

-- name: gateways_that_ask
-- The live gateways of patients whose active plan names a questionnaire.
SELECT DISTINCT a.gateway
  FROM plan_version v JOIN assignment a ON a.patient = v.patient AND a.during @> %(now)s::timestamptz JOIN gateway g ON g.id = a.gateway
 WHERE v.state = 'active' AND strpos(v.document::text, %(named)s) > 0 AND g.revoked_at IS NULL
 ORDER BY a.gateway

-- name: insert_filled_forms
-- Filled-in forms with what they came to.
INSERT INTO filled_form (patient, uplink, questionnaire, version, unanswered, scores)
SELECT f.patient, f.uplink, f.questionnaire, f.version, f.unanswered, f.scores
  FROM jsonb_to_recordset(%(forms)s) AS f (patient uuid, uplink uuid, questionnaire text, version integer, unanswered text[], scores jsonb)

-- name: copy_quarantine
-- Elements that could not be taken.
COPY quarantine (id, received_at, channel, gateway, topic, position, payload, reason, detail, counted) FROM STDIN (FORMAT BINARY)

-- name: waiting_quarantine
-- What waits for a replay, newest first.
SELECT id, received_at, channel, gateway, topic, position, payload, reason, detail, counted, replayed_at, replay_result
  FROM quarantine
 WHERE replayed_at IS NULL AND (%(reason)s::text IS NULL OR reason = %(reason)s) AND (%(gateway)s::text IS NULL OR gateway = %(gateway)s)
 ORDER BY received_at DESC, id LIMIT %(limit)s

-- name: show_quarantine
-- These rows, replayed or not.
SELECT id, received_at, channel, gateway, topic, position, payload, reason, detail, counted, replayed_at, replay_result
  FROM quarantine WHERE id = ANY(%(ids)s) ORDER BY received_at, id

-- name: quarantine_by_reason
-- How much waits, and since when.
SELECT reason, count(*) AS waiting, min(received_at) AS oldest FROM quarantine WHERE replayed_at IS NULL GROUP BY reason ORDER BY reason

-- name: settle_quarantine
-- What replays came to. Refused again, a row waits on.
UPDATE quarantine q
   SET replay_result = r.result, replayed_at = CASE WHEN r.result IN ('stored', 'duplicate') THEN %(at)s::timestamptz END
  FROM unnest(%(ids)s::uuid[], %(results)s::text[]) AS r (id, result)
 WHERE q.id = r.id

-- name: add_to_counters
-- One batch, in its own transaction.
INSERT INTO ingest_counter (writer, name, reason, value)
SELECT %(writer)s, c.name, c.reason, c.value FROM unnest(%(names)s::text[], %(reasons)s::text[], %(values)s::bigint[]) AS c (name, reason, value)
    ON CONFLICT (writer, name, reason) DO UPDATE SET value = ingest_counter.value + excluded.value

-- name: counter_totals
-- The conservation sum over all writers.
SELECT name, reason, sum(value)::bigint AS value FROM ingest_counter GROUP BY name, reason ORDER BY name, reason

-- name: note_heard
-- Signs of life of known gateways, at most every 30 seconds each; of simulated ones always, but only at the simulator's time.
INSERT INTO gateway_status (gateway, heard_at)
SELECT g.id, t.at
  FROM unnest(%(gateways)s::text[], %(ats)s::timestamptz[], %(played)s::timestamptz[]) AS h (gateway, at, played)
  JOIN gateway g ON g.id = h.gateway
 CROSS JOIN LATERAL (SELECT CASE WHEN g.simulated THEN h.played ELSE h.at END AS at) t
  LEFT JOIN gateway_status s ON s.gateway = h.gateway
 WHERE t.at IS NOT NULL
   AND (s.gateway IS NULL OR s.heard_at < t.at - CASE WHEN g.simulated THEN interval '0' ELSE interval '30 seconds' END)
 ORDER BY g.id
    ON CONFLICT (gateway) DO UPDATE SET heard_at = greatest(gateway_status.heard_at, excluded.heard_at)

-- name: note_status
-- The newest that each gateway said of itself. A last will (offline) is no sign of life, nor is what a simulated gateway says of itself.
INSERT INTO gateway_status AS s (gateway, state, battery, app, said_at, heard_at)
SELECT g.id, n.state, n.battery, n.app, n.at, coalesce(known.heard_at, n.at)
  FROM unnest(%(gateways)s::text[], %(states)s::text[], %(batteries)s::real[], %(apps)s::text[], %(ats)s::timestamptz[])
       AS n (gateway, state, battery, app, at)
  JOIN gateway g ON g.id = n.gateway
  LEFT JOIN gateway_status known ON known.gateway = g.id
 WHERE NOT g.simulated OR known.gateway IS NOT NULL
 ORDER BY g.id
    ON CONFLICT (gateway) DO UPDATE
   SET state = excluded.state, battery = coalesce(excluded.battery, s.battery), app = coalesce(excluded.app, s.app), said_at = excluded.said_at,
       heard_at = CASE WHEN excluded.state = 'online' AND NOT (SELECT g.simulated FROM gateway g WHERE g.id = s.gateway)
                       THEN greatest(s.heard_at, excluded.said_at) ELSE s.heard_at END
 WHERE s.said_at IS NULL OR s.said_at <= excluded.said_at

-- name: note_seen
-- Messages that were read on a gateway that serves their patient; the first reading stays.
UPDATE message m SET seen_at = n.at
  FROM unnest(%(gateways)s::text[], %(messages)s::uuid[], %(ats)s::timestamptz[]) AS n (gateway, message, at)
 WHERE m.id = n.message AND m.seen_at IS NULL
   AND EXISTS (SELECT FROM assignment a WHERE a.patient = m.patient AND a.gateway = n.gateway AND a.during @> n.at)
