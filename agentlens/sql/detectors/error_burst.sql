-- Many failures in a short time.
-- include: spans.errors
-- include: detectors.checks
-- include: detectors.evidence

-- Why error bursts cannot be looked for; no reason when all is there.
CREATE VIEW _needs_error_burst (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  with_status > 0 AND timed > 0,
  CASE
    WHEN calls = 0 THEN 'the logs hold no tool calls'
    WHEN with_status = 0 THEN 'no tool call has a status recorded'
    WHEN timed = 0 THEN 'no tool call has a time recorded'
    ELSE _untimed('tool calls', calls, timed)
  END
FROM (
  SELECT count(*) AS calls, count(start_time) AS timed, count(*) FILTER (status_code <> 'UNSET') AS with_status
  FROM spans
  WHERE operation_name = 'execute_tool'
);

-- More than `max_errors` tool calls of one agent fail within `minutes`, and that is more than `min_rate` of its calls in that time.
--
-- Means: something it depends on is down, or it works on wrong premises. Matters: what it does in that time rests on missing answers.
-- One finding a burst: failures that follow one another within `minutes` belong together; of agents without a name, only those of one trace. Tier event.
-- Severity goes by the harm, which is the share of its calls that failed in that time, however long it lasts: critical from a half on and for more than
-- `2 * max_errors` failures, info below a tenth, else warning. Two failures in a hundred calls are weather; every second one is an outage.
-- Example: nine of twelve calls fail within six minutes (warning), or forty of sixty (critical), or thirty of fifteen hundred (info).
-- Leaves alone: failures that a second, third or fourth try mended; things that were not found among more that were, where nothing else failed; handoffs and interrupts; what a person declined; searches in a shell that found nothing; tests and other checks that ran and said no; failures spread over a longer time.
-- Misses: failures that tools hide in ordinary results.
-- Do: look at the class of the failures: one service, one right or one premise is usually behind all.
-- scope: fleet
-- version: 4
CREATE MACRO detect_error_burst(max_errors := 5, minutes := 10, min_rate := 0.01) AS TABLE
WITH calls AS (
  SELECT
    *, CASE WHEN agent_name IS NULL THEN trace_id END AS nameless_trace,
    -- Only what failed is worth reading.
    CASE WHEN status_code = 'ERROR' AND NOT is_control_flow THEN
      NOT _found_nothing(tool_name, tool_call_arguments, coalesce(status_message, tool_call_result))
      AND NOT _was_declined(error_type, coalesce(status_message, tool_call_result))
      AND NOT _is_red_check(tool_name, tool_call_arguments, coalesce(status_message, tool_call_result), error_type)
    ELSE false END AS is_error
  FROM spans
  WHERE operation_name = 'execute_tool' AND start_time IS NOT NULL
    -- Claude Code marks calls that it cancelled because one beside them failed.
    AND NOT contains(coalesce(status_message, ''), 'Sibling tool call errored')
),
-- Up to three failures in a row of one action of an agent with many, and then the answer: that was mended at once.
often AS (
  SELECT coalesce(agent_name, nameless_trace)
  FROM calls
  WHERE is_error
  GROUP BY ALL
  HAVING count(*) > max_errors
),
attempts AS (
  SELECT *, hash(trace_id, agent_name, tool_name, tool_call_arguments) AS action
  FROM (SELECT preorder, trace_id, agent_name, nameless_trace, tool_name, tool_call_arguments, start_time, is_error FROM calls)
  WHERE tool_call_arguments IS NOT NULL AND coalesce(agent_name, nameless_trace) IN (FROM often)
),
mended AS MATERIALIZED (
  SELECT unnest(failed) AS preorder
  FROM (
    SELECT action, list(preorder) FILTER (is_error) AS failed, count(*) FILTER (is_error) AS fails, max(start_time) FILTER (is_error) AS last_failed,
      lead(min(start_time) FILTER (NOT is_error)) OVER (PARTITION BY action ORDER BY successes) AS answered
    FROM (SELECT *, count(*) FILTER (NOT is_error) OVER (PARTITION BY action ORDER BY start_time, preorder) AS successes FROM attempts)
    GROUP BY action, successes
  )
  WHERE fails BETWEEN 1 AND 3 AND epoch_ns(answered) - epoch_ns(last_failed) <= minutes * 60000000000
),
failures AS (
  SELECT
    agent_name, nameless_trace, trace_id, span_id, start_time, end_time, preorder, tool_name, status_message, error_type, operation_name,
    source_id, source_line, source_offset, source_length,
    coalesce(epoch_ns(start_time) - epoch_ns(lag(start_time) OVER in_time) > minutes * 60000000000, true) AS is_first,
    epoch_ns(start_time) - epoch_ns(lag(start_time, max_errors::INTEGER) OVER in_time) <= minutes * 60000000000 AS is_dense
  FROM calls
  ANTI JOIN mended USING (preorder)
  WHERE is_error
  WINDOW in_time AS (PARTITION BY agent_name, nameless_trace ORDER BY start_time, preorder)
),
bursts AS (
  SELECT
    agent_name, nameless_trace, burst, count(*) AS failures, min(start_time) AS start_time, max(start_time) AS last_start, max(coalesce(end_time, start_time)) AS end_time,
    CASE WHEN count(DISTINCT trace_id) = 1 THEN any_value(trace_id) END AS trace_id,
    list(span_id ORDER BY start_time, preorder) AS span_ids,
    count(*) FILTER (error_class(error_type, status_message, operation_name) = 'not found') AS not_found,
    mode(coalesce(tool_name, 'a tool') ORDER BY start_time, preorder) AS tool_name, mode(error_class(error_type, status_message, operation_name) ORDER BY start_time, preorder) AS class,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      coalesce(tool_name, 'a tool') || ': ' || coalesce(status_message, error_type, 'failed')) ORDER BY start_time, preorder) AS evidence
  FROM (SELECT *, count(*) FILTER (is_first) OVER (PARTITION BY agent_name, nameless_trace ORDER BY start_time, preorder) AS burst FROM failures)
  GROUP BY agent_name, nameless_trace, burst
  HAVING bool_or(is_dense)
),
rated AS (
  SELECT bursts.*, calls.n AS calls
  FROM bursts
  JOIN LATERAL (
    SELECT count(*) AS n
    FROM calls
    WHERE calls.agent_name IS NOT DISTINCT FROM bursts.agent_name AND calls.nameless_trace IS NOT DISTINCT FROM bursts.nameless_trace AND calls.start_time >= bursts.start_time AND calls.start_time <= last_start
  ) AS calls ON true
)
SELECT
  'event' AS tier, CASE WHEN failures > 2 * max_errors AND 2 * failures >= calls THEN 'critical' WHEN 10 * failures < calls THEN 'info' ELSE 'warning' END AS severity, trace_id, agent_name, span_ids, start_time, end_time,
  format('{} tool calls of {} failed within {} min, {} % of its calls in that time; mostly {} ({}).', failures,
    coalesce(agent_name, 'an agent'), greatest(1, round((epoch_ns(end_time) - epoch_ns(start_time)) / 6e10)::BIGINT), round(100 * failures / calls)::BIGINT, tool_name, class) AS summary,
  evidence[:50] AS evidence, NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM rated
-- That something is not there is an answer to whoever asks about many things; where half of all is not there, the premise is wrong.
WHERE failures > min_rate * calls AND (not_found < failures OR 2 * failures >= calls);
