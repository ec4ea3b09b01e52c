-- Which spans matter most: those findings rest on, failures, what never ended, runs of agents, then the longest.
SELECT preorder
FROM spans
LEFT JOIN (SELECT DISTINCT trace_id AS found_in, unnest(span_ids) AS span_id FROM findings) AS found
  ON found.span_id = spans.span_id AND (found.found_in IS NULL OR found.found_in = spans.trace_id)
GROUP BY ALL
ORDER BY
  min(found.span_id IS NULL), any_value(status_code <> 'ERROR'), any_value(start_time IS NULL OR end_time IS NOT NULL),
  any_value(operation_name IS DISTINCT FROM 'invoke_agent' AND depth > 0), any_value(duration_ns) DESC NULLS LAST, preorder
