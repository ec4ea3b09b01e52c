-- What a model said when it asked for a tool call: all it said in the call whose output names the tool call, else in the
-- agent's last call before it.
WITH tools AS (
  SELECT preorder, trace_id, tool_call_id, agent_name, start_time
  FROM spans
  WHERE preorder IN (SELECT unnest($preorders::BIGINT[]))
    AND preorder BETWEEN list_min($preorders::BIGINT[]) AND list_max($preorders::BIGINT[])
    AND operation_name = 'execute_tool'
),
said AS (
  SELECT spans.trace_id, spans.agent_name, spans.start_time, spans.preorder, spans.name, position, messages.parts
  FROM spans
  JOIN span_messages ON span_messages.trace_id = spans.trace_id AND span_messages.span_id = spans.span_id AND direction = 'output'
  JOIN messages USING (message_hash)
  WHERE spans.trace_id IN (SELECT trace_id FROM tools)
),
named AS (
  SELECT DISTINCT trace_id, start_time, preorder, unnest(json_extract_string(parts, '$[*].id')) AS tool_call_id
  FROM said
),
callers AS (
  SELECT trace_id, agent_name, start_time, max(preorder) AS preorder
  FROM said
  GROUP BY ALL
),
askers AS (
  SELECT tools.preorder AS tool, max_by(named.preorder, (named.start_time, named.preorder)) AS preorder
  FROM tools
  JOIN named ON named.trace_id = tools.trace_id AND named.tool_call_id = tools.tool_call_id AND named.start_time <= tools.start_time
  GROUP BY tools.preorder
  UNION ALL
  SELECT tools.preorder, callers.preorder
  FROM tools
  ASOF JOIN callers
    ON callers.trace_id = tools.trace_id AND coalesce(callers.agent_name, '') = coalesce(tools.agent_name, '')
    AND callers.start_time <= tools.start_time
  WHERE tools.tool_call_id IS NULL
)
SELECT askers.tool AS asked_preorder, said.preorder, said.name, said.parts::VARCHAR AS parts
FROM askers
JOIN said USING (preorder)
ORDER BY asked_preorder, position
