-- Stretches of the tree order whose texts together have about as many bytes as are sorted at once, each with where its spans are staged.
CREATE OR REPLACE TEMP TABLE stretches AS
SELECT min(preorder) AS first, max(preorder) AS last, min(staged_row) AS first_row, max(staged_row) AS last_row
FROM (
  SELECT preorder, staged_row, sum(bytes) OVER (ORDER BY preorder) // 268_435_456 AS stretch
  FROM placed_spans
  JOIN (
    SELECT
      rowid AS staged_row,
      coalesce(strlen(tool_call_arguments), 0) + coalesce(strlen(tool_call_result), 0) + coalesce(strlen(attributes), 0)
        + coalesce(strlen(resource), 0) + coalesce(strlen(status_message), 0) AS bytes
    FROM staged_spans
  ) USING (staged_row)
)
GROUP BY stretch;
