-- The tool calls of a story, each with the model call it follows.
WITH calls AS (
  SELECT trace_id, preorder, call_index AS number
  FROM _context_calls($agent, $conversation)
)
SELECT
  calls.number, tools.preorder, tools.span_id, tools.trace_id, tools.tool_name, tools.tool_call_id,
  epoch_ns(tools.start_time) / 1e6 AS start_ms, tools.duration_ns / 1e6 AS duration_ms, tools.is_error,
  nullif(concat_ws(': ', tools.error_type, tools.status_message), '') AS error
FROM tool_calls AS tools
ASOF JOIN calls ON calls.trace_id = tools.trace_id AND calls.preorder < tools.preorder
WHERE tools.agent_name IS NOT DISTINCT FROM $agent AND coalesce(tools.conversation_id, tools.trace_id) = $conversation
  AND ($trace IS NULL OR tools.trace_id = $trace) AND tools.preorder >= $first AND tools.preorder < $last
ORDER BY tools.preorder;
