-- Runs that end with something else than what they were asked.
-- include: detectors.evidence
-- include: messages.languages
-- include: drift.goal_alignment

-- Why drifts from the goal cannot be looked for; no reason when all is there.
CREATE VIEW _needs_goal_drift (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  runs > 0 AND calls > 0,
  CASE WHEN runs = 0 OR calls = 0 THEN 'no run of an agent has tool calls' END
FROM (SELECT count(*) FILTER (operation_name = 'invoke_agent') AS runs, count(*) FILTER (operation_name = 'execute_tool') AS calls FROM spans);

-- The words of what a step asked: its arguments without their keys.
CREATE MACRO _step_words(arguments) AS _meaning_words(regexp_replace(coalesce(arguments, ''), '"\w+" ?:', ' ', 'g'));

-- Whether a tool's name has a word that a word of a task begins with (`claim_file` for claims).
CREATE MACRO _tool_serves(tool, task_words) AS
len(list_filter(_meaning_words(replace(tool, '_', ' ')), lambda own: len(list_filter(task_words, lambda word: starts_with(word, own))) > 0)) > 0;

-- What was made of every long run, as one row: whether anything could be judged (`can_look`), what was left out (`reason`), and the `findings`, a
-- list. Arguments as in `detect_goal_drift`.
CREATE MACRO _verdict_goal_drift(min_steps, min_aligned, min_lost) AS TABLE
WITH long_runs AS MATERIALIZED (
  SELECT runs.preorder, run_preorder, calls.start_time
  FROM _runs_of_calls((SELECT list(DISTINCT trace_id) FROM spans)) AS runs
  JOIN (SELECT preorder, start_time FROM tool_calls) AS calls USING (preorder)
  QUALIFY count(*) OVER (PARTITION BY run_preorder) >= min_steps
),
places AS MATERIALIZED (
  SELECT
    preorder, run_preorder, row_number() OVER (PARTITION BY run_preorder ORDER BY start_time, preorder) AS step, count(*) OVER (PARTITION BY run_preorder) AS steps
  FROM long_runs
),
briefs AS MATERIALIZED (
  SELECT own.preorder AS run_preorder, own.span_id AS run_span_id, _meaning_words(own.brief) AS words, _meaning_words(above.brief) AS parent_words,
    _is_unspaced(own.brief) AS is_unspaced
  FROM run_briefs AS own
  LEFT JOIN run_briefs AS above ON above.preorder = own.parent_preorder
  WHERE own.preorder IN (SELECT run_preorder FROM long_runs)
),
-- What a run asked and read is only taken apart where its last steps have words, and none of its briefs. Words can be compared where they are apart.
last_steps AS MATERIALIZED (
  SELECT
    run_preorder, bool_or(len(said) > 0) AS has_words,
    bool_and(len(said) > 0 AND NOT list_has_any(said, words) AND NOT list_has_any(said, coalesce(parent_words, []))) AS is_off
  FROM places
  JOIN briefs USING (run_preorder)
  JOIN (SELECT preorder, _step_words(tool_call_arguments) AS said FROM spans SEMI JOIN (SELECT preorder FROM places WHERE step > steps - min_lost) USING (preorder)) AS calls USING (preorder)
  WHERE len(words) > 0 AND NOT is_unspaced
  GROUP BY run_preorder
),
suspects AS MATERIALIZED (SELECT run_preorder FROM last_steps WHERE is_off),
taken AS MATERIALIZED (
  SELECT
    places.*, calls.trace_id, calls.span_id, calls.agent_name, calls.tool_name, calls.start_time, run_span_id, words, coalesce(parent_words, []) AS parent_words,
    _step_words(tool_call_arguments) AS said, _meaning_words(left(tool_call_result, 2000)) AS read, coalesce(_tool_serves(tool_name, words), false) AS has_fit_tool
  FROM places
  SEMI JOIN suspects USING (run_preorder)
  JOIN spans AS calls USING (preorder)
  JOIN briefs USING (run_preorder)
),
-- The step that first read, or was asked for, each word of a run; what only comes back because the run itself had said it was not read anywhere.
known AS (
  SELECT run_preorder, word, min(step) FILTER (NOT is_own) AS first_step
  FROM (
    SELECT run_preorder, 0 AS step, false AS is_own, unnest(words) AS word FROM briefs SEMI JOIN suspects USING (run_preorder)
    UNION ALL
    SELECT run_preorder, step, false, unnest(read) FROM taken
    UNION ALL
    SELECT run_preorder, step, true, unnest(said) FROM taken
  )
  GROUP BY run_preorder, word
  HAVING coalesce(min(step) FILTER (NOT is_own) < min(step) FILTER (is_own), true)
),
led AS (
  SELECT DISTINCT said.preorder
  FROM (SELECT preorder, run_preorder, step, unnest(said) AS word FROM taken) AS said
  JOIN known ON known.run_preorder = said.run_preorder AND known.word = said.word AND first_step < said.step
),
judged AS MATERIALIZED (
  SELECT
    *, list_has_any(said, words) OR list_has_any(said, parent_words) OR list_has_any(read, words) OR has_fit_tool OR preorder IN (FROM led) AS is_aligned,
    len(said) > 0 AND NOT has_fit_tool AND NOT list_has_any(said, words) AND NOT list_has_any(said, parent_words) AND preorder NOT IN (FROM led) AS is_lost
  FROM taken
),
-- Who asks a tool again for what served before goes on with that, however far it is (the next page of a list).
going_on AS (
  SELECT DISTINCT lost.preorder
  FROM (FROM judged WHERE is_lost) AS lost
  JOIN (FROM judged WHERE is_aligned) AS before ON before.run_preorder = lost.run_preorder AND before.tool_name = lost.tool_name AND before.step < lost.step
  WHERE list_has_all(before.said, lost.said)
),
steps AS (SELECT * REPLACE (is_lost AND preorder NOT IN (FROM going_on) AS is_lost) FROM judged),
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
),
accusations AS (
  SELECT
    'candidate' AS tier, 'warning' AS severity, tails.trace_id, tails.agent_name, tails.span_ids, tails.start_time, tails.end_time,
    format('{} kept to its task for {} steps; the last {} of {} share no word with it, nor with anything it had read.', coalesce(tails.agent_name, 'An agent'), last_step, lost, steps) AS summary,
    [_evidence(here.source_id, here.source_line, here.source_offset, here.source_length, here.span_id, concat_ws(' ', here.tool_name, here.tool_call_arguments))] AS evidence,
    NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
  FROM tails
  JOIN spans AS here ON here.preorder = preorders[1]
  WHERE aligned >= min_aligned AND lost >= greatest(min_lost, steps / 3)
),
counted AS (
  SELECT *, runs - unspaced - told AS untold
  FROM (SELECT count(DISTINCT run_preorder) AS runs FROM places), (SELECT count(*) AS unspaced FROM briefs WHERE is_unspaced),
    (SELECT count(*) AS told, count(*) FILTER (NOT has_words) AS wordless FROM last_steps)
)
SELECT
  untold + unspaced + wordless < runs AS can_look,
  CASE WHEN runs = 0 THEN format('no run is long enough to drift ({} tool calls)', min_steps) ELSE nullif(concat_ws('; ',
    _unjudged('long runs', runs, untold, 'no task recorded'),
    _unjudged('long runs', runs, unspaced, 'a task in a script that puts no blanks between words'),
    _unjudged('long runs', runs, wordless, 'last steps without words in their arguments')), '') END AS reason,
  (SELECT list(accusations) FROM accusations) AS findings
