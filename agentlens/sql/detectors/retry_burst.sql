-- An agent that suddenly has to try far more things again than it usually does.
-- include: agents.projects
-- include: spans.actions
-- include: spans.errors
-- include: detectors.checks
-- include: detectors.evidence

-- Why retry bursts cannot be looked for; no reason when all is there.
CREATE VIEW _needs_retry_burst (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  count(*) FILTER (status_code <> 'UNSET') > 0 AND count(tool_call_arguments) > 0 AND count(start_time) > 0 AND count(agent_name) > 0,
  CASE
    WHEN count(*) = 0 THEN 'the logs hold no tool calls'
    WHEN count(*) FILTER (status_code <> 'UNSET') = 0 THEN 'no tool call has a status recorded'
    WHEN count(tool_call_arguments) = 0 THEN 'no tool call has its arguments recorded: what was tried again is not known'
    WHEN count(start_time) = 0 THEN 'no tool call has a time recorded'
    WHEN count(agent_name) = 0 THEN 'no tool call names its agent: what is usual for it is not known'
  END
FROM spans
WHERE operation_name = 'execute_tool';

-- What was made of the retries of every agent, as one row: whether anything could be judged (`can_look`), what was left out (`reason`), and the
-- `findings`, a list. Arguments as in `detect_retry_burst`.
CREATE MACRO _verdict_retry_burst(min_retries, min_actions, times, minutes, min_calls) AS TABLE
WITH failed AS MATERIALIZED (
  SELECT DISTINCT trace_id, agent_name, hash(tool_name, tool_call_arguments) AS action
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code = 'ERROR' AND NOT is_control_flow AND start_time IS NOT NULL AND agent_name IS NOT NULL
    AND tool_call_arguments IS NOT NULL AND NOT _is_waiting(tool_name, tool_call_arguments)
    -- Claude Code marks calls that it cancelled because one beside them failed: made once more, they are no retries.
    AND NOT contains(coalesce(status_message, ''), 'Sibling tool call errored')
    AND NOT _found_nothing(tool_name, tool_call_arguments, coalesce(status_message, tool_call_result))
    AND NOT _is_red_check(tool_name, tool_call_arguments, coalesce(status_message, tool_call_result), error_type)
),
retries AS MATERIALIZED (
  SELECT * EXCLUDE (has_failed_before, pause_ns), count(*) FILTER (is_late) OVER (PARTITION BY agent_name, project ORDER BY start_time, preorder) AS burst
  FROM (
    SELECT
      * EXCLUDE (call_number),
      coalesce(epoch_ns(start_time) - epoch_ns(lag(start_time) OVER course) > minutes * 60000000000 OR call_number - lag(call_number) OVER course > 21, true) AS is_late
    FROM (
      SELECT
        agent_name, project, action, call_number, preorder, start_time, end_time, status_code = 'ERROR' AS is_error, lag(preorder) OVER tries AS preorder_before,
        lag(start_time) OVER tries AS start_before,
        lag(status_code) OVER tries = 'ERROR' AND NOT contains(coalesce(lag(status_message) OVER tries, ''), 'Sibling tool call errored') AS has_failed_before,
        epoch_ns(start_time) - epoch_ns(lag(coalesce(end_time, start_time)) OVER tries) AS pause_ns
      FROM (
        SELECT
          spans.*, coalesce(project, '') AS project, hash(tool_name, tool_call_arguments) AS action,
          row_number() OVER (PARTITION BY agent_name, project ORDER BY start_time, preorder) AS call_number
        FROM spans
        LEFT JOIN _project_of_trace USING (trace_id)
        WHERE operation_name = 'execute_tool' AND start_time IS NOT NULL AND agent_name IN (SELECT agent_name FROM failed)
      )
      SEMI JOIN failed USING (trace_id, agent_name, action)
      WINDOW tries AS (PARTITION BY trace_id, agent_name, action ORDER BY start_time, preorder)
    )
    WHERE has_failed_before AND pause_ns BETWEEN 0 AND 1800000000000
    WINDOW course AS (PARTITION BY agent_name, project ORDER BY start_time, preorder)
  )
),
bursts AS (
  SELECT
    agent_name, project, burst, count(*) AS retries, count(*) FILTER (is_error) AS failures, count(DISTINCT action) AS actions,
    min(start_before) AS start_time, max(start_time) AS last_start, max(coalesce(end_time, start_time)) AS end_time,
    list_sort(list_distinct(flatten(list([preorder_before, preorder])))) AS places
  FROM retries
  GROUP BY agent_name, project, burst
  HAVING count(*) >= min_retries AND count(DISTINCT action) >= min_actions
),
calls AS (
  SELECT agent_name, coalesce(project, '') AS project, start_time
  FROM spans
  LEFT JOIN _project_of_trace USING (trace_id)
  WHERE operation_name = 'execute_tool' AND start_time IS NOT NULL AND agent_name IN (SELECT agent_name FROM bursts)
),
rated AS (
  SELECT bursts.*, usual.calls - near.calls AS other_calls, usual.retries - bursts.retries AS other_retries, near.calls AS calls,
    near.calls * (usual.retries - bursts.retries + 1) / (usual.calls - near.calls + 1) AS expected
  FROM bursts
  JOIN (
    SELECT agent_name, project, count(*) AS calls, (SELECT count(*) FROM retries WHERE retries.agent_name = calls.agent_name AND retries.project = calls.project) AS retries
    FROM calls
    GROUP BY agent_name, project
  ) AS usual USING (agent_name, project)
  JOIN (
    SELECT bursts.agent_name, bursts.project, burst, count(*) AS calls
    FROM bursts
    JOIN calls ON calls.agent_name = bursts.agent_name AND calls.project = bursts.project AND calls.start_time >= bursts.start_time AND calls.start_time <= last_start
    GROUP BY ALL
  ) AS near USING (agent_name, project, burst)
),
accusations AS (
  SELECT
    'event' AS tier, CASE WHEN 2 * failures >= retries THEN 'warning' ELSE 'info' END AS severity,
    CASE WHEN count(DISTINCT trace_id) = 1 THEN any_value(trace_id) END AS trace_id, rated.agent_name,
    list(span_id ORDER BY spans.start_time, preorder)[:50] AS span_ids, rated.start_time, rated.end_time,
    format('{} tried {} of {} calls again within {} min, on {} different things; otherwise {} of {}. {} of these retries failed.', rated.agent_name, retries, calls,
      greatest(1, round((epoch_ns(rated.end_time) - epoch_ns(rated.start_time)) / 6e10)::BIGINT), actions, other_retries, other_calls, failures) AS summary,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      coalesce(tool_name, 'a tool') || ': ' || CASE WHEN status_code = 'ERROR' THEN coalesce(status_message, error_type, 'failed') ELSE 'succeeded' END)
      ORDER BY spans.start_time, preorder)[:50] AS evidence,
    NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
  FROM (SELECT *, unnest(places) AS preorder FROM rated) AS rated
  JOIN spans USING (preorder)
  WHERE other_calls >= min_calls AND retries >= times * expected AND retries > expected + 4 * sqrt(expected)
  GROUP BY rated.agent_name, rated.project, burst, rated.start_time, rated.end_time, retries, calls, actions, other_retries, other_calls, failures
),
counted AS (
  SELECT count(*) AS agents, count(*) FILTER (calls < min_calls + min_retries) AS short
  FROM (
    SELECT count(*) AS calls
    FROM spans
    LEFT JOIN _project_of_trace USING (trace_id)
    WHERE operation_name = 'execute_tool' AND start_time IS NOT NULL AND agent_name IS NOT NULL
    GROUP BY agent_name, project
  )
)
SELECT
  short < agents AS can_look,
  CASE WHEN short = agents THEN format('no agent has called tools often enough to know what is usual for it ({} calls are needed beside the burst)', min_calls)
    ELSE _unjudged('agents', agents, short, format('too few tool calls to know what is usual for them ({} are needed beside the burst)', min_calls)) END AS reason,
  (SELECT list(accusations) FROM accusations) AS findings
