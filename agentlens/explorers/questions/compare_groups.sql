SELECT
  place, change, steps.depth, a.span_id AS a_span_id, b.span_id AS b_span_id, coalesce(b.name, a.name) AS name,
  coalesce(b.agent_name, a.agent_name) AS agent_name, nullif(a.name, b.name) AS a_name, _span_kind(coalesce(b.operation_name, a.operation_name)) AS kind,
  a_rate, b_rate, b_rate - a_rate AS rate_delta, rate_low, rate_high, q_value,
  a_duration_ns, b_duration_ns, b_duration_ns - a_duration_ns AS duration_delta_ns,
  b_input_tokens - a_input_tokens AS input_tokens_delta, b_output_tokens - a_output_tokens AS output_tokens_delta,
  NULL::DOUBLE AS cost_usd_delta, a_error_rate, b_error_rate
FROM {table} AS steps
LEFT JOIN spans AS a ON a.preorder = a_preorder
LEFT JOIN spans AS b ON b.preorder = b_preorder
ORDER BY place
