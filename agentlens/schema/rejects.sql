-- Records that could not become evidence, each with its reason and its own text: nothing is lost on the way.
CREATE TABLE rejects (
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the source, counted from 1.
  source_line BIGINT,
  -- Byte offset in the (decompressed) source.
  source_offset BIGINT,
  -- Length in bytes, all of it, also where `raw` is shortened.
  source_length BIGINT,
  -- Why it could not be used, in one sentence.
  reason VARCHAR NOT NULL,
  -- The text itself, at most the first 4,096 bytes; undecodable bytes are shown as \xNN.
  raw VARCHAR
);
