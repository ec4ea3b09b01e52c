SELECT
  {version} AS version, min(start_time)::TIMESTAMP AS first_time, count(*) AS calls,
  quantile_cont(duration_ns, 0.5) FILTER (duration_ns >= 0) / 1e6 AS duration_p50_ms,
  quantile_cont(duration_ns, 0.95) FILTER (duration_ns >= 0) / 1e6 AS duration_p95_ms,
  avg(input_tokens) AS input_tokens_per_call, avg(output_tokens) AS output_tokens_per_call,
  count(*) FILTER (status_code = 'ERROR' AND NOT is_control_flow) / count(*) AS error_rate
FROM spans
WHERE start_time IS NOT NULL AND _span_kind(operation_name) = '{kind}'
GROUP BY ALL
ORDER BY first_time, version NULLS LAST
