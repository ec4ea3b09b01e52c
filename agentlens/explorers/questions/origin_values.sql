-- Telling values that went from agent to agent, those of most agents first.
SELECT token AS value, count(DISTINCT agent_name) AS agents, count(DISTINCT preorder) AS steps
FROM flow_tokens
JOIN (SELECT text_id, agent_name, preorder FROM flow_texts WHERE preorder IS NOT NULL AND agent_name IS NOT NULL) USING (text_id)
WHERE _is_telling(token) AND length(token) <= 60 AND token NOT IN (SELECT tool_name FROM spans WHERE tool_name IS NOT NULL)
GROUP BY token
HAVING agents >= 2
ORDER BY agents DESC, regexp_matches(token, '\d') DESC, steps, token
LIMIT $most;
