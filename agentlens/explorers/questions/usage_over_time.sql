SELECT
  date_trunc('{unit}', start_time::TIMESTAMP) AS time, agent_name, count(*) AS calls,
  sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
  sum(cost_nano_usd) / 1e9 AS cost_usd, count(*) FILTER (cost_usd IS NULL) AS unpriced
FROM usage_ledger
WHERE is_counted
GROUP BY ALL
