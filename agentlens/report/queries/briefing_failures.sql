-- How often tasks of each agent and calls of each of its tools failed, in the period and in the one before.
WITH tried AS (
  SELECT agent_name, NULL::VARCHAR AS tool_name, start_time, is_failed FROM tasks WHERE is_failed IS NOT NULL
  UNION ALL
  SELECT agent_name, tool_name, start_time, is_error FROM tool_calls WHERE tool_name IS NOT NULL
)
SELECT
  agent_name, tool_name, count(*) FILTER (start_time >= $since::TIMESTAMP AND is_failed) AS failed_now,
  count(*) FILTER (start_time >= $since::TIMESTAMP) AS all_now, count(*) FILTER (start_time < $since::TIMESTAMP AND is_failed) AS failed_before,
  count(*) FILTER (start_time < $since::TIMESTAMP) AS all_before, min(start_time) FILTER (start_time >= $since::TIMESTAMP AND is_failed) AS start_time
FROM tried
WHERE agent_name IS NOT NULL AND start_time >= $before::TIMESTAMP AND start_time < $until::TIMESTAMP
GROUP BY agent_name, tool_name
HAVING all_now > 0 AND all_before > 0
ORDER BY agent_name, tool_name
