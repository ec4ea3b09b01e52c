-- The dearest steps, of those that are picked.
SELECT
  trace_id, span_id, agent_name, operation_name, model, date_trunc('second', start_time::TIMESTAMP) AS time, input_tokens, output_tokens, cache_read_input_tokens, cost_usd
FROM usage_ledger
WHERE is_counted
  AND ($agent IS NULL OR coalesce(agent_name, '') = $agent)
  AND ($operation IS NULL OR coalesce(operation_name, '') = $operation)
  AND ($model IS NULL OR coalesce(model, '') = $model)
ORDER BY coalesce(cost_nano_usd, 0) DESC, coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0) DESC, preorder
LIMIT 50;
