-- A model that says the same thing again.
-- include: messages.span_messages
-- include: messages.texts
-- include: spans.kinds
-- include: detectors.evidence

-- A text without what repeats by nature: fenced code, rows of tables, items of lists, headings, quotes, and lines without letters.
CREATE MACRO _plain_prose(text) AS
trim(array_to_string(list_filter(
  string_split(regexp_replace(text, '(?s)```.*?(```|$)', ' ', 'g'), E'\n'),
  lambda line: regexp_matches(line, '\p{L}') AND NOT regexp_matches(line, '^\s*(\||[-*+•>#]|\d+[.)]|[a-zA-Z][.)]\s)|\t.*\t|\|.*\|')
), E'\n'));

-- How often the piece of a text around a place comes again with the same words between: the count of equal pieces; 0 where it is data or
-- markup, which repeat by nature.
CREATE MACRO _times_chanted(text, place) AS
(SELECT CASE WHEN regexp_matches(substr(text, place, 24) || coalesce(list_aggregate(pieces, 'mode'), ''), '[{}\[\]<>|=\t]') THEN 0
   ELSE coalesce(len(list_filter(pieces, lambda piece: piece = list_aggregate(pieces, 'mode'))) + 1, 0) END
 FROM (SELECT string_split(text, substr(text, place, 24))[2:-2] AS pieces));

