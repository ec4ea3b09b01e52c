-- Findings about spending, with their moment.
SELECT start_time::TIMESTAMP AS time, agent_name, detector, severity, summary
FROM findings
WHERE detector IN ('budget_breach', 'cache_miss_storm', 'runaway') AND start_time IS NOT NULL
ORDER BY time, agent_name, detector, summary;
