-- What was spent, by whatever one likes to know it by.
-- include: agents.waves
-- include: tokens.message_carriage
-- include: tokens.usage_ledger

-- Tokens and money by `agent`, `role` (of the agent, as a manifest or identity file declares it), `model`, `operation`, `conversation`,
-- `wave`, `version` (of the agent) or `prompt` (its version): `FROM token_usage_by('wave')`. Each usage record is counted once; what has no such
-- name stands under NULL. Columns: key, calls, input_tokens, output_tokens, cache_read_input_tokens, cache_write_input_tokens,
-- reasoning_output_tokens, cost_usd, unpriced (records without a price, not in `cost_usd`), token_share, cost_share (0 to 1),
-- start_time, end_time. For tools see `token_usage_by_tool`.
CREATE MACRO token_usage_by(dimension) AS TABLE
WITH keyed AS (
  SELECT
    CASE dimension
      WHEN 'agent' THEN agent_name WHEN 'model' THEN model WHEN 'operation' THEN operation_name WHEN 'version' THEN agent_version
      WHEN 'prompt' THEN prompt_version WHEN 'conversation' THEN coalesce(conversation_id, trace_id)
      WHEN 'role' THEN roles.role WHEN 'wave' THEN wave::VARCHAR
      ELSE error('token_usage_by knows agent, role, model, operation, conversation, wave, version and prompt, and got ' || dimension)
    END AS key,
    usage_ledger.*
  FROM usage_ledger
  LEFT JOIN (SELECT agent_name, any_value(role) AS role FROM agents GROUP BY agent_name) AS roles USING (agent_name)
  LEFT JOIN _wave_of_trace USING (trace_id)
  WHERE is_counted
),
sums AS (
  SELECT
    key, count(*) AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cache_read_input_tokens) AS cache_read,
    sum(cache_write_input_tokens) AS cache_write, sum(reasoning_output_tokens) AS reasoning, sum(cost_nano_usd) AS nano,
    count(*) FILTER (cost_usd IS NULL) AS unpriced, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time
  FROM keyed
  GROUP BY key
)
SELECT
  key, calls, _whole(input_tokens) AS input_tokens, _whole(output_tokens) AS output_tokens, _whole(cache_read) AS cache_read_input_tokens,
  _whole(cache_write) AS cache_write_input_tokens, _whole(reasoning) AS reasoning_output_tokens, nano / 1e9 AS cost_usd, unpriced,
  (coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) / nullif(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) OVER (), 0) AS token_share,
  nano / nullif(sum(nano) OVER (), 0) AS cost_share, start_time, end_time
FROM sums;

-- What the results of each tool cost: the tokens they took when they first stood in a window, and those of carrying them along (see
-- `message_carriage`), by agent.
CREATE VIEW token_usage_by_tool (
  -- The tool.
  tool_name,
  -- The agent in whose windows its results stood.
  agent_name,
  -- Number of results.
  results,
  -- Tokens of the results in the first call they stood in, apportioned by bytes.
  first_tokens,
  -- Tokens of the results in all later calls.
  carried_tokens,
  -- Their money together, in USD; NULL where no price is known.
  cost_usd,
  -- Calls a result stood in, on average.
  calls_per_result
) AS
SELECT
  tool_name, agent_name, count(*), sum(first_tokens)::BIGINT, sum(carried_tokens)::BIGINT, sum(first_cost_usd + carried_cost_usd), avg(calls)
FROM message_carriage
WHERE tool_name IS NOT NULL
GROUP BY tool_name, agent_name;
