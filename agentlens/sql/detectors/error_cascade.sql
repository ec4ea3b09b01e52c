-- One failure that takes several agents with it.
-- include: spans.errors
-- include: detectors.evidence

-- Why error cascades cannot be looked for; no reason when all is there.
CREATE VIEW _needs_error_cascade (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  with_status > 0 AND agents >= 3,
  CASE
    WHEN with_status = 0 THEN 'no span has a status recorded: failures cannot be seen'
    WHEN all_agents < 3 THEN 'fewer than three agents are known from spans'
    WHEN agents < 3 THEN 'fewer than three agents have spans with a time in a trace of their log: what failed together cannot be told'
    ELSE _unjudged('failed runs and calls', failed, lost, 'no trace, no agent or no time recorded')
  END
FROM (
  SELECT
    count(*) FILTER (status_code <> 'UNSET') AS with_status, count(DISTINCT agent_name) AS all_agents, count(DISTINCT agent_name) FILTER (is_placed) AS agents,
    count(*) FILTER (status_code = 'ERROR' AND operation_name IS NOT NULL) AS failed, count(*) FILTER (status_code = 'ERROR' AND operation_name IS NOT NULL AND (agent_name IS NULL OR NOT is_placed)) AS lost
  FROM (SELECT operation_name, status_code, agent_name, start_time IS NOT NULL AND NOT starts_with(trace_id, 'log:') AS is_placed FROM spans)
);

-- `min_agents` agents of one trace fail within `seconds`, and nobody mends it.
--
-- Means: a failure went from agent to agent, or all hung on the same thing. Matters: the first is the cause, the others are only its
-- echo. An agent has failed when its run ended in error and no later run of it in the trace went well; where its runs are not logged,
-- when its last call of a tool or model failed, and where they are logged without their outcome, when that was the last thing it did. The summary tells the path in time, with the innermost failure first. Tier proven where
-- all failures lie below one failed run (the failure was passed up), else event. Severity critical.
-- Example: a reader fails on 503, ten seconds later the writer above it, then the lead.
-- Leaves alone: failures that were mended by another attempt; handoffs and interrupts; failures of fewer agents, or further apart;
-- agents of different traces.
-- Misses: cascades of wrong values without errors (see plausible_cascade); agents whose spans stand in traces of their own.
-- Do: start at the first failure named in the summary; the others need no mending of their own.
-- scope: trace
-- version: 2
CREATE MACRO detect_error_cascade(min_agents := 3, seconds := 60) AS TABLE
WITH bad_runs AS MATERIALIZED (
  SELECT trace_id, agent_name, preorder, subtree_end, coalesce(end_time, start_time) AS time
  FROM spans
  WHERE operation_name = 'invoke_agent' AND status_code = 'ERROR' AND NOT is_control_flow AND agent_name IS NOT NULL AND start_time IS NOT NULL
),
bad_steps AS MATERIALIZED (
  -- A flat log without traces is one trace for want of better: its agents share a file, and no more.
  SELECT trace_id, agent_name, preorder, kind, tool_name, coalesce(end_time, start_time) AS time
  FROM errors
  WHERE agent_name IS NOT NULL AND start_time IS NOT NULL AND NOT starts_with(trace_id, 'log:')
),
suspects AS MATERIALIZED (
  SELECT trace_id
  FROM (
    SELECT trace_id, count(*) AS agents
    FROM (SELECT trace_id, agent_name FROM bad_runs UNION SELECT trace_id, agent_name FROM bad_steps)
    GROUP BY trace_id
  )
  WHERE agents >= min_agents
),
runs AS MATERIALIZED (
  SELECT trace_id, agent_name, status_code, start_time, end_time FROM spans SEMI JOIN suspects USING (trace_id) WHERE operation_name = 'invoke_agent'
),
work AS MATERIALIZED (
  SELECT trace_id, agent_name, start_time, _span_kind(operation_name) AS kind, tool_name
  FROM spans
  SEMI JOIN suspects USING (trace_id)
  WHERE status_code <> 'ERROR' AND _span_kind(operation_name) IN ('tool', 'model')
),
failed AS (
  SELECT trace_id, agent_name, preorder, subtree_end, time
  FROM bad_runs
  SEMI JOIN suspects USING (trace_id)
  ANTI JOIN (SELECT trace_id, agent_name, start_time FROM runs WHERE status_code <> 'ERROR' AND end_time IS NOT NULL) AS good
    ON good.trace_id = bad_runs.trace_id AND good.agent_name = bad_runs.agent_name AND good.start_time >= bad_runs.time
  UNION ALL
  SELECT trace_id, agent_name, preorder, preorder + 1, time
  FROM bad_steps
  SEMI JOIN suspects USING (trace_id)
  ANTI JOIN (FROM runs WHERE status_code <> 'UNSET') AS runs ON runs.trace_id = bad_steps.trace_id AND runs.agent_name = bad_steps.agent_name
  -- Of a run whose log does not say how it ended, only the last step speaks.
  ANTI JOIN (SELECT work.* FROM work SEMI JOIN runs USING (trace_id, agent_name)) AS later
    ON later.trace_id = bad_steps.trace_id AND later.agent_name = bad_steps.agent_name AND later.start_time >= bad_steps.time
  ANTI JOIN work ON work.trace_id = bad_steps.trace_id AND work.agent_name = bad_steps.agent_name AND work.start_time >= bad_steps.time
    AND work.kind = bad_steps.kind AND work.tool_name IS NOT DISTINCT FROM bad_steps.tool_name
),
-- An agent fails once: the first time.
first_failures AS (
  SELECT trace_id, agent_name, min(time) AS time, arg_min(preorder, (time, -preorder)) AS preorder, max(subtree_end) AS subtree_end
  FROM failed
  GROUP BY trace_id, agent_name
),
linked AS (
  SELECT
    *, coalesce(epoch_ns(time) - epoch_ns(lag(time) OVER in_time) > seconds::BIGINT * 1000000000, true) AS is_first,
    coalesce(epoch_ns(time) - epoch_ns(lag(time, min_agents::INTEGER - 1) OVER in_time) <= seconds::BIGINT * 1000000000, false) AS is_dense
  FROM first_failures
  WINDOW in_time AS (PARTITION BY trace_id ORDER BY time, preorder DESC)
),
incidents AS (
  SELECT
    trace_id, incident, count(*) AS agents, list(preorder ORDER BY time, preorder DESC) AS places,
    list(agent_name ORDER BY time, preorder DESC) AS path, min(preorder) AS first_place, max(preorder) AS last_place, max(subtree_end) AS last_end
  FROM (SELECT *, count(*) FILTER (is_first) OVER (PARTITION BY trace_id ORDER BY time, preorder DESC) AS incident FROM linked)
  GROUP BY trace_id, incident
  HAVING bool_or(is_dense)
),
-- The innermost failure inside what failed first.
causes AS (
  SELECT incidents.trace_id, incident, arg_min(struct_pack(preorder := errors.preorder, class := error_class, agent := errors.agent_name,
      what := coalesce(errors.tool_name, model, errors.name), message := coalesce(message, errors.error_type)), (coalesce(errors.end_time, errors.start_time), -errors.preorder)) AS cause
  FROM incidents
  JOIN spans AS first_failed ON first_failed.preorder = places[1]
  JOIN errors ON errors.trace_id = incidents.trace_id AND errors.preorder >= first_failed.preorder AND errors.preorder < first_failed.subtree_end
  GROUP BY ALL
),
told AS (
  SELECT incidents.*, cause, unnest(list_distinct(list_prepend(cause.preorder, places))) AS preorder
  FROM incidents
  LEFT JOIN causes USING (trace_id, incident)
)
SELECT
  CASE WHEN outermost.operation_name = 'invoke_agent' AND outermost.status_code = 'ERROR' AND outermost.subtree_end > last_place THEN 'proven' ELSE 'event' END AS tier,
  'critical' AS severity, told.trace_id, any_value(path)[1] AS agent_name,
  list(span.span_id ORDER BY coalesce(span.end_time, span.start_time), span.preorder DESC) AS span_ids,
  min(coalesce(span.end_time, span.start_time)) AS start_time, max(coalesce(span.end_time, span.start_time)) AS end_time,
  format('{} agents failed within {} s: {}; first {}{}.', any_value(agents),
    round((epoch_ns(max(coalesce(span.end_time, span.start_time))) - epoch_ns(min(coalesce(span.end_time, span.start_time)))) / 1e9)::BIGINT,
    array_to_string(any_value(path)[:12], ' → '), coalesce(any_value(cause).what, 'a step'),
    coalesce(' (' || any_value(cause).class || coalesce(': ' || _short(any_value(cause).message, 80), '') || ')', '')) AS summary,
  list(_evidence(span.source_id, span.source_line, span.source_offset, span.source_length, span.span_id,
    coalesce(span.agent_name, '') || ', ' || coalesce(span.name, '') || ': ' || coalesce(span.status_message, span.error_type, 'failed'))
    ORDER BY coalesce(span.end_time, span.start_time), span.preorder DESC)[:50] AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told
JOIN spans AS span ON span.preorder = told.preorder
JOIN spans AS outermost ON outermost.preorder = told.first_place
GROUP BY told.trace_id, incident, tier;
