-- Spans with everything known about them, and the files they were read from.
SELECT
  spans.* REPLACE (start_time::VARCHAR AS start_time, end_time::VARCHAR AS end_time),
  sources.path, sources.stored_at, sources.compression, sources.bytes AS source_bytes, sources.format, sources.dialect
FROM spans
JOIN sources USING (source_id)
WHERE preorder IN (SELECT unnest($preorders::BIGINT[]))
  AND preorder BETWEEN list_min($preorders::BIGINT[]) AND list_max($preorders::BIGINT[]);
