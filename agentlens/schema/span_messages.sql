-- Which message stood where in which call: what a model was shown and what it said, step by step.
CREATE TABLE span_messages (
  -- Trace of the call.
  trace_id VARCHAR NOT NULL,
  -- The call.
  span_id VARCHAR NOT NULL,
  -- `system` (instructions), `input` or `output`.
  direction VARCHAR NOT NULL,
  -- Position within the direction, from 0.
  position INTEGER NOT NULL,
  -- The message, in `messages`.
  message_hash VARCHAR NOT NULL,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the record it stands in.
  source_line BIGINT,
  -- Byte offset of the record it stands in.
  source_offset BIGINT,
  -- Length of that record in bytes.
  source_length BIGINT
);
