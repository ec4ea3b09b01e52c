-- How much was done, what failed and what it cost, in the period and in the one before: work, failures, tokens, money, reports, findings.
WITH periods (is_before, first_time, next_time) AS (
  VALUES (false, $since::TIMESTAMP, $until::TIMESTAMP), (true, $before::TIMESTAMP, $since::TIMESTAMP)
),
work AS (
  SELECT
    is_before, count(*) AS tasks, count(*) FILTER (is_failed) AS failed_tasks, count(is_failed) AS ended_tasks,
    count(DISTINCT agent_name) AS agents, count(DISTINCT start_time::DATE) AS days
  FROM tasks JOIN periods ON start_time >= first_time AND start_time < next_time
  GROUP BY is_before
),
calls AS (
  SELECT is_before, count(*) AS calls
  FROM (SELECT start_time FROM llm_calls UNION ALL SELECT start_time FROM tool_calls) JOIN periods ON start_time >= first_time AND start_time < next_time
  GROUP BY is_before
),
failures AS (
  SELECT is_before, count(*) AS errors
  FROM errors JOIN periods ON start_time >= first_time AND start_time < next_time
  GROUP BY is_before
),
spent AS (
  SELECT
    is_before, sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens, sum(cost_nano_usd) / 1e9 AS cost_usd,
    count(*) FILTER (cost_usd IS NULL) AS unpriced
  FROM usage_ledger JOIN periods ON start_time >= first_time AND start_time < next_time
  WHERE is_counted
  GROUP BY is_before
),
reports AS (
  SELECT is_before, count(*) AS reports, count(*) FILTER (is_trouble(status)) AS trouble
  FROM status_reports JOIN periods ON time >= first_time AND time < next_time
  GROUP BY is_before
)
SELECT
  is_before, coalesce(tasks, 0) AS tasks, coalesce(failed_tasks, 0) AS failed_tasks, coalesce(ended_tasks, 0) AS ended_tasks,
  coalesce(agents, 0) AS agents, coalesce(days, 0) AS days, coalesce(calls, 0) AS calls, coalesce(errors, 0) AS errors, input_tokens,
  output_tokens, cost_usd, coalesce(unpriced, 0) AS unpriced, coalesce(reports, 0) AS reports, coalesce(trouble, 0) AS trouble
FROM periods
LEFT JOIN work USING (is_before)
LEFT JOIN calls USING (is_before)
LEFT JOIN failures USING (is_before)
LEFT JOIN spent USING (is_before)
LEFT JOIN reports USING (is_before)
ORDER BY is_before
