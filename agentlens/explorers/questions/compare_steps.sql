-- The steps of some traces, in tree order, with what they are and what they did.
SELECT
  trace_id, preorder, depth, _span_kind(operation_name) AS kind, regexp_replace(coalesce(name, ''), '\d+', '#', 'g') AS name, coalesce(agent_name, '') AS agent_name,
  hash(name, tool_call_arguments, tool_call_result, status_code, coalesce(error_type, ''), said) AS content
FROM spans
LEFT JOIN (
  SELECT trace_id, span_id, list(message_hash ORDER BY position) AS said
  FROM span_messages
  WHERE direction = 'output' AND trace_id IN (SELECT unnest($trace_ids))
  GROUP BY ALL
) USING (trace_id, span_id)
WHERE trace_id IN (SELECT unnest($trace_ids))
ORDER BY trace_id, preorder
