-- Everything about an agent that may drift, as one long table of single observations, and its course over time with intervals.
-- include: agents.beats
-- include: drift.fingerprints
-- include: drift.tasks

-- Whether a measure lies between 0 and 1.
CREATE MACRO _is_share(measure) AS
measure LIKE '%_share' OR measure LIKE '%_rate' OR measure LIKE '%_failed' OR measure IN ('task_escalated', 'task_completed', 'task_output_json', 'task_confidence', 'task_tool_mix', 'tool_retried');

-- Whether each observation of a measure lies between 0 and 1 by what it is, so that their mean says it, not their median.
CREATE MACRO _is_rate(measure) AS _is_share(measure) AND measure <> 'task_confidence';

-- Which tools every task used, as `task_tools` has it. Argument: a table as `_tool_calls_of_tasks` is.
CREATE MACRO _tools_of_tasks(of_tools) AS TABLE
WITH counted AS (SELECT task, tool_name, count(*) AS calls FROM query_table(of_tools) WHERE tool_name IS NOT NULL GROUP BY task, tool_name),
totals AS (SELECT task, sum(calls) AS all_calls FROM counted GROUP BY task)
SELECT run.agent_name, task, tool_name, calls, calls / all_calls AS share
FROM counted
JOIN totals USING (task)
-- The tasks of `tasks`, which measures much else about each.
JOIN (SELECT agent_name, preorder FROM spans WHERE agent_name IS NOT NULL AND start_time IS NOT NULL) AS run ON run.preorder = task;

-- Which tools every task used, and for which share of its tool calls: the distribution that is compared when the mix of tools may have changed.
CREATE VIEW task_tools (
  -- `gen_ai.agent.name`.
  agent_name,
  -- Place of the task in tree order.
  task,
  -- The tool.
  tool_name,
  -- Calls of it in the task.
  calls,
  -- Their share of the tool calls of the task, 0 to 1.
  share
) AS
WITH tools AS (FROM _tool_calls_of_tasks('_tasks_of_calls'))
FROM _tools_of_tasks('tools');

-- How far the tools of each task are from those of all tasks of its agent: the total variation distance between both distributions over tools,
-- the share of calls that would have to go to another tool (0 the usual mix, 1 tools that it never uses). Argument: a table as `task_tools` is.
CREATE MACRO _tool_mix_of_tasks(of_tools) AS TABLE
WITH used AS MATERIALIZED (FROM query_table(of_tools)),
usual AS (SELECT agent_name, tool_name, sum(share) / sum(sum(share)) OVER (PARTITION BY agent_name) AS share FROM used GROUP BY agent_name, tool_name)
-- What both have in common, tool by tool: half the sum of differences is one less that. Rounded, for equal mixes must be equally far.
SELECT task, round(1 - sum(least(used.share, usual.share)), 12) AS task_tool_mix
FROM used
JOIN usual USING (agent_name, tool_name)
GROUP BY task;

-- What each task of a known agent took, one column a measure (`task_…`); the mix of its tools is in `_tool_mix_of_tasks`. Argument: a table as `tasks` is.
-- Here and below, which trace and span it was is told where the argument tells it.
CREATE MACRO _measured_tasks(of_tasks) AS TABLE
SELECT
  agent_name, start_time AS time, COLUMNS('^(trace_id|span_id|preorder)$'), preorder AS task, task_type, brief_bytes,
  CASE WHEN duration_s >= 0 THEN duration_s END::DOUBLE AS task_duration_s, model_calls::DOUBLE AS task_model_calls, tool_calls::DOUBLE AS task_tool_calls,
  input_tokens::DOUBLE AS task_input_tokens, output_tokens::DOUBLE AS task_output_tokens, cost_usd::DOUBLE AS task_cost_usd,
  cache_share::DOUBLE AS task_cache_share, error_rate::DOUBLE AS task_error_rate, retry_rate::DOUBLE AS task_retry_rate,
  is_escalated::INT::DOUBLE AS task_escalated, handoffs::DOUBLE AS task_handoffs, is_failed::INT::DOUBLE AS task_failed,
  is_completed::INT::DOUBLE AS task_completed, output_bytes::DOUBLE AS task_output_bytes, is_output_json::INT::DOUBLE AS task_output_json,
  confidence::DOUBLE AS task_confidence
FROM query_table(of_tasks)
WHERE agent_name IS NOT NULL;

