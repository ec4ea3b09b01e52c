-- What matched steps were given and gave.
WITH wanted AS (SELECT trace_id, span_id, preorder FROM spans WHERE preorder IN (SELECT unnest($preorders::BIGINT[]))),
said AS (
  SELECT
    preorder,
    string_agg(_message_text(parts), chr(10) ORDER BY direction = 'input', position) FILTER (direction IN ('system', 'input')) AS input,
    string_agg(_message_text(parts), chr(10) ORDER BY position) FILTER (direction = 'output') AS output
  FROM wanted
  JOIN span_messages USING (trace_id, span_id)
  JOIN messages USING (message_hash)
  GROUP BY preorder
)
SELECT
  spans.preorder, spans.span_id, tool_call_arguments AS arguments, tool_call_result AS result, status_message AS status,
  said.input, said.output
FROM spans
SEMI JOIN wanted USING (preorder)
LEFT JOIN said USING (preorder)
