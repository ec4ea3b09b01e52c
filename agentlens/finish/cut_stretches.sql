-- Stretches of the tree order whose texts together have about as many bytes as are moved at once, each with where its spans are staged.
SELECT min(preorder) AS first, max(preorder) AS last, min(staged_row) AS first_row, max(staged_row) AS last_row
FROM (
  SELECT preorder, staged_row, sum(bytes) OVER (ORDER BY preorder) // $slice_bytes AS stretch
  FROM placed_spans
  JOIN span_sizes USING (staged_row)
)
GROUP BY stretch
ORDER BY stretch;
