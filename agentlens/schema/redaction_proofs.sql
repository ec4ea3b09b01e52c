-- Of a redacted lens: what was compared with the original, so that pseudonyms are known to have changed no count and no sum.
CREATE TABLE redaction_proofs (
  -- The table that was compared.
  table_name VARCHAR NOT NULL,
  -- Rows, which are as many as in the original.
  row_count BIGINT NOT NULL,
  -- Counts, distinct counts and sums over its columns that were compared, each equal.
  aggregates BIGINT NOT NULL,
  -- Cells that hold a pseudonym now.
  redacted_cells BIGINT NOT NULL
);
