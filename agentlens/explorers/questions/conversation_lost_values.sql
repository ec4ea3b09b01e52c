-- Values that a call's window lost, the most repeated first.
SELECT call_index AS number, value, messages, "of" AS total
FROM context_lost_values(agent := $agent, conversation := $conversation, most := 40)
WHERE $trace IS NULL OR trace_id = $trace
ORDER BY call_index, rank;
