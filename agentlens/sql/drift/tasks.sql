-- What an agent was asked to do and what that took: one row a task, the unit in which drift is measured.
-- include: agents.handoffs
-- include: agents.projects
-- include: messages.span_messages
-- include: spans.calls
-- include: spans.errors
-- include: spans.runs
-- include: tokens.usage_ledger

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
WITH placed AS MATERIALIZED (FROM _run_around_calls((SELECT list(DISTINCT trace_id) FROM spans))),
homeless AS MATERIALIZED (SELECT trace_id, agent_name, preorder FROM spans SEMI JOIN (FROM placed WHERE run_preorder IS NULL) USING (preorder)),
firsts AS (
  SELECT trace_id, agent_name, min(preorder) AS first_preorder
  FROM spans
  SEMI JOIN homeless USING (trace_id)
  WHERE _span_kind(operation_name) IN ('model', 'tool') OR operation_name = 'invoke_agent'
  GROUP BY trace_id, agent_name
)
FROM placed WHERE run_preorder IS NOT NULL
UNION ALL
SELECT preorder, preorder FROM spans WHERE operation_name = 'invoke_agent'
UNION ALL
SELECT homeless.preorder, first_preorder
FROM homeless
JOIN firsts ON firsts.trace_id = homeless.trace_id AND firsts.agent_name IS NOT DISTINCT FROM homeless.agent_name;

-- The calls of `llm_calls` with the task of each, without what nobody measures. Argument: a table as `_tasks_of_calls` is.
CREATE MACRO _model_calls_of_tasks(of_calls) AS TABLE
SELECT
  trace_id, span_id, agent_name, operation_name, model, start_time, duration_ns, input_tokens, output_tokens, cache_read_input_tokens, preorder, task
FROM llm_calls
JOIN query_table(of_calls) USING (preorder);

-- The calls of `tool_calls` with the task of each, and whether the same tool failed just before in the same task; without what went in and came
-- out. Argument: a table as `_tasks_of_calls` is.
CREATE MACRO _tool_calls_of_tasks(of_calls) AS TABLE
WITH calls AS MATERIALIZED (
  SELECT trace_id, span_id, agent_name, tool_name, start_time, duration_ns, is_error, preorder, task
  FROM tool_calls
  JOIN query_table(of_calls) USING (preorder)
),
-- Of most tools in most tasks no call failed, so that none was tried again.
retried AS (
  SELECT preorder
  FROM (SELECT task, tool_name, start_time, is_error, preorder FROM calls) AS calls
  SEMI JOIN (SELECT task, tool_name FROM calls WHERE is_error) AS failed ON failed.task = calls.task AND failed.tool_name IS NOT DISTINCT FROM calls.tool_name
  WINDOW same AS (PARTITION BY task, tool_name ORDER BY start_time, preorder)
  QUALIFY lag(is_error) OVER same
)
SELECT calls.*, retried.preorder IS NOT NULL AS is_retry
FROM calls
LEFT JOIN retried USING (preorder);

-- A number that a text states; NULL for none, and for what cannot be put in order (NaN) or measured (infinity).
CREATE MACRO _finite(said) AS CASE WHEN isfinite(TRY_CAST(said AS DOUBLE)) THEN TRY_CAST(said AS DOUBLE) END;

