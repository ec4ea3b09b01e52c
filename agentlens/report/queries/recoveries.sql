-- What became of each agent's failures.
SELECT
  agent_name, failures, recovered, by_person, recovery_rate, recovery_rate_low, recovery_rate_high, contained, failed, recovery_p50_ns, recovery_p95_ns, tokens, cost_usd
FROM recovery_by_agent
ORDER BY failures DESC, agent_name
