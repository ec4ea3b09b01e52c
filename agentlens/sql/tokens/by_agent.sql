-- What each agent spent.
-- include: tokens.usage_ledger

-- Tokens and money per agent, each usage record counted once.
CREATE VIEW token_usage_by_agent (
  -- `gen_ai.agent.name`; NULL for calls that name no agent.
  agent_name,
  -- Number of counted records: model calls, or totals where no calls are known.
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
  -- Number of counted records without a price: their money is not in `cost_usd`.
  unpriced,
  -- The agent's share of all tokens, 0 to 1.
  token_share,
  -- First use (UTC).
  start_time,
  -- Last use (UTC).
  end_time
) AS
WITH per_agent AS (
  SELECT
    agent_name, count(*) AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cache_read_input_tokens) AS cache_read, sum(cache_write_input_tokens) AS cache_write,
    sum(reasoning_output_tokens) AS reasoning, sum(cost_nano_usd) AS cost_nano_usd,
    count(*) FILTER (cost_usd IS NULL) AS unpriced, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time
  FROM usage_ledger
  WHERE is_counted
  GROUP BY agent_name
)
SELECT
  agent_name, calls, _whole(input_tokens), _whole(output_tokens), _whole(cache_read), _whole(cache_write), _whole(reasoning),
  cost_nano_usd / 1e9, unpriced,
  (coalesce(input_tokens, 0) + coalesce(output_tokens, 0))
    / nullif(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) OVER (), 0),
  start_time, end_time
FROM per_agent;
