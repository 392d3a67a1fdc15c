-- Questionnaires that the centre has loaded, and what a filled-in one came to.

-- Taken before those that ship with the project. Under one version only wordings may change: other answers are another version.
CREATE TABLE questionnaire (
    id text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    document json NOT NULL,
    loaded_at timestamptz NOT NULL,
    PRIMARY KEY (id, version)
);

-- One filled-in form, beside its answers (which are observations): which version it was, what was asked and not answered, and its scores
-- as bounds: [{"score", "low", "high", "prorated", "missing", "complete"}]. Identity is the inbox's.
CREATE TABLE filled_form (
    patient uuid NOT NULL,
    uplink uuid NOT NULL,
    questionnaire text NOT NULL,
    version integer NOT NULL,
    unanswered text[] NOT NULL,
    scores jsonb NOT NULL,
    PRIMARY KEY (patient, uplink)
);

-- The only way in which people read answers as forms: nothing comes out for a patient that the acting person may not see.
CREATE FUNCTION readable_forms(whom uuid, since timestamptz, until timestamptz)
RETURNS TABLE (uplink uuid, questionnaire text, version integer, measured_at timestamptz, received_at timestamptz, source text, late boolean,
               clock_suspect boolean, note text, answers jsonb, unanswered text[], scores jsonb, refused jsonb, invalid_reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.uplink, f.questionnaire, f.version, b.measured_at, b.received_at, b.source, g.late, g.clock_suspect, b.note, g.answers,
           f.unanswered, f.scores, b.refused, i.reason
      FROM inbox b
      JOIN filled_form f ON f.patient = b.patient AND f.uplink = b.uplink
     CROSS JOIN LATERAL (SELECT bool_or(o.late) AS late, bool_or(o.clock_suspect) AS clock_suspect,
                                jsonb_agg(jsonb_build_object('question', o.code, 'value', coalesce(to_jsonb(o.value), to_jsonb(o.letter)))
                                          ORDER BY o.position) AS answers
                           FROM observation o
                          WHERE o.patient = b.patient AND o.measured_at = b.measured_at AND o.uplink = b.uplink) g
      LEFT JOIN invalidation i ON i.patient = b.patient AND i.uplink = b.uplink
     WHERE b.patient = whom AND b.kind = 'answers' AND b.measured_at >= since AND b.measured_at < until AND may_see(whom)
$$;

REVOKE ALL ON FUNCTION readable_forms(uuid, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION readable_forms(uuid, timestamptz, timestamptz) TO dho_serve;
GRANT SELECT ON questionnaire TO dho_ingest, dho_watch, dho_serve;
GRANT SELECT, INSERT ON filled_form TO dho_ingest, dho_watch;
