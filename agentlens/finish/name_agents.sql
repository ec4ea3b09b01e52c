-- One row an agent: declared ones first (manifest before identity file), then those known only from what they did or said.
DELETE FROM agents WHERE known_from IN ('spans', 'status reports', 'messages', 'documents');

-- Of several identity files of one agent the one that says most stands for it.
INSERT INTO staged_agents BY NAME FROM agents;

DELETE FROM agents;

INSERT INTO agents BY NAME
FROM staged_agents
QUALIFY row_number() OVER (
  PARTITION BY agent_name, known_from
  ORDER BY (role IS NULL)::INT + (model IS NULL)::INT + (tools IS NULL)::INT + (reports_to IS NULL)::INT, source_id, source_offset
) = 1;

INSERT INTO agents BY NAME
WITH met AS (
  SELECT agent_name, agent_id, agent_version, 'spans' AS known_from, 1 AS rank, source_id, source_line, source_offset, source_length
  FROM spans WHERE NOT is_agent_inherited
  UNION ALL BY NAME
  SELECT agent_name, 'status reports' AS known_from, 2 AS rank, source_id, source_line, source_offset, source_length FROM status_reports
  UNION ALL BY NAME
  SELECT sender AS agent_name, 'messages' AS known_from, 3 AS rank, source_id, source_line, source_offset, source_length FROM agent_messages
  UNION ALL BY NAME
  SELECT agent_name, 'documents' AS known_from, 4 AS rank, source_id, source_line, source_offset, source_length FROM documents
)
SELECT * EXCLUDE (rank)
FROM met
WHERE agent_name IS NOT NULL AND agent_name NOT IN (SELECT agent_name FROM agents)
QUALIFY row_number() OVER (PARTITION BY agent_name ORDER BY rank, agent_version DESC NULLS LAST, source_id, source_offset) = 1;
