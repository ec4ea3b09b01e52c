-- What passed between agents: delegations among the spans `shown`, and reports and messages, all or those of the same time.
SELECT
  from_agent, to_agent, 'delegation' AS kind, is_error, duration_ns, tokens, cost_usd, start_time, end_time, task AS text,
  NULL AS status, span_id, to_span_id, trace_id
FROM handoffs
SEMI JOIN shown USING (preorder)
UNION ALL
SELECT
  agent_name, recipient, 'report', is_trouble(status), NULL, NULL, NULL, time, time,
  concat_ws(': ', status, detail), status, NULL, NULL, NULL
FROM status_reports
WHERE recipient IS NOT NULL AND ({whole} OR time BETWEEN (SELECT min(start_time) FROM shown) AND (SELECT max(coalesce(end_time, start_time)) FROM shown))
UNION ALL
SELECT sender, recipient, 'message', false, NULL, NULL, NULL, time, time, payload, NULL, span_id, NULL, trace_id
FROM agent_messages
WHERE kind <> 'pax' AND ({whole} OR trace_id IN (SELECT trace_id FROM shown)
  OR (trace_id IS NULL AND time BETWEEN (SELECT min(start_time) FROM shown) AND (SELECT max(coalesce(end_time, start_time)) FROM shown)))
