-- The findings that rest on spans.
SELECT spans.preorder, detector, severity, tier, summary
FROM (SELECT trace_id AS found_in, unnest(list_distinct(span_ids)) AS span_id, detector, severity, tier, summary FROM findings) AS found
JOIN spans ON spans.span_id = found.span_id AND (found_in IS NULL OR found_in = spans.trace_id)
WHERE spans.preorder IN (SELECT unnest($preorders::BIGINT[]))
ORDER BY spans.preorder, list_position(['critical', 'warning', 'info'], severity), detector, summary
