-- Every span once, in tree order (a stretch of it at a time: whole texts are sorted, and must fit into memory), with its tree columns and what it inherits. The run of a sub-agent whose own log knows only
-- its id is called by the name that the call which spawned it gives.
INSERT INTO spans BY NAME
SELECT
  s.* EXCLUDE (name, agent_name, conversation_id, attributes),
  t.* EXCLUDE (staged_row),
  CASE
    WHEN s.name = 'invoke_agent ' || s.agent_id AND NOT t.is_agent_inherited THEN 'invoke_agent ' || t.agent_name ELSE s.name
  END AS name,
  CASE
    WHEN s.conversation_id <> t.conversation_id
    THEN json_merge_patch(coalesce(s.attributes, '{}'), json_object('gen_ai.conversation.id', s.conversation_id))
    ELSE s.attributes
  END AS attributes,
  epoch_ns(s.end_time) - epoch_ns(s.start_time) AS duration_ns
FROM staged_spans AS s
JOIN placed_spans AS t ON s.rowid = t.staged_row
WHERE s.rowid BETWEEN $first_row AND $last_row AND t.preorder BETWEEN $first AND $last
ORDER BY t.preorder;
