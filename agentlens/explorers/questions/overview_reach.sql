-- The first spans behind every part of the overview, all parts at once.
WITH parts AS (
  SELECT 'agent' AS kind, agent_name AS key, span_id, preorder FROM spans
  UNION ALL SELECT 'conversation', conversation_id, span_id, preorder FROM spans
  UNION ALL SELECT 'trace', trace_id, span_id, preorder FROM spans
  UNION ALL SELECT 'tool', tool_name, span_id, preorder FROM tool_calls
  UNION ALL SELECT 'errors', '', span_id, preorder FROM errors
  UNION ALL
  SELECT 'wave', wave::VARCHAR, span_id, preorder
  FROM (SELECT wave, unnest(trace_ids) AS trace_id FROM waves) JOIN spans USING (trace_id)
  UNION ALL
  SELECT 'severity', severity, span_id, row_number() OVER (ORDER BY start_time, detector, trace_id, summary, place)
  FROM (SELECT *, unnest(span_ids) AS span_id, generate_subscripts(span_ids, 1) AS place FROM findings)
)
SELECT kind, key, list(span_id ORDER BY preorder)[:$most] AS span_ids
FROM parts
WHERE key IS NOT NULL
GROUP BY kind, key
