-- The model call that a span belongs to: itself, else the last one of its agent before it, else the first one below it.
WITH chosen AS (
  SELECT preorder, subtree_end, agent_name, trace_id, coalesce(conversation_id, trace_id) AS conversation_id
  FROM spans
  WHERE span_id = $span_id
  ORDER BY preorder
  LIMIT 1
)
SELECT llm_calls.agent_name, coalesce(llm_calls.conversation_id, llm_calls.trace_id) AS conversation_id, llm_calls.trace_id, llm_calls.span_id
FROM llm_calls
JOIN chosen ON llm_calls.trace_id = chosen.trace_id
WHERE (llm_calls.preorder <= chosen.preorder AND llm_calls.agent_name IS NOT DISTINCT FROM chosen.agent_name
    AND coalesce(llm_calls.conversation_id, llm_calls.trace_id) = chosen.conversation_id)
  OR (llm_calls.preorder > chosen.preorder AND llm_calls.preorder < chosen.subtree_end)
ORDER BY llm_calls.preorder > chosen.preorder, abs(llm_calls.preorder - chosen.preorder)
LIMIT 1;