-- Why repeated texts cannot be looked for; no reason when all is there.
CREATE VIEW _needs_repeated_text (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  answered > 0,
  CASE WHEN answered = 0 THEN 'no model call has its output recorded' ELSE _unjudged('model calls', calls, calls - answered, 'no output recorded') END
FROM (
  SELECT count(*) AS calls,
    (SELECT count(*) FROM spans SEMI JOIN (FROM span_message_ranges WHERE direction = 'output') AS said USING (trace_id, span_id)
     WHERE operation_name IN ('chat', 'generate_content', 'text_completion')) AS answered
  FROM spans
  WHERE operation_name IN ('chat', 'generate_content', 'text_completion')
);

-- A model gives the same answer `min_repeats` times in a row while nothing else happens, or chants: one piece of text comes
-- `min_chants` times within an answer.
--
-- Means: the model is stuck; what it says carries nothing new. Matters: it fills the window and the bill, and readers take length for
-- work. (a) Equal answers of at least `min_length` characters, one after the other, without a tool call or new words of a user between:
-- tier proven where the input of the calls is recorded, else candidate. (b) The same piece, with the same words between, at least
-- `min_chants` times, and most of the prose of the answer: tier proven. Severity warning.
-- Example: three answers in a row that read `I will now continue with the task.`
-- Leaves alone: short answers (OK, NO_REPLY); the words of failed calls; answers that are nothing but code, lists or tables (echoed output); answers that are asked for again by a user; the same call sent again or sampled several
-- times (the same input); lists, tables, code, data, markup and dividers; refrains that make up a small part of a text.
-- Misses: the same thing in other words; chants that neither cover the middle nor the end of an answer.
-- Do: look at what the calls were sent: usually the answer itself is all that was new in the window.
-- scope: trace
-- version: 3
CREATE MACRO detect_repeated_text(min_repeats := 3, min_chants := 10, min_length := 20) AS TABLE
WITH answers AS (
  SELECT trace_id, span_id, arg_min(message_hash, position) AS message_hash
  FROM span_messages
  WHERE direction = 'output'
  GROUP BY trace_id, span_id
),
-- Only answers that are given several times in a trace can repeat.
repeated AS MATERIALIZED (
  SELECT trace_id, message_hash
  FROM (SELECT trace_id, message_hash, count(*) AS times FROM answers GROUP BY trace_id, message_hash)
  WHERE times >= min_repeats
),
spoken AS MATERIALIZED (
  SELECT
    repeated.trace_id, message_hash, trim(array_to_string(parts->>'$[*].content', ' ')) AS text
  FROM repeated
  JOIN messages USING (message_hash)
  WHERE NOT contains(parts::VARCHAR, '"tool_call') AND strlen(parts::VARCHAR) >= min_length
),
calls AS (
  SELECT spans.trace_id, spans.span_id, agent_name, coalesce(conversation_id, '') AS conversation, preorder, start_time, answers.message_hash
  FROM spans
  SEMI JOIN spoken ON spoken.trace_id = spans.trace_id
  -- What a failed call says are the words of its client or its provider.
  LEFT JOIN answers ON answers.trace_id = spans.trace_id AND answers.span_id = spans.span_id AND status_code <> 'ERROR'
  WHERE operation_name IN ('chat', 'generate_content', 'text_completion', 'execute_tool')
),
-- What a call was asked: all its input, and the words of users among it.
asked AS (
  SELECT
    trace_id, span_id, count(*) AS inputs, hash(list(message_hash ORDER BY position)) AS input,
    list(DISTINCT message_hash) FILTER (role = 'user') AS user_words, count(*) FILTER (role = 'user' AND NOT _is_nudge(_message_text(parts))) AS times_asked
  FROM span_messages
  JOIN messages USING (message_hash)
  WHERE direction = 'input' AND (trace_id, span_id) IN (SELECT (trace_id, span_id) FROM calls)
  GROUP BY trace_id, span_id
),
followed AS (
  SELECT
    calls.*, inputs, input, coalesce(user_words, []) AS user_words, lag(message_hash) OVER in_order AS hash_before,
    lag(input) OVER in_order AS input_before, times_asked, lag(times_asked) OVER in_order AS times_asked_before, coalesce(lag(user_words) OVER in_order, []) AS user_words_before
  FROM calls
  LEFT JOIN asked USING (trace_id, span_id)
  WINDOW in_order AS (PARTITION BY trace_id, agent_name, conversation ORDER BY start_time, preorder)
),
linked AS (
  SELECT
    *, coalesce(
      message_hash = hash_before AND (input IS NULL OR input IS DISTINCT FROM input_before)
        AND list_has_all(user_words_before, user_words) AND coalesce(times_asked <= times_asked_before, true), false) AS is_again
  FROM followed
),
rows_of_answers AS (
  SELECT *, count(*) FILTER (NOT is_again) OVER (PARTITION BY trace_id, agent_name, conversation ORDER BY start_time, preorder) AS series
  FROM linked
),
series AS (
  SELECT
    trace_id, agent_name, message_hash, list(preorder ORDER BY start_time, preorder) AS places, count(*) AS times,
    bool_and(inputs IS NOT NULL) AS is_asked
  FROM rows_of_answers
  WHERE message_hash IS NOT NULL
  GROUP BY trace_id, agent_name, conversation, series, message_hash
),
monologues AS (
  SELECT series.*, text, format('{} gave the same answer {} times in a row: {}', coalesce(agent_name, 'An agent'), times, _short(text, 120)) AS summary,
    CASE WHEN is_asked THEN 'proven' ELSE 'candidate' END AS tier
  FROM series
  JOIN spoken USING (trace_id, message_hash)
  WHERE length(_plain_prose(text)) >= min_length AND times >= min_repeats
),
-- Cheap first: does a piece from the middle or the end come again and again?
suspicious AS MATERIALIZED (
  SELECT message_hash, parts
  FROM messages
  WHERE role = 'assistant' AND bytes >= 300 AND (
    len(string_split(parts::VARCHAR, substr(parts::VARCHAR, length(parts::VARCHAR) // 2, 24))) > min_chants
    OR len(string_split(parts::VARCHAR, substr(parts::VARCHAR, -40, 24))) > min_chants)
),
prose AS (
  SELECT message_hash, _plain_prose(array_to_string(list_transform(list_filter(
    from_json(parts, '[{"type":"VARCHAR","content":"VARCHAR"}]'), lambda part: part.type = 'text'), lambda part: part.content), E'\n')) AS text
  FROM suspicious
),
chanted AS (
  SELECT message_hash, text, greatest(_times_chanted(text, length(text) // 2), _times_chanted(text, length(text) - 40)) AS times
  FROM prose
  WHERE length(text) >= 200 AND NOT regexp_matches(text, '^\s*[{\[<]')
),
chants AS (
  SELECT
    trace_id, agent_name, message_hash, [min(preorder)] AS places, any_value(times) AS times, true AS is_asked, any_value(text) AS text,
    format('An answer of {} says one thing {} times over: {}', coalesce(agent_name, 'an agent'), any_value(times),
      '… ' || _short(regexp_replace(substr(any_value(text), length(any_value(text)) // 2, 100), '^\S*\s+', ''), 100)) AS summary,
    'proven' AS tier
  FROM chanted
  JOIN answers USING (message_hash)
  JOIN spans USING (trace_id, span_id)
  WHERE times >= min_chants
  GROUP BY trace_id, agent_name, message_hash
)
SELECT
  tier, 'warning' AS severity, told.trace_id, told.agent_name, list(span_id ORDER BY start_time, preorder) AS span_ids,
  min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time, summary,
  list(_evidence(source_id, source_line, source_offset, source_length, span_id, 'says: ' || text) ORDER BY start_time, preorder)[:50] AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM (SELECT *, unnest(places) AS preorder FROM (FROM monologues UNION ALL BY NAME FROM chants)) AS told
JOIN spans USING (preorder)
GROUP BY tier, told.trace_id, told.agent_name, summary, places;
