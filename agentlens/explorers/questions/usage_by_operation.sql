SELECT
  operation_name, count(*) AS calls, sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
  sum(cache_read_input_tokens)::BIGINT AS cache_read_input_tokens,
  sum(cache_write_input_tokens)::BIGINT AS cache_write_input_tokens,
  sum(reasoning_output_tokens)::BIGINT AS reasoning_output_tokens,
  sum(cost_nano_usd) / 1e9 AS cost_usd, count(*) FILTER (cost_usd IS NULL) AS unpriced
FROM usage_ledger
WHERE is_counted
GROUP BY operation_name
