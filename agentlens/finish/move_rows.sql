-- Everything that needs no tree moves as it is; a message stands where it is first met, in the order of the sources.
UPDATE messages AS m
SET source_id = s.source_id, source_line = s.source_line, source_offset = s.source_offset, source_length = s.source_length
FROM staged_messages AS s
WHERE m.message_hash = s.message_hash AND (s.source_id, s.source_offset) < (m.source_id, m.source_offset);

INSERT INTO messages BY NAME
WITH repeated AS (
  SELECT message_hash, arg_min(rowid, (source_id, source_offset)) AS first_row FROM staged_messages GROUP BY ALL HAVING count(*) > 1
)
SELECT s.*
FROM staged_messages AS s
ANTI JOIN messages AS m USING (message_hash)
LEFT JOIN repeated AS r USING (message_hash)
WHERE r.message_hash IS NULL OR s.rowid = r.first_row;

INSERT INTO message_lists BY NAME FROM staged_message_lists ORDER BY list_id, list_index;
INSERT INTO span_message_ranges BY NAME FROM staged_span_message_ranges;
INSERT INTO span_events BY NAME FROM staged_span_events;
INSERT INTO span_links BY NAME FROM staged_span_links;
INSERT INTO span_copies BY NAME FROM staged_span_copies;
INSERT INTO rejects BY NAME FROM staged_rejects;
INSERT INTO documents BY NAME FROM staged_documents;
INSERT INTO sections BY NAME FROM staged_sections;
INSERT INTO status_reports BY NAME FROM staged_status_reports;
INSERT INTO agent_messages BY NAME FROM staged_agent_messages;
INSERT INTO delegations BY NAME FROM staged_delegations;
INSERT INTO sources BY NAME FROM staged_sources;
