-- Things that happened within a span at one moment: exceptions, retries, log records tied to it.
CREATE TABLE span_events (
  -- Trace of the span.
  trace_id VARCHAR NOT NULL,
  -- The span.
  span_id VARCHAR NOT NULL,
  -- Position among the span's events, from 0.
  event_index INTEGER NOT NULL,
  -- When (UTC).
  time TIMESTAMP_NS,
  -- Name of the event, e.g. `exception`.
  name VARCHAR,
  -- Its attributes, a JSON object.
  attributes JSON,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the record it stands in.
  source_line BIGINT,
  -- Byte offset of the record it stands in.
  source_offset BIGINT,
  -- Length of that record in bytes.
  source_length BIGINT
);
