-- What two matched steps were given and gave.
SELECT
  span_id, tool_call_arguments AS arguments, tool_call_result AS result, status_message AS status,
  (SELECT string_agg(_message_text(parts), chr(10) ORDER BY position) FROM span_messages JOIN messages USING (message_hash)
   WHERE span_messages.trace_id = spans.trace_id AND span_messages.span_id = spans.span_id AND direction IN ('system', 'input')) AS input,
  (SELECT string_agg(_message_text(parts), chr(10) ORDER BY position) FROM span_messages JOIN messages USING (message_hash)
   WHERE span_messages.trace_id = spans.trace_id AND span_messages.span_id = spans.span_id AND direction = 'output') AS output
FROM spans
WHERE preorder = $preorder