-- What each model call of a known agent took, one column a measure (`call_…`). Arguments: tables as `_model_calls_of_tasks` and `errors` are.
CREATE MACRO _measured_calls(of_models, of_failures) AS TABLE
SELECT
  agent_name, start_time AS time, COLUMNS('^(trace_id|span_id|preorder)$'), task, operation_name, model,
  CASE WHEN duration_ns >= 0 THEN duration_ns / 1e9 END::DOUBLE AS call_duration_s,
  input_tokens::DOUBLE AS call_input_tokens, output_tokens::DOUBLE AS call_output_tokens,
  (cache_read_input_tokens / nullif(input_tokens, 0))::DOUBLE AS call_cache_share, (failed.preorder IS NOT NULL)::INT::DOUBLE AS call_failed
FROM query_table(of_models)
LEFT JOIN (SELECT preorder FROM query_table(of_failures) WHERE kind = 'model') AS failed USING (preorder)
WHERE agent_name IS NOT NULL AND start_time IS NOT NULL;

-- What each call of a tool by a known agent took, one column a measure (`tool_…`). Argument: a table as `_tool_calls_of_tasks` is.
CREATE MACRO _measured_tools(of_tools) AS TABLE
SELECT
  agent_name, start_time AS time, COLUMNS('^(trace_id|span_id|preorder)$'), task, 'execute_tool' AS operation_name, tool_name,
  CASE WHEN duration_ns >= 0 THEN duration_ns / 1e9 END::DOUBLE AS tool_duration_s, is_error::INT::DOUBLE AS tool_failed,
  is_retry::INT::DOUBLE AS tool_retried
FROM query_table(of_tools)
WHERE agent_name IS NOT NULL AND start_time IS NOT NULL AND tool_name IS NOT NULL;

-- How long each agent was silent between two of its heartbeats.
CREATE VIEW _heartbeat_gaps (
  -- The agent.
  agent_name,
  -- The later of both (UTC).
  time,
  -- Seconds between them.
  heartbeat_gap_s
) AS
SELECT agent_name, time, gap
FROM (
  SELECT agent_name, time, (epoch_ns(time) - epoch_ns(lag(time) OVER (PARTITION BY episode, agent_name ORDER BY time))) / 1e9 AS gap
  FROM _beats
  WHERE kind = 'heartbeat'
)
WHERE gap > 0;

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
  task,
  -- `gen_ai.operation.name` of the call; NULL for measures of tasks.
  operation_name,
  -- The model that answered, for measures of model calls.
  model
) AS
WITH owned AS MATERIALIZED (FROM _tasks_of_calls),
models AS MATERIALIZED (FROM _model_calls_of_tasks('owned')),
tools AS MATERIALIZED (FROM _tool_calls_of_tasks('owned')),
failures AS MATERIALIZED (SELECT preorder, kind FROM errors),
known AS MATERIALIZED (FROM _tasks_of('owned', 'models', 'tools', 'failures') WHERE agent_name IS NOT NULL),
used AS MATERIALIZED (FROM _tools_of_tasks('tools')),
per_task AS (
  UNPIVOT (
    SELECT measured.* EXCLUDE (preorder, task_type, brief_bytes), task_tool_mix
    FROM _measured_tasks('known') AS measured
    LEFT JOIN _tool_mix_of_tasks('used') USING (task)
  ) ON COLUMNS('^task_') INTO NAME measure VALUE value
),
per_call AS (UNPIVOT (SELECT * EXCLUDE (preorder) FROM _measured_calls('models', 'failures')) ON COLUMNS('^call_') INTO NAME measure VALUE value),
per_tool AS (UNPIVOT (SELECT * EXCLUDE (preorder) FROM _measured_tools('tools')) ON COLUMNS('^tool_[^n]') INTO NAME measure VALUE value),
gaps AS (SELECT agent_name, 'heartbeat_gap_s' AS measure, time, heartbeat_gap_s AS value FROM _heartbeat_gaps),
gathered AS (FROM per_task UNION ALL BY NAME FROM per_call UNION ALL BY NAME FROM per_tool UNION ALL BY NAME FROM gaps)
SELECT
  gathered.agent_name, measure, tool_name, CASE WHEN _is_rate(measure) THEN 'rate' ELSE 'number' END,
  time, value, known.task_type, known.brief_bytes, gathered.trace_id, gathered.span_id, gathered.task, gathered.operation_name, gathered.model
FROM gathered
LEFT JOIN known ON known.preorder = gathered.task;

