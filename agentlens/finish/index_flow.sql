-- Fills the tables of the flow graph: which text stands at which step, which values stand in it, and who repeats whom; and what failed for good.
DELETE FROM flow_texts;
DELETE FROM flow_tokens;
DELETE FROM flow_quotes;
DELETE FROM flow_rereads;
DELETE FROM unmended_failures;

INSERT INTO flow_rereads BY NAME FROM _flow_read_after_write;
INSERT INTO unmended_failures BY NAME FROM _failures_unmended;

CREATE OR REPLACE TEMP TABLE flow_calls AS FROM _flow_calls;

-- The parts of all messages.
CREATE OR REPLACE TEMP TABLE flow_parts AS
SELECT message_hash, part_index, hash(said) AS text_id, type, tool_call_id, strlen(said) AS bytes
FROM _flow_parts
WHERE said <> '';

-- What tools were asked and what they answered. What a message holds as well gets the number of its part.
CREATE OR REPLACE TEMP TABLE flow_tools AS
WITH
  tools AS (
    SELECT
      preorder, trace_id, agent_name, coalesce(conversation_id, trace_id) AS conversation_id, tool_call_id, start_time, end_time,
      tool_call_arguments AS arguments, coalesce(_text_blocks(TRY_CAST(tool_call_result AS JSON)), tool_call_result, CASE WHEN status_code = 'ERROR' THEN status_message END) AS result,
      status_code = 'ERROR' AND tool_call_result IS NULL AS has_no_result
    FROM tool_calls
  ),
  asked AS (
    SELECT
      tools.preorder, max(calls.preorder) AS from_preorder,
      arg_max(
        struct_pack(text_id := parts.text_id, message_hash := parts.message_hash, part_index := parts.part_index),
        (calls.preorder, parts.message_hash, parts.part_index)
      ) AS part
    FROM tools
    JOIN (FROM flow_parts WHERE type = 'tool_call') AS parts USING (tool_call_id)
    JOIN (FROM span_messages WHERE direction = 'output') AS said USING (message_hash)
    JOIN flow_calls AS calls ON calls.trace_id = said.trace_id AND calls.span_id = said.span_id
    WHERE (tools.trace_id = calls.trace_id OR tools.conversation_id = calls.conversation_id)
      -- Keys may stand in another order: the same call with as many characters is the same.
      AND parts.bytes IN (strlen(arguments), strlen(json(TRY_CAST(arguments AS JSON))))
    GROUP BY tools.preorder
  ),
  answered AS (
    SELECT tools.preorder, min(parts.text_id) AS text_id
    FROM tools
    JOIN (FROM flow_parts WHERE type = 'tool_call_response') AS parts USING (tool_call_id)
    WHERE parts.text_id IN (hash(result), hash(json(TRY_CAST(result AS JSON))::VARCHAR))
    GROUP BY tools.preorder
  )
SELECT
  tools.*, from_preorder, asked.part, coalesce(asked.part.text_id, hash(arguments)) AS arguments_id,
  coalesce(answered.text_id, hash(result)) AS result_id, hash(trace_id, agent_name) AS window_id
FROM tools
LEFT JOIN asked USING (preorder)
LEFT JOIN answered USING (preorder);

-- What was said: by models, by tools, by agents to one another, in documents. Numbers decide where two are equally near, so they follow an order.
INSERT INTO flow_texts BY NAME
SELECT row_number() OVER (ORDER BY preorder, type, moment, source_id, source_offset, message_hash, part_index, text_id) AS number, *
FROM (
SELECT
  text_id, 'said' AS side, type, bytes, preorder, calls.trace_id, calls.agent_name, window_id,
  coalesce(epoch_ns(coalesce(end_time, start_time)), preorder) AS moment, coalesce(epoch_ns(start_time), preorder) AS until, message_hash, part_index,
  said.source_id, said.source_line, said.source_offset, said.source_length
FROM span_messages AS said
JOIN flow_calls AS calls USING (trace_id, span_id)
JOIN flow_parts USING (message_hash)
WHERE said.direction = 'output'
UNION ALL BY NAME
SELECT
  result_id AS text_id, 'said' AS side, 'result' AS type, strlen(result) AS bytes, preorder, tools.trace_id, tools.agent_name, window_id,
  coalesce(epoch_ns(coalesce(tools.end_time, tools.start_time)), preorder) AS moment,
  spans.source_id, spans.source_line, spans.source_offset, spans.source_length
FROM flow_tools AS tools
JOIN spans USING (preorder)
WHERE result <> ''
UNION ALL BY NAME
SELECT
  hash(payload) AS text_id, 'said' AS side, 'agent_message' AS type, strlen(payload) AS bytes, spans.preorder, m.trace_id, sender AS agent_name,
  epoch_ns(time) AS moment, m.source_id, m.source_line, m.source_offset, m.source_length
FROM agent_messages AS m
LEFT JOIN spans USING (trace_id, span_id)
WHERE payload <> ''
UNION ALL BY NAME
SELECT
  hash(text) AS text_id, 'said' AS side, 'section' AS type, strlen(text) AS bytes, agent_name, epoch_ns(time) AS moment,
  source_id, source_line, source_offset, source_length
FROM sections
WHERE text <> ''
);

