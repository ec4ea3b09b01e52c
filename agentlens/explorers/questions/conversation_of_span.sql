-- The model call that a span belongs to: itself, else the last one of its agent before it, else the first one below it.
-- Of several conversations its own comes first, unless that is only the one of a span above it.
WITH chosen AS (
  SELECT preorder, subtree_end, agent_name, trace_id, CASE WHEN NOT is_conversation_inherited THEN coalesce(conversation_id, trace_id) END AS own
  FROM spans
  WHERE span_id = $span_id
  ORDER BY preorder
  LIMIT 1
)
SELECT llm_calls.agent_name, coalesce(llm_calls.conversation_id, llm_calls.trace_id) AS conversation_id, llm_calls.trace_id, llm_calls.span_id
FROM llm_calls
JOIN chosen ON llm_calls.trace_id = chosen.trace_id
WHERE (llm_calls.preorder <= chosen.preorder AND llm_calls.agent_name IS NOT DISTINCT FROM chosen.agent_name)
  OR (llm_calls.preorder > chosen.preorder AND llm_calls.preorder < chosen.subtree_end)
ORDER BY
  llm_calls.preorder > chosen.preorder, coalesce(coalesce(llm_calls.conversation_id, llm_calls.trace_id) <> own, false),
  abs(llm_calls.preorder - chosen.preorder)
LIMIT 1;
