-- How each agent is doing; agents that only reports name have no calls.
SELECT
  agent_name, any_value(role) AS role, runs, model_calls, tool_calls, errors, error_rate, duration_p50_ns, duration_p95_ns,
  input_tokens, output_tokens, cost_usd, agent_health.start_time, agent_health.end_time
FROM agents
FULL JOIN agent_health USING (agent_name)
GROUP BY ALL
ORDER BY cost_usd DESC NULLS LAST, agent_name
