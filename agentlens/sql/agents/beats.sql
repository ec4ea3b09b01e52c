-- Signs of life.
-- include: agents.statuses

-- When each agent was heard of within an episode: a wave where reports name one, else a day of one source; so too where every heartbeat is numbered
-- as a wave of its own. Heartbeats and other reports.
CREATE VIEW _beats (
  -- `wave 14`, or source and day.
  episode,
  -- The agent.
  agent_name,
  -- When (UTC).
  time,
  -- Kind of report: heartbeat, pax.
  kind,
  -- Status word.
  status,
  -- What was said beside it.
  detail,
  -- Wave, where given.
  wave,
  -- The source it stands in.
  source_id,
  -- Line of the report.
  source_line,
  -- Byte offset.
  source_offset,
  -- Length in bytes.
  source_length
) AS
WITH numbered_beats AS (
  SELECT source_id
  FROM (
    SELECT source_id, wave, count(DISTINCT time) AS times FROM status_reports WHERE kind = 'heartbeat' AND wave IS NOT NULL AND time IS NOT NULL GROUP BY ALL
  )
  GROUP BY source_id
  HAVING max(times) = 1 AND count(*) > 1
)
SELECT
  coalesce(CASE WHEN kind <> 'heartbeat' OR source_id NOT IN (FROM numbered_beats) THEN 'wave ' || wave END, 'source ' || source_id || ' ' || time::DATE),
  agent_name, time, kind, status, detail, wave, source_id, source_line, source_offset, source_length
FROM status_reports
WHERE agent_name IS NOT NULL AND time IS NOT NULL;

-- The usual pause of each agent between two heartbeats of one episode, in nanoseconds.
CREATE VIEW _rhythm (
  -- The agent.
  agent_name,
  -- Median pause, exact.
  rhythm_ns,
  -- Number of pauses it rests on.
  pauses
) AS
SELECT agent_name, median(pause_ns)::BIGINT, count(*)
FROM (
  SELECT agent_name, epoch_ns(time) - epoch_ns(lag(time) OVER (PARTITION BY episode, agent_name ORDER BY time)) AS pause_ns
  FROM _beats
  WHERE kind = 'heartbeat'
)
WHERE pause_ns > 0
GROUP BY agent_name;
