-- The outline of what the trace tree shows: the first rows down to the third level.
SELECT
  coalesce(name, '(no name)') AS name, agent_name, operation_name, depth, duration_ns / 1e6 AS duration_ms,
  status_code = 'ERROR' AND NOT is_control_flow AS failed,
  epoch_ns(start_time) / 1e6 AS start_ms, epoch_ns(coalesce(end_time, start_time)) / 1e6 AS end_ms
FROM ({shown})
WHERE depth <= 3
ORDER BY preorder
LIMIT $most
