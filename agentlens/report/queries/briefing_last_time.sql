-- When the log ends: the last moment at which an agent was seen to act or to report (UTC).
SELECT max(time) AS last_time, min(time) AS first_time
FROM (
  SELECT start_time AS time FROM spans
  UNION ALL SELECT end_time FROM spans
  UNION ALL SELECT time FROM status_reports
  UNION ALL SELECT time FROM agent_messages
)
