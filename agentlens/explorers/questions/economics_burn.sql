-- What each agent spent in each {unit}, and what it had spent by then.
SELECT time, agent_name, calls, tokens, cost_usd, tokens_so_far, cost_usd_so_far, tokens_today, cost_usd_today, unpriced
FROM token_burn('{unit}')
ORDER BY time, agent_name;
