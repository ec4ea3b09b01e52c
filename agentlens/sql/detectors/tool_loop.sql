-- An agent that does the same thing over and over and learns nothing new.
-- include: spans.actions
-- include: spans.errors
-- include: flow.resources
-- include: messages.span_messages
-- include: messages.texts
-- include: detectors.evidence
-- include: detectors.repeat_costs

-- Why tool loops cannot be looked for, or what is not seen; no reason when all is there.
CREATE VIEW _needs_tool_loop (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  comparable > 0,
  CASE
    WHEN calls = 0 THEN 'the logs hold no tool calls'
    WHEN with_arguments = 0 THEN 'no tool call has its arguments recorded'
    WHEN comparable = 0 THEN 'no tool call has its result recorded: polling cannot be told from a loop'
    ELSE _unjudged('tool calls', calls, incomplete, 'no arguments or no result recorded')
  END
FROM (
  SELECT
    count(*) AS calls, count(tool_call_arguments) AS with_arguments,
    count(*) FILTER (tool_call_arguments IS NOT NULL AND (tool_call_result IS NOT NULL OR status_code = 'ERROR')) AS comparable,
    count(*) FILTER (status_code <> 'ERROR' AND (tool_call_arguments IS NULL OR tool_call_result IS NULL)) AS incomplete
  FROM spans
  WHERE operation_name = 'execute_tool'
);

-- Whether a tool can change what the same tool would be told next: a shell, a program, whatever writes.
CREATE MACRO _can_change(tool) AS
regexp_matches(tool, 'bash|shell|exec|terminal|command|python', 'i') OR regexp_matches(_tool_words(tool),
  ' (sh|run\w*|process|code|eval\w*|sql|query db|writ\w+|edit\w*|patch|replace\w*|insert|updat\w+|creat\w+|delete|remove|set|put|save|store|apply|send|post|click|type|navigate|move|step) ');

-- Whether a tool only moves something on by one: a key, a scroll, a tick. The same move again is no repetition, and its receipt says nothing.
CREATE MACRO _moves_on(tool) AS
regexp_matches(_tool_words(tool), ' (press|keypress|type|scroll|swipe|tap|click|drag|zoom|next|previous|prev|back|forward|step|advance|tick|roll|spin|turn|move|undo|redo) ');

-- Whether a tool only passes the conversation on: its arguments name who goes on and say nothing of the matter, which stands in the conversation.
CREATE MACRO _only_hands_over(tool) AS
regexp_matches(tool, '^(transfer_to_.+|transfer_(back|control)(_.*)?|hand_?off(_.*)?)$', 'i');

-- The same tool with the same arguments gives the same result again and again within one run.
--
-- Means: the agent does not notice that it has the answer, or that there is none. Matters: every repetition sends the whole
-- context again and moves nothing; loops end in a cut-off or in a made-up answer.
-- Fires on (a) `min_repeats` equal calls in a row with one and the same result, (b) a cycle of 2 to 5 different calls that comes `min_cycles` times on end, each
-- time with the same results, (c) `min_repeats` equal calls in a row that fail with the same words, where trying again cannot help (not
-- for rate limits, time-outs and unavailability; more than three are left to retry_storm): all tier proven; (d) `min_near` equal calls with the same result among `near` calls of the run with nothing in
-- between that is not repeated as well, other questions to a tool that only looks, and whatever is read, aside (tier candidate); what does something and brings back a mere receipt (`printed`) may be wanted
-- as often as it was done: tier candidate as well. One finding a loop. Severity: critical for 10 and more repetitions, else warning.
-- Example: `search {"q": "x"}` answers `[]` six times in a row; or read a, read b, read a, read b, read a, read b with the same answers.
-- Arguments are the same where only the number or the name of the attempt differs (`attempt: 2`, an idempotency key).
-- Leaves alone: tools that wait or ask for a status, results that say not yet, calls whose result changes (polling), calls that ran side by
-- side, calls that are answered otherwise at last, calls that a user asks for once more (whoever is asked anew answers anew, even where each question brings the same call), calls after equal pauses of half a minute and more, or with other answers in between after five minutes and more each time (watching), moves by themselves (a key, a scroll, a tick) that bring back a mere receipt, passing the conversation on (see delegation_loop), failed calls that another attempt may mend (see retry_storm). Empty arguments with a result shorter than 16 bytes are no proof, as
-- the tool may act on a state that is not logged.
-- Misses: cycles of more than five calls, the same question in other words, calls that carry a fresh request id or time, calls without recorded arguments or results (three equal calls
-- alone may be polling), results that differ in a time or a counter only.
-- Do: look at what the agent was told after the first answer; give it a limit, or a result that says that asking again will not help.
-- scope: trace
-- version: 9
CREATE MACRO detect_tool_loop(min_repeats := 3, min_cycles := 3, min_near := 4, near := 8) AS TABLE
WITH outcomes AS (
  SELECT *, CASE WHEN is_error THEN coalesce(status_message, result) ELSE result END AS outcome,
    coalesce(lag(end_time) OVER in_run > start_time, false) AS is_beside
  FROM _actions
  WINDOW in_run AS (PARTITION BY trace_id, agent_name, run ORDER BY place)
),
-- What can be compared has a step; the others only stand between. A move is no repetition by itself, but may be part of a cycle in which the other calls show that it moved nothing.
calls AS MATERIALIZED (
  SELECT *, CASE WHEN NOT (strlen(outcome) < 200 AND NOT is_error AND _moves_on(tool_name)) THEN cycle_step END AS step
  FROM (
    SELECT *, CASE WHEN outcome IS NOT NULL AND NOT (strlen(outcome) < 16 AND regexp_matches(arguments, '^\s*(\{\s*\})?\s*$')) AND NOT coalesce(_is_pending(outcome), false) AND NOT _only_hands_over(tool_name)
      THEN hash(agent_name, run, tool_name, arguments, is_error, outcome) END AS cycle_step
    FROM outcomes
  )
),
streaks AS (
  FROM (
    SELECT
      trace_id, agent_name, run, streak, any_value(step) AS step, list(preorder ORDER BY place) AS places, count(*) AS repeats,
      bool_or(is_error) AS is_error, any_value(outcome) AS outcome, any_value(tool_name) AS tool_name
    FROM calls
    GROUP BY trace_id, agent_name, run, streak
    HAVING count(DISTINCT step) = 1 AND count(step) = count(*)
  )
  WHERE repeats >= min_repeats
    AND (NOT is_error OR (repeats <= 3 AND error_class(NULL, outcome, 'execute_tool') NOT IN ('rate limit', 'time-out', 'unavailable', 'unknown')))
),
-- A cycle of n calls: each call equals the one n places before it.
compared AS (
  SELECT trace_id, agent_name, run, place, preorder, step, cycle_step, unnest([2, 3, 4, 5]) AS period, unnest([
      cycle_step = lag(cycle_step, 2) OVER in_run, cycle_step = lag(cycle_step, 3) OVER in_run, cycle_step = lag(cycle_step, 4) OVER in_run, cycle_step = lag(cycle_step, 5) OVER in_run]) AS is_same
  FROM (SELECT * REPLACE (CASE WHEN NOT is_beside THEN cycle_step END AS cycle_step) FROM calls)
  WINDOW in_run AS (PARTITION BY trace_id, agent_name, run ORDER BY place)
),
islands AS (
  SELECT *, count(*) FILTER (NOT coalesce(is_same, false)) OVER (PARTITION BY trace_id, agent_name, run, period ORDER BY place) AS island
  FROM compared
),
rounds AS MATERIALIZED (
  FROM (
    SELECT
      trace_id, agent_name, run, period, min(place) - period AS first_place, max(place) AS last_place, count(*) // period + 1 AS repeats,
      count(DISTINCT cycle_step) AS steps, count(step) > 0 AS is_shown
    FROM islands
    WHERE is_same
    GROUP BY trace_id, agent_name, run, period, island
  )
  WHERE repeats >= min_cycles AND steps > 1 AND is_shown
),
cycles AS (
  SELECT rounds.trace_id, rounds.agent_name, rounds.run, any_value(period) AS period, any_value(repeats) AS repeats,
    list(preorder ORDER BY place) AS places, list(DISTINCT step) AS steps
  FROM rounds
  JOIN calls ON calls.trace_id = rounds.trace_id AND calls.agent_name IS NOT DISTINCT FROM rounds.agent_name AND calls.run = rounds.run
    AND place BETWEEN first_place AND last_place
  WHERE NOT EXISTS (
    FROM rounds AS shorter
    WHERE shorter.trace_id = rounds.trace_id AND shorter.agent_name IS NOT DISTINCT FROM rounds.agent_name AND shorter.run = rounds.run
      AND shorter.period < rounds.period AND shorter.first_place <= rounds.last_place AND shorter.last_place >= rounds.first_place)
  GROUP BY rounds.trace_id, rounds.agent_name, rounds.run, period, first_place
),
-- Enough equal calls within a short stretch of the run, not all in a row, and nothing new in between: edit, build, edit, build is work. What is
-- read in between changes nothing. What the same tool is asked beside it is nothing new either, unless the tool can change things; and who is told something else at last was polling.
novel AS (
  SELECT
    *, count(*) FILTER (is_new) OVER in_run - CASE WHEN _can_change(tool_name) THEN 0 ELSE count(*) FILTER (is_new) OVER of_tool END AS novelties,
    coalesce(lead(step) OVER of_action <> step, false) AS is_answered
  FROM (SELECT *, (step IS NULL OR count(*) OVER (PARTITION BY trace_id, agent_name, run, step) = 1) AND _resource_access(tool_name) IS DISTINCT FROM 'read' AS is_new FROM calls)
  WINDOW in_run AS (PARTITION BY trace_id, agent_name, run ORDER BY place), of_tool AS (PARTITION BY trace_id, agent_name, run, tool_name ORDER BY place),
    of_action AS (PARTITION BY trace_id, agent_name, run, tool_name, arguments ORDER BY place)
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
        SELECT * EXCLUDE (is_beside), coalesce(lag(end_time) OVER (PARTITION BY trace_id, step ORDER BY place) > start_time, false) AS is_beside
        FROM novel
        WHERE step IS NOT NULL AND NOT is_error
      )
      WHERE NOT is_beside
      WINDOW equal_calls AS (PARTITION BY trace_id, step ORDER BY place)
    )
  )
  WHERE is_crowded
  GROUP BY trace_id, agent_name, run, step
  HAVING NOT arg_max(is_answered, place)
),
every_loop AS MATERIALIZED (
  SELECT trace_id, agent_name, run, places, repeats, CASE WHEN is_error THEN 'errors'
      WHEN _is_receipt(outcome) AND regexp_matches(outcome, '\pL') AND _resource_access(tool_name) IS DISTINCT FROM 'read' AND NOT regexp_matches(_tool_words(tool_name), ' (search|find|list|query|look|check) ') THEN 'deeds'
      ELSE 'row' END AS shape, 1 AS period FROM streaks
  UNION ALL
  SELECT trace_id, agent_name, run, places, repeats, 'cycle', period FROM cycles
  UNION ALL
  SELECT trace_id, agent_name, run, places, repeats, 'near', 1
  FROM crowds
  ANTI JOIN streaks USING (trace_id, step)
  ANTI JOIN (SELECT trace_id, unnest(steps) AS step FROM cycles) AS cyclic USING (trace_id, step)
),
-- How many new words of users an agent was shown between the first and the last call of a loop, the same words once more among them: who is asked once more
-- does it once more.
shown AS (
  SELECT ends.trace_id, ends.agent_name, places, greatest(
      count(*) FILTER (NOT is_first AND NOT _is_nudge(_message_text(parts))) - count(*) FILTER (is_first AND NOT _is_nudge(_message_text(parts))), count(DISTINCT message_hash) - count(DISTINCT message_hash) FILTER (is_first)) AS times_asked
  FROM (
    SELECT every_loop.trace_id, every_loop.agent_name, places, preorder = places[1] AS is_first, coalesce(epoch_ns(start_time), preorder) AS time
    FROM (SELECT *, unnest([places[1], places[-1]]) AS preorder FROM every_loop) AS every_loop
    JOIN spans USING (preorder)
  ) AS ends
  ASOF JOIN (SELECT trace_id, coalesce(agent_name, '') AS agent_name, span_id, preorder, coalesce(epoch_ns(start_time), preorder) AS time FROM spans
    WHERE operation_name IN ('chat', 'generate_content', 'text_completion') AND trace_id IN (SELECT trace_id FROM every_loop)) AS call
    ON call.trace_id = ends.trace_id AND call.agent_name = coalesce(ends.agent_name, '') AND call.time <= ends.time
  JOIN span_messages ON span_messages.trace_id = call.trace_id AND span_messages.span_id = call.span_id AND direction = 'input'
  JOIN messages USING (message_hash)
  WHERE role = 'user' AND NOT contains(parts::VARCHAR, '"tool_call_response"')
  GROUP BY ALL
),
-- The pauses in a loop. Long ones that are all alike are kept by a clock: somebody watches something.
paced AS (
  SELECT trace_id, agent_name, places, min(pause_ns) AS shortest, max(pause_ns) AS longest
  FROM (
    SELECT every_loop.trace_id, every_loop.agent_name, places, epoch_ns(start_time) - epoch_ns(lag(end_time) OVER (PARTITION BY places ORDER BY start_time, preorder)) AS pause_ns
    FROM (SELECT *, unnest(places) AS preorder FROM every_loop WHERE shape IN ('row', 'deeds', 'near')) AS every_loop
    JOIN spans USING (preorder)
  )
  GROUP BY ALL
),
loops AS (
  SELECT every_loop.*
  FROM every_loop
  LEFT JOIN shown ON shown.trace_id = every_loop.trace_id AND shown.agent_name IS NOT DISTINCT FROM every_loop.agent_name AND shown.places = every_loop.places
  LEFT JOIN paced ON paced.trace_id = every_loop.trace_id AND paced.agent_name IS NOT DISTINCT FROM every_loop.agent_name AND paced.places = every_loop.places
  WHERE NOT coalesce(shortest >= 30000000000 AND (longest <= 1.25 * shortest OR (shape = 'near' AND shortest >= 300000000000)), false)
    AND repeats > (CASE shape WHEN 'near' THEN min_near WHEN 'cycle' THEN min_cycles ELSE min_repeats END - 1) * (1 + coalesce(times_asked, 0))
),
told AS MATERIALIZED (
  SELECT
    loops.trace_id, loops.agent_name, shape, period, repeats, places[1] AS first_place,
    list(span_id ORDER BY preorder) AS span_ids, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time,
    min(end_time) AS first_end, max(start_time) AS last_start,
    bool_or(tool_call_arguments <> _without_attempt(tool_name, tool_call_arguments)) AS is_counted,
    array_to_string(list(_short(tool_name, 120) || _about(tool_call_arguments) ORDER BY preorder)[:period], ', ') AS tool_name,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      tool_name || ' ' || _short(tool_call_arguments, 120) || ' → ' || _short(coalesce(CASE WHEN status_code = 'ERROR' THEN status_message END, tool_call_result, ''), 120))
      ORDER BY preorder)[:50] AS evidence
  FROM (SELECT *, unnest(places) AS preorder FROM loops) AS loops
  JOIN spans USING (preorder)
  GROUP BY loops.trace_id, loops.agent_name, shape, period, repeats, places
)
SELECT
  CASE WHEN shape IN ('near', 'deeds') THEN 'candidate' ELSE 'proven' END AS tier,
  CASE WHEN repeats >= 10 THEN 'critical' ELSE 'warning' END AS severity,
  trace_id, agent_name, span_ids, start_time, end_time,
  format(CASE shape WHEN 'deeds' THEN '{} did {} {} times with the same arguments{}; each time it was done.'
      WHEN 'cycle' THEN '{} went round {} {} times with the same arguments{} and got the same results each time.'
      WHEN 'errors' THEN '{} called {} {} times with the same arguments{} and got the same error each time.'
      ELSE '{} called {} {} times with the same arguments{} and got the same result each time.' END,
    coalesce(agent_name, 'An agent'), _short(tool_name, 400), repeats, CASE WHEN is_counted THEN ', but for the number of the attempt,' ELSE '' END) AS summary,
  evidence, _whole(tokens) AS tokens_wasted, cost_nano_usd / 1e9 AS cost_usd_wasted
FROM told
LEFT JOIN _repeat_costs('told') AS wasted USING (trace_id, first_place);
