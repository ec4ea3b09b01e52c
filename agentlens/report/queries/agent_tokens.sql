-- What each agent spent.
SELECT
  agent_name, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, token_share, cost_usd, unpriced
FROM token_usage_by_agent
ORDER BY cost_usd DESC NULLS LAST, input_tokens DESC, agent_name
