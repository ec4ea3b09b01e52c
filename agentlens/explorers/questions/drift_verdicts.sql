-- How many series came to which verdict.
SELECT verdict, count(DISTINCT (dimension, member, agent_name, measure, tool_name)) AS series
FROM drift_changes
GROUP BY verdict
