-- Calls without usage, or with a part of it, and what they may have used.
SELECT
  agent_name, kind, count(*) AS calls, sum(input_tokens_low + output_tokens_low)::BIGINT AS tokens_low,
  sum(input_tokens_high + output_tokens_high)::BIGINT AS tokens_high, min(basis) AS basis
FROM usage_estimates
GROUP BY agent_name, kind
ORDER BY tokens_high DESC, agent_name, kind;
