-- What came from the cache, and what was missed, by agent and cause.
SELECT agent_name, 'read from cache' AS fate, sum(cache_read_input_tokens)::BIGINT AS tokens, NULL::DOUBLE AS cost_usd, count(*) AS calls
FROM usage_ledger WHERE is_counted AND cache_read_input_tokens > 0 GROUP BY agent_name
UNION ALL
SELECT agent_name, 'missed: ' || cause, sum(missed_tokens)::BIGINT, sum(cost_usd), count(*)
FROM cache_misses GROUP BY ALL
ORDER BY tokens DESC, agent_name, fate;