FROM counted;

-- A run that began with its task ends in a row of steps that share no word with the task nor with anything the run had read before.
--
-- Means: the agent works on something it was not asked and did not come upon. Matters: every single step looks well. The first `min_aligned`
-- steps or more had words of the brief, in their tool, in what they asked or in what they read, or followed from what was read; then at least `min_lost` steps to the end, a third of the run or more, have none of the brief, of the brief
-- of the agent it works for, nor of any result before. What a result only repeats of the call was not read. Tier candidate. Severity: warning.
-- Example: asked for the lease of a shop, a run spends its last eight steps on the font of the letterhead.
-- Leaves alone: details that follow from what was read; a tool that is asked again for what served before, such as the next page; runs that never named their task; a few odd steps.
-- Misses: drifts into what was read on the way (see `injection`); synonyms and other languages: words are compared as they stand; tasks in scripts that put no
-- blanks between words (`checks` counts those runs).
-- Do: read the first step that lost the task, and what stood just before it; say in the brief when the work is done.
-- scope: trace
-- version: 5
CREATE MACRO detect_goal_drift(min_steps := 10, min_aligned := 3, min_lost := 5) AS TABLE
SELECT unnest(findings, max_depth := 2) FROM _verdict_goal_drift(min_steps, min_aligned, min_lost);
