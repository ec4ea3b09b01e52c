-- Each measure of each agent by version: the version that a task, or a call, shows itself, else that of its task's first call that shows one.
WITH versions AS ({versions}),
of_tasks AS (
  SELECT task, arg_min(version, preorder) AS version
  FROM _tasks_of_calls
  JOIN (SELECT * FROM versions) AS versions USING (preorder)
  GROUP BY task
)
SELECT
  agent_name, measure, tool_name, version, count(*) AS n, CASE any_value(kind) WHEN 'rate' THEN avg(value) ELSE median(value) END AS value,
  epoch_ms(min(time)::TIMESTAMP) AS first
FROM observations
JOIN of_tasks USING (task)
WHERE agent_name IN (SELECT unnest($agents))
GROUP BY ALL
ORDER BY agent_name, measure, tool_name, first, version
