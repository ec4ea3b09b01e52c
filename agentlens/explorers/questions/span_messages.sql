-- What a call was shown and what it said, in order.
SELECT span_messages.direction, span_messages.position, messages.role, messages.name, messages.parts::VARCHAR AS parts
FROM span_messages
JOIN messages USING (message_hash)
WHERE span_messages.trace_id = $trace_id AND span_messages.span_id = $span_id
ORDER BY span_messages.direction, span_messages.position;
