-- What an agent was asked to do and what that took: one row a task, the unit in which drift is measured.
-- include: agents.handoffs
-- include: messages.span_messages
-- include: spans.calls
-- include: spans.errors
-- include: spans.runs
-- include: tokens.usage_ledger

-- Whether a tool calls for a person.
CREATE MACRO _is_escalation(tool) AS
coalesce(regexp_matches(tool, 'escalat|(ask|notify|page|wait_for)_(a_)?(human|user|person|operator)|human_(review|input|approval)|request_(approval|review)', 'i'), false);

-- What kind of work a span says it is: an attribute for it, else nothing. Argument: the attributes.
CREATE MACRO _task_type(attributes) AS
CASE WHEN contains(attributes::VARCHAR, 'task') THEN
  coalesce(attributes->>'$."task.type"', attributes->>'$.task_type', attributes->>'$."gen_ai.task.type"', attributes->>'$."task.kind"', attributes->>'$.task_kind')
END;

-- Which task every model call, tool call and usage record belongs to: the innermost run of an agent around it, else what its agent did
-- in its trace.
CREATE VIEW _tasks_of_calls (
  -- Place of the call in tree order.
  preorder,
  -- Place of the task: of the run, else of the first thing its agent did in the trace.
  task
) AS
WITH owned AS (
  SELECT trace_id, agent_name, operation_name, preorder
  FROM spans
  WHERE _span_kind(operation_name) IN ('model', 'tool') OR operation_name = 'invoke_agent'
),
firsts AS (SELECT trace_id, agent_name, min(preorder) AS first_preorder FROM owned GROUP BY trace_id, agent_name)
SELECT owned.preorder, coalesce(CASE WHEN operation_name = 'invoke_agent' THEN owned.preorder END, run_preorder, first_preorder)
FROM owned
LEFT JOIN _runs_of_calls((SELECT list(DISTINCT trace_id) FROM spans)) AS runs USING (preorder)
JOIN firsts ON firsts.trace_id = owned.trace_id AND firsts.agent_name IS NOT DISTINCT FROM owned.agent_name;

-- The calls of `llm_calls` with the task of each, without what nobody measures. Argument: a table as `_tasks_of_calls` is.
CREATE MACRO _model_calls_of_tasks(of_calls) AS TABLE
SELECT
  trace_id, span_id, agent_name, operation_name, model, start_time, duration_ns, input_tokens, output_tokens, cache_read_input_tokens, preorder, task
FROM llm_calls
JOIN query_table(of_calls) USING (preorder);

-- The calls of `tool_calls` with the task of each, and whether the same tool failed just before in the same task; without what went in and came
-- out. Argument: a table as `_tasks_of_calls` is.
CREATE MACRO _tool_calls_of_tasks(of_calls) AS TABLE
SELECT
  trace_id, span_id, agent_name, tool_name, start_time, duration_ns, is_error, coalesce(lag(is_error) OVER same, false) AS is_retry, preorder, task
FROM tool_calls
JOIN query_table(of_calls) USING (preorder)
WINDOW same AS (PARTITION BY task, tool_name ORDER BY start_time, preorder);

