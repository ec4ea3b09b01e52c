-- A session that does not end.
-- include: spans.kinds
-- include: detectors.evidence
-- include: agents.projects

-- Every run that can be compared with others of its kind, and how many calls it made: runs of agents, roots of traces, and traces of one agent's steps.
CREATE VIEW _run_lengths (
  -- Trace of the run.
  trace_id,
  -- The span that stands for it.
  span_id,
  -- The agent.
  agent_name,
  -- What it is compared with: runs of the same agent, else roots of the same name with numbers and ids left out; of the same project, where the log names it.
  kind,
  -- Model calls and tool calls in it.
  calls,
  -- Place in tree order.
  preorder,
  -- Place after its last span.
  subtree_end
) AS
WITH calls AS MATERIALIZED (
  SELECT preorder, row_number() OVER (ORDER BY preorder) AS number
  FROM spans
  WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')
),
runs AS (
  SELECT trace_id, span_id, agent_name, operation_name, name, workflow_name, preorder, subtree_end, preorder AS preorder_before
  FROM spans
  WHERE operation_name = 'invoke_agent' OR (depth = 0 AND NOT is_orphan AND subtree_end > preorder + 1)
  UNION ALL
  -- A trace of steps side by side, of one agent, that the log names (`run_id`, a session) is a run of that agent; its first step stands for it.
  SELECT trace_id, min_by(span_id, preorder), any_value(agent_name), 'invoke_agent', NULL, NULL, min(preorder), max(subtree_end), min(preorder) - 1
  FROM spans
  WHERE depth = 0 AND NOT starts_with(trace_id, 'log:')
  GROUP BY trace_id
  HAVING count(*) > 1 AND count(*) = max(subtree_end) - min(preorder) AND count(agent_name) = count(*) AND min(agent_name) = max(agent_name)
    AND NOT bool_or(is_orphan OR coalesce(operation_name, '') = 'invoke_agent')
)
SELECT
  runs.trace_id, runs.span_id, runs.agent_name,
  CASE WHEN runs.operation_name = 'invoke_agent' AND runs.agent_name IS NOT NULL THEN 'agent ' || runs.agent_name
    ELSE lower(regexp_replace(coalesce(runs.workflow_name, runs.name, ''), '[0-9a-fA-F-]{8,}|\d+', '#', 'g')) END || coalesce(' in ' || project, ''),
  coalesce(last.number, 0) - coalesce(before.number, 0), runs.preorder, runs.subtree_end
FROM runs
LEFT JOIN _project_of_trace USING (trace_id)
ASOF LEFT JOIN calls AS last ON last.preorder < runs.subtree_end
ASOF LEFT JOIN calls AS before ON before.preorder <= runs.preorder_before;

