-- What no call is shown any more goes from the lists.
DELETE FROM message_lists AS listed
WHERE list_index >= coalesce((SELECT max(length) FROM span_message_ranges AS shown WHERE shown.list_id = listed.list_id), 0);

-- Messages of a source that is read again go, unless another call still shows them.
DELETE FROM messages
WHERE source_id = $id AND coalesce(source_offset, 0) >= $offset AND message_hash NOT IN (SELECT message_hash FROM message_lists);

-- Those that stay are said to stand where the first call that still shows them stands.
UPDATE messages AS m
SET source_id = f.source_id, source_line = f.source_line, source_offset = f.source_offset, source_length = f.source_length
FROM (
  SELECT message_hash, source_id, source_line, source_offset, source_length
  FROM span_messages
  WHERE message_hash IN (SELECT message_hash FROM messages WHERE source_id = $id AND coalesce(source_offset, 0) >= $offset)
  QUALIFY row_number() OVER (PARTITION BY message_hash ORDER BY source_id, source_offset) = 1
) AS f
WHERE m.message_hash = f.message_hash AND m.source_id = $id AND coalesce(m.source_offset, 0) >= $offset;
