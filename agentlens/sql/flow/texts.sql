-- Which texts the lens holds, and in which call each message came into a window.
-- include: messages.context_calls
-- include: messages.span_messages

-- The texts of content blocks (a JSON array of objects with `text`), one below the other; NULL for anything else.
CREATE MACRO _text_blocks(blocks) AS
CASE WHEN json_type(blocks) = 'ARRAY' AND len(json_extract_string(blocks, '$[*].text')) > 0 THEN array_to_string(json_extract_string(blocks, '$[*].text'), chr(10)) END;

-- The text of one part of a message: what it says, what a tool answered, or the arguments of a call.
CREATE MACRO _part_text(part) AS
coalesce(part->>'$.content', _text_blocks(json_extract(part, '$.response')), part->>'$.response', part->>'$.arguments', part::VARCHAR);

-- Every part of every distinct message, with its text.
CREATE VIEW _flow_parts (
  -- The message.
  message_hash,
  -- Position in the message, from 0.
  part_index,
  -- Type of the part; `message` for a message that is no list of parts.
  type,
  -- `gen_ai.tool.call.id` of a call or its response.
  tool_call_id,
  -- The text.
  said,
  -- The source in which the message was first met.
  source_id,
  -- Line of that record.
  source_line,
  -- Byte offset of that record.
  source_offset,
  -- Length of that record in bytes.
  source_length
) AS
SELECT message_hash, part_index::INTEGER, part->>'$.type', part->>'$.id', _part_text(part), source_id, source_line, source_offset, source_length
FROM (
  SELECT * EXCLUDE (parts), unnest(parts::JSON[]) AS part, generate_subscripts(parts::JSON[], 1) - 1 AS part_index
  FROM messages
  WHERE json_type(parts) = 'ARRAY'
)
UNION ALL
SELECT message_hash, 0, 'message', NULL, parts::VARCHAR, source_id, source_line, source_offset, source_length
FROM messages
WHERE json_type(parts) <> 'ARRAY';

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
  SEMI JOIN span_message_ranges USING (trace_id, span_id)
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
  preorder,
  -- When the last call of the window that was sent it began, in nanoseconds since 1970; without times, its place in tree order.
  until
) AS
SELECT
  message_hash, window_id, conversation_id, arg_min(trace_id, moment), min(start_time), arg_min(preorder, moment),
  max(coalesce(epoch_ns(start_time), preorder))
FROM (
  SELECT message_hash, _flow_calls.*, (coalesce(epoch_ns(start_time), 0), preorder) AS moment
  FROM span_messages
  JOIN _flow_calls USING (trace_id, span_id)
  WHERE direction IN ('system', 'input')
)
GROUP BY message_hash, window_id, conversation_id;