-- What was heard: the arguments of tools from the model call that asked, and messages on arrival in a window from the step that said them whole.
INSERT INTO flow_texts BY NAME
WITH
  arrived AS (
    SELECT a.*, parts.part_index, parts.text_id, parts.type, parts.tool_call_id, parts.bytes
    FROM _flow_arrivals AS a
    JOIN flow_parts AS parts USING (message_hash)
  ),
  said AS (
    SELECT message_hash, window_id, conversation_id, trace_id, calls.preorder, coalesce(end_time, start_time) AS done
    FROM span_messages
    JOIN flow_calls AS calls USING (trace_id, span_id)
    WHERE direction = 'output'
  ),
  -- Nearest first: the same window, the same conversation, the same trace; a long message (200 bytes) from anywhere.
  candidates AS (
    SELECT
      arrived.message_hash, arrived.preorder, -1 AS part_index, said.preorder AS from_preorder,
      CASE WHEN said.window_id = arrived.window_id THEN 0 WHEN said.conversation_id = arrived.conversation_id THEN 1
        WHEN said.trace_id = arrived.trace_id THEN 2 ELSE 3 END AS distance
    FROM (SELECT DISTINCT message_hash, preorder, window_id, conversation_id, trace_id, start_time FROM arrived) AS arrived
    JOIN said USING (message_hash)
    JOIN messages USING (message_hash)
    WHERE said.preorder <> arrived.preorder AND coalesce(said.done <= arrived.start_time, said.preorder < arrived.preorder)
      AND (said.conversation_id = arrived.conversation_id OR said.trace_id = arrived.trace_id OR messages.bytes >= 200)
    UNION ALL
    -- What a failed call answered is often recorded only as its status, and shown to the model in other words (`Error: ` in front): its id says whose it is.
    -- Where ids come again, it is that of the last call.
    SELECT arrived.message_hash, arrived.preorder, arrived.part_index, tools.preorder, CASE WHEN tools.result_id = arrived.text_id THEN 1 ELSE 2 END
    FROM arrived
    JOIN flow_tools AS tools USING (tool_call_id)
    WHERE arrived.type = 'tool_call_response' AND (tools.conversation_id = arrived.conversation_id OR tools.trace_id = arrived.trace_id)
      AND (tools.result_id = arrived.text_id OR (tools.has_no_result AND tools.end_time <= arrived.start_time))
  ),
  made AS (
    SELECT message_hash, preorder, part_index, arg_max(from_preorder, (-distance, from_preorder)) AS from_preorder
    FROM candidates
    GROUP BY ALL
  )
SELECT (SELECT count(*) FROM flow_texts) + row_number() OVER (ORDER BY preorder, type, moment, source_id, source_offset, message_hash, part_index, text_id) AS number, *
FROM (
SELECT
  text_id, 'heard' AS side, type, bytes, arrived.preorder, coalesce(answered.from_preorder, repeated.from_preorder) AS from_preorder,
  arrived.trace_id, calls.agent_name, arrived.window_id, coalesce(epoch_ns(arrived.start_time), arrived.preorder) AS moment, until,
  arrived.message_hash, arrived.part_index, spans.source_id, spans.source_line, spans.source_offset, spans.source_length
FROM arrived
JOIN flow_calls AS calls ON calls.preorder = arrived.preorder
JOIN spans ON spans.preorder = arrived.preorder
LEFT JOIN made AS answered
  ON answered.message_hash = arrived.message_hash AND answered.preorder = arrived.preorder AND answered.part_index = arrived.part_index
LEFT JOIN made AS repeated
  ON repeated.message_hash = arrived.message_hash AND repeated.preorder = arrived.preorder AND repeated.part_index = -1
UNION ALL BY NAME
SELECT
  arguments_id AS text_id, 'heard' AS side, 'arguments' AS type, strlen(arguments) AS bytes, preorder, from_preorder, tools.trace_id,
  tools.agent_name, window_id, coalesce(epoch_ns(tools.start_time), preorder) AS moment, part.message_hash AS message_hash,
  part.part_index AS part_index, spans.source_id, spans.source_line, spans.source_offset, spans.source_length
FROM flow_tools AS tools
JOIN spans USING (preorder)
WHERE arguments NOT IN ('', '{}')
);

-- Each distinct text once.
CREATE OR REPLACE TEMP TABLE flow_bodies AS
WITH texts AS (
  SELECT hash(said) AS text_id, said FROM _flow_parts WHERE said <> ''
  UNION ALL
  SELECT arguments_id, arguments FROM flow_tools WHERE part IS NULL AND arguments NOT IN ('', '{}')
  UNION ALL
  SELECT result_id, result FROM flow_tools WHERE result <> '' AND result_id NOT IN (SELECT text_id FROM flow_parts)
  UNION ALL
  SELECT hash(payload), payload FROM agent_messages WHERE payload <> ''
  UNION ALL
  SELECT hash(text), text FROM sections WHERE text <> ''
)
SELECT text_id, any_value(CASE WHEN _is_placeholder(said) THEN '' ELSE _plain_text(said) END) AS said FROM texts GROUP BY text_id;

