-- Who said what to whom outside model calls: reports, dispatches, room messages, handoffs.
CREATE TABLE agent_messages (
  -- Identity of the message, where given.
  message_id VARCHAR,
  -- Trace it belongs to, where known.
  trace_id VARCHAR,
  -- Span it belongs to, where known.
  span_id VARCHAR,
  -- The agent that sent it.
  sender VARCHAR,
  -- The agent it was sent to.
  recipient VARCHAR,
  -- How many relays deep, where given.
  depth INTEGER,
  -- When (UTC).
  time TIMESTAMP_NS,
  -- `pax`, `a2a`, `message`, ...
  kind VARCHAR NOT NULL,
  -- Wave it belongs to, where given.
  wave INTEGER,
  -- The text or payload (JSON where the log has JSON).
  payload VARCHAR,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the source.
  source_line BIGINT,
  -- Byte offset.
  source_offset BIGINT,
  -- Length in bytes.
  source_length BIGINT
);