-- Why runaways cannot be looked for; no reason when all is there.
CREATE VIEW _needs_runaway (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT runs > 0, CASE WHEN runs = 0 THEN 'no run with steps in it is logged' END
FROM (SELECT count(*) AS runs FROM _run_lengths);

-- What was made of the length of every run, as one row: whether anything could be judged (`can_look`), what was left out (`reason`), and the
-- `findings`, a list. Arguments as in `detect_runaway`.
CREATE MACRO _verdict_runaway(times, min_others, min_calls) AS TABLE
WITH lengths AS MATERIALIZED (FROM _run_lengths WHERE calls > 0),
usual AS (
  SELECT
    kind, count(*) - 1 AS others, median(calls) AS median_calls,
    greatest((quantile_cont(ln(calls), 0.75) - quantile_cont(ln(calls), 0.25)) / 1.349, 0.25) AS spread, median(ln(calls)) AS middle
  FROM lengths
  GROUP BY kind
),
suspects AS MATERIALIZED (
  SELECT lengths.*, others, median_calls
  FROM lengths
  JOIN usual USING (kind)
  WHERE others >= min_others AND calls >= min_calls AND calls >= times * median_calls AND ln(calls) > middle + 4 * spread
),
-- Runs right below a suspect. All but the longest were beside the way: who hands work to many at once has not gone on for long.
below AS (
  SELECT suspects.preorder, sum(run.calls) - max(run.calls) AS calls_beside
  FROM suspects
  JOIN (
    SELECT suspects.preorder, lengths.calls,
      coalesce(max(lengths.subtree_end) OVER (
        PARTITION BY suspects.preorder ORDER BY lengths.preorder ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) <= lengths.preorder, true) AS is_next
    FROM suspects
    JOIN lengths ON lengths.preorder > suspects.preorder AND lengths.preorder < suspects.subtree_end
  ) AS run ON run.preorder = suspects.preorder AND is_next
  GROUP BY suspects.preorder
),
long AS MATERIALIZED (
  SELECT suspects.*
  FROM suspects
  LEFT JOIN below USING (preorder)
  WHERE calls - coalesce(calls_beside, 0) >= greatest(min_calls, times * median_calls)
),
innermost AS (
  FROM long
  WHERE NOT EXISTS (
    FROM long AS inside
    WHERE inside.preorder > long.preorder AND inside.preorder < long.subtree_end AND 2 * inside.calls >= long.calls)
),
accusations AS (
  SELECT
    'event' AS tier, CASE WHEN calls >= 2 * times * median_calls THEN 'critical' ELSE 'warning' END AS severity, run.trace_id, run.agent_name,
    [run.span_id] AS span_ids, run.start_time, run.end_time,
    format('{} made {} calls; the {} other runs of its kind made {} (median).', coalesce(run.agent_name, run.name, 'A run'), calls, others,
      round(median_calls)::BIGINT) AS summary,
    [_evidence(run.source_id, run.source_line, run.source_offset, run.source_length, run.span_id, format('{} calls in this run', calls)),
     _evidence(last.source_id, last.source_line, last.source_offset, last.source_length, last.span_id, 'its last step: ' || coalesce(last.name, ''))] AS evidence,
    NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
  FROM innermost
  JOIN spans AS run ON run.preorder = innermost.preorder
  JOIN spans AS last ON last.preorder = innermost.subtree_end - 1
),
counted AS (
  SELECT coalesce(sum(others + 1), 0)::BIGINT AS runs, coalesce(sum(others + 1) FILTER (others < min_others), 0)::BIGINT AS rare
  FROM usual
)
SELECT
  rare < runs OR runs = 0 AS can_look,
  CASE WHEN runs > 0 AND rare = runs THEN format('no kind of run is logged often enough to know its usual length ({} runs are needed)', min_others + 1)
    ELSE _unjudged('runs', runs, rare, format('too few others of their kind to know the usual length ({} are needed)', min_others)) END AS reason,
  (SELECT list(accusations) FROM accusations) AS findings
FROM counted;

-- A run makes at least `times` times as many calls as the median of the other runs of its kind, and that is far outside their spread.
--
-- Means: it found no end: nothing told it that it was done, or that it could not be. Matters: each call costs more than the one before
-- it. Compared are runs of one agent (the steps of one trace, where all are one agent's and none is above another), else roots of one name, in one project where the log names it (`cwd`); at least `min_others` others are needed, and `min_calls` calls. Far outside
-- is more than 4 robust standard deviations of the logarithm (at least a quarter each). Tier event. Severity: critical for twice as much, else warning.
-- Example: 120 calls where the other runs of the agent made 9.
-- Leaves alone: long pauses (calls count, not hours); kinds whose runs differ widely; several long runs of a kind; a run that is long only
-- because of another found inside it, or because it handed work to many.
-- Misses: kinds with few runs; runs cut off by a limit near the usual length.
-- Do: look at when its calls stopped finding anything new; set a limit on steps.
-- scope: fleet
-- version: 4
CREATE MACRO detect_runaway(times := 5, min_others := 5, min_calls := 30) AS TABLE
SELECT unnest(findings, max_depth := 2) FROM _verdict_runaway(times, min_others, min_calls);
