-- What those calls were shown and said, in order.
SELECT
  span_messages.trace_id, span_messages.span_id, span_messages.direction, span_messages.position, messages.role, messages.name,
  messages.parts::VARCHAR AS parts
FROM spans
JOIN (SELECT unnest($preorders::BIGINT[]) AS preorder) USING (preorder)
JOIN span_messages USING (trace_id, span_id)
JOIN messages USING (message_hash)
ORDER BY span_messages.trace_id, span_messages.span_id, span_messages.direction, span_messages.position
