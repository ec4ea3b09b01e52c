-- What stood and what fell in every window of a story, in order.
SELECT
  call_index AS number, message_hash, before_hash, summary_hash, position, origin, origin_agent_name, origin_name, origin_span_id, role,
  CASE direction WHEN 'system' THEN 0 ELSE 1 END AS direction,
  list_position(['same', 'added', 'rewritten', 'dropped', 'compacted'], change) - 1 AS change
FROM context_strata(agent := $agent, conversation := $conversation)
WHERE $trace IS NULL OR trace_id = $trace
ORDER BY call_index, place;
