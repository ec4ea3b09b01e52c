-- The runs of other agents that a story began, each with the model call and the tool call it follows.
WITH calls AS (
  SELECT trace_id, preorder, call_index AS number
  FROM _context_calls($agent, $conversation)
),
runs AS (
  SELECT run.*, above.preorder AS above_preorder, above.operation_name AS above_operation
  FROM (FROM spans WHERE operation_name = 'invoke_agent') AS run
  ASOF JOIN spans AS above ON above.depth = run.depth - 1 AND above.preorder < run.preorder
  WHERE above.agent_name IS NOT DISTINCT FROM $agent AND run.agent_name IS DISTINCT FROM above.agent_name
    AND coalesce(above.conversation_id, above.trace_id) = $conversation
)
SELECT
  calls.number, runs.preorder, runs.subtree_end, runs.span_id, runs.agent_name,
  CASE WHEN above_operation = 'execute_tool' THEN above_preorder END AS tool_preorder,
  epoch_ns(runs.start_time) / 1e6 AS start_ms, runs.duration_ns / 1e6 AS duration_ms,
  runs.status_code = 'ERROR' AND NOT runs.is_control_flow AS is_error,
  nullif(concat_ws(': ', runs.error_type, runs.status_message), '') AS error, inside.calls AS calls, inside.tokens
FROM runs
ASOF LEFT JOIN calls ON calls.trace_id = runs.trace_id AND calls.preorder < runs.preorder
LEFT JOIN (
  SELECT runs.preorder, count(*) AS calls, sum(coalesce(llm_calls.input_tokens, 0) + coalesce(llm_calls.output_tokens, 0))::BIGINT AS tokens
  FROM runs
  JOIN llm_calls ON llm_calls.preorder > runs.preorder AND llm_calls.preorder < runs.subtree_end
  GROUP BY runs.preorder
) AS inside ON inside.preorder = runs.preorder
WHERE ($trace IS NULL OR runs.trace_id = $trace) AND runs.preorder >= $first AND runs.preorder < $last
ORDER BY runs.preorder;
