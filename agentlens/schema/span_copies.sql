-- Spans that more than one source holds: what the other sources say of a span that is already in `spans`.
CREATE TABLE span_copies (
  -- Trace of the span.
  trace_id VARCHAR NOT NULL,
  -- The span.
  span_id VARCHAR NOT NULL,
  -- `gen_ai.operation.name`, as this source has it.
  operation_name VARCHAR,
  -- When it began (UTC), as this source has it.
  start_time TIMESTAMP_NS,
  -- When it ended (UTC), as this source has it; NULL when unfinished.
  end_time TIMESTAMP_NS,
  -- UNSET, OK or ERROR, as this source has it.
  status_code VARCHAR NOT NULL,
  -- Input tokens, cached ones included, as this source has them.
  input_tokens BIGINT,
  -- Output tokens, reasoning included, as this source has them.
  output_tokens BIGINT,
  -- The source that holds this copy.
  source_id INTEGER NOT NULL,
  -- Line of the source.
  source_line BIGINT,
  -- Byte offset.
  source_offset BIGINT,
  -- Length in bytes.
  source_length BIGINT
);
