-- How each agent and each tool is doing.
-- include: spans.calls
-- include: spans.errors
-- include: tokens.by_agent
-- include: tokens.inside

-- Each agent: runs, calls, failures, latency of its model calls, tokens and money.
CREATE VIEW agent_health (
  -- `gen_ai.agent.name`.
  agent_name,
  -- Number of runs (invoke_agent spans).
  runs,
  -- Number of model calls and tool calls.
  calls,
  -- Number of model calls, each once.
  model_calls,
  -- Number of tool calls, each once.
  tool_calls,
  -- Number of failures, each counted at its innermost span.
  errors,
  -- Failures per call, 0 to 1; NULL without calls.
  error_rate,
  -- Median duration of its model calls in nanoseconds, exact.
  duration_p50_ns,
  -- 95th percentile of the same.
  duration_p95_ns,
  -- 99th percentile of the same.
  duration_p99_ns,
  -- Input tokens, each usage record counted once.
  input_tokens,
  -- Output tokens, likewise.
  output_tokens,
  -- Money in USD, as far as it is priced; NULL where nothing is.
  cost_usd,
  -- First sign of life in the spans (UTC).
  start_time,
  -- Last sign of life in the spans (UTC).
  end_time
) AS
WITH seen AS (
  SELECT
    agent_name, count(*) FILTER (operation_name = 'invoke_agent') AS runs,
    min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time
  FROM spans
  WHERE agent_name IS NOT NULL
  GROUP BY agent_name
),
models AS (
  SELECT
    agent_name, count(*) AS model_calls,
    quantile_cont(duration_ns, [0.5, 0.95, 0.99]) FILTER (duration_ns >= 0) AS quantiles
  FROM llm_calls
  GROUP BY agent_name
),
tools AS (SELECT agent_name, count(*) AS tool_calls FROM tool_calls GROUP BY agent_name),
failures AS (SELECT agent_name, count(*) AS errors FROM errors GROUP BY agent_name)
SELECT
  agent_name, runs, coalesce(model_calls, 0) + coalesce(tool_calls, 0), coalesce(model_calls, 0), coalesce(tool_calls, 0),
  coalesce(errors, 0), coalesce(errors, 0) / nullif(coalesce(model_calls, 0) + coalesce(tool_calls, 0), 0),
  quantiles[1]::BIGINT, quantiles[2]::BIGINT, quantiles[3]::BIGINT,
  input_tokens, output_tokens, cost_usd, seen.start_time, seen.end_time
FROM seen
LEFT JOIN models USING (agent_name)
LEFT JOIN tools USING (agent_name)
LEFT JOIN failures USING (agent_name)
LEFT JOIN token_usage_by_agent USING (agent_name);

-- Each tool: calls, failures, latency, what its results weigh and what was spent inside its calls.
CREATE VIEW tool_health (
  -- `gen_ai.tool.name`.
  tool_name,
  -- Number of distinct agents that call it.
  agents,
  -- Number of calls, each once.
  calls,
  -- Number of calls that failed.
  errors,
  -- Failures per call, 0 to 1.
  error_rate,
  -- Median duration in nanoseconds, exact.
  duration_p50_ns,
  -- 95th percentile of the same.
  duration_p95_ns,
  -- 99th percentile of the same.
  duration_p99_ns,
  -- Bytes of results handed back: what later prompts carry.
  result_bytes,
  -- Input and output tokens spent inside its calls, as by an agent that the tool runs.
  tokens_inside,
  -- Money in USD spent inside its calls, as far as it is priced.
  cost_usd_inside,
  -- First call (UTC).
  start_time,
  -- Last sign of life (UTC).
  end_time
) AS
WITH inside AS (
  SELECT tool_name, sum(tokens) AS tokens, sum(cost_nano_usd) AS cost_nano_usd
  FROM _subtree_usage
  JOIN tool_calls USING (preorder)
  GROUP BY tool_name
),
per_tool AS (
  SELECT
    tool_name, count(DISTINCT agent_name) AS agents, count(*) AS calls, count(*) FILTER (is_error) AS errors,
    quantile_cont(duration_ns, [0.5, 0.95, 0.99]) FILTER (duration_ns >= 0) AS quantiles, sum(result_bytes) AS result_bytes,
    min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time
  FROM tool_calls
  GROUP BY tool_name
)
SELECT
  tool_name, agents, calls, errors, errors / calls, quantiles[1]::BIGINT, quantiles[2]::BIGINT, quantiles[3]::BIGINT,
  _whole(result_bytes), _whole(coalesce(tokens, 0)), cost_nano_usd / 1e9, start_time, end_time
FROM per_tool
LEFT JOIN inside USING (tool_name);
