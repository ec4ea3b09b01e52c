-- Which place in the tree the first span of a finding has.
SELECT trace_id, span_id, min(preorder) AS preorder
FROM spans
JOIN (SELECT unnest($span_ids::VARCHAR[]) AS span_id) USING (span_id)
GROUP BY ALL
