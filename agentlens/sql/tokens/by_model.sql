-- What each model cost.
-- include: tokens.usage_ledger

-- Tokens and money per provider and model, each usage record counted once; which price list entry was used, and how
-- much stays unpriced.
CREATE VIEW token_usage_by_model (
  -- `gen_ai.provider.name`.
  provider_name,
  -- The model as logged.
  model,
  -- Entry of the price list it was taken for; NULL is unpriced.
  matched_model,
  -- Number of counted records.
  calls,
  -- Input tokens, cached ones included.
  input_tokens,
  -- Output tokens, reasoning included.
  output_tokens,
  -- Part of `input_tokens` served from the cache.
  cache_read_input_tokens,
  -- Part of `input_tokens` written to the cache.
  cache_write_input_tokens,
  -- Part of `output_tokens` spent on reasoning.
  reasoning_output_tokens,
  -- Money in USD, as far as it is priced; NULL where nothing is.
  cost_usd,
  -- Money in USD as the logs report it.
  reported_cost_usd,
  -- Number of counted records without a price.
  unpriced
) AS
SELECT
  provider_name, model, max(matched_model), count(*), _whole(sum(input_tokens)), _whole(sum(output_tokens)),
  _whole(sum(cache_read_input_tokens)), _whole(sum(cache_write_input_tokens)), _whole(sum(reasoning_output_tokens)),
  sum(cost_nano_usd) / 1e9, sum(reported_cost_usd), count(*) FILTER (cost_usd IS NULL)
FROM usage_ledger
WHERE is_counted
GROUP BY provider_name, model;
