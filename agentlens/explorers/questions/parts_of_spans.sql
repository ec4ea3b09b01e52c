-- The parts of a case that spans belong to: agents, tools, traces, conversations, waves; a tool call also as itself.
WITH chosen AS (
  SELECT trace_id, span_id, agent_name, conversation_id, CASE WHEN operation_name = 'execute_tool' THEN tool_name END AS tool_name
  FROM spans
  WHERE span_id IN (SELECT unnest($span_ids))
),
parts AS (
  SELECT DISTINCT unnest([
    {'kind': 'agent', 'key': agent_name},
    {'kind': 'tool', 'key': tool_name},
    {'kind': 'trace', 'key': trace_id},
    {'kind': 'conversation', 'key': conversation_id},
    {'kind': 'call', 'key': CASE WHEN tool_name IS NOT NULL THEN span_id END}
  ]) AS part
  FROM chosen
  UNION ALL
  SELECT DISTINCT {'kind': 'wave', 'key': wave::VARCHAR}
  FROM (SELECT wave, unnest(trace_ids) AS trace_id FROM waves) JOIN chosen USING (trace_id)
)
SELECT part.kind AS kind, part.key AS key
FROM parts
WHERE part.key IS NOT NULL
