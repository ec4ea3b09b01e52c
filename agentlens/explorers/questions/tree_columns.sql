-- What the trace tree draws of each span in `shown`: one row a span, in tree order. No value is NULL except numbers.
SELECT
  spans.preorder, spans.subtree_end, spans.trace_id, spans.span_id,
  coalesce(left(spans.name, 160), '') AS name,
  coalesce(left(spans.agent_name, 80), '') AS agent,
  coalesce(spans.operation_name, '') AS operation,
  coalesce(left(spans.tool_name, 80), '') AS tool,
  coalesce(left(coalesce(spans.response_model, spans.request_model), 80), '') AS model,
  epoch_ns(spans.start_time) AS start_ns,
  spans.duration_ns,
  CASE spans.status_code WHEN 'ERROR' THEN 2 WHEN 'OK' THEN 1 ELSE 0 END AS status,
  greatest(coalesce(usage.input_tokens, 0), 0) + greatest(coalesce(usage.output_tokens, 0), 0) AS tokens,
  usage.cost_usd AS cost,
  spans.is_orphan::INTEGER
    + 2 * (spans.start_time IS NOT NULL AND spans.end_time IS NULL)::INTEGER
    + 4 * (found.span_id IS NOT NULL)::INTEGER
    + 8 * spans.is_control_flow::INTEGER
    + 16 * (path.span_id IS NOT NULL)::INTEGER
    + 32 * spans.is_cycle_broken::INTEGER AS flags
FROM shown
JOIN spans USING (preorder)
LEFT JOIN (FROM usage_ledger WHERE is_counted) AS usage USING (preorder)
LEFT JOIN (SELECT DISTINCT trace_id, unnest(span_ids) AS span_id FROM findings) AS found
  ON found.span_id = spans.span_id AND (found.trace_id IS NULL OR found.trace_id = spans.trace_id)
LEFT JOIN (SELECT DISTINCT trace_id, span_id FROM span_critical_path) AS path
  ON path.span_id = spans.span_id AND path.trace_id = spans.trace_id
ORDER BY spans.preorder;
