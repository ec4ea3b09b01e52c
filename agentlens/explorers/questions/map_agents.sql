-- What each agent did among the spans shown.
WITH shown AS ({shown}),
spent AS (
  SELECT
    agent_name, sum(coalesce(usage.input_tokens, 0) + coalesce(usage.output_tokens, 0))::BIGINT AS tokens, sum(cost_usd) AS cost_usd
  FROM usage_ledger AS usage
  SEMI JOIN shown USING (preorder)
  WHERE is_counted
  GROUP BY agent_name
),
failed AS (SELECT agent_name, count(*) AS errors FROM errors SEMI JOIN shown USING (preorder) GROUP BY agent_name)
SELECT
  agent_name, count(*)::INTEGER AS spans, coalesce(any_value(spent.tokens), 0) AS tokens, any_value(spent.cost_usd) AS cost_usd,
  coalesce(any_value(failed.errors), 0)::INTEGER AS errors, max(depth)::INTEGER AS depth
FROM shown
LEFT JOIN spent USING (agent_name)
LEFT JOIN failed USING (agent_name)
WHERE agent_name IS NOT NULL
GROUP BY agent_name
