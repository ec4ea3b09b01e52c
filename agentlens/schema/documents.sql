-- Texts that agents left or were given: session markdown, daily logs, memory and identity files.
CREATE TABLE documents (
  -- Identity of the document: its session id where it names one, else `source:<source_id>`.
  document_id VARCHAR NOT NULL,
  -- session, daily_log, memory, identity, heartbeat or notes.
  kind VARCHAR NOT NULL,
  -- First heading of level one, else NULL.
  title VARCHAR,
  -- The agent it belongs to, where text, front matter or folder says so.
  agent_name VARCHAR,
  -- The day it is about, where it says so.
  date DATE,
  -- YAML front matter as a JSON object.
  front_matter JSON,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- First line.
  source_line BIGINT,
  -- Byte offset.
  source_offset BIGINT,
  -- Length in bytes.
  source_length BIGINT
);
