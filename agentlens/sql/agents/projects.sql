-- What work belongs to which project, as far as a log says it.

-- The project of each trace whose log names one: the folder in which its session began (`cwd`, `process.working_directory`), or the hash that stands for it
-- (`projectHash`).
CREATE VIEW _project_of_trace (
  -- Trace of the session.
  trace_id,
  -- The folder, or its hash.
  project
) AS
SELECT trace_id, arg_min(coalesce(attributes->>'$.cwd', attributes->>'$."process.working_directory"', attributes->>'$.projectHash'), preorder)
FROM spans
WHERE depth = 0 AND regexp_matches(attributes::VARCHAR, '"(cwd|process\.working_directory|projectHash)"')
GROUP BY trace_id;
