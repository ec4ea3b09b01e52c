-- What model calls were shown, kept once: a conversation's list of messages, which grows from call to call. `span_message_ranges`
-- says which calls were shown how much of it, `span_messages` shows both as one row a message and call.
CREATE TABLE message_lists (
  -- The list; all its calls stand in one source.
  list_id BIGINT NOT NULL,
  -- Position in the list, from 0.
  list_index INTEGER NOT NULL,
  -- The message, in `messages`.
  message_hash VARCHAR NOT NULL,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the call that added it to the list.
  source_line BIGINT,
  -- Byte offset of the record of that call.
  source_offset BIGINT,
  -- Length of that record in bytes.
  source_length BIGINT
);
