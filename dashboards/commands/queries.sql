-- Statements of the operators' commands. They run as the owner of the schema.

-- name: enrol_patients
-- Patients that are not there yet; their municipality is the one that their centre belongs to.
INSERT INTO patient (id, municipality, name, born, language, phone, registered_at)
SELECT DISTINCT ON (e.patient) e.patient, c.organisation, e.name, e.born, e.language, e.phone, %(now)s
  FROM unnest(%(patients)s::uuid[], %(centres)s::uuid[], %(names)s::text[], %(born)s::date[], %(languages)s::text[], %(phones)s::text[])
       AS e(patient, centre, name, born, language, phone)
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
SELECT DISTINCT ON (e.gateway) e.gateway, e.centre, e.secret_hash, e.simulated, %(now)s
  FROM unnest(%(gateways)s::text[], %(centres)s::uuid[], %(secret_hashes)s::bytea[], %(simulated)s::boolean[])
       AS e(gateway, centre, secret_hash, simulated)
 WHERE e.gateway IS NOT NULL

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
-- Where each patient stands: nothing judged yet, to be judged at once.
INSERT INTO patient_state (patient, plan_version, judge_again_at)
SELECT p.patient, v.id, CASE WHEN v.id IS NULL THEN NULL ELSE %(now)s END
  FROM (SELECT DISTINCT unnest(%(patients)s::uuid[]) AS patient) AS p
  LEFT JOIN plan_version v ON v.patient = p.patient AND v.state = 'active'
    ON CONFLICT (patient) DO NOTHING

-- name: known_gateways
-- Gateways that are there already, with the patients that they serve.
SELECT g.id, g.centre, g.secret_hash, array_agg(a.patient) FILTER (WHERE a.patient IS NOT NULL) AS patients
  FROM gateway g LEFT JOIN assignment a ON a.gateway = g.id
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
