-- What each agent cost in the period and in the one before, each usage record counted once.
SELECT
  agent_name, coalesce(sum(cost_nano_usd) FILTER (start_time >= $since::TIMESTAMP), 0) / 1e9 AS cost_now,
  coalesce(sum(cost_nano_usd) FILTER (start_time < $since::TIMESTAMP), 0) / 1e9 AS cost_before
FROM usage_ledger
WHERE is_counted AND start_time >= $before::TIMESTAMP AND start_time < $until::TIMESTAMP
GROUP BY agent_name
ORDER BY abs(cost_now - cost_before) DESC, agent_name
