-- What changes over time, and with which version.
-- include: spans.kinds

-- Calls in periods of time, by agent, operation, model and versions. Argument: the length of a period, an INTERVAL (1 day by
-- default); periods begin at midnight UTC.
CREATE MACRO drift_by(period := INTERVAL 1 DAY) AS TABLE
WITH calls AS (
  SELECT
    start_time, agent_name, agent_version, prompt_version, operation_name,
    coalesce(response_model, request_model) AS model, tool_name, duration_ns, status_code = 'ERROR' AND NOT is_control_flow AS is_error,
    input_tokens, output_tokens
  FROM spans
  WHERE start_time IS NOT NULL AND _span_kind(operation_name) IN ('model', 'tool', 'agent')
)
SELECT
  time_bucket(period, start_time::TIMESTAMP, TIMESTAMP '2000-01-01') AS time_bucket, agent_name, operation_name, model, tool_name,
  agent_version, prompt_version, count(*) AS calls,
  (quantile_cont(duration_ns, 0.5) FILTER (duration_ns >= 0))::BIGINT AS duration_p50_ns,
  (quantile_cont(duration_ns, 0.95) FILTER (duration_ns >= 0))::BIGINT AS duration_p95_ns,
  avg(input_tokens) AS input_tokens_per_call, avg(output_tokens) AS output_tokens_per_call,
  count(*) FILTER (is_error) AS errors, count(*) FILTER (is_error) / count(*) AS error_rate
FROM calls
GROUP BY ALL;

-- Calls per day (UTC), by agent, operation, model, tool and versions. For other periods: `FROM drift_by(INTERVAL 1 HOUR)`.
CREATE VIEW drift_series (
  -- Beginning of the day (UTC).
  time_bucket,
  -- `gen_ai.agent.name`.
  agent_name,
  -- `gen_ai.operation.name`: model calls, tool calls and agent runs.
  operation_name,
  -- The model that answered, else the one that was asked for.
  model,
  -- `gen_ai.tool.name`.
  tool_name,
  -- Version of the agent.
  agent_version,
  -- Version of the prompt.
  prompt_version,
  -- Number of calls.
  calls,
  -- Median duration in nanoseconds, exact.
  duration_p50_ns,
  -- 95th percentile of the same.
  duration_p95_ns,
  -- Mean input tokens a call, over the calls that report them.
  input_tokens_per_call,
  -- Mean output tokens a call, likewise.
  output_tokens_per_call,
  -- Number of calls that failed.
  errors,
  -- Failures per call, 0 to 1.
  error_rate
) AS
FROM drift_by();
