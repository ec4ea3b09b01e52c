-- Agents that behave differently from before, as `drift_changes` has it.
-- include: detectors.evidence
-- include: drift.measures

-- Whether a measure says what a task takes.
CREATE MACRO _is_effort(measure) AS measure IN ('task_duration_s', 'task_model_calls', 'task_tool_calls', 'task_input_tokens', 'task_output_tokens', 'task_cost_usd');

-- Whether a measure says how good the result is, the more the better.
CREATE MACRO _is_quality(measure) AS measure IN ('task_output_bytes', 'task_output_json', 'task_confidence');

-- Whether a measure says that something failed openly.
CREATE MACRO _is_failure(measure) AS measure IN ('task_error_rate', 'task_failed', 'task_retry_rate', 'tool_failed', 'tool_retried', 'call_failed');

-- Why changes of behaviour cannot be looked for; no reason when all is there.
CREATE VIEW _needs_drift_step (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  tested > 0,
  CASE
    WHEN tested = 0 THEN 'no agent has been observed often enough to know what is usual (12 tasks or calls with a time are needed)'
    ELSE _unjudged('agents', agents, agents - agents_tested, 'too few tasks and calls with a time to know what is usual (12 are needed)')
  END
FROM (
  SELECT count(p_value) AS tested, count(DISTINCT agent_name) AS agents, count(DISTINCT agent_name) FILTER (p_value IS NOT NULL) AS agents_tested
  FROM drift_changes
);

-- The same for slow drifts.
CREATE VIEW _needs_drift_slope (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
FROM _needs_drift_step;

-- The same for silent degradation, which needs a measure of effort and one of quality.
CREATE VIEW _needs_silent_degradation (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  able > 0,
  CASE
    WHEN able = 0 THEN 'no agent has both a measure of effort (tokens, calls, time) and one of quality (answers, confidence) often enough'
    ELSE _unjudged('agents', agents, agents - able, 'too little to measure both effort and quality by')
  END
FROM (
  SELECT count(*) AS agents, count(*) FILTER (has_effort AND has_quality) AS able
  FROM (
    SELECT agent_name, coalesce(bool_or(_is_effort(measure)) FILTER (p_value IS NOT NULL), false) AS has_effort, coalesce(bool_or(_is_quality(measure)) FILTER (p_value IS NOT NULL), false) AS has_quality
    FROM drift_changes
    WHERE agent_name IS NOT NULL
    GROUP BY agent_name
  )
);

-- Changes of one verdict that are large enough, those of one agent (or of what several share) whose dates overlap under one number. What moved
-- for all that share a tool or a model is told once, and not of each agent again. Arguments: the verdict, the largest share of false
-- discoveries, and the least change (relative for numbers, in tenths of it for rates: 0.2 is 20 %, or 5 points of a rate).
CREATE MACRO _grouped_changes(wanted, max_q, min_change) AS TABLE
WITH large AS (
  SELECT *, coalesce(agent_name, dimension || ' ' || member) AS subject
  FROM drift_changes
  WHERE verdict = wanted AND q_value <= max_q
    AND abs(difference) >= min_change * CASE WHEN _is_share(measure) THEN 0.25 ELSE abs(value_before) END
    AND sign(difference_low) = sign(difference_high)
),
told_once AS (
  SELECT *
  FROM large AS own
  WHERE NOT EXISTS (
    FROM large AS shared
    WHERE shared.measure = own.measure AND sign(shared.difference) = sign(own.difference) AND shared.earliest <= own.latest AND own.earliest <= shared.latest
      AND CASE own.dimension
        WHEN 'agent' THEN shared.dimension = 'tool' AND shared.member = own.tool_name OR shared.dimension = 'model' AND list_contains(shared.shared_by, own.agent_name)
        ELSE shared.dimension = 'operation' AND list_contains(shared.shared_by, own.member)
      END
  )
)
SELECT *, count(*) FILTER (is_apart) OVER (PARTITION BY subject ORDER BY earliest, measure, tool_name) AS number
FROM (
  SELECT
    *,
    coalesce(earliest > max(latest) OVER (PARTITION BY subject ORDER BY earliest, measure, tool_name ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS is_apart
  FROM told_once
);

-- One finding a group of changes: what moved most first, and the spans on either side. Arguments as in `_grouped_changes`.
CREATE MACRO _change_findings(wanted, max_q, min_change) AS TABLE
WITH changes AS (
  -- Other tools may mean other work, unless something of the agent was changed just then.
  SELECT *, CASE WHEN measure = 'task_tool_mix' THEN CASE WHEN len(suspects) > 0 THEN difference ELSE least(difference, 0.49) END ELSE abs(difference) / greatest(abs(value_before), 1e-9) END AS size,
    -- What the explanation calls the measure, behind whose it is.
    split_part(substr(explanation, length(coalesce(agent_name, subject)) + 3), ': ', 1) AS label, row_number() OVER () AS change
  FROM _grouped_changes(wanted, max_q, min_change)
),
-- Ids that several traces use stand for the span that is nearest in time.
first_spans AS (
  SELECT changes.*, here.source_id, here.source_line, here.source_offset, here.source_length
  FROM changes
  LEFT JOIN spans AS here ON here.span_id = span_ids_after[1] AND (changes.agent_name IS NULL OR here.agent_name = changes.agent_name)
  QUALIFY row_number() OVER (PARTITION BY change ORDER BY abs(epoch_ns(here.start_time) - epoch_ns(changes.start_time)) NULLS LAST, here.preorder) = 1
)
SELECT
  'event' AS tier, CASE WHEN max(size) >= 0.5 THEN 'warning' ELSE 'info' END AS severity, NULL::VARCHAR AS trace_id, any_value(agent_name) AS agent_name,
  list_distinct(flatten(list(list_concat(coalesce(span_ids_before[-5:], []), list_transform(suspects, lambda suspect: suspect.span_id), coalesce(span_ids_after[:20], [])) ORDER BY size DESC))) AS span_ids,
  arg_min(start_time, q_value) AS start_time, arg_min(latest, q_value) AS end_time,
  arg_max(explanation, size) || CASE WHEN count(*) > 1 THEN format(' Also: {}.', array_to_string(list_filter(list_distinct(list(label ORDER BY size DESC)), lambda name: name <> arg_max(label, size)), '; ')) ELSE '' END AS summary,
  list(_evidence(source_id, source_line, source_offset, source_length, span_ids_after[1], explanation) ORDER BY size DESC) FILTER (source_id IS NOT NULL) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM first_spans
GROUP BY subject, number;

-- An agent takes or gives something else at like work since a moment: a step that chance does not explain.
--
-- Means: a prompt, a model, a tool or what it works on was changed; the summary names the releases that fall into the interval of the date.
-- Matters: no single trace shows it, and the bill and the quality do. All series of the lens are judged together: at most `max_q` of what is
-- reported is false (Benjamini and Hochberg). Like is compared with like: by kind of task, and by its size where that changed. One finding a
-- moment of an agent, all its measures in it; what all that share a tool, a model or an operation have in common is one finding of that. Tier event. Severity: warning for a change by half or more, else info.
-- Example: since 6 June the letters of one agent are half as long again; its prompt became v8 that morning.
-- Leaves alone: another mix of work, also where only the words of what was asked, or the tools that were used, tell its kinds apart (a mix of tools is a warning only
-- where something of the agent was changed just then); changes below `min_change`; scatter, however wild.
-- Misses: series of fewer than 12 observations; kinds of work that the log does not tell apart; what was already so when the log begins.
-- Do: open `al.Drift` at that moment, compare a task before with one after, and take the release back or accept it.
-- scope: fleet
-- version: 3
CREATE MACRO detect_drift_step(max_q := 0.05, min_change := 0.2) AS TABLE
FROM _change_findings('step', max_q, min_change);

-- An agent takes or gives more and more, or less and less, at like work, without a moment at which it began.
--
-- Means: something grows with every task (a memory, an index, a backlog) or wears out. Matters: each day looks like the day before. Judged like
-- steps, by Theil and Sen's slope from the first to the last observation. Tier event. Severity: warning for a change by half or more, else info.
-- Example: a search in the archive takes 8 per cent longer every day.
-- Leaves alone: steps; another mix of work; slopes below `min_change` in all.
-- Misses: drifts that turn round within the log; series of fewer than 12 observations.
-- Do: look at what grows beside it (a memory file, an index, a history that is sent along) and give it a limit.
-- scope: fleet
-- version: 3
CREATE MACRO detect_drift_slope(max_q := 0.05, min_change := 0.2) AS TABLE
FROM _change_findings('slope', max_q, min_change);

-- An agent takes more and gives less at the same time, and nothing fails.
--
-- Means: the same work costs more effort and yields shorter, worse formed or less certain answers, and every status says success. Matters: alarms
-- on errors stay quiet. It needs a step or slope up in effort (tokens, calls, time, money) and one down in quality (length, form or stated
-- confidence of the answers) whose dates overlap, and no change for the worse in failures. Tier candidate. Severity: warning.
-- Example: an agent is moved to a smaller model: more calls and tokens a task, shorter and less certain answers, no error.
-- Leaves alone: agents that fail more as well (see `drift_step`); answers that became shorter on less effort.
-- Misses: quality that the log does not show.
-- Do: compare answers from before and after by hand; go back to what was there if they are worse.
-- scope: fleet
-- version: 1
CREATE MACRO detect_silent_degradation(max_q := 0.05, min_change := 0.2) AS TABLE
WITH changes AS (
  FROM _grouped_changes('step', max_q, min_change) UNION ALL FROM _grouped_changes('slope', max_q, min_change)
),
pairs AS (
  SELECT effort.agent_name, effort AS effort_row, quality AS quality_row
  FROM changes AS effort
  JOIN changes AS quality
    ON quality.agent_name = effort.agent_name AND quality.earliest <= effort.latest AND effort.earliest <= quality.latest
  WHERE _is_effort(effort.measure) AND effort.difference > 0 AND _is_quality(quality.measure) AND quality.difference < 0
),
chosen AS (
  SELECT agent_name, arg_min(effort_row, effort_row.q_value) AS effort, arg_min(quality_row, quality_row.q_value) AS quality
  FROM pairs
  WHERE agent_name NOT IN (SELECT agent_name FROM drift_changes WHERE agent_name IS NOT NULL AND _is_failure(measure) AND verdict IN ('step', 'slope') AND difference > 0)
  GROUP BY agent_name
)
SELECT
  'candidate' AS tier, 'warning' AS severity, NULL::VARCHAR AS trace_id, chosen.agent_name,
  list_distinct(list_concat(coalesce(effort.span_ids_before[-5:], []), coalesce(quality.span_ids_after[:20], []))) AS span_ids,
  least(effort.start_time, quality.start_time) AS start_time, greatest(effort.latest, quality.latest) AS end_time,
  'More effort, poorer answers, no failures. ' || effort.explanation || ' ' || quality.explanation AS summary,
  list_filter([
    CASE WHEN here.source_id IS NOT NULL THEN _evidence(here.source_id, here.source_line, here.source_offset, here.source_length, here.span_id, quality.explanation) END
  ], lambda piece: piece IS NOT NULL) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM chosen
LEFT JOIN spans AS here ON here.span_id = quality.span_ids_after[1] AND here.agent_name = chosen.agent_name;
