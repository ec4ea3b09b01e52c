-- The model calls whose windows are compared.
-- include: spans.calls

-- The model calls of one agent in one conversation (of all where none is given), numbered as in `context_growth`, each with the run it
-- belongs to: the innermost run of the agent that another agent began, for such a run has a window of its own; NULL for none.
CREATE MACRO _context_calls(agent, conversation) AS TABLE
WITH calls AS (
  SELECT
    llm_calls.trace_id, llm_calls.span_id, llm_calls.agent_name,
    coalesce(llm_calls.conversation_id, llm_calls.trace_id) AS conversation_id, llm_calls.preorder, root_span_id,
    row_number() OVER (
      PARTITION BY llm_calls.agent_name, coalesce(llm_calls.conversation_id, llm_calls.trace_id)
      ORDER BY llm_calls.start_time NULLS LAST, llm_calls.preorder
    ) AS call_index
  FROM llm_calls
  JOIN spans USING (preorder)
  WHERE conversation IS NULL
    OR (coalesce(llm_calls.conversation_id, llm_calls.trace_id) = conversation AND llm_calls.agent_name IS NOT DISTINCT FROM agent)
),
runs AS (
  SELECT run.preorder, run.subtree_end, run.root_span_id, run.agent_name
  FROM (FROM spans WHERE operation_name = 'invoke_agent') AS run
  ASOF JOIN spans AS above ON above.depth = run.depth - 1 AND above.preorder < run.preorder
  WHERE above.agent_name <> run.agent_name
),
inside AS (
  SELECT calls.preorder, max(runs.preorder) AS run_preorder
  FROM calls
  JOIN runs ON runs.root_span_id = calls.root_span_id AND runs.agent_name = calls.agent_name
    AND runs.preorder < calls.preorder AND runs.subtree_end > calls.preorder
  GROUP BY calls.preorder
)
SELECT trace_id, span_id, agent_name, conversation_id, preorder, call_index, run_preorder
FROM calls
LEFT JOIN inside USING (preorder);
