-- The calls behind one point or bar of Drift.
SELECT span_id
FROM spans
WHERE start_time IS NOT NULL AND _span_kind(operation_name) = $kind
  AND {version} IS NOT DISTINCT FROM $version
  AND ($time IS NULL OR date_trunc($unit, start_time::TIMESTAMP) = $time::TIMESTAMP)
ORDER BY preorder;
