-- What stood in the windows of model calls.

-- Which message stood where in which call: what a model was shown and what it said, step by step. Stored as `span_message_ranges`
-- of `message_lists`.
CREATE VIEW span_messages (
  -- Trace of the call.
  trace_id,
  -- The call.
  span_id,
  -- `system` (instructions), `input` or `output`.
  direction,
  -- Position within the direction, from 0.
  position,
  -- The message, in `messages`.
  message_hash,
  -- The source it stands in.
  source_id,
  -- Line of the record it stands in.
  source_line,
  -- Byte offset of the record it stands in.
  source_offset,
  -- Length of that record in bytes.
  source_length
) AS
SELECT
  trace_id, span_id, direction, position + list_index, message_hash, shown.source_id, shown.source_line, shown.source_offset,
  shown.source_length
FROM span_message_ranges AS shown
JOIN message_lists AS listed ON listed.list_id = shown.list_id AND listed.list_index < shown.length;