FROM counted;

-- An agent tries things again `times` times as often as it does otherwise, for a while.
--
-- Means: something that it depends on became unreliable, though no single action was tried often enough to be a storm. Matters: every call takes
-- twice as long and costs twice as much, and the load on what is failing doubles; it is often the first sign of an outage. A retry is a tool call that the
-- same agent had made with the same arguments in the same trace, and that had failed, within the half hour before. Retries that follow one another within
-- `minutes`, and with no more than 20 calls of the agent between them, are a burst, when they are `min_retries` or more, of at least `min_actions` different actions, `times` times the agent's share of retries in its
-- other calls in the same project, where the log names it (`min_calls` of them or more), and more than chance makes of that share (four standard deviations). One finding a burst. Tier event.
-- Severity: warning when at least half of the retries failed too, else info.
-- Example: on other days 2 of 400 calls were tried again, between 14:02 and 14:31 it was 11 of 34.
-- Leaves alone: agents that always retry much; calls that were cancelled because one beside them failed; searches in a shell that found nothing; tests that are run again after an edit; one action tried again and again (see retry_storm); waiting and polling; agents without a name or a past.
-- Misses: retries that change the arguments, retries of model calls, retries inside a client that logs one span only, an agent's first calls.
-- Do: look at what the failed calls have in common: one service, one right, one release.
-- scope: fleet
-- version: 3
CREATE MACRO detect_retry_burst(min_retries := 6, min_actions := 3, times := 5.0, minutes := 10, min_calls := 50) AS TABLE
SELECT unnest(findings, max_depth := 2) FROM _verdict_retry_burst(min_retries, min_actions, times, minutes, min_calls);
