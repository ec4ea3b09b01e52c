-- How much of which list of messages a call was shown or said: `span_messages`, packed. One row a call and direction; more where
-- a window parted from the list it began with.
CREATE TABLE span_message_ranges (
  -- Trace of the call.
  trace_id VARCHAR NOT NULL,
  -- The call.
  span_id VARCHAR NOT NULL,
  -- `system` (instructions), `input` or `output`.
  direction VARCHAR NOT NULL,
  -- Position within the direction of the first of these messages, from 0.
  position INTEGER NOT NULL,
  -- The list, in `message_lists`.
  list_id BIGINT NOT NULL,
  -- How many messages from the beginning of the list.
  length INTEGER NOT NULL,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the record it stands in.
  source_line BIGINT,
  -- Byte offset of the record it stands in.
  source_offset BIGINT,
  -- Length of that record in bytes.
  source_length BIGINT
);
