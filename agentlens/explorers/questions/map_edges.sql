-- Pairs of agents and what passes between them, as `agent_edges` has it, for the spans shown.
WITH shown AS ({shown}),
passed AS (
{passed}
)
SELECT
  from_agent, to_agent, kind, count(*) AS count, count(*) FILTER (is_error) AS errors,
  (quantile_cont(duration_ns, 0.5) FILTER (duration_ns >= 0))::BIGINT AS duration_p50_ns,
  (quantile_cont(duration_ns, 0.95) FILTER (duration_ns >= 0))::BIGINT AS duration_p95_ns,
  sum(tokens)::BIGINT AS tokens, sum(cost_usd) AS cost_usd, min(start_time) AS start_time, max(end_time) AS end_time
FROM passed
WHERE from_agent IS NOT NULL AND to_agent IS NOT NULL
GROUP BY from_agent, to_agent, kind
ORDER BY count DESC, from_agent, to_agent, kind
