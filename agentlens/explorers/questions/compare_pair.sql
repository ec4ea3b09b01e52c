WITH spent AS (
  SELECT preorder, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd
  FROM ledger_of((SELECT list(DISTINCT trace_id) FROM spans WHERE preorder IN (SELECT unnest([a_preorder, b_preorder]) FROM {table})))
  WHERE is_counted
  GROUP BY preorder
)
SELECT
  place, change, coalesce(b.depth, a.depth) AS depth, a.span_id AS a_span_id, b.span_id AS b_span_id, coalesce(b.name, a.name) AS name,
  coalesce(b.agent_name, a.agent_name) AS agent_name, nullif(a.name, b.name) AS a_name,
  _span_kind(coalesce(b.operation_name, a.operation_name)) AS kind,
  a.duration_ns AS a_duration_ns, b.duration_ns AS b_duration_ns, b.duration_ns - a.duration_ns AS duration_delta_ns,
  _whole(coalesce(of_b.input_tokens, 0) - coalesce(of_a.input_tokens, 0)) AS input_tokens_delta,
  _whole(coalesce(of_b.output_tokens, 0) - coalesce(of_a.output_tokens, 0)) AS output_tokens_delta,
  CASE WHEN (of_a.preorder IS NULL OR of_a.cost_usd IS NOT NULL) AND (of_b.preorder IS NULL OR of_b.cost_usd IS NOT NULL)
    AND coalesce(of_a.preorder, of_b.preorder) IS NOT NULL THEN coalesce(of_b.cost_usd, 0) - coalesce(of_a.cost_usd, 0) END AS cost_usd_delta,
  a.status_code = 'ERROR' AND NOT a.is_control_flow AS a_is_error, b.status_code = 'ERROR' AND NOT b.is_control_flow AS b_is_error
FROM {table}
LEFT JOIN spans AS a ON a.preorder = a_preorder
LEFT JOIN spans AS b ON b.preorder = b_preorder
LEFT JOIN spent AS of_a ON of_a.preorder = a_preorder
LEFT JOIN spent AS of_b ON of_b.preorder = b_preorder
ORDER BY place
