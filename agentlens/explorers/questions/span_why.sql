-- What a model said when it asked for a tool call: all it said in the call whose output names the tool call, else in the
-- agent's last call before it.
WITH asker AS (
  SELECT spans.trace_id, spans.span_id, spans.preorder, spans.name
  FROM spans AS tool
  JOIN spans ON spans.trace_id = tool.trace_id AND spans.start_time <= tool.start_time
  JOIN span_messages ON span_messages.trace_id = spans.trace_id AND span_messages.span_id = spans.span_id AND direction = 'output'
  JOIN messages USING (message_hash)
  WHERE tool.preorder = $preorder AND tool.operation_name = 'execute_tool'
    AND CASE
      WHEN tool.tool_call_id IS NOT NULL THEN contains(messages.parts::VARCHAR, tool.tool_call_id)
      ELSE spans.agent_name IS NOT DISTINCT FROM tool.agent_name
    END
  ORDER BY spans.start_time DESC, spans.preorder DESC
  LIMIT 1
)
SELECT asker.preorder, asker.name, messages.parts::VARCHAR AS parts
FROM asker
JOIN span_messages ON span_messages.trace_id = asker.trace_id AND span_messages.span_id = asker.span_id AND direction = 'output'
JOIN messages USING (message_hash)
ORDER BY span_messages.position