-- Every observation under what it may be told apart by: its agent, its operation, tool or model across all agents, and every version its agent
-- ran with. One observation has a row for each. Argument: one of them (as in `drift_measures`), 'version' for all kinds of version, 'unversioned' for all else, or 'all'.
CREATE MACRO _placed_observations(kept) AS TABLE
WITH seen AS MATERIALIZED (FROM observations),
versions AS (
  SELECT task, kind, arg_min(value, preorder) AS value
  FROM span_versions
  JOIN _tasks_of_calls USING (preorder)
  WHERE kept = kind OR kept IN ('version', 'all')
  GROUP BY task, kind
)
SELECT 'agent' AS dimension, NULL::VARCHAR AS member, agent_name, tool_name, measure, kind, time, value, span_id
FROM seen
WHERE kept IN ('agent', 'unversioned', 'all')
UNION ALL
SELECT 'operation', operation_name, NULL, NULL, measure, kind, time, value, span_id
FROM seen
WHERE kept IN ('operation', 'unversioned', 'all') AND operation_name IS NOT NULL
UNION ALL
SELECT 'tool', tool_name, NULL, tool_name, measure, kind, time, value, span_id
FROM seen
WHERE kept IN ('tool', 'unversioned', 'all') AND tool_name IS NOT NULL
UNION ALL
SELECT 'model', model, NULL, NULL, measure, kind, time, value, span_id
FROM seen
WHERE kept IN ('model', 'unversioned', 'all') AND model IS NOT NULL
UNION ALL
SELECT versions.kind, versions.value, agent_name, tool_name, measure, seen.kind, time, seen.value, span_id
FROM seen
JOIN versions USING (task)
WHERE kept NOT IN ('agent', 'operation', 'tool', 'model', 'unversioned');

-- The course of every measure over time: one row a period, from the first to the last observation of its agent, periods without any
-- included. Numbers are medians, rates are means. Arguments: the length of a period, the least number of observations for which an
-- interval is given, and what series are made of: 'agent', 'operation', 'tool', 'model', a kind of version, 'version' for all of these, 'unversioned' for all else, or 'all'.
CREATE MACRO measures_by(period := INTERVAL 1 DAY, min_n := 6, kept := 'agent') AS TABLE
WITH placed AS (
  SELECT *, time_bucket(period, time::TIMESTAMP, TIMESTAMP '2000-01-01') AS bucket
  FROM _placed_observations(kept)
),
spans_of_time AS (
  SELECT dimension, member, agent_name, measure, tool_name, kind, unnest(generate_series(first_bucket, last_bucket, period)) AS bucket
  FROM (
    SELECT dimension, member, agent_name, measure, tool_name, kind, min(bucket) AS first_bucket, max(bucket) AS last_bucket
    FROM placed
    GROUP BY ALL
  )
),
grouped AS (
  SELECT
    dimension, member, agent_name, measure, tool_name, bucket, count(*) AS n, avg(value) AS mean, median(value) AS median, list_sort(list(value)) AS sorted,
    list(span_id ORDER BY time) FILTER (span_id IS NOT NULL) AS span_ids
  FROM placed
  GROUP BY ALL
),
-- 95 % intervals: of a median by order statistics (Conover 1999, 3.2; without any assumption on the distribution), of a mean share by
-- Wilson's score (1927).
measured AS (
  SELECT
    course.dimension, course.member, course.agent_name, course.measure, course.tool_name, course.kind, course.bucket, coalesce(n, 0) AS n,
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
    ON grouped.dimension = course.dimension AND grouped.measure = course.measure AND grouped.bucket = course.bucket
    AND grouped.agent_name IS NOT DISTINCT FROM course.agent_name AND grouped.member IS NOT DISTINCT FROM course.member
    AND grouped.tool_name IS NOT DISTINCT FROM course.tool_name
)
SELECT dimension, member, agent_name, measure, tool_name, kind, bucket AS time_bucket, n, value, low, high, span_ids
FROM measured;

-- The course of every measure per day (UTC), by agent, operation, tool, model and version. `WHERE dimension = 'agent'` is that of the agents. For
-- other periods: `FROM measures_by(INTERVAL 1 HOUR, kept := 'model')`.
CREATE VIEW drift_measures (
  -- What the series is of: `agent`; `operation`, `tool` or `model` across all agents; or an agent under one version, by its kind, as in
  -- `span_versions` (prompt_version, request_model, ...).
  dimension,
  -- The operation, tool, model or version; NULL for `agent`.
  member,
  -- `gen_ai.agent.name`; NULL across agents.
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
FROM measures_by(kept := 'all');
