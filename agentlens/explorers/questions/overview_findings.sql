-- When each finding began, and whom it concerns.
SELECT coalesce(agent_name, '') AS agent, severity, detector, epoch_ns(start_time) / 1e6 AS start_ms
FROM findings
WHERE start_time IS NOT NULL
ORDER BY severity_rank(severity) DESC
