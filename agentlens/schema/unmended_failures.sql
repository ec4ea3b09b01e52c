-- Failures that nobody mended, as `recoveries` judges them. Filled when lineage is first asked for.
CREATE TABLE unmended_failures (
  -- Place of the failed span in tree order.
  preorder BIGINT NOT NULL,
  -- Its trace.
  trace_id VARCHAR NOT NULL,
  -- What failed, for whom and why, in one sentence: equal failures have equal sentences.
  summary VARCHAR NOT NULL,
  -- What the log says about it, else its type or class.
  reason VARCHAR NOT NULL
);