-- The tasks of all agents, as `tasks` has them. Arguments: tables that say which task every call belongs to, which calls of models and of tools there
-- were, and what failed, as `_tasks_of_calls`, `_model_calls_of_tasks`, `_tool_calls_of_tasks` and `errors` do.
CREATE MACRO _tasks_of(of_calls, of_models, of_tools, of_failures) AS TABLE
WITH owned AS MATERIALIZED (FROM query_table(of_calls)),
calls AS MATERIALIZED (
  SELECT task, preorder, true AS is_model, false AS is_retry, false AS is_escalation, false AS is_handoff
  FROM query_table(of_models)
  UNION ALL
  SELECT task, preorder, false, is_retry, _is_escalation(tool_name), _is_handoff_tool(tool_name)
  FROM query_table(of_tools)
),
failed AS (SELECT preorder FROM query_table(of_failures) WHERE kind IN ('model', 'tool')),
counted AS (
  SELECT
    task, count(*) FILTER (is_model) AS model_calls, count(*) FILTER (NOT is_model) AS tool_calls, count(failed.preorder) AS errors,
    count(*) FILTER (is_retry) AS retries, bool_or(is_escalation) AS is_escalated, count(*) FILTER (is_handoff) AS handoffs,
    arg_min(calls.preorder, calls.preorder) FILTER (is_model) AS first_call, arg_max(calls.preorder, calls.preorder) FILTER (is_model) AS last_call
  FROM calls
  LEFT JOIN failed USING (preorder)
  GROUP BY task
),
usage AS (
  SELECT
    task, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd,
    sum(cache_read_input_tokens) / nullif(sum(input_tokens) FILTER (cache_read_input_tokens IS NOT NULL), 0) AS cache_share
  FROM usage_ledger
  JOIN owned USING (preorder)
  WHERE is_counted
  GROUP BY task
),
ends AS (
  SELECT task, max(epoch_ns(coalesce(end_time, start_time))) AS end_ns
  FROM spans
  JOIN owned USING (preorder)
  GROUP BY task
),
-- What the first call of a task was shown and the last one said. The lists are looked up for these alone, not for all that calls were shown.
ranges AS MATERIALIZED (
  SELECT task, direction, position, list_id, length
  FROM (
    SELECT task, first_call AS preorder, 'input' AS direction FROM counted
    UNION ALL
    SELECT task, last_call, 'output' FROM counted
  )
  JOIN spans USING (preorder)
  JOIN span_message_ranges USING (trace_id, span_id, direction)
),
heard AS MATERIALIZED (
  SELECT task, direction, position + list_index AS position, message_hash
  FROM ranges
  JOIN message_lists ON message_lists.list_id = ranges.list_id AND list_index < length
),
briefs AS (
  SELECT task, arg_min(bytes, position) AS bytes
  FROM heard
  JOIN (SELECT message_hash, role, bytes FROM messages) AS messages USING (message_hash)
  WHERE direction = 'input' AND role NOT IN ('system', 'developer')
  GROUP BY task
),
finished AS (
  SELECT agent_name, bool_or(end_time IS NOT NULL) AS is_told, max(start_time) AS last_time
  FROM spans
  WHERE operation_name = 'invoke_agent'
  GROUP BY agent_name
),
answers AS (
  SELECT task, arg_max(parts, position)->>'$[0].content' AS said
  FROM heard
  JOIN messages USING (message_hash)
  WHERE direction = 'output'
  GROUP BY task
)
SELECT
  run.trace_id, run.span_id, run.agent_name,
  coalesce(
    _task_type(run.attributes), _task_type(root.attributes),
    regexp_replace(coalesce(run.workflow_name, root.workflow_name, nullif(root.name, '')), '\d+', '#', 'g')
  ) AS task_type,
  run.start_time,
  CASE WHEN run.operation_name = 'invoke_agent' THEN run.duration_ns ELSE end_ns - epoch_ns(run.start_time) END / 1e9 AS duration_s,
  coalesce(model_calls, 0) AS model_calls, coalesce(tool_calls, 0) AS tool_calls, _whole(spent.input_tokens) AS input_tokens,
  _whole(spent.output_tokens) AS output_tokens, spent.cache_share,
  spent.cost_usd, errors / nullif(counted.model_calls + counted.tool_calls, 0) AS error_rate, retries / nullif(counted.tool_calls, 0) AS retry_rate, is_escalated,
  coalesce(handoffs, 0) AS handoffs,
  CASE WHEN run.operation_name = 'invoke_agent' AND (run.status_code <> 'UNSET' OR run.end_time IS NOT NULL) THEN run.status_code = 'ERROR' AND NOT run.is_control_flow END AS is_failed,
  CASE WHEN run.operation_name = 'invoke_agent' THEN CASE
    WHEN run.status_code = 'ERROR' AND NOT run.is_control_flow THEN false
    WHEN run.end_time IS NOT NULL THEN true
    WHEN finished.is_told AND finished.last_time > run.start_time THEN false
  END END AS is_completed,
  briefs.bytes AS brief_bytes, strlen(said) AS output_bytes, CASE WHEN said IS NOT NULL THEN json_valid(said) AND regexp_matches(said, '^\s*[\[{]') END AS is_output_json,
  TRY_CAST(coalesce(run.attributes->>'$.confidence', TRY_CAST(said AS JSON)->>'$.confidence') AS DOUBLE) AS confidence, run.preorder
FROM (SELECT DISTINCT task FROM owned) AS all_tasks
JOIN spans AS run ON run.preorder = task
JOIN ends USING (task)
LEFT JOIN (FROM spans WHERE depth = 0) AS root ON root.trace_id = run.trace_id AND root.span_id = run.root_span_id
LEFT JOIN counted USING (task)
LEFT JOIN usage AS spent USING (task)
LEFT JOIN briefs USING (task)
LEFT JOIN answers USING (task)
LEFT JOIN finished ON finished.agent_name = run.agent_name
WHERE run.start_time IS NOT NULL;

-- Every task of every agent: a run (invoke_agent), or what the agent did in one trace where the log has no runs. What runs of other
-- agents inside took is theirs.
CREATE VIEW tasks (
  -- Trace it stands in.
  trace_id,
  -- The run, else the first span of the agent.
  span_id,
  -- `gen_ai.agent.name`.
  agent_name,
  -- Kind of work: an attribute `task.type` or the like of the run or the root, else the workflow or the
  -- name of the root, without digits.
  task_type,
  -- When it began (UTC).
  start_time,
  -- From the beginning to the end, in seconds.
  duration_s,
  -- Number of model calls, each once.
  model_calls,
  -- Number of tool calls, each once.
  tool_calls,
  -- Input tokens, each usage record counted once.
  input_tokens,
  -- Output tokens, likewise.
  output_tokens,
  -- Part of the input tokens that came from the cache, 0 to 1; NULL where no record says.
  cache_share,
  -- Money in USD, as far as it is priced; NULL where nothing is.
  cost_usd,
  -- Failed calls per call, 0 to 1.
  error_rate,
  -- Tool calls that repeat a failed call of the same tool, per tool call, 0 to 1.
  retry_rate,
  -- True where the task called for a person.
  is_escalated,
  -- Number of hand-overs to other agents.
  handoffs,
  -- True where the run failed, false where it ended without an error; NULL where the log has no run or no end of it.
  is_failed,
  -- True where the run ended without an error, false where it failed, or never ended although others of its agent did and something happened
  -- after it; NULL where the log cannot tell.
  is_completed,
  -- Bytes of what it was asked: the first message of the first model call that is no system prompt.
  brief_bytes,
  -- Bytes of its last answer.
  output_bytes,
  -- True where the last answer is a JSON object or array.
  is_output_json,
  -- Confidence that the task states of itself (an attribute, or a field of a JSON answer).
  confidence,
  -- Place in tree order.
  preorder
) AS
WITH owned AS MATERIALIZED (FROM _tasks_of_calls),
models AS MATERIALIZED (FROM _model_calls_of_tasks('owned')),
tools AS MATERIALIZED (FROM _tool_calls_of_tasks('owned'))
FROM _tasks_of('owned', 'models', 'tools', 'errors');
