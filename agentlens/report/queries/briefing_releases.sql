-- What was released in the period: what changed of one agent within a minute is one release; with its tasks since.
WITH recent AS (
  SELECT
    agent_name, min(start_time) AS start_time,
    list(struct_pack(agent_name, kind, value_before, value, start_time, trace_id, span_id) ORDER BY kind) AS parts
  FROM releases
  WHERE share >= 0.5 AND start_time >= $since::TIMESTAMP AND start_time < $until::TIMESTAMP AND agent_name IS NOT NULL
  GROUP BY agent_name, time_bucket(INTERVAL 1 MINUTE, start_time::TIMESTAMP)
)
SELECT recent.agent_name, recent.start_time, parts, count(tasks.preorder) AS tasks_since
FROM recent
LEFT JOIN tasks ON tasks.agent_name = recent.agent_name AND tasks.start_time >= recent.start_time
GROUP BY ALL
ORDER BY recent.start_time, recent.agent_name