-- The tasks of all agents, as `tasks` has them. Arguments: tables that say which task every call belongs to, which calls of models and of tools there
-- were, and what failed, as `_tasks_of_calls`, `_model_calls_of_tasks`, `_tool_calls_of_tasks` and `errors` do.
CREATE MACRO _tasks_of(of_calls, of_models, of_tools, of_failures) AS TABLE
WITH owned AS MATERIALIZED (FROM query_table(of_calls)),
asked AS MATERIALIZED (
  SELECT task, count(*) AS model_calls, min(preorder) AS first_call, max(preorder) AS last_call
  FROM query_table(of_models)
  GROUP BY task
),
called AS (
  SELECT task, count(*) AS tool_calls, count(*) FILTER (is_retry) AS retries FROM query_table(of_tools) GROUP BY task
),
-- Names are looked at once each, not at every call: a condition here would be put before the DISTINCT.
telling AS (
  SELECT tool_name, _asks_a_person(tool_name) AS is_escalation, _is_handoff_tool(tool_name) AS is_handoff
  FROM (SELECT DISTINCT tool_name FROM query_table(of_tools))
),
told AS (
  SELECT task, bool_or(is_escalation) AS is_escalated, count(*) FILTER (is_handoff) AS handoffs
  FROM query_table(of_tools)
  JOIN telling USING (tool_name)
  GROUP BY task
),
failed AS (
  SELECT task, count(*) AS errors
  FROM (SELECT preorder, task FROM query_table(of_models) UNION ALL SELECT preorder, task FROM query_table(of_tools))
  SEMI JOIN (SELECT preorder FROM query_table(of_failures) WHERE kind IN ('model', 'tool')) USING (preorder)
  GROUP BY task
),
counted AS (
  SELECT
    task, coalesce(model_calls, 0) AS model_calls, coalesce(tool_calls, 0) AS tool_calls, coalesce(errors, 0) AS errors,
    coalesce(retries, 0) AS retries, coalesce(is_escalated, false) AS is_escalated, coalesce(handoffs, 0) AS handoffs, first_call, last_call
  FROM asked
  FULL JOIN called USING (task)
  LEFT JOIN failed USING (task)
  LEFT JOIN told USING (task)
),
usage AS (
  SELECT
    task, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    -- Ranks are made of it: what costs the same must be equal, in whatever order its parts were added up.
    round(sum(cost_usd), 12) AS cost_usd,
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
-- What the first call of a task was shown and the last one said; what the run itself was given and answered where no call shows it. The lists are looked
-- up for these alone, not for all that calls were shown.
ranges AS MATERIALIZED (
  SELECT task, direction, position, list_id, length
  FROM (
    SELECT task, first_call AS preorder, 'input' AS direction, false AS is_of_run FROM asked
    UNION ALL
    SELECT task, last_call, 'output', false FROM asked
    UNION ALL
    SELECT task, task, unnest(['input', 'output']), true FROM ends
  )
  JOIN spans USING (preorder)
  JOIN span_message_ranges USING (trace_id, span_id, direction)
  QUALIFY NOT is_of_run OR bool_and(is_of_run) OVER (PARTITION BY task, direction)
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
  SELECT task, parts->>'$[0].content' AS said
  FROM (SELECT task, arg_max(message_hash, position) AS message_hash FROM heard WHERE direction = 'output' GROUP BY task)
  JOIN messages USING (message_hash)
),
-- What attributes say is taken out of them here: they are too long to be carried through every join.
begun AS (
  SELECT
    spans.*, task, end_ns, operation_name = 'invoke_agent' AS is_run, status_code = 'ERROR' AND NOT is_control_flow AS has_failed,
    _task_type(attributes) AS said_type, attributes->>'$.confidence' AS said_confidence
  FROM spans
  JOIN ends ON task = preorder
  WHERE start_time IS NOT NULL
),
roots AS (
  SELECT trace_id, span_id, _task_type(attributes) AS said_type, workflow_name, nullif(name, '') AS name FROM spans WHERE depth = 0
)
SELECT
  run.trace_id, run.span_id, run.agent_name,
  coalesce(run.said_type, root.said_type, regexp_replace(coalesce(run.workflow_name, root.workflow_name, root.name), '\d+', '#', 'g')
    || coalesce(' in ' || project, '')) AS task_type,
  run.start_time,
  CASE WHEN is_run THEN run.duration_ns ELSE end_ns - epoch_ns(run.start_time) END / 1e9 AS duration_s,
  coalesce(model_calls, 0) AS model_calls, coalesce(tool_calls, 0) AS tool_calls, _whole(spent.input_tokens) AS input_tokens,
  _whole(spent.output_tokens) AS output_tokens, spent.cache_share,
  spent.cost_usd, errors / nullif(counted.model_calls + counted.tool_calls, 0) AS error_rate, retries / nullif(counted.tool_calls, 0) AS retry_rate, is_escalated,
  coalesce(handoffs, 0) AS handoffs,
  CASE WHEN is_run AND (run.status_code <> 'UNSET' OR run.end_time IS NOT NULL) THEN has_failed END AS is_failed,
  CASE WHEN is_run THEN CASE
    WHEN has_failed THEN false
    WHEN run.end_time IS NOT NULL THEN true
    WHEN finished.is_told AND finished.last_time > run.start_time THEN false
  END END AS is_completed,
  briefs.bytes AS brief_bytes, strlen(said) AS output_bytes, CASE WHEN said IS NOT NULL THEN json_valid(said) AND regexp_matches(said, '^\s*[\[{]') END AS is_output_json,
  _finite(coalesce(said_confidence, TRY_CAST(said AS JSON)->>'$.confidence')) AS confidence, task AS preorder
FROM begun AS run
LEFT JOIN roots AS root ON root.trace_id = run.trace_id AND root.span_id = run.root_span_id
LEFT JOIN _project_of_trace AS home ON home.trace_id = run.trace_id
LEFT JOIN counted USING (task)
LEFT JOIN usage AS spent USING (task)
LEFT JOIN briefs USING (task)
LEFT JOIN answers USING (task)
LEFT JOIN finished ON finished.agent_name = run.agent_name;

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
  -- name of the root, without digits, and the project where the log names it (`cwd`): other work is no change of the agent.
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
