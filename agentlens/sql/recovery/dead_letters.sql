-- Work that ended nowhere.
-- include: recovery.recoveries

-- Failures that nobody mended, one row a target, agent and class of error: what failed, how often, and whether it is a pattern.
--
-- `pattern`: systemic (three or more agents fail at the same target with the same class of error), repeat offender (the same agent fails
-- there three times or more and never recovers), else single. Failures after which the run went on with other work are counted apart:
-- not everything that failed was needed.
CREATE VIEW dead_letters (
  -- The agent that failed.
  agent_name,
  -- `tool`, `model`, `agent`, `retrieval`, `workflow`, `step` or `report`.
  kind,
  -- The tool, model or agent that failed; the status word of a report.
  target,
  -- Class as in `errors`.
  error_class,
  -- Number of failures that ended nowhere: gave up, failed or open.
  dead,
  -- Number of failures after which the run went on without.
  went_on,
  -- Number of failures of the same kind that were mended.
  recovered,
  -- Number of traces in which it ended nowhere.
  traces,
  -- systemic, repeat offender or single.
  pattern,
  -- What the log says most often.
  message,
  -- First time (UTC).
  start_time,
  -- Last time (UTC).
  end_time,
  -- The spans, at most 20, in order.
  span_ids
) AS
WITH grouped AS (
  SELECT
    agent_name, kind, target, error_class, count(*) FILTER (outcome IN ('gave up', 'failed', 'open')) AS dead,
    count(*) FILTER (outcome = 'went on') AS went_on, count(*) FILTER (outcome = 'recovered') AS recovered,
    count(DISTINCT trace_id) FILTER (outcome IN ('gave up', 'failed', 'open')) AS traces, mode(message ORDER BY start_time, preorder) AS message,
    min(start_time) AS start_time, max(start_time) AS end_time,
    (list(span_id ORDER BY start_time, preorder) FILTER (span_id IS NOT NULL AND outcome IN ('gave up', 'failed', 'open')))[:20] AS span_ids
  FROM recoveries
  GROUP BY ALL
),
shared AS (SELECT *, count(*) FILTER (dead > 0) OVER (PARTITION BY kind, target, error_class) AS agents FROM grouped)
SELECT
  agent_name, kind, target, error_class, dead, went_on, recovered, traces,
  CASE WHEN agents >= 3 AND kind <> 'report' THEN 'systemic' WHEN dead >= 3 AND recovered = 0 THEN 'repeat offender' ELSE 'single' END,
  message, start_time, end_time, coalesce(span_ids, [])
FROM shared
WHERE dead > 0;
