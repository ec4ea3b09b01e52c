-- The parts of messages: texts, thoughts, tool calls and their results.

-- Every part of every distinct message.
CREATE VIEW message_parts (
  -- The message.
  message_hash,
  -- system, user, assistant or tool; else as logged.
  role,
  -- Position in the message, from 0.
  part_index,
  -- `text`, `reasoning`, `tool_call`, `tool_call_response`, ...
  type,
  -- The text of a text or reasoning part.
  content,
  -- `gen_ai.tool.call.id` of a call or its response.
  tool_call_id,
  -- The tool of a call.
  tool_name,
  -- The arguments of a call, JSON.
  tool_call_arguments,
  -- The response to a call, JSON.
  tool_call_response,
  -- The whole part, JSON.
  part,
  -- Length of the part in bytes.
  bytes
) AS
WITH unnested AS (
  SELECT message_hash, role, unnest(parts::JSON[]) AS part, generate_subscripts(parts::JSON[], 1) - 1 AS part_index
  FROM messages
  WHERE json_type(parts) = 'ARRAY'
)
SELECT
  message_hash, role, part_index, part->>'$.type', part->>'$.content', part->>'$.id', part->>'$.name', part->'$.arguments',
  part->'$.response', part, strlen(part::VARCHAR)
FROM unnested;
