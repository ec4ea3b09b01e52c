-- An agent that does the same thing over and over and learns nothing new.
-- include: spans.actions
-- include: detectors.evidence
-- include: tokens.usage_ledger

-- Why tool loops cannot be looked for, or what is not seen; no reason when all is there.
CREATE VIEW _needs_tool_loop (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  count(*) FILTER (tool_call_arguments IS NOT NULL AND tool_call_result IS NOT NULL) > 0,
  CASE
    WHEN count(*) = 0 THEN 'the logs hold no tool calls'
    WHEN count(tool_call_arguments) = 0 THEN 'no tool call has its arguments recorded'
    WHEN count(*) FILTER (tool_call_arguments IS NOT NULL AND tool_call_result IS NOT NULL) = 0
      THEN 'no tool call has its result recorded: polling cannot be told from a loop'
    WHEN count(*) FILTER (status_code <> 'ERROR' AND (tool_call_arguments IS NULL OR tool_call_result IS NULL)) > 0
      THEN format('{} of {} tool calls have no arguments or no result recorded and were not judged',
        count(*) FILTER (status_code <> 'ERROR' AND (tool_call_arguments IS NULL OR tool_call_result IS NULL)), count(*))
  END
FROM spans
WHERE operation_name = 'execute_tool';

-- The same tool with the same arguments gives the same result again and again within one run.
--
-- Means: the agent does not notice that it has the answer, or that there is none. Matters: every repetition sends the whole
-- context again and moves nothing; loops end in a cut-off or in a made-up answer.
-- Fires on `min_repeats` equal calls in a row with one and the same result (tier proven), or `min_near` of them among `near`
-- calls of the run with nothing in between that is not repeated as well (tier candidate). Leaves alone: tools that wait or ask for a status, calls whose result changes (polling),
-- calls that ran side by side, failed calls (see retry_storm). Empty arguments with a result shorter than 16 bytes are no
-- proof, as the tool may act on a state that is not logged.
-- Misses: loops over several calls (A, B, A, B), the same question in other words, calls without recorded arguments or results.
-- scope: trace
-- version: 1
CREATE MACRO detect_tool_loop(min_repeats := 3, min_near := 4, near := 8) AS TABLE
WITH calls AS (
  SELECT *, hash(agent_name, run, tool_name, arguments, result) AS step
  FROM _actions
  WHERE NOT (strlen(result) < 16 AND regexp_matches(arguments, '^\s*(\{\s*\})?\s*$'))
),
streaks AS (
  FROM (
    SELECT
      trace_id, agent_name, run, streak, any_value(step) AS step, list(preorder ORDER BY place) AS places, count(*) AS repeats
    FROM calls
    GROUP BY trace_id, agent_name, run, streak
    HAVING count(DISTINCT result) = 1 AND count(result) = count(*) AND NOT bool_or(is_error)
  )
  WHERE repeats >= min_repeats
),
-- Enough equal calls within a short stretch of the run, not all in a row, and nothing new in between: edit, build, edit, build is work.
novel AS (
  SELECT *, count(*) FILTER (times = 1) OVER (PARTITION BY trace_id, agent_name, run ORDER BY place) AS novelties
  FROM (SELECT *, count(*) OVER (PARTITION BY trace_id, agent_name, run, step) AS times FROM calls)
),
crowds AS (
  SELECT trace_id, agent_name, run, step, list(preorder ORDER BY place) AS places, count(*) AS repeats
  FROM (
    SELECT *, bool_or(closes) OVER (
        PARTITION BY trace_id, step ORDER BY place ROWS BETWEEN CURRENT ROW AND (min_near - 1)::INTEGER FOLLOWING) AS is_crowded
    FROM (
      SELECT *, coalesce(place - lag(place, (min_near - 1)::INTEGER) OVER equal_calls < near
          AND novelties = lag(novelties, (min_near - 1)::INTEGER) OVER equal_calls, false) AS closes
      FROM (
        SELECT *, coalesce(lag(end_time) OVER (PARTITION BY trace_id, step ORDER BY place) > start_time, false) AS is_beside
        FROM novel
        WHERE result IS NOT NULL AND NOT is_error
      )
      WHERE NOT is_beside
      WINDOW equal_calls AS (PARTITION BY trace_id, step ORDER BY place)
    )
  )
  WHERE is_crowded
  GROUP BY trace_id, agent_name, run, step
),
loops AS (
  SELECT trace_id, agent_name, run, places, repeats, true AS is_row FROM streaks
  UNION ALL
  SELECT trace_id, agent_name, run, places, repeats, false
  FROM crowds
  ANTI JOIN streaks USING (trace_id, step)
),
told AS MATERIALIZED (
  SELECT
    loops.trace_id, loops.agent_name, is_row, repeats, places[1] AS first_place,
    list(span_id ORDER BY preorder) AS span_ids, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time,
    min(end_time) AS first_end, max(start_time) AS last_start,
    any_value(tool_name) AS tool_name, any_value(tool_call_arguments) AS arguments, any_value(tool_call_result) AS result,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      tool_name || ' ' || _short(tool_call_arguments, 120) || ' → ' || _short(tool_call_result, 120)) ORDER BY preorder) AS evidence
  FROM (SELECT *, unnest(places) AS preorder FROM loops) AS loops
  JOIN spans USING (preorder)
  GROUP BY ALL
),
-- The model calls that asked for the repetitions.
wasted AS (
  SELECT
    told.trace_id, first_place, sum(coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0)) AS tokens,
    sum(cost_nano_usd) AS cost_nano_usd
  FROM ledger_of((SELECT coalesce(list(DISTINCT trace_id), []) FROM told)) AS ledger
  JOIN told ON told.trace_id = ledger.trace_id AND told.agent_name IS NOT DISTINCT FROM ledger.agent_name
    AND ledger.start_time >= told.first_end AND ledger.start_time <= told.last_start
  WHERE is_counted
  GROUP BY ALL
)
SELECT
  CASE WHEN is_row THEN 'proven' ELSE 'candidate' END AS tier,
  CASE WHEN repeats >= 10 THEN 'critical' ELSE 'warning' END AS severity,
  trace_id, agent_name, span_ids, start_time, end_time,
  format('{} called {} {} times with the same arguments and got the same result each time.',
    coalesce(agent_name, 'An agent'), tool_name, repeats) AS summary,
  evidence, _whole(tokens) AS tokens_wasted, cost_nano_usd / 1e9 AS cost_usd_wasted
FROM told
LEFT JOIN wasted USING (trace_id, first_place);
