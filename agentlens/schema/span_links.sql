-- Causal links between spans other than parent and child.
CREATE TABLE span_links (
  -- Trace of the span that links.
  trace_id VARCHAR NOT NULL,
  -- The span that links.
  span_id VARCHAR NOT NULL,
  -- Position among the span's links, from 0.
  link_index INTEGER NOT NULL,
  -- Trace that is linked to.
  linked_trace_id VARCHAR,
  -- Span that is linked to.
  linked_span_id VARCHAR,
  -- Attributes of the link, a JSON object.
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
