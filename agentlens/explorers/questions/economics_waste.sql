-- Where most may have gone in vain, of what is picked.
SELECT kind, agent_name, summary, tokens, cost_usd, is_estimated, legitimate_if, trace_id, span_ids[1] AS span_id
FROM token_waste
WHERE $agent IS NULL OR coalesce(agent_name, '') = $agent
ORDER BY coalesce(cost_usd, 0) DESC, tokens DESC NULLS LAST, kind, summary
LIMIT 50;
