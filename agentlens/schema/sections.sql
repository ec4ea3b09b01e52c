-- The parts of documents: each heading with the text under it, in order.
CREATE TABLE sections (
  -- The document.
  document_id VARCHAR NOT NULL,
  -- Position in the document, from 0.
  section_index INTEGER NOT NULL,
  -- Headings from the outermost to this one.
  heading_path VARCHAR[],
  -- Level of the heading (1 to 6); 0 for text before any heading.
  level INTEGER NOT NULL,
  -- The agent it speaks of or belongs to, where known.
  agent_name VARCHAR,
  -- When, where heading or text gives a time (UTC unless the text says otherwise); date only at midnight. NULL: never guessed.
  time TIMESTAMP_NS,
  -- Status word (COMPLETE, BLOCKED, IN_PROGRESS, FAILED, ...) where the section states one.
  status VARCHAR,
  -- The text without its heading.
  text VARCHAR,
  -- Last line, counted from 1, inclusive.
  source_end_line BIGINT,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- First line.
  source_line BIGINT,
  -- Byte offset.
  source_offset BIGINT,
  -- Length in bytes.
  source_length BIGINT
);
