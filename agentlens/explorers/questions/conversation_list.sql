-- Who talked where: one row an agent and conversation, those whose window shrank most first.
WITH calls AS (
  SELECT agent_name, coalesce(conversation_id, trace_id) AS conversation_id, trace_id, span_id, start_time, preorder
  FROM llm_calls
),
windows AS (
  SELECT trace_id, span_id, count(*) AS messages
  FROM span_messages
  WHERE direction IN ('system', 'input')
  GROUP BY ALL
),
steps AS (
  SELECT
    calls.*, messages,
    lag(messages) OVER (PARTITION BY agent_name, conversation_id ORDER BY start_time NULLS LAST, preorder) - messages AS fall
  FROM calls
  LEFT JOIN windows USING (trace_id, span_id)
)
SELECT
  agent_name, conversation_id, count(*) AS calls, list_sort(list(DISTINCT trace_id))[:50] AS trace_ids
FROM steps
WHERE ($agent IS NULL OR agent_name = $agent) AND ($conversation IS NULL OR conversation_id = $conversation)
  AND ($trace IS NULL OR trace_id = $trace)
GROUP BY agent_name, conversation_id
ORDER BY greatest(coalesce(max(fall), 0), 0) DESC, count(messages) DESC, calls DESC, conversation_id, agent_name
LIMIT $most;
