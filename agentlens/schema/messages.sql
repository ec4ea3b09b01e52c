-- Every distinct message, stored once under the hash of its content, however many calls it was sent in.
CREATE TABLE messages (
  -- BLAKE2b-128 of role, name and parts in canonical JSON, as 32 hex digits.
  message_hash VARCHAR NOT NULL,
  -- system, user, assistant or tool; else as logged.
  role VARCHAR,
  -- Name of the speaker, where the message carries one.
  name VARCHAR,
  -- The parts as in the GenAI conventions, a JSON array of objects with `type`: text and reasoning (`content`), tool_call (`id, name, arguments`), tool_call_response (`id, response`), ...
  parts JSON NOT NULL,
  -- Length of `parts` in bytes.
  bytes BIGINT NOT NULL,
  -- The source in which it was first met.
  source_id INTEGER NOT NULL,
  -- Line of the record in which it was first met.
  source_line BIGINT,
  -- Byte offset of that record.
  source_offset BIGINT,
  -- Length of that record in bytes.
  source_length BIGINT
);
