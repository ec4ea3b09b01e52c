-- The model calls of a story in order, with what each took.
SELECT
  calls.call_index AS number, calls.trace_id, calls.span_id, calls.preorder, calls.run_preorder,
  coalesce(spans.response_model, spans.request_model) AS model, epoch_ns(spans.start_time) / 1e6 AS start_ms,
  spans.duration_ns / 1e6 AS duration_ms, spans.status_code = 'ERROR' AND NOT spans.is_control_flow AS is_error,
  nullif(concat_ws(': ', spans.error_type, spans.status_message), '') AS error, spans.input_tokens, spans.output_tokens,
  spans.cache_read_input_tokens, usage.cost_usd, array_to_string(spans.response_finish_reasons, ', ') AS stopped
FROM _context_calls($agent, $conversation) AS calls
JOIN spans USING (preorder)
LEFT JOIN (SELECT preorder, any_value(cost_usd) AS cost_usd FROM usage_ledger WHERE is_counted GROUP BY preorder) AS usage
  USING (preorder)
WHERE ($trace IS NULL OR calls.trace_id = $trace) AND calls.preorder >= $first AND calls.preorder < $last
ORDER BY calls.call_index;