DROP TABLE flow_calls;
DROP TABLE flow_parts;
DROP TABLE flow_tools;

INSERT INTO flow_tokens BY NAME
SELECT DISTINCT token, text_id, _number_of(token) AS number
FROM (
  SELECT text_id, token FROM (SELECT text_id, unnest(_tokens_in(said)) AS token FROM flow_bodies)
  UNION ALL
  SELECT text_id, _number_within(token) FROM (SELECT text_id, unnest(_tokens_in(said)) AS token FROM flow_bodies)
)
WHERE length(token) BETWEEN 2 AND 400
ORDER BY token, text_id;

-- What went wrong with calls that nothing calls failed.
INSERT INTO unmended_failures BY NAME FROM _flaws ANTI JOIN unmended_failures USING (preorder);
INSERT INTO unmended_failures BY NAME
SELECT
  preorder, any_value(trace_id) AS trace_id, format('{} went on without a message that had said: {}.', coalesce(any_value(agent_name), 'A model'), rtrim(_short(min(rule), 120), '.')) AS summary,
  min(rule) AS reason
FROM _rules_lost
GROUP BY preorder;

-- Every run of six words as a number, thinned out so that of any run of nine words at least one is kept (winnowing: the least of four
-- neighbours; Schleimer, Wilkerson and Aiken 2003).
CREATE OR REPLACE TEMP TABLE flow_runs AS
WITH
  words AS (SELECT text_id, hash(unnest(w)) AS word, generate_subscripts(w, 1) AS place FROM (SELECT text_id, _words_in(lower(said)) AS w FROM flow_bodies)),
  runs AS (
    SELECT
      text_id, place,
      CASE WHEN lead(text_id, 5) OVER () = text_id THEN hash(word, lead(word, 1) OVER (), lead(word, 2) OVER (), lead(word, 3) OVER (), lead(word, 4) OVER (), lead(word, 5) OVER ()) END AS run
    FROM words
  ),
  neighbours AS (
    SELECT
      *, lag(run, 1) OVER () AS b1, lag(run, 2) OVER () AS b2, lag(run, 3) OVER () AS b3,
      lead(run, 1) OVER () AS a1, lead(run, 2) OVER () AS a2, lead(run, 3) OVER () AS a3
    FROM runs
  )
SELECT run, text_id, place::INTEGER AS place
FROM neighbours
WHERE run <= coalesce(least(a1, a2, a3), run) OR run <= coalesce(least(b1, a1, a2), run) OR run <= coalesce(least(b2, b1, a1), run)
  OR run <= coalesce(least(b3, b2, b1), run);

-- What a tool read that another had written before.
INSERT INTO flow_quotes BY NAME
SELECT 'read_after_write' AS kind, confidence, from_preorder, a.number AS from_number, to_preorder, b.number AS to_number, 0 AS words, resource AS passed
FROM flow_rereads
JOIN (SELECT number, preorder FROM flow_texts WHERE type = 'arguments') AS a ON a.preorder = from_preorder
JOIN (SELECT number, preorder FROM flow_texts WHERE type = 'result') AS b ON b.preorder = to_preorder;

-- Every text at its steps, by numbers (documents in trace 0). Apart are those of windows that go on in other traces, those that went whole from one trace to another, and those that were read
-- after they were written: where what they hold went is not to be seen in one trace.
CREATE OR REPLACE TEMP TABLE flow_standing AS
WITH
  passing AS MATERIALIZED (
    SELECT DISTINCT from_preorder AS preorder
    FROM flow_texts
    JOIN (SELECT preorder AS from_preorder, trace_id AS from_trace_id FROM spans) USING (from_preorder)
    WHERE from_trace_id <> trace_id
  ),
  windows AS MATERIALIZED (SELECT window_id FROM flow_texts WHERE window_id IS NOT NULL GROUP BY window_id HAVING min(trace_id) <> max(trace_id)),
  reread AS MATERIALIZED (SELECT DISTINCT unnest([from_number, to_number]) AS number FROM flow_quotes)
SELECT
  number, text_id, CASE WHEN trace_id IS NULL THEN 0 ELSE hash(trace_id) END AS trace,
  coalesce(window_id IN (FROM windows), false) OR number IN (FROM reread) OR coalesce(preorder IN (FROM passing), false) OR coalesce(from_preorder IN (FROM passing), false) AS is_apart
FROM flow_texts;

-- What stands in one text of a trace only goes wherever that text goes: such are followed together.
CREATE OR REPLACE TEMP TABLE flow_members (text_id UBIGINT, trace UBIGINT, what VARCHAR, feature UBIGINT, places INTEGER[]);

-- From which step to which each of them went, filled a slice of them at a time.
CREATE OR REPLACE TEMP TABLE flow_found (
  from_number BIGINT, from_preorder BIGINT, to_number BIGINT, to_preorder BIGINT, what VARCHAR, rule VARCHAR, feature UBIGINT, places INTEGER[]
);
