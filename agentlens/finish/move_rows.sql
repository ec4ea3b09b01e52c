-- Everything that needs no tree moves as it is; messages that the lens already has stay where they were first met.
INSERT INTO messages BY NAME
SELECT * FROM staged_messages AS s
ANTI JOIN messages AS m USING (message_hash)
QUALIFY row_number() OVER (PARTITION BY message_hash ORDER BY source_id, source_offset) = 1;

INSERT INTO span_messages BY NAME FROM staged_span_messages;
INSERT INTO span_events BY NAME FROM staged_span_events;
INSERT INTO span_links BY NAME FROM staged_span_links;
INSERT INTO rejects BY NAME FROM staged_rejects;
INSERT INTO documents BY NAME FROM staged_documents;
INSERT INTO sections BY NAME FROM staged_sections;
INSERT INTO status_reports BY NAME FROM staged_status_reports;
INSERT INTO agent_messages BY NAME FROM staged_agent_messages;
INSERT INTO sources BY NAME FROM staged_sources;
