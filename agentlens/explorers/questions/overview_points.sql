-- Tool calls as points: how long against how large; a fixed sample of at most 1,500.
SELECT tool_name, span_id, result_bytes::DOUBLE AS bytes, duration_ns / 1e6 AS ms, is_error
FROM tool_calls
WHERE duration_ns > 0 AND result_bytes > 0
ORDER BY is_error DESC, hash(span_id)
LIMIT 1500
