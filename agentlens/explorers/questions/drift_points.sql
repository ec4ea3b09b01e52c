-- The course of everything that is measured, of the agents that are shown.
SELECT agent_name, measure, tool_name, epoch_ms(time_bucket) AS time, n, value, low, high
FROM measures_by(INTERVAL 1 {unit})
WHERE agent_name IN (SELECT unnest($agents))
ORDER BY agent_name, measure, tool_name, time_bucket
