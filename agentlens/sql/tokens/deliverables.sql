-- What was had for the money.
-- include: agents.statuses
-- include: flow.edges
-- include: tokens.by_agent

-- What each agent spent for each piece of work that it reported or handed back as done, and for each of its outputs that another
-- agent took up. The cost of each handing over is in `handoffs`.
CREATE VIEW token_cost_of_deliverables (
  -- `gen_ai.agent.name`.
  agent_name,
  -- Input and output tokens of the agent.
  tokens,
  -- Its money in USD, as far as it is priced.
  cost_usd,
  -- Work it completed: status reports that say so (one a wave or day), else its runs that another agent began and that did not fail.
  deliverables,
  -- Where `deliverables` are known from: `reports`, `runs`, or NULL where neither tells.
  known_from,
  -- Tokens for each.
  tokens_per_deliverable,
  -- Money for each.
  cost_usd_per_deliverable,
  -- Its steps of which a later step of another agent took something up: the same message, the same result, a file it wrote.
  consumed_outputs,
  -- Tokens for each; NULL where nothing was taken up.
  tokens_per_consumed_output,
  -- Money for each.
  cost_usd_per_consumed_output
) AS
WITH spent AS (
  SELECT agent_name, coalesce(input_tokens, 0) + coalesce(output_tokens, 0) AS tokens, cost_usd
  FROM token_usage_by_agent
  WHERE agent_name IS NOT NULL
),
reported AS (
  SELECT agent_name, count(DISTINCT coalesce(wave::VARCHAR, time::DATE::VARCHAR)) AS reports
  FROM status_reports
  WHERE is_done(status)
  GROUP BY agent_name
),
ran AS (
  SELECT to_agent AS agent_name, count(DISTINCT to_span_id) AS runs
  FROM handoffs
  WHERE NOT is_error AND to_span_id IS NOT NULL
  GROUP BY to_agent
),
taken AS (
  SELECT from_agent AS agent_name, count(DISTINCT (from_trace_id, from_span_id)) AS consumed
  FROM flow_edges
  WHERE kind IN ('carried', 'quoted', 'read_after_write') AND from_agent <> to_agent AND confidence <> 'possible'
  GROUP BY from_agent
)
SELECT
  agent_name, tokens, cost_usd, coalesce(reports, runs), CASE WHEN reports > 0 THEN 'reports' WHEN runs > 0 THEN 'runs' END,
  tokens / coalesce(reports, runs), cost_usd / coalesce(reports, runs), coalesce(consumed, 0), tokens / consumed, cost_usd / consumed
FROM spent
LEFT JOIN reported USING (agent_name)
LEFT JOIN ran USING (agent_name)
LEFT JOIN taken USING (agent_name);
