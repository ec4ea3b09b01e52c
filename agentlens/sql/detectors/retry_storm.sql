-- An agent that tries the same failing thing again and again.
-- include: spans.actions
-- include: spans.errors
-- include: detectors.evidence
-- include: detectors.repeat_costs

-- Why retry storms cannot be looked for; no reason when all is there.
CREATE VIEW _needs_retry_storm (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  calls > 0 AND with_status > 0,
  CASE
    WHEN calls = 0 THEN 'the logs hold no tool calls and no model calls'
    WHEN with_status = 0 THEN 'no call has a status recorded: failures cannot be seen'
    ELSE _unjudged('tool calls', tools, without_arguments, 'no arguments recorded')
  END
FROM (
  SELECT
    count(*) AS calls, count(*) FILTER (status_code <> 'UNSET') AS with_status, count(*) FILTER (operation_name = 'execute_tool') AS tools,
    count(*) FILTER (operation_name = 'execute_tool' AND tool_call_arguments IS NULL) AS without_arguments
  FROM spans
  WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')
);

-- Calls of tools that ask how something stands (`order_status`) as attempts, where such a call failed `max_attempts` times: then nobody was told to wait. Tools and commands that wait
-- for something to come up fail until it has, and say so by their names or by what they fail with; whoever asks every half minute keeps a clock.
CREATE MACRO _failing_looks(max_attempts) AS TABLE
WITH looks AS MATERIALIZED (
  FROM (
    SELECT trace_id, agent_name, tool_name, tool_call_arguments
    FROM spans
    WHERE operation_name = 'execute_tool' AND status_code = 'ERROR' AND NOT is_control_flow AND tool_call_arguments IS NOT NULL AND start_time IS NOT NULL
      AND NOT coalesce(_is_pending(coalesce(status_message, tool_call_result)), false)
      AND error_class(error_type, coalesce(status_message, tool_call_result), operation_name) NOT IN ('not found', 'unknown')
      AND NOT _failure_matches(error_type, coalesce(status_message, tool_call_result), 'refused|econnref')
    GROUP BY ALL
    HAVING count(*) >= max_attempts
  )
  WHERE regexp_matches(tool_name, 'status|progress|job|task|run|output', 'i') AND _is_waiting(tool_name, tool_call_arguments)
    AND NOT regexp_matches(concat_ws(' ', _tool_words(tool_name), tool_call_arguments), '(?i)\b(a?wait|sleep|poll|watch|ping|pause|listen|monitor|heart_?beat|health|ready|readiness|alive|liveness|probe|until|curl)')
),
calls AS (
  SELECT
    spans.trace_id, spans.agent_name, coalesce(run_preorder::VARCHAR, conversation_id, '') AS run, hash(spans.tool_name, spans.tool_call_arguments) AS action,
    preorder, start_time, end_time, status_code = 'ERROR' AND NOT is_control_flow AS is_error, looks.trace_id IS NOT NULL AS is_look
  FROM spans
  LEFT JOIN looks ON looks.trace_id = spans.trace_id AND looks.agent_name IS NOT DISTINCT FROM spans.agent_name AND looks.tool_name = spans.tool_name AND looks.tool_call_arguments = spans.tool_call_arguments
  LEFT JOIN _runs_of_calls((SELECT list(DISTINCT trace_id) FROM looks)) USING (preorder)
  WHERE operation_name = 'execute_tool' AND spans.trace_id IN (SELECT trace_id FROM looks)
),
placed AS (
  SELECT
    *, row_number() OVER in_run - row_number() OVER of_action AS others, epoch_ns(start_time) - epoch_ns(lag(end_time) OVER of_action) >= 30000000000 AS is_late
  FROM calls
  WINDOW in_run AS (PARTITION BY trace_id, agent_name, run ORDER BY start_time, preorder), of_action AS (PARTITION BY trace_id, agent_name, run, action ORDER BY start_time, preorder)
)
SELECT
  trace_id, agent_name, concat_ws(' ', run, 'look', action, others, count(*) FILTER (is_late) OVER (PARTITION BY trace_id, agent_name, run, action ORDER BY start_time, preorder)) AS series,
  action, preorder, start_time, end_time, is_error
FROM placed
WHERE is_look;

-- One action is tried more than `max_attempts` (2 or more) times in a row, and every attempt but the last fails.
--
-- Means: nothing was changed between attempts; whoever failed was not given time or another way. Matters: it burns tokens and
-- quota, and loads a service that is already down. An action is a tool call with its arguments, or a model call of a run;
-- what only counts or names the attempt (`attempt: 2`, `retry_count`, an idempotency key) is none of them.
-- Retries inside of retries multiply: where steps that are tried again each try the same failing action several times, their attempts count
-- together, and the summary says how many attempts below there were for one above. Tier proven, one finding a storm. Severity: critical when it never succeeded and was tried more than 3 × `max_attempts` times, info when it
-- succeeded after pauses that grew (back-off), else warning.
-- Example: `deploy` fails six times in 20 seconds with 503; or a worker that tries three times is itself sent three times: nine attempts.
-- Leaves alone: up to `max_attempts` attempts; attempts with other work between them (edit, test, edit, test); attempts more than
-- `max_pause_minutes` apart; attempts side by side; waiting and polling until something is there (asking how something stands is an attempt where it fails for other reasons).
-- Misses: nested retries of which the outer one is not logged as failed; retries that change the arguments, a fresh request id or time among them, retries inside a client that logs one span only, calls without recorded arguments.
-- Do: add back-off and one owner of retries; when nested, retry on one level only.
-- scope: trace
-- version: 4
CREATE MACRO detect_retry_storm(max_attempts := 3, max_pause_minutes := 30) AS TABLE
WITH tool_attempts AS (
  SELECT
    trace_id, agent_name, run || ' ' || streak AS series, hash(tool_name, arguments) AS action, preorder, start_time, end_time, is_error, 'tool' AS kind
  FROM _actions
  UNION ALL
  SELECT *, 'tool' FROM _failing_looks(max_attempts)
),
-- Only traces in which models failed more than once can hold a storm of model calls.
failing AS MATERIALIZED (
  SELECT trace_id
  FROM spans
  WHERE operation_name IN ('chat', 'generate_content', 'text_completion') AND status_code = 'ERROR' AND NOT is_control_flow
  GROUP BY trace_id
  HAVING count(*) >= 2
),
model_calls AS (
  SELECT
    trace_id, agent_name, coalesce(run_preorder::VARCHAR, conversation_id, '') AS run, preorder, start_time, end_time,
    status_code = 'ERROR' AND NOT is_control_flow AS is_error
  FROM spans
  SEMI JOIN failing USING (trace_id)
  LEFT JOIN _runs_of_calls((SELECT list(trace_id) FROM failing)) USING (preorder)
  WHERE operation_name IN ('chat', 'generate_content', 'text_completion')
),
attempts AS (
  SELECT *, count(*) FILTER (NOT is_error) OVER earlier AS successes, epoch_ns(start_time) - epoch_ns(lag(end_time) OVER in_series) AS pause_ns
  FROM (
    FROM tool_attempts
    UNION ALL
    SELECT trace_id, agent_name, 'model ' || run, hash(agent_name), preorder, start_time, end_time, is_error, 'model' FROM model_calls
  )
  WINDOW
    in_series AS (PARTITION BY trace_id, agent_name, series ORDER BY start_time, preorder),
    earlier AS (PARTITION BY trace_id, agent_name, series ORDER BY start_time, preorder ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
-- A long pause begins anew, as a success does; attempts that overlap belong to no series.
storms AS (
  FROM (
  SELECT
    trace_id, agent_name, series, successes, breaks, any_value(kind) AS kind, count(*) AS attempts, count(*) FILTER (is_error) AS failures,
    bool_or(NOT is_error) AS has_succeeded, list(preorder ORDER BY start_time, preorder) AS places,
    list(pause_ns ORDER BY start_time, preorder)[2:] AS pauses
  FROM (
    SELECT *, count(*) FILTER (pause_ns > max_pause_minutes * 60000000000 OR pause_ns < 0) OVER (
      PARTITION BY trace_id, agent_name, series ORDER BY start_time, preorder) AS breaks
    FROM attempts
  )
  GROUP BY trace_id, agent_name, series, successes, breaks
  HAVING count(*) FILTER (is_error) >= greatest(count(*) - 1, 1)
  )
  WHERE attempts > max_attempts
),
-- Failed attempts of one action in several steps above them that are the same action too, and failed as well.
below AS (
  SELECT trace_id, agent_name, kind, action, preorder, depth
  FROM (SELECT *, count(*) OVER (PARTITION BY trace_id, kind, action) AS times FROM attempts WHERE is_error)
  JOIN (SELECT preorder, depth FROM spans SEMI JOIN (SELECT preorder FROM attempts WHERE is_error) USING (preorder)) USING (preorder)
  WHERE times > max_attempts
),
nested AS (
  SELECT
    below.*, above.preorder AS above, above.status_code = 'ERROR' AS has_failed_above,
    hash(above.operation_name, above.name, above.agent_name, above.tool_name, above.tool_call_arguments) AS action_above
  FROM below
  ASOF JOIN spans AS above ON above.depth = below.depth - 1 AND above.preorder < below.preorder
),
amplified AS (
  FROM (
    SELECT
      trace_id, any_value(agent_name) AS agent_name, kind, count(*) AS attempts, count(*) AS failures, count(DISTINCT above) AS attempts_above,
      count(DISTINCT above) FILTER (has_failed_above) AS failures_above, list(preorder ORDER BY preorder) AS places
    FROM nested
    GROUP BY trace_id, kind, action, action_above
  )
  WHERE attempts > max_attempts AND attempts_above > 1 AND attempts >= 2 * attempts_above AND failures_above >= attempts_above - 1
),
all_storms AS (
  SELECT trace_id, agent_name, kind, attempts, failures, has_succeeded, places, pauses, NULL::BIGINT AS attempts_above
  FROM storms
  WHERE NOT list_has_any(places, coalesce((SELECT flatten(list(places)) FROM amplified), []))
  UNION ALL
  SELECT trace_id, agent_name, kind, attempts, failures, false, places, [], attempts_above
  FROM amplified
),
told AS MATERIALIZED (
  SELECT
    storms.trace_id, storms.agent_name, attempts_above, kind, attempts, failures, has_succeeded, pauses, places[1] AS first_place,
    list(span_id ORDER BY start_time, preorder) AS span_ids, min(start_time) AS start_time,
    max(coalesce(end_time, start_time)) AS end_time, min(end_time) AS first_end, max(start_time) AS last_start,
    coalesce(any_value(tool_name) || any_value(_about(tool_call_arguments)), 'the model') AS target,
    mode(coalesce(status_message, error_type) ORDER BY start_time, preorder) AS message,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      name || ': ' || CASE WHEN status_code = 'ERROR' THEN coalesce(status_message, error_type, 'failed') ELSE 'succeeded' END)
      ORDER BY start_time, preorder) AS evidence
  FROM (SELECT *, unnest(places) AS preorder FROM all_storms) AS storms
  JOIN spans USING (preorder)
  GROUP BY ALL
)
SELECT
  'proven' AS tier,
  CASE
    WHEN NOT has_succeeded AND attempts > 3 * max_attempts THEN 'critical'
    WHEN has_succeeded AND pauses[-1] >= 2 * greatest(pauses[1], 1) AND list_sort(pauses) = pauses THEN 'info'
    ELSE 'warning'
  END AS severity,
  trace_id, agent_name, span_ids, start_time, end_time,
  format('{} tried {} {} times{}{}; {} attempts failed{}.',
    coalesce(agent_name, 'An agent'), target, attempts, coalesce(' within ' || _how_long(epoch_ns(end_time) - epoch_ns(start_time)), ''),
    coalesce(format(' in {} attempts above, {} below for one above', attempts_above, round(attempts / attempts_above, 1)), ''), failures,
    coalesce(' (' || _short(message, 80) || ')', '')) AS summary,
  evidence, _whole(tokens) AS tokens_wasted, cost_nano_usd / 1e9 AS cost_usd_wasted
FROM told
LEFT JOIN _repeat_costs('told') AS wasted USING (trace_id, first_place);
