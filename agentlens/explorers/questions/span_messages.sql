-- What calls were shown and what they said, in order; of the input the last `$most` messages, and how many stood before them.
WITH shown AS (
  SELECT preorder, trace_id, span_id
  FROM spans
  WHERE preorder IN (SELECT unnest($preorders::BIGINT[]))
    AND preorder BETWEEN list_min($preorders::BIGINT[]) AND list_max($preorders::BIGINT[])
),
placed AS (
  SELECT
    preorder, direction, position, message_hash,
    row_number() OVER (PARTITION BY preorder, direction ORDER BY position DESC) AS from_the_end,
    count(*) OVER (PARTITION BY preorder, direction) AS of_its_direction
  FROM shown
  JOIN span_messages USING (trace_id, span_id)
)
SELECT
  preorder, direction, position, messages.role, messages.name, messages.parts::VARCHAR AS parts,
  CASE WHEN direction = 'input' THEN greatest(of_its_direction - $most, 0) ELSE 0 END AS earlier
FROM placed
JOIN messages USING (message_hash)
WHERE direction <> 'input' OR from_the_end <= $most
ORDER BY preorder, direction, position
