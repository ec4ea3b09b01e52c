-- What fell out of a window and is missing from then on.
-- include: flow.resources
-- include: messages.span_messages
-- include: messages.texts

-- The form of a value: digits and letters without which.
CREATE MACRO _form_of(value) AS regexp_replace(regexp_replace(value, '\d', '9', 'g'), '\pL', 'a', 'g');

-- Values (identifiers, dates, amounts) in the words of a user that a cut took out of the window, that three calls of a tool and more had carried before, every one since the first, and that
-- neither a call nor a window of the agent holds from then on, though the tool is called on in the same words: three quarters of those of a later call, in the argument that had carried the value, stand in the earlier ones.
-- What a call is about is another matter: values that are a whole argument, paths, and values that another one of their form stands for afterwards are left out, and so are tools that
-- read, search, edit or run programs. Argument: the name of a relation of cuts, as `_window_cuts` gives them.
CREATE MACRO _forgotten_facts(of_cuts) AS TABLE
WITH cuts AS MATERIALIZED (FROM query_table(of_cuts)),
asking AS MATERIALIZED (SELECT message_hash, parts FROM messages WHERE role = 'user' AND NOT contains(parts::VARCHAR, '"tool_call_response"')),
dropped AS MATERIALIZED (
  SELECT cuts.preorder AS cut, before.message_hash
  FROM cuts
  JOIN span_messages AS before ON before.trace_id = trace_before AND before.span_id = span_before AND before.direction = 'input'
  WHERE before.message_hash IN (SELECT message_hash FROM asking)
),
facts AS MATERIALIZED (
  SELECT DISTINCT cut, value
  FROM (SELECT cut, unnest(_values_of(_message_text(parts))) AS value FROM dropped JOIN asking USING (message_hash))
  WHERE length(value) >= 4 AND regexp_matches(value, '\d') AND NOT regexp_matches(value, '/|\.[A-Za-z]{1,5}$')
),
calls AS MATERIALIZED (
  SELECT cuts.preorder AS cut, call.preorder, call.start_time, call.start_time >= cuts.start_time AS is_after, tool_name, tool_call_arguments AS arguments
  FROM cuts
  SEMI JOIN facts ON facts.cut = cuts.preorder
  JOIN spans AS call ON call.trace_id = cuts.trace_id AND call.agent_name IS NOT DISTINCT FROM cuts.agent_name AND (next_cut IS NULL OR call.start_time < next_cut)
  WHERE call.operation_name = 'execute_tool' AND call.tool_call_arguments IS NOT NULL
),
-- Per tool and value: whether the calls since the first that carried it all did.
habits AS MATERIALIZED (
  SELECT cut, value, tool_name, count(*) FILTER (is_carried AND NOT is_after) AS before, min(start_time) FILTER (is_carried) AS since
  FROM (SELECT calls.*, value, contains(arguments, value) AS is_carried FROM calls JOIN facts USING (cut))
  WHERE _resource_access(tool_name) IS DISTINCT FROM 'read' AND NOT regexp_matches(tool_name, '(?i)bash|shell|exec|terminal|command|python|search|grep|glob|list|find|edit|patch|replace')
  GROUP BY ALL
  HAVING before >= 3 AND bool_or(is_after)
),
-- The argument that carried the value.
kept AS (
  SELECT cut, value, tool_name, key, any_value(before) AS before, list_distinct(flatten(list(_words_in_text(said)))) AS words, list_distinct(flatten(list(_values_of(said)))) AS values_told
  FROM (
    SELECT habits.*, entry.key, entry.value->>'$' AS said
    FROM habits
    JOIN (SELECT *, unnest(map_entries(TRY_CAST(TRY_CAST(arguments AS JSON) AS MAP(VARCHAR, JSON)))) AS entry FROM calls WHERE NOT is_after) AS calls USING (cut, tool_name)
    WHERE start_time >= since
  )
  GROUP BY cut, value, tool_name, key
  HAVING bool_and(contains(said, value)) AND NOT bool_or(trim(said) = value) AND count(*) >= 3
),
poorer AS (
  SELECT kept.cut, kept.value, kept.tool_name, before, list(calls.preorder ORDER BY calls.preorder) AS places, max(calls.start_time) AS last_time
  FROM kept
  JOIN (SELECT *, unnest(map_entries(TRY_CAST(TRY_CAST(arguments AS JSON) AS MAP(VARCHAR, JSON)))) AS entry FROM calls WHERE is_after) AS calls
    ON calls.cut = kept.cut AND calls.tool_name = kept.tool_name AND entry.key = kept.key
  ANTI JOIN (FROM calls WHERE is_after) AS knowing ON knowing.cut = kept.cut AND contains(knowing.arguments, kept.value)
  WHERE len(_words_in_text(entry.value->>'$')) > 0 AND len(list_intersect(_words_in_text(entry.value->>'$'), words)) >= 0.75 * len(_words_in_text(entry.value->>'$'))
    AND len(list_filter(_values_of(entry.value->>'$'), lambda other: NOT list_contains(values_told, other) AND _form_of(other) = _form_of(kept.value))) = 0
  GROUP BY ALL
)
SELECT poorer.*
FROM poorer
JOIN cuts ON cuts.preorder = cut
-- Who was shown the value again has not lost it.
WHERE NOT EXISTS (
  FROM spans AS shown
  JOIN span_messages AS sent ON sent.trace_id = shown.trace_id AND sent.span_id = shown.span_id AND sent.direction <> 'output'
  JOIN messages USING (message_hash)
  WHERE shown.trace_id = cuts.trace_id AND shown.agent_name IS NOT DISTINCT FROM cuts.agent_name AND shown.start_time BETWEEN cuts.start_time AND last_time
    AND contains(parts::VARCHAR, poorer.value)
);
