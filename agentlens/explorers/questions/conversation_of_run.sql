-- The agent and conversation that a run is about, and where it ends.
SELECT run.agent_name, coalesce(llm_calls.conversation_id, llm_calls.trace_id) AS conversation_id, run.subtree_end
FROM spans AS run
JOIN llm_calls ON llm_calls.preorder > run.preorder AND llm_calls.preorder < run.subtree_end
  AND llm_calls.agent_name IS NOT DISTINCT FROM run.agent_name
WHERE run.preorder = $run
ORDER BY llm_calls.preorder
LIMIT 1;
