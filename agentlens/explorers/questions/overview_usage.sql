-- What was spent when.
SELECT
  epoch_ns(start_time) / 1e6 AS start_ms,
  (coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::DOUBLE AS tokens
FROM usage_ledger
WHERE is_counted AND start_time IS NOT NULL
