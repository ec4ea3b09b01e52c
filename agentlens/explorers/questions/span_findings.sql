-- The findings that rest on a span.
SELECT detector, severity, tier, summary
FROM findings
WHERE list_contains(span_ids, $span_id) AND (trace_id IS NULL OR trace_id = $trace_id)
ORDER BY list_position(['critical', 'warning', 'info'], severity), detector;
