-- Every agent in both periods: its tasks and reports, and how many measures of its tasks could be judged for change.
WITH work AS (
  SELECT
    agent_name, count(*) FILTER (start_time >= $since::TIMESTAMP) AS tasks_now, count(*) FILTER (start_time < $since::TIMESTAMP) AS tasks_before,
    count(DISTINCT start_time::DATE) FILTER (start_time < $since::TIMESTAMP) AS days_before
  FROM tasks
  WHERE start_time >= $before::TIMESTAMP AND start_time < $until::TIMESTAMP
  GROUP BY agent_name
),
heard AS (
  SELECT agent_name, count(*) FILTER (time >= $since::TIMESTAMP) AS reports_now, count(*) FILTER (time < $since::TIMESTAMP) AS reports_before
  FROM status_reports
  WHERE time >= $before::TIMESTAMP AND time < $until::TIMESTAMP
  GROUP BY agent_name
),
judged AS (
  SELECT agent_name, count(DISTINCT measure) FILTER (verdict <> 'too few') AS judged
  FROM drift_changes
  WHERE measure LIKE 'task_%'
  GROUP BY agent_name
)
SELECT
  agent_name, coalesce(tasks_now, 0) AS tasks_now, coalesce(tasks_before, 0) AS tasks_before, coalesce(days_before, 0) AS days_before,
  coalesce(reports_now, 0) AS reports_now, coalesce(reports_before, 0) AS reports_before, coalesce(judged, 0) AS judged
FROM work
FULL JOIN heard USING (agent_name)
LEFT JOIN judged USING (agent_name)
WHERE agent_name IS NOT NULL
ORDER BY agent_name
