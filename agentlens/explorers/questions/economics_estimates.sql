-- Calls without usage, and what they may have used.
SELECT
  agent_name, count(*) AS calls, sum(input_tokens_low + output_tokens_low)::BIGINT AS tokens_low,
  sum(input_tokens_high + output_tokens_high)::BIGINT AS tokens_high, min(basis) AS basis
FROM usage_estimates
GROUP BY agent_name
ORDER BY tokens_high DESC, agent_name;
