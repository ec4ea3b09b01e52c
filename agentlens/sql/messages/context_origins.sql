-- Where the messages in the windows of model calls came from.
-- include: messages.context_calls
-- include: messages.span_messages
-- include: messages.texts
-- include: spans.calls

-- Every distinct message of the windows of one agent in one conversation (of all where none is given), with its origin.
CREATE MACRO _context_origins(agent, conversation) AS TABLE
WITH calls AS (FROM _context_calls(agent, conversation)),
-- A message has one origin in a conversation, whichever calls it was sent in.
sent AS (
  SELECT
    agent_name, conversation_id, message_hash, bool_or(direction = 'system') AS is_system,
    arg_min(calls.preorder, call_index) AS preorder
  FROM span_messages
  JOIN calls USING (trace_id, span_id)
  WHERE direction IN ('system', 'input')
  GROUP BY ALL
),
texts AS (
  SELECT sent.*, role, _message_text(parts) AS said, json_extract_string(parts, '$[*].id') AS tool_call_ids
  FROM sent
  JOIN messages USING (message_hash)
),
everyone AS (
  SELECT trace_id, span_id, agent_name, coalesce(conversation_id, trace_id) AS conversation_id, preorder
  FROM llm_calls
  WHERE coalesce(conversation_id, trace_id) IN (SELECT conversation_id FROM sent)
),
written AS (
  SELECT everyone.conversation_id, message_hash, min(everyone.preorder) AS origin_preorder
  FROM span_messages
  JOIN everyone USING (trace_id, span_id)
  WHERE direction = 'output' AND message_hash IN (SELECT message_hash FROM sent)
  GROUP BY ALL
),
answered AS (
  SELECT asked.conversation_id, message_hash, min(tool_calls.preorder) AS origin_preorder
  FROM (
    SELECT DISTINCT conversation_id, message_hash, unnest(tool_call_ids) AS tool_call_id
    FROM texts
    WHERE role IS DISTINCT FROM 'assistant'
  ) AS asked
  JOIN tool_calls USING (tool_call_id)
  WHERE coalesce(tool_calls.conversation_id, tool_calls.trace_id) = asked.conversation_id
  GROUP BY ALL
),
-- A first message that holds what the call of a tool above the run says is a brief.
told AS (
  SELECT texts.agent_name, texts.conversation_id, message_hash, max(above.preorder) AS origin_preorder
  FROM texts
  JOIN spans AS above ON above.preorder < texts.preorder AND above.subtree_end > texts.preorder
  WHERE role = 'user' AND above.operation_name = 'execute_tool' AND above.agent_name IS DISTINCT FROM texts.agent_name
    AND len(list_filter(
      CASE WHEN json_valid(above.tool_call_arguments) AND json_type(above.tool_call_arguments) = 'OBJECT'
        THEN json_extract_string(above.tool_call_arguments, '$.*') ELSE [above.tool_call_arguments] END,
      lambda value: length(value) >= 20 AND contains(said, value))) > 0
  GROUP BY ALL
),
-- Sections are found by their first long line, and then compared as a whole.
openings AS (
  SELECT document_id, section_index, trim(text) AS section_text, trim(regexp_extract(trim(text), '^[^\n]*')) AS line
  FROM sections
  WHERE length(trim(text)) >= 40
),
remembered AS (
  SELECT agent_name, conversation_id, message_hash, arg_max(openings.document_id, length(section_text)) AS document_id
  FROM (
    SELECT DISTINCT agent_name, conversation_id, message_hash, said, trim(unnest(string_split(said, chr(10)))) AS line
    FROM texts
    WHERE role IN ('system', 'user') OR is_system
  ) AS lines
  JOIN openings USING (line)
  WHERE contains(said, section_text)
  GROUP BY ALL
)
SELECT
  texts.agent_name, texts.conversation_id, message_hash, role, length(said) AS characters,
  CASE
    WHEN remembered.document_id IS NOT NULL THEN 'memory'
    WHEN is_system OR role = 'system' THEN 'system'
    WHEN answered.origin_preorder IS NOT NULL OR role = 'tool' THEN 'tool'
    WHEN role = 'assistant' THEN 'assistant'
    WHEN told.origin_preorder IS NOT NULL THEN 'agent'
    WHEN role = 'user' THEN 'user'
    ELSE 'other'
  END AS origin,
  coalesce(answered.origin_preorder, written.origin_preorder, told.origin_preorder) AS origin_preorder, remembered.document_id
FROM texts
LEFT JOIN written USING (conversation_id, message_hash)
LEFT JOIN answered USING (conversation_id, message_hash)
LEFT JOIN told ON told.agent_name IS NOT DISTINCT FROM texts.agent_name AND told.conversation_id = texts.conversation_id
  AND told.message_hash = texts.message_hash
LEFT JOIN remembered ON remembered.agent_name IS NOT DISTINCT FROM texts.agent_name
  AND remembered.conversation_id = texts.conversation_id AND remembered.message_hash = texts.message_hash;
