-- What went wrong, each with the lines that prove it. Filled by `al.detect()`.
CREATE TABLE findings (
  -- Name of the detector, e.g. `tool_loop`.
  detector VARCHAR NOT NULL,
  -- Version of its rule.
  detector_version INTEGER NOT NULL,
  -- proven (the log itself shows it), event (it happened; whether it hurt is for a person), candidate (a pattern that often is a failure).
  tier VARCHAR NOT NULL,
  -- critical, warning or info: a fixed rule on the measured facts.
  severity VARCHAR NOT NULL,
  -- Trace it concerns, where it concerns one.
  trace_id VARCHAR,
  -- Agent it concerns.
  agent_name VARCHAR,
  -- The spans it rests on, in order.
  span_ids VARCHAR[],
  -- When it began (UTC).
  start_time TIMESTAMP_NS,
  -- When it ended (UTC).
  end_time TIMESTAMP_NS,
  -- What happened, in one sentence.
  summary VARCHAR NOT NULL,
  -- The places that prove it: source, line, byte offset, length, span, and what each says.
  evidence STRUCT(source_id INTEGER, source_line BIGINT, source_offset BIGINT, source_length BIGINT, span_id VARCHAR, says VARCHAR)[],
  -- Tokens spent in vain, where they can be counted.
  tokens_wasted BIGINT,
  -- Money spent in vain in USD, where it can be priced.
  cost_usd_wasted DOUBLE
);
