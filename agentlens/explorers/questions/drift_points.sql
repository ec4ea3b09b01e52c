-- The course of everything that is measured, of the agents that are shown and of the tools, models and operations they share.
SELECT dimension, member, agent_name, measure, tool_name, epoch_ms(time_bucket) AS time, n, value, low, high
FROM measures_by(INTERVAL 1 {unit}, kept := 'unversioned')
WHERE agent_name IS NULL OR agent_name IN (SELECT unnest($agents))
ORDER BY list_position(['agent', 'tool', 'model', 'operation'], dimension), agent_name, member, measure, tool_name, time_bucket
