-- What needs no tree and has no long texts moves as it is; a message stands where it is first met, in the order of the sources.
UPDATE messages AS m
SET source_id = s.source_id, source_line = s.source_line, source_offset = s.source_offset, source_length = s.source_length
FROM staged_messages AS s
WHERE m.message_hash = s.message_hash AND (s.source_id, s.source_offset) < (m.source_id, m.source_offset);

DELETE FROM staged_messages WHERE rowid IN (
  SELECT s.rowid FROM staged_messages AS s SEMI JOIN messages USING (message_hash)
  UNION ALL
  SELECT s.rowid
  FROM staged_messages AS s
  JOIN (
    SELECT message_hash, arg_min(rowid, (source_id, source_offset)) AS first_row FROM staged_messages GROUP BY ALL HAVING count(*) > 1
  ) AS r USING (message_hash)
  WHERE s.rowid <> r.first_row
);

INSERT INTO message_lists BY NAME FROM staged_message_lists ORDER BY list_id, list_index;
INSERT INTO span_message_ranges BY NAME FROM staged_span_message_ranges;
INSERT INTO span_copies BY NAME FROM staged_span_copies;
INSERT INTO sources BY NAME FROM staged_sources;
