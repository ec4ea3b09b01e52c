-- When something was at work: every innermost span, and every sign of life in a report.
SELECT
  coalesce(agent_name, '') AS agent, epoch_ns(start_time) / 1e6 AS start_ms,
  epoch_ns(coalesce(end_time, start_time)) / 1e6 AS end_ms, true AS is_span,
  status_code = 'ERROR' AND NOT is_control_flow AS is_error
FROM spans
WHERE start_time IS NOT NULL AND subtree_end = preorder + 1
UNION ALL
SELECT agent_name, epoch_ns(time) / 1e6, epoch_ns(time) / 1e6, false, false
FROM status_reports
WHERE agent_name IS NOT NULL AND time IS NOT NULL
