-- Who works with whom.
-- include: agents.statuses
-- include: agents.handoffs

-- Pairs of agents and what passes between them: delegations (from the spans), reports (from status reports with a recipient)
-- and messages (everything else that was said from agent to agent).
CREATE VIEW agent_edges (
  -- The agent that gave, reported or wrote.
  from_agent,
  -- The agent it went to.
  to_agent,
  -- `delegation`, `report` or `message`.
  kind,
  -- How many.
  count,
  -- How many ended badly: a failed delegation; a report of trouble (BLOCKED, FAILED, ...).
  errors,
  -- Median duration of the delegations in nanoseconds, exact.
  duration_p50_ns,
  -- 95th percentile of the same.
  duration_p95_ns,
  -- Input and output tokens spent in the delegated runs.
  tokens,
  -- Money in USD spent in the delegated runs, as far as it is priced.
  cost_usd,
  -- First time (UTC).
  start_time,
  -- Last time (UTC).
  end_time
) AS
WITH passed AS (
  SELECT
    from_agent, to_agent, 'delegation' AS kind, is_error, duration_ns, tokens, cost_usd, start_time,
    coalesce(end_time, start_time) AS end_time
  FROM handoffs
  UNION ALL
  SELECT agent_name, recipient, 'report', is_trouble(status), NULL, NULL, NULL, time, time
  FROM status_reports
  WHERE recipient IS NOT NULL
  UNION ALL
  SELECT sender, recipient, 'message', false, NULL, NULL, NULL, time, time
  FROM agent_messages
  WHERE kind <> 'pax'
)
SELECT
  from_agent, to_agent, kind, count(*), count(*) FILTER (is_error),
  (quantile_cont(duration_ns, 0.5) FILTER (duration_ns >= 0))::BIGINT,
  (quantile_cont(duration_ns, 0.95) FILTER (duration_ns >= 0))::BIGINT,
  _whole(sum(tokens)), sum(cost_usd), min(start_time), max(end_time)
FROM passed
WHERE from_agent IS NOT NULL AND to_agent IS NOT NULL
GROUP BY from_agent, to_agent, kind;
