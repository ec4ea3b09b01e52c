-- Traces, latest first.
SELECT
  trace_id, name, agent_name AS agent, agents::INTEGER AS agents, spans::INTEGER AS spans, epoch_ns(start_time) / 1e6 AS start_ms,
  duration_ns / 1e6 AS duration_ms, status_code AS status, errors::INTEGER AS errors, unfinished::INTEGER AS unfinished,
  (coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::DOUBLE AS tokens, cost_usd
FROM traces
ORDER BY start_time DESC NULLS LAST, trace_id
LIMIT 500
