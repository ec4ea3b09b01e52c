-- Every tool: how often, how well, how fast, and what its results weigh.
SELECT
  tool_name, agents::INTEGER AS agents, calls::INTEGER AS calls, errors::INTEGER AS errors, error_rate,
  duration_p50_ns / 1e6 AS duration_p50_ms, duration_p95_ns / 1e6 AS duration_p95_ms,
  result_bytes::DOUBLE AS result_bytes, result_bytes / nullif(calls, 0) AS bytes_a_call
FROM tool_health
ORDER BY calls DESC, tool_name
