-- Every span once, in tree order, with its tree columns and what it inherits.
INSERT INTO spans BY NAME
SELECT
  s.* EXCLUDE (agent_name, conversation_id, attributes),
  t.* EXCLUDE (staged_row),
  CASE
    WHEN s.conversation_id <> t.conversation_id
    THEN json_merge_patch(coalesce(s.attributes, '{}'), json_object('gen_ai.conversation.id', s.conversation_id))
    ELSE s.attributes
  END AS attributes,
  epoch_ns(s.end_time) - epoch_ns(s.start_time) AS duration_ns
FROM staged_spans AS s
JOIN arriving_tree AS t ON s.rowid = t.staged_row
ORDER BY t.preorder;
