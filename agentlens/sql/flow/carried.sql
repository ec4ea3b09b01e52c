-- What came into the windows of model calls whole: the same message, the same tool result, byte for byte.
-- include: messages.context_calls

-- The text of one part of a message: what it says, what a tool answered, or the arguments of a call.
CREATE MACRO _part_text(part) AS
CASE WHEN json_type(part, '$.response') = 'ARRAY' AND len(json_extract_string(part, '$.response[*].text')) > 0
  THEN array_to_string(json_extract_string(part, '$.response[*].text'), chr(10))
ELSE coalesce(part->>'$.content', part->>'$.response', part->>'$.arguments', part::VARCHAR) END;

-- Every model call whose messages are logged, the innermost where one is logged inside another, with the window it belongs to: the agent's
-- calls in one conversation, and in one run where another agent began it.
CREATE VIEW _flow_calls (
  -- Trace of the call.
  trace_id,
  -- Span of the call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The conversation, else the trace.
  conversation_id,
  -- The window, a number that stands for agent, conversation and run.
  window_id,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- Place in tree order.
  preorder
) AS
WITH spoken AS (
  SELECT trace_id, span_id, agent_name, coalesce(conversation_id, trace_id) AS conversation_id, start_time, end_time, preorder
  FROM spans
  SEMI JOIN span_messages USING (trace_id, span_id)
  WHERE operation_name IS DISTINCT FROM 'execute_tool'
  QUALIFY NOT coalesce(lead(preorder) OVER (ORDER BY preorder) < subtree_end, false)
)
SELECT
  spoken.trace_id, spoken.span_id, spoken.agent_name, spoken.conversation_id,
  hash(spoken.agent_name, spoken.conversation_id, run_preorder), start_time, end_time, spoken.preorder
FROM spoken
LEFT JOIN _context_calls(NULL, NULL) AS calls USING (preorder);

-- The first call of every window that each message was sent in.
CREATE VIEW _flow_arrivals (
  -- The message.
  message_hash,
  -- The window.
  window_id,
  -- Its conversation.
  conversation_id,
  -- Its trace.
  trace_id,
  -- When the call began (UTC).
  start_time,
  -- The call.
  preorder
) AS
SELECT
  message_hash, window_id, conversation_id, arg_min(trace_id, moment), min(start_time), arg_min(preorder, moment)
FROM (
  SELECT message_hash, _flow_calls.*, (coalesce(epoch_ns(start_time), 0), preorder) AS moment
  FROM span_messages
  JOIN _flow_calls USING (trace_id, span_id)
  WHERE direction IN ('system', 'input')
)
GROUP BY message_hash, window_id, conversation_id;

-- Messages and tool results that went whole from the step that made them into a window: one row a message and window, on arrival.
CREATE VIEW _flow_carried (
  -- Place of the step that made it in tree order.
  from_preorder,
  -- Place of the call it arrived in.
  to_preorder,
  -- certain (made in the same conversation or trace), or likely (a long message made elsewhere).
  confidence,
  -- The message.
  message_hash
) AS
WITH
  arrived AS (FROM _flow_arrivals),
  said AS (
    SELECT message_hash, calls.window_id, calls.conversation_id, calls.trace_id, calls.preorder, coalesce(end_time, start_time) AS done
    FROM span_messages
    JOIN _flow_calls AS calls USING (trace_id, span_id)
    WHERE direction = 'output'
  ),
  repeated AS (
    SELECT
      arrived.message_hash, arrived.preorder AS to_preorder, said.preorder AS from_preorder,
      CASE WHEN said.window_id = arrived.window_id THEN 0 WHEN said.conversation_id = arrived.conversation_id THEN 1
        WHEN said.trace_id = arrived.trace_id THEN 2 ELSE 3 END AS distance
    FROM arrived
    JOIN said USING (message_hash)
    WHERE said.preorder <> arrived.preorder AND coalesce(said.done <= arrived.start_time, said.preorder < arrived.preorder)
  ),
  answers AS (
    SELECT message_hash, part->>'$.id' AS tool_call_id, _part_text(part) AS answer
    FROM (SELECT message_hash, unnest(parts::JSON[]) AS part FROM messages WHERE json_type(parts) = 'ARRAY' AND contains(parts::VARCHAR, '"tool_call_response"'))
    WHERE part->>'$.type' = 'tool_call_response'
  ),
  answered AS (
    SELECT
      arrived.message_hash, arrived.preorder AS to_preorder, spans.preorder AS from_preorder,
      CASE WHEN coalesce(spans.conversation_id, spans.trace_id) = arrived.conversation_id THEN 1 WHEN spans.trace_id = arrived.trace_id THEN 2 END AS distance
    FROM arrived
    JOIN answers USING (message_hash)
    JOIN (FROM spans WHERE operation_name = 'execute_tool') AS spans USING (tool_call_id)
    WHERE answer = spans.tool_call_result
      OR answer = _part_text(json_object('response', TRY_CAST(spans.tool_call_result AS JSON)))
  ),
  linked AS (
    SELECT message_hash, to_preorder, from_preorder, distance FROM repeated WHERE distance < 3
    UNION ALL
    SELECT repeated.* FROM repeated JOIN messages USING (message_hash) WHERE distance = 3 AND bytes >= 200
    UNION ALL
    SELECT * FROM answered WHERE distance IS NOT NULL
  )
SELECT
  arg_max(from_preorder, (-distance, from_preorder)), to_preorder, CASE WHEN min(distance) = 3 THEN 'likely' ELSE 'certain' END, message_hash
FROM linked
GROUP BY message_hash, to_preorder;

-- Tool calls that a model asked for, from the call that asked to the call of the tool, with the same arguments.
CREATE VIEW _flow_asked (
  -- Place of the model call in tree order.
  from_preorder,
  -- Place of the tool call.
  to_preorder,
  -- certain.
  confidence,
  -- The message that asks.
  message_hash
) AS
WITH asks AS (
  SELECT message_hash, part->>'$.id' AS tool_call_id, part->>'$.arguments' AS asked
  FROM (SELECT message_hash, unnest(parts::JSON[]) AS part FROM messages WHERE json_type(parts) = 'ARRAY' AND contains(parts::VARCHAR, '"tool_call"'))
  WHERE part->>'$.type' = 'tool_call'
)
SELECT max(calls.preorder), spans.preorder, 'certain', arg_max(message_hash, calls.preorder)
FROM asks
JOIN (FROM span_messages WHERE direction = 'output') AS said USING (message_hash)
JOIN _flow_calls AS calls USING (trace_id, span_id)
JOIN (FROM spans WHERE operation_name = 'execute_tool') AS spans
  ON spans.tool_call_id = asks.tool_call_id AND (spans.trace_id = calls.trace_id OR coalesce(spans.conversation_id, spans.trace_id) = calls.conversation_id)
-- Arguments are kept with their keys in another order: the same call with as many characters is the same.
WHERE asked = spans.tool_call_arguments
  OR strlen(json(TRY_CAST(asked AS JSON))) = strlen(json(TRY_CAST(spans.tool_call_arguments AS JSON)))
GROUP BY spans.preorder;
