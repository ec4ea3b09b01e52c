-- Runs that end with something else than what they were asked.
-- include: detectors.evidence
-- include: drift.goal_alignment

-- Why drifts from the goal cannot be looked for; no reason when all is there.
CREATE VIEW _needs_goal_drift (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  count(*) FILTER (calls >= 10 AND has_arguments) > 0,
  CASE
    WHEN count(*) = 0 THEN 'no run of an agent has tool calls'
    WHEN count(*) FILTER (calls >= 10) = 0 THEN 'no run is long enough to drift (10 tool calls)'
    WHEN count(*) FILTER (calls >= 10 AND has_arguments) = 0 THEN 'the long runs do not say with which arguments they called tools'
  END
FROM (
  SELECT run_preorder, count(*) AS calls, bool_or(tool_call_arguments IS NOT NULL) AS has_arguments
  FROM _runs_of_calls((SELECT list(DISTINCT trace_id) FROM spans)) AS runs
  JOIN tool_calls USING (preorder)
  GROUP BY run_preorder
);

-- A run that began with its task ends in a row of steps that share no word with the task nor with anything the run had read before.
--
-- Means: the agent works on something it was not asked and did not come upon. Matters: every single step looks well. The first `min_aligned`
-- steps or more had words of the brief; then at least `min_lost` steps to the end, a third of the run or more, have none of the brief, of the brief
-- of the agent it works for, nor of any result before. Tier candidate. Severity: warning.
-- Leaves alone: details that follow from what was read; runs that never named their task; a few odd steps.
-- Misses: drifts into what was read on the way (see `injection`); synonyms and other languages: words are compared as they stand.
-- scope: trace
-- version: 1
CREATE MACRO detect_goal_drift(min_steps := 10, min_aligned := 3, min_lost := 5) AS TABLE
WITH steps AS (
  SELECT
    *, coalesce(alignment > 0 OR parent_alignment > 0, false) AS is_aligned, coalesce(alignment = 0 AND coalesce(parent_alignment, 0) = 0 AND NOT is_connected, false) AS is_lost
  FROM alignment_of(min_steps := min_steps)
),
last_known AS (
  SELECT run_span_id, trace_id, coalesce(max(CASE WHEN NOT is_lost THEN step END), 0) AS step
  FROM steps
  GROUP BY ALL
),
tails AS (
  SELECT
    steps.trace_id, steps.run_span_id, any_value(agent_name) AS agent_name, any_value(steps) AS steps, any_value(last_known.step) AS last_step,
    count(*) FILTER (is_aligned AND steps.step <= last_known.step) AS aligned, count(*) FILTER (steps.step > last_known.step) AS lost,
    list(span_id ORDER BY steps.step) FILTER (steps.step > last_known.step) AS span_ids, min(start_time) FILTER (steps.step > last_known.step) AS start_time,
    max(start_time) AS end_time, list(preorder ORDER BY steps.step) FILTER (steps.step > last_known.step) AS preorders
  FROM steps
  JOIN last_known USING (trace_id, run_span_id)
  GROUP BY steps.trace_id, steps.run_span_id
)
SELECT
  'candidate' AS tier, 'warning' AS severity, tails.trace_id, tails.agent_name, tails.span_ids, tails.start_time, tails.end_time,
  format('{} kept to its task for {} steps; the last {} of {} share no word with it, nor with anything it had read.', coalesce(tails.agent_name, 'An agent'), last_step, lost, steps) AS summary,
  [_evidence(here.source_id, here.source_line, here.source_offset, here.source_length, here.span_id, concat_ws(' ', here.tool_name, here.tool_call_arguments))] AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM tails
JOIN spans AS here ON here.preorder = preorders[1]
WHERE aligned >= min_aligned AND lost >= greatest(min_lost, steps / 3);
