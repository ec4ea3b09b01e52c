-- Where each span stands in the forest, and what it inherits. Names are taken from the spans that the tree names by index: few,
-- mostly roots.
CREATE OR REPLACE TEMP TABLE named_spans AS
SELECT index, span_id, agent_name, conversation_id
FROM sorted_spans
SEMI JOIN (
  SELECT root AS index FROM arriving_tree
  UNION
  SELECT agent_from FROM arriving_tree WHERE agent_from <> index
  UNION
  SELECT conversation_from FROM arriving_tree WHERE conversation_from <> index
) USING (index);

CREATE OR REPLACE TEMP TABLE placed_spans AS
SELECT
  s.staged_row, t.depth, t.preorder, t.subtree_end, r.span_id AS root_span_id, s.is_orphan, t.is_cycle_broken,
  CASE WHEN t.agent_from = t.index THEN s.agent_name ELSE a.agent_name END AS agent_name,
  t.agent_from >= 0 AND t.agent_from <> t.index AS is_agent_inherited,
  CASE WHEN t.conversation_from = t.index THEN s.conversation_id ELSE c.conversation_id END AS conversation_id,
  t.conversation_from >= 0 AND t.conversation_from <> t.index AND c.conversation_id IS DISTINCT FROM s.conversation_id AS is_conversation_inherited
FROM arriving_tree AS t
JOIN sorted_spans AS s USING (index)
JOIN named_spans AS r ON r.index = t.root
LEFT JOIN named_spans AS a ON a.index = t.agent_from
LEFT JOIN named_spans AS c ON c.index = t.conversation_from;

DROP TABLE numbered_spans;
DROP TABLE sorted_spans;
DROP TABLE named_spans;
