-- Everything about an agent that may drift, as one long table of single observations, and its course over time with intervals.
-- include: agents.beats
-- include: drift.tasks

-- One observation a row: what a task took, how long a call lasted, whether it failed. Nothing is averaged; what a log does not say has
-- no row.
CREATE VIEW observations (
  -- `gen_ai.agent.name`.
  agent_name,
  -- What is measured: `task_…` (one a task), `call_…` (one a model call), `tool_…` (one a tool call), `heartbeat_gap_s`.
  measure,
  -- The tool, for measures of tools; else NULL.
  tool_name,
  -- `number`, or `rate` (each observation lies between 0 and 1).
  kind,
  -- When (UTC): the beginning of the task or call, the later of two heartbeats.
  time,
  -- The observation; seconds, tokens, bytes, USD, a count or a share.
  value,
  -- Kind of work, as in `tasks`.
  task_type,
  -- Bytes of what the task was asked, as in `tasks`.
  brief_bytes,
  -- Trace it was made in.
  trace_id,
  -- The task or call.
  span_id,
  -- Place of the task in tree order: observations of one task belong together.
  task
) AS
WITH known AS MATERIALIZED (FROM tasks WHERE agent_name IS NOT NULL),
model_calls AS (
  SELECT agent_name, preorder, task, calls.* EXCLUDE (agent_name, preorder)
  FROM llm_calls AS calls
  JOIN _tasks_of_calls USING (preorder)
),
per_task AS (
  UNPIVOT (
    SELECT
      agent_name, start_time AS time, task_type, brief_bytes, trace_id, span_id, preorder AS task,
      CASE WHEN duration_s >= 0 THEN duration_s END::DOUBLE AS task_duration_s, model_calls::DOUBLE AS task_model_calls, tool_calls::DOUBLE AS task_tool_calls,
      input_tokens::DOUBLE AS task_input_tokens, output_tokens::DOUBLE AS task_output_tokens, cost_usd::DOUBLE AS task_cost_usd,
      cache_share::DOUBLE AS task_cache_share, error_rate::DOUBLE AS task_error_rate, retry_rate::DOUBLE AS task_retry_rate,
      is_escalated::INT::DOUBLE AS task_escalated, handoffs::DOUBLE AS task_handoffs, is_failed::INT::DOUBLE AS task_failed,
      output_bytes::DOUBLE AS task_output_bytes, is_output_json::INT::DOUBLE AS task_output_json, confidence::DOUBLE AS task_confidence
    FROM known
  ) ON COLUMNS('^task_(duration|model|tool|input|output|cost|cache|error|retry|esc|hand|failed|conf)') INTO NAME measure VALUE value
),
per_call AS (
  UNPIVOT (
    SELECT
      agent_name, start_time AS time, trace_id, span_id, task, CASE WHEN duration_ns >= 0 THEN duration_ns / 1e9 END::DOUBLE AS call_duration_s,
      input_tokens::DOUBLE AS call_input_tokens, output_tokens::DOUBLE AS call_output_tokens
    FROM model_calls
    WHERE agent_name IS NOT NULL AND start_time IS NOT NULL
  ) ON COLUMNS('^call_') INTO NAME measure VALUE value
),
per_tool AS (
  UNPIVOT (
    SELECT
      agent_name, tool_name, start_time AS time, trace_id, span_id, task, CASE WHEN duration_ns >= 0 THEN duration_ns / 1e9 END::DOUBLE AS tool_duration_s,
      is_error::INT::DOUBLE AS tool_failed
    FROM tool_calls
    JOIN _tasks_of_calls USING (preorder)
    WHERE agent_name IS NOT NULL AND start_time IS NOT NULL AND tool_name IS NOT NULL
  ) ON tool_duration_s, tool_failed INTO NAME measure VALUE value
),
gaps AS (
  SELECT agent_name, 'heartbeat_gap_s' AS measure, time, (epoch_ns(time) - epoch_ns(lag(time) OVER (PARTITION BY episode, agent_name ORDER BY time))) / 1e9 AS value
  FROM _beats
  WHERE kind = 'heartbeat'
),
gathered AS (
  SELECT agent_name, measure, NULL::VARCHAR AS tool_name, time, value, trace_id, span_id, task FROM per_task
  UNION ALL BY NAME
  SELECT agent_name, measure, NULL::VARCHAR AS tool_name, time, value, trace_id, span_id, task FROM per_call
  UNION ALL BY NAME
  SELECT agent_name, measure, tool_name, time, value, trace_id, span_id, task FROM per_tool
  UNION ALL BY NAME
  SELECT agent_name, measure, NULL::VARCHAR AS tool_name, time, value, NULL::VARCHAR AS trace_id, NULL::VARCHAR AS span_id, NULL::BIGINT AS task FROM gaps WHERE value > 0
)
SELECT
  gathered.agent_name, measure, tool_name,
  CASE WHEN measure IN ('task_cache_share', 'task_error_rate', 'task_retry_rate', 'task_escalated', 'task_failed', 'task_output_json', 'tool_failed') THEN 'rate' ELSE 'number' END,
  time, value, known.task_type, known.brief_bytes, gathered.trace_id, gathered.span_id, gathered.task
