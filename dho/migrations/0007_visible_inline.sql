-- Visibility is asked for one patient at a time, thousands of times a minute. Without its own rights and search path the one definition
-- can be folded into the question, so that it looks at that patient's rows alone; `may_see` still runs with the owner's rights.
ALTER FUNCTION visible_patients(uuid, timestamptz) SECURITY INVOKER;
ALTER FUNCTION visible_patients(uuid, timestamptz) RESET ALL;
