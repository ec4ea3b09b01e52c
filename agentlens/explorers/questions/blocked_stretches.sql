-- When agents reported trouble: one row an unbroken series of such reports, up to the first report of something else.
WITH beats AS (
  SELECT
    episode, agent_name, time, status, detail, lead(time) OVER reports AS next_time,
    count(*) FILTER (NOT is_trouble(status)) OVER reports AS streak
  FROM _beats
  WINDOW reports AS (PARTITION BY episode, agent_name ORDER BY time, source_id, source_offset)
)
SELECT
  agent_name, arg_min(status, time) AS status, arg_max(detail, time) AS detail,
  epoch_ns(min(time)) / 1e6 AS start_ms, epoch_ns(coalesce(max(next_time), max(time))) / 1e6 AS end_ms
FROM beats
WHERE is_trouble(status)
GROUP BY episode, agent_name, streak
ORDER BY start_ms, agent_name
