-- How much there is: time, traces, tokens and money, each usage record counted once.
SELECT
  (SELECT min(first_time) FROM sources) AS first_time, (SELECT max(last_time) FROM sources) AS last_time,
  (SELECT count(*) FROM traces) AS traces, (SELECT count(*) FROM spans) AS spans, (SELECT count(*) FROM errors) AS errors,
  (SELECT count(DISTINCT agent_name) FROM agents) AS agents,
  (SELECT coalesce(sum(calls), 0) FROM token_usage_by_agent)::BIGINT AS calls,
  (SELECT sum(input_tokens) FROM token_usage_by_agent)::BIGINT AS input_tokens,
  (SELECT sum(output_tokens) FROM token_usage_by_agent)::BIGINT AS output_tokens,
  (SELECT sum(cost_usd) FROM token_usage_by_agent) AS cost_usd,
  (SELECT coalesce(sum(unpriced), 0) FROM token_usage_by_agent)::BIGINT AS unpriced
