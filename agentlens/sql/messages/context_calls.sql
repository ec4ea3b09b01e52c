-- The model calls whose windows are compared.
-- include: spans.calls

-- The model calls of one agent in one conversation (of all where none is given), numbered as in `context_growth`.
CREATE MACRO _context_calls(agent, conversation) AS TABLE
SELECT
  trace_id, span_id, agent_name, coalesce(conversation_id, trace_id) AS conversation_id, preorder,
  row_number() OVER (
    PARTITION BY agent_name, coalesce(conversation_id, trace_id) ORDER BY start_time NULLS LAST, preorder
  ) AS call_index
FROM llm_calls
WHERE conversation IS NULL
  OR (coalesce(conversation_id, trace_id) = conversation AND agent_name IS NOT DISTINCT FROM agent);
