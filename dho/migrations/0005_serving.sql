-- What serving people and the live feed needs besides.

-- The roles that a person holds at an instant, as a JSON array; `place` is the centre's or the organisation's name.
CREATE FUNCTION posts_of(who uuid, at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('role', m.role, 'centre', m.centre, 'organisation', m.organisation, 'place', coalesce(c.name, o.name))
                              ORDER BY m.role, c.name), '[]')
      FROM membership m LEFT JOIN centre c ON c.id = m.centre LEFT JOIN organisation o ON o.id = m.organisation
     WHERE m.person = who AND m.during @> at
$$;

-- Which history of this database the feed's numbers belong to: another installation, cluster, database or timeline is another one, so
-- that no subscriber resumes across a restore or a fail-over that lost its tail.
CREATE FUNCTION feed_history() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT concat_ws('.', i.epoch, c.system_identifier, d.oid, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))
      FROM installation i, pg_control_system() c, pg_database d WHERE d.datname = current_database()
$$;

-- From an event to its audience, for the live feed's reader and for removing old events.
CREATE INDEX feed_audience_of_event ON feed_audience (seq);

REVOKE ALL ON FUNCTION posts_of(uuid, timestamptz), feed_history() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION posts_of(uuid, timestamptz), feed_history() TO dho_serve;
GRANT SELECT ON migration TO dho_ingest, dho_watch, dho_serve;
