-- What each agent spent, on which operation, with which model.
SELECT
  agent_name, operation_name, model, count(*) AS calls, sum(coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0))::BIGINT AS tokens,
  sum(cost_nano_usd) / 1e9 AS cost_usd, count(*) FILTER (cost_usd IS NULL) AS unpriced
FROM usage_ledger
WHERE is_counted
GROUP BY ALL
ORDER BY tokens DESC, agent_name, operation_name, model;
