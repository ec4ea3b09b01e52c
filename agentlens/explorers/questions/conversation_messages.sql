-- Every distinct message of a story: where it first stood, how long it is, and which tool calls it makes or answers.
WITH stood AS (
  SELECT
    message_hash, calls.preorder, call_index, position,
    CASE direction WHEN 'system' THEN 0 WHEN 'input' THEN 1 ELSE 2 END AS direction
  FROM span_messages
  JOIN _context_calls($agent, $conversation) AS calls USING (trace_id, span_id)
  WHERE ($trace IS NULL OR trace_id = $trace) AND calls.preorder >= $first AND calls.preorder < $last
),
firsts AS (
  SELECT
    message_hash, min(struct_pack(a := call_index, b := direction, c := position)) AS first,
    list_sort(list(DISTINCT call_index) FILTER (direction = 2)) AS said_by
  FROM stood
  GROUP BY message_hash
)
SELECT
  message_hash, role, name, first.a AS number, first.b AS direction, first.c AS position, said_by,
  length(_message_text(parts)) AS characters,
  left(regexp_replace(left(_message_text(parts), 400), '\s+', ' ', 'g'), 160) AS opening,
  CASE WHEN json_type(parts) = 'ARRAY'
    THEN list_transform(parts::JSON[], lambda part: [part->>'$.type', part->>'$.id', part->>'$.name']) ELSE [] END AS pieces
FROM firsts
JOIN messages USING (message_hash)
ORDER BY number, direction, position;
