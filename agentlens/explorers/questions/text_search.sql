-- Spans in which a text is said: a message where it was said first, arguments and results of tools, and failures.
WITH said AS (
  SELECT message_hash
  FROM messages
  WHERE contains(lower(parts::VARCHAR), lower($text)) OR contains(lower(parts::VARCHAR), lower($json))
)
SELECT arg_min(spans.preorder, (spans.start_time, spans.preorder)) AS preorder
FROM span_messages
SEMI JOIN said USING (message_hash)
JOIN spans USING (trace_id, span_id)
GROUP BY span_messages.message_hash, span_messages.direction = 'output', spans.trace_id
UNION
SELECT preorder
FROM spans
WHERE contains(lower(concat_ws(' ', tool_call_arguments, tool_call_result, status_message)), lower($text))
ORDER BY preorder
