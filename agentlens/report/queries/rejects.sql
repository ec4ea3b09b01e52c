-- Records that could not become evidence.
SELECT source_id, source_line, source_offset, source_length, reason, left(raw, 400) AS raw
FROM rejects
ORDER BY source_id, source_offset
LIMIT 50
