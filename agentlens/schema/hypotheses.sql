-- What people suspect, and what became of it. Written by `lens.hypothesis()`; reading more logs leaves it.
CREATE TABLE hypotheses (
  -- What is suspected, in a sentence.
  statement VARCHAR NOT NULL,
  -- open, confirmed or rejected.
  status VARCHAR NOT NULL,
  -- Why it was confirmed or rejected.
  reason VARCHAR,
  -- The spans that speak for it, or against it.
  spans STRUCT(trace_id VARCHAR, span_id VARCHAR)[] NOT NULL,
  -- When it was first written, or last changed (UTC).
  written TIMESTAMP NOT NULL
);
