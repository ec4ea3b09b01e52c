-- What each model cost.
SELECT
  provider_name, model, matched_model, calls, input_tokens, cache_read_input_tokens, output_tokens, cost_usd, reported_cost_usd, unpriced
FROM token_usage_by_model
ORDER BY cost_usd DESC NULLS LAST, input_tokens DESC, model
