-- Which step repeats what another one had brought: rare runs of words and rare values. Filled when lineage is first asked for.
CREATE TABLE flow_quotes (
  -- `quoted`, `carried` where the whole text is the same, or `read_after_write`.
  kind VARCHAR NOT NULL,
  -- certain (it stood in the window, or came from the call that began the run, and is at least 12 words long), likely, or possible (the log does not show how it got there).
  confidence VARCHAR NOT NULL,
  -- Place of the step it came from in tree order; NULL for a document and for a message of no step.
  from_preorder BIGINT,
  -- The text it came from: `number` in `flow_texts`.
  from_number BIGINT NOT NULL,
  -- Place of the step that repeats it.
  to_preorder BIGINT NOT NULL,
  -- The text that repeats it: `number` in `flow_texts`.
  to_number BIGINT NOT NULL,
  -- Number of words of the longest run; 1 for a value, 0 for what was read after it was written.
  words INTEGER NOT NULL,
  -- The longest run of words, at most 40 of them; the value; or the path, key or URL.
  passed VARCHAR NOT NULL
);