FROM gathered
LEFT JOIN known ON known.preorder = gathered.task;

-- The course of every measure over time: one row a period, from the first to the last observation of its agent, periods without any
-- included. Numbers are medians, rates are means. Arguments: the length of a period, and the least number of observations for which an
-- interval is given.
CREATE MACRO measures_by(period := INTERVAL 1 DAY, min_n := 6) AS TABLE
WITH placed AS (
  SELECT *, time_bucket(period, time::TIMESTAMP, TIMESTAMP '2000-01-01') AS bucket
  FROM observations
),
spans_of_time AS (
  SELECT agent_name, measure, tool_name, kind, unnest(generate_series(first_bucket, last_bucket, period)) AS bucket
  FROM (
    SELECT agent_name, measure, tool_name, kind, min(bucket) AS first_bucket, max(bucket) AS last_bucket
    FROM placed
    GROUP BY ALL
  )
),
grouped AS (
  SELECT
    agent_name, measure, tool_name, bucket, count(*) AS n, avg(value) AS mean, median(value) AS median, list_sort(list(value)) AS sorted,
    list(span_id ORDER BY time) FILTER (span_id IS NOT NULL) AS span_ids
  FROM placed
  GROUP BY ALL
),
-- 95 % intervals: of a median by order statistics (Conover 1999, 3.2; without any assumption on the distribution), of a mean share by
-- Wilson's score (1927).
measured AS (
  SELECT
    course.agent_name, course.measure, course.tool_name, course.kind, course.bucket, coalesce(n, 0) AS n,
    CASE course.kind WHEN 'rate' THEN mean ELSE median END AS value,
    CASE WHEN n >= min_n THEN CASE course.kind
      WHEN 'rate' THEN (mean + 1.92 / n - 1.96 * sqrt(greatest(mean * (1 - mean), 0) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n)
      ELSE sorted[greatest(1, floor(n / 2 - 0.98 * sqrt(n)))::BIGINT]
    END END AS low,
    CASE WHEN n >= min_n THEN CASE course.kind
      WHEN 'rate' THEN (mean + 1.92 / n + 1.96 * sqrt(greatest(mean * (1 - mean), 0) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n)
      ELSE sorted[least(n, ceil(n / 2 + 1 + 0.98 * sqrt(n)))::BIGINT]
    END END AS high,
    span_ids
  FROM spans_of_time AS course
  LEFT JOIN grouped
    ON grouped.agent_name = course.agent_name AND grouped.measure = course.measure AND grouped.bucket = course.bucket
    AND grouped.tool_name IS NOT DISTINCT FROM course.tool_name
)
SELECT agent_name, measure, tool_name, kind, bucket AS time_bucket, n, value, low, high, span_ids
FROM measured;

-- The course of every measure per day (UTC). For other periods: `FROM measures_by(INTERVAL 1 HOUR)`.
CREATE VIEW drift_measures (
  -- `gen_ai.agent.name`.
  agent_name,
  -- What is measured, as in `observations`.
  measure,
  -- The tool, for measures of tools; else NULL.
  tool_name,
  -- `number` or `rate`.
  kind,
  -- Beginning of the day (UTC).
  time_bucket,
  -- Number of observations; 0 for a day without any.
  n,
  -- Median of numbers, mean of rates; NULL without observations.
  value,
  -- Lower end of the 95 % interval; NULL for fewer than six observations.
  low,
  -- Upper end of the same.
  high,
  -- The tasks or calls behind it, in time order.
  span_ids
) AS
FROM measures_by();
