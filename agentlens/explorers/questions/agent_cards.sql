-- Every agent: what it did, what it spent, what was found, and what was last heard of it. Who is only written to or named in a report (people, often) is not known
-- as an agent.
WITH names AS (
  SELECT agent_name FROM agents
  UNION SELECT agent_name FROM spans WHERE agent_name IS NOT NULL
  UNION SELECT unnest([from_agent, to_agent]) FROM agent_edges
),
declared AS (SELECT agent_name, max(role) AS role, max(model) AS model, max(reports_to) AS reports_to FROM agents GROUP BY agent_name),
reported AS (
  SELECT
    agent_name, arg_max(status, (time, source_id, source_offset)) AS status,
    arg_max(detail, (time, source_id, source_offset)) AS detail, max(time) AS reported_time
  FROM status_reports
  WHERE agent_name IS NOT NULL AND status IS NOT NULL
  GROUP BY agent_name
),
asked AS (SELECT agent_name, mode(model) AS model FROM llm_calls GROUP BY agent_name),
runs AS (
  SELECT
    agent_name, arg_max(status_code, preorder) = 'ERROR' AS has_failed,
    count(*) FILTER (start_time IS NOT NULL AND end_time IS NULL) AS unfinished
  FROM spans
  WHERE operation_name = 'invoke_agent' AND NOT is_control_flow
  GROUP BY agent_name
),
found AS (
  SELECT
    agent_name, count(*) FILTER (severity = 'critical') AS critical, count(*) FILTER (severity = 'warning') AS warning,
    count(*) FILTER (severity = 'info') AS info, max(coalesce(end_time, start_time)) FILTER (detector = 'silent_agent') AS silent_since
  FROM findings
  GROUP BY agent_name
)
SELECT
  agent_name, agent_name IN (SELECT agent_name FROM agents) AS is_known, declared.role, coalesce(asked.model, declared.model) AS model, declared.reports_to,
  CASE
    WHEN silent_since >= coalesce(greatest(reported_time, health.end_time), silent_since) THEN 'silent'
    WHEN is_trouble(status) THEN 'trouble'
    WHEN is_done(status) THEN 'done'
    WHEN status IS NOT NULL THEN 'at work'
    WHEN unfinished > 0 THEN 'unfinished'
    WHEN has_failed THEN 'failed'
    WHEN health.end_time IS NULL AND reported_time IS NULL THEN 'only named'
    ELSE 'no report'
  END AS state,
  status, detail, epoch_ms(reported_time::TIMESTAMP) AS reported_ms,
  epoch_ms(greatest(reported_time, health.end_time)::TIMESTAMP) AS last_ms,
  coalesce(runs, 0)::INTEGER AS runs, coalesce(calls, 0)::INTEGER AS calls, coalesce(errors, 0)::INTEGER AS errors, error_rate,
  coalesce(input_tokens, 0) + coalesce(output_tokens, 0) AS tokens, cost_usd,
  coalesce(critical, 0)::INTEGER AS critical, coalesce(warning, 0)::INTEGER AS warning, coalesce(info, 0)::INTEGER AS info
FROM names
LEFT JOIN declared USING (agent_name)
LEFT JOIN reported USING (agent_name)
LEFT JOIN asked USING (agent_name)
LEFT JOIN runs USING (agent_name)
LEFT JOIN found USING (agent_name)
LEFT JOIN agent_health AS health USING (agent_name)
WHERE agent_name IS NOT NULL
ORDER BY tokens DESC, agent_name
