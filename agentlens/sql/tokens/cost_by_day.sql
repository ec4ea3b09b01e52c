-- What was spent when.
-- include: tokens.usage_ledger

-- Tokens and money per day (UTC), agent and model, each usage record counted once.
CREATE VIEW token_cost_by_day (
  -- Day of use (UTC): of the call, else of the run it stands in; NULL where neither has a time.
  date,
  -- `gen_ai.agent.name`.
  agent_name,
  -- The model as logged.
  model,
  -- Number of counted records.
  calls,
  -- Input tokens, cached ones included.
  input_tokens,
  -- Output tokens, reasoning included.
  output_tokens,
  -- Money in USD, as far as it is priced; NULL where nothing is.
  cost_usd,
  -- Number of counted records without a price.
  unpriced
) AS
SELECT
  used_at::DATE, agent_name, model, count(*), _whole(sum(input_tokens)), _whole(sum(output_tokens)),
  sum(cost_nano_usd) / 1e9, count(*) FILTER (cost_usd IS NULL)
FROM usage_ledger
WHERE is_counted
GROUP BY ALL;
