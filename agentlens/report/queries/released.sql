-- What was released when: what changed for one agent within a minute is one release.
SELECT
  agent_name, min(start_time) AS start_time,
  list(struct_pack(agent_name, kind, value_before, value, start_time, trace_id, span_id) ORDER BY kind) AS parts, arg_min(span_id, start_time) AS span_id
FROM releases
WHERE share >= 0.5 AND agent_name IS NOT NULL
GROUP BY agent_name, time_bucket(INTERVAL 1 MINUTE, start_time::TIMESTAMP)
ORDER BY start_time, agent_name
