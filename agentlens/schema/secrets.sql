-- Where credentials and account numbers stand in what agents read, said and did: kinds and places, never values. Filled by `al.detect()`.
CREATE TABLE secrets (
  -- Number of the secret in this lens, from 1: the same value has the same number wherever it stands.
  secret_id INTEGER NOT NULL,
  -- What kind it is by its form, e.g. `GitHub token`; `IBAN` and `payment card number` where the checksum is right.
  kind VARCHAR NOT NULL,
  -- True for personal data, false for credentials.
  is_personal BOOLEAN NOT NULL,
  -- `message`, `arguments`, `result`, `agent message` or `document`.
  place VARCHAR NOT NULL,
  -- The message it stands in, where it is one.
  message_hash VARCHAR,
  -- Trace of the tool call or agent message.
  trace_id VARCHAR,
  -- The tool call.
  span_id VARCHAR,
  -- Agents that wrote or were given the text, where the place itself says so.
  agents VARCHAR[],
  -- When it stood there (UTC), where known.
  time TIMESTAMP_NS,
  -- Position of its first character in the text.
  first_character BIGINT NOT NULL,
  -- Number of its characters.
  characters BIGINT NOT NULL,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the record.
  source_line BIGINT,
  -- Byte offset of the record.
  source_offset BIGINT,
  -- Length of the record in bytes.
  source_length BIGINT
);
